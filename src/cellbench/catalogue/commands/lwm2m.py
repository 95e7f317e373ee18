"""The LwM2M client as far as its registration goes (LARA-R6 guide 11, which points to UBX-18068860)."""

from __future__ import annotations

from cellbench.catalogue.model import R6_ONLY, Storage
from cellbench.catalogue.sources import driver, sibling

from .building import command, number, text

_UPDATE_NOTE = sibling("SARA-R5 firmware update note UBX-20033314 R03: LwM2M")
_UFOTA = sibling("SARA-R5 firmware update note UBX-20033314 R03: +UFOTASTAT")
_SWITCH = driver("ubxlib and a public SARA-R5 driver; SARA-R5 firmware update note UBX-20033314 R03")
_NOTE = "the guide's chapter points to the LwM2M objects and commands note UBX-18068860"
_LONGEST_PATH = 64

COMMANDS = (
    command(
        "+ULWM2M", "LwM2M client", "srt", _SWITCH, number("mode", (0, 2)), series=R6_ONLY,
        stored=Storage.NVM, notes=f"0 on, 1 off, 2 reset; in force after a reboot; {_NOTE}",
    ),
    command(
        "+ULWM2MSTAT", "LwM2M events", "srt", _UPDATE_NOTE, number("mode", (0, 1)), series=R6_ONLY,
        stored=Storage.NVM, urcs=("+ULWM2MSTAT",),
    ),
    command(
        "+UFOTASTAT", "Events of an update by LwM2M", "srt", _UFOTA, number("mode", (0, 1)), series=R6_ONLY,
        stored=Storage.NVM, urcs=("+UFOTASTAT",), notes="named by the application note",
    ),
    command(
        "+ULWM2MREG", "Registration with an LwM2M server", "srt", _UPDATE_NOTE,
        number("server", (1, 65534)), series=R6_ONLY,
        notes="registers, or checks in at once when registered; the read form gives server, status (0 not "
        "registered, 3 registered, 4 failed) and seconds left",
    ),
    command(
        "+ULWM2MDEREG", "Leaving an LwM2M server", "st", _UPDATE_NOTE, number("server", (1, 65534)),
        series=R6_ONLY, notes="until the next boot or +ULWM2MREG",
    ),
    command(
        "+ULWM2MLIST", "LwM2M objects", "st", _UPDATE_NOTE, text("path", longest=_LONGEST_PATH),
        series=R6_ONLY, info="+ULWM2MLIST",
    ),
    command(
        "+ULWM2MREAD", "LwM2M resources", "st", _UPDATE_NOTE, text("path", longest=_LONGEST_PATH),
        series=R6_ONLY, info="+ULWM2MREAD",
    ),
)
