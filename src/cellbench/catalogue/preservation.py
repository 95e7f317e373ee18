"""What a firmware update leaves of a user's data, by method, and which settings show it.

LENA-R8: its guide's Table 53. LARA-R6: its firmware note (UBX-22008011) was not at hand; the table is that of
a relative with another chip, SARA-R5, and never decides a FAIL: a unit whose content is known shows what
holds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .model import Evidence, Series, Source
from .sources import guess, r8_guide, sibling


class Item(enum.Enum):
    """The rows of LENA-R8 guide Table 53, in its order."""

    FILES = "user files"
    PROFILE = "MNO profile"
    PROFILES = "MNO list"
    SETTINGS = "user settings"
    CERTIFICATES = "certificates and keys"
    CALIBRATION = "RF calibration"
    SMS = "SMS"


class Way(enum.Enum):
    """The columns of LENA-R8 guide Table 53."""

    FOAT = "FOAT (+UFWUPD)"
    INSTALL = "FOTA (+UFWINSTALL)"
    FLASH = "flashing"


class Fate(enum.Enum):
    """What becomes of an item."""

    KEPT = "preserved"
    WIPED = "wiped"
    FACTORY = "as the new firmware is delivered"
    UNKNOWN = "not told"


@dataclass(frozen=True, slots=True)
class Preservation:
    """What a source says of one item and one way."""

    fate: Fate
    source: Source

    @property
    def decides(self) -> bool:
        """True when a module that does otherwise fails: neither a guess nor another series' manual alone."""
        return self.fate is not Fate.UNKNOWN and self.source.evidence not in (Evidence.GUESS,
                                                                              Evidence.SIBLING)


_T53 = r8_guide("11.4, Table 53")
_R5 = sibling("SARA-R5 firmware update note UBX-20033314, table of what survives; LARA-R6 is another chip")
_UNKNOWN = Preservation(Fate.UNKNOWN, guess("no document at hand says it"))

_R6: Mapping[Item, tuple[Fate, Fate, Fate]] = MappingProxyType({  # FOAT, +UFWINSTALL, EasyFlash
    Item.FILES: (Fate.WIPED, Fate.KEPT, Fate.WIPED),
    Item.PROFILE: (Fate.FACTORY, Fate.FACTORY, Fate.FACTORY),
    Item.PROFILES: (Fate.FACTORY, Fate.FACTORY, Fate.FACTORY),
    Item.SETTINGS: (Fate.FACTORY, Fate.FACTORY, Fate.FACTORY),
    Item.CERTIFICATES: (Fate.KEPT, Fate.KEPT, Fate.KEPT),
    Item.CALIBRATION: (Fate.KEPT, Fate.KEPT, Fate.KEPT),
    Item.SMS: (Fate.WIPED, Fate.WIPED, Fate.WIPED),
})

PRESERVATION: Mapping[Series, Mapping[tuple[Item, Way], Preservation]] = MappingProxyType({
    Series.LENA_R8: MappingProxyType(
        {(item, way): Preservation(Fate.KEPT, _T53) for item in Item for way in Way}),
    Series.LARA_R6: MappingProxyType(
        {(item, way): Preservation(fate, _R5) for item, fates in _R6.items()
         for way, fate in zip(Way, fates, strict=True)}),
})
"""Table 53 and its like, by series."""


def told_of(series: Series, item: Item, way: Way | None) -> Preservation:
    """What a source says of an item after an update by ``way``; None is a way that no table knows."""
    return _UNKNOWN if way is None else PRESERVATION[series].get((item, way), _UNKNOWN)


@dataclass(frozen=True, slots=True)
class StoredSetting:
    """A stored setting that can be read without changing it.

    ``command`` is the name that the profile knows, ``question`` the line that shows it. The first ``keys``
    fields of an answer's line name it (a context, a pin); of the rest those at ``fields`` are the setting, in
    the order of its set command, all when empty (what the network adds is left out). ``own_contexts``: only
    lines of contexts that are the user's. ``factory``: key of the profile's factory values, ``command`` when
    empty. ``source`` says why it is taken for stored, where its command's declaration does not.
    """

    name: str
    command: str
    question: str
    keys: int = 0
    fields: tuple[int, ...] = ()
    own_contexts: bool = False
    factory: str = ""
    source: Source | None = None


def _plain(name: str, command: str, *fields: int, source: Source | None = None) -> StoredSetting:
    return StoredSetting(name, command, f"AT{command}?", fields=fields, source=source)


def _configuration(name: str, number: int) -> StoredSetting:
    return StoredSetting(name, "+UDCONF", f"AT+UDCONF={number}", keys=1, factory=f"+UDCONF={number}")


_URCS = guess("an update of SARA-R5 resets URC switches; whether they are stored is not told")
_SECURITY = guess("an update of SARA-R5 resets security profiles; whether they are stored is not told")

SETTINGS: tuple[StoredSetting, ...] = (
    _plain("bands", "+UBANDMASK"),
    _plain("2G bands", "+SETBAND"),
    _plain("radio technologies", "+URAT"),
    _plain("network selection", "+COPS", 0),
    _plain("service domain", "+USVCDOMAIN"),
    _plain("radio policy", "+URPM"),
    StoredSetting("context", "+CGDCONT", "AT+CGDCONT?", keys=1, fields=(0, 1), own_contexts=True),
    _plain("router or bridge", "+UEMBPF"),
    _configuration("hexadecimal mode", 1),
    _configuration("context of the internet clients", 19),
    _configuration("+UDCONF 66", 66),
    _configuration("+UDCONF 81", 81),
    _plain("power saving", "+UPSV"),
    _plain("PSM", "+CPSMS"),
    StoredSetting("eDRX", "+CEDRXS", "AT+CEDRXS?", keys=1, fields=(0,)),
    _plain("greeting", "+CSGT", 1, 0),
    _plain("UART rate", "+IPR"),
    StoredSetting("UART configuration", "+UUARTCONF", "AT+UUARTCONF?", keys=1),
    _plain("serial interfaces", "+USIO", -1),
    StoredSetting("USB mode", "+SYSNV", 'AT+SYSNV=0,"usbmode"', keys=1, factory="usbmode"),
    StoredSetting("USB address mode", "+SYSNV", 'AT+SYSNV=0,"nat_cfg"', keys=1, factory="nat_cfg"),
    _plain("USB configuration", "+UUSBCONF"),
    StoredSetting("GPIO", "+UGPIOC", "AT+UGPIOC?", keys=1, fields=(0,)),
    _plain("RING", "+URING"),
    _plain("temperature supervisor", "+USTS"),
    _plain("URC +CSCON", "+CSCON", 0),
    _plain("URC of messages", "+CNMI"),
    _plain("URC configuration", "+UURCCONF", source=_URCS),
    _plain("message stores", "+CPMS", 0, 3, 6),
    _plain("LwM2M client", "+ULWM2M"),
    _plain("URC +ULWM2MSTAT", "+ULWM2MSTAT"),
    _plain("URC +UFOTASTAT", "+UFOTASTAT"),
    *(StoredSetting(f"security profile {profile}, operation {op}", "+USECPRF", f"AT+USECPRF={profile},{op}",
                    keys=2, source=_SECURITY)
      for profile in range(5) for op in (0, 1, 3, 5, 6, 9)),
)
"""What to ask, each on the series that has the command. No question shows a password or a pre-shared key."""

UNREADABLE: Mapping[str, str] = MappingProxyType({
    "+UAUTHREQ": "no command shows user name and password of a context",
    "+CFGDFTPDN": "no command shows user name and password of the initial context",
    "+SETLOCK": "no command shows the locked LTE bands",
    "+UMQTTNV": "only loading the stored MQTT profile shows it",
    "+UMQTTSNNV": "only loading the stored MQTT-SN profile shows it",
})
"""Stored settings that cannot be read without changing something, by command, and why."""

CALIBRATION_WHY = ("no document at hand names a command that shows the RF calibration; measure transmit "
                   "power and sensitivity before and after")
