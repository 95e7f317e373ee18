"""The SIM: PIN, facility locks, files, logical channels (27.007 7, 8)."""

from __future__ import annotations

from cellbench.catalogue.model import R6_ONLY, R8_ONLY, Form
from cellbench.catalogue.sources import driver, guess, r6_app_note, r8_guide, standard

from .building import TEN, TEN_SOURCE, command, either, number

_PINS = r'^\s*"?[0-9A-Fa-f]{2}(?:20|24|26|28|2[Cc])[0-9A-Fa-f]{6}([0-9A-Fa-f]+)'
"""What follows the header of VERIFY, CHANGE, DISABLE, ENABLE, UNBLOCK PIN (TS 102 221 11.1.9 to 11.1.13)."""

COMMANDS = (
    command(
        "+CPIN",
        "PIN",
        "srt",
        standard("27.007 8.3"),
        either("pin", longest=8, secret=True),
        either("newpin", optional=True, longest=8, secret=True),
        times=TEN,
        times_source=TEN_SOURCE,
        notes="read: READY, SIM PIN, SIM PUK ...; +CME ERROR: 10 without a card, 14 in the first seconds",
    ),
    command(
        "+CPINR",
        "Tries left",
        "xst",
        driver("UIS8910 AT source; 27.007 8.65"),
        either("code", optional=True),
        series=R8_ONLY,
        info="+CPINR",
    ),
    command(
        "+UPINCNT",
        "Tries left",
        "xrt",
        guess("remembered; +UPINCNT: 3,3,10,10"),
        series=R6_ONLY,
        info="+UPINCNT",
    ),
    command(
        "+UCUSATA",
        "Toolkit interface; 4: the state of the SIM is told",
        "srt",
        r6_app_note("+UCUSATA=4"),
        number("mode", (0, 4)),
        series=R6_ONLY,
        info="+UCUSATA",
    ),
    command(
        "+CLCK",
        "Facility lock",
        "st",
        standard("27.007 7.4"),
        either(
            "fac", "SC", "FD", "PN", "PU", "PP", "PC", "PS", "AO", "OI", "OX", "AI", "IR", "AB", "AG", "AC"
        ),
        number("mode", (0, 2)),
        either("passwd", optional=True, longest=8, secret=True),
        number("class", (1, 255), optional=True),
        info="+CLCK",
        times={None: 180.0, Form.TEST: 10.0},
        times_source=guess("15 s local, 180 s network; remembered"),
    ),
    command(
        "+CPWD",
        "Change of a password",
        "st",
        standard("27.007 7.5"),
        either("fac", "SC", "P2", "AB", "AC", "AG", "AI", "AO", "IR", "OI", "OX"),
        either("oldpwd", longest=8, secret=True),
        either("newpwd", longest=8, secret=True),
        times={None: 180.0, Form.TEST: 10.0},
        times_source=guess("15 s local, 180 s network; remembered"),
    ),
    command(
        "+CRSM",
        "Access to a file of the SIM",
        "st",
        r8_guide("10.2.1, Table 45"),
        number("command", 176, 178, 192, 214, 220, 242),
        number("fileid", (0, 65535), optional=True),
        number("p1", (0, 255), optional=True),
        number("p2", (0, 255), optional=True),
        number("p3", (0, 255), optional=True),
        either("data", optional=True),
        either("path", optional=True),
        info="+CRSM",
        needs_pin=True,
        times=TEN,
        times_source=TEN_SOURCE,
        notes="176 read binary, 178 read record, 192 get response, 214 update binary, 220 update record, "
        "242 status",
    ),
    command(
        "+CSIM",
        "Command to the SIM",
        "st",
        r8_guide("10.2.2, 10.2.3, Table 46"),
        number("length", (8, 520)),
        either("command", secret_part=_PINS),
        info="+CSIM",
        times=TEN,
        times_source=TEN_SOURCE,
    ),
    command(
        "+CCHO",
        "Open a logical channel",
        "st",
        driver("UIS8910 AT source; 27.007 8.45"),
        either("dfname", longest=32),
        info="",
        times=TEN,
        times_source=TEN_SOURCE,
        notes=f"LARA-R6: {standard('+CCHO: <n>').where}",
    ),
    command(
        "+CCHC",
        "Close a logical channel",
        "st",
        driver("UIS8910 AT source; 27.007 8.46"),
        number("session", (1, 19)),
        times=TEN,
        times_source=TEN_SOURCE,
    ),
    command(
        "+CGLA",
        "Command on a logical channel",
        "st",
        r6_app_note("+CGLA"),
        number("session", (1, 19)),
        number("length", (8, 520)),
        either("command", secret_part=_PINS),
        info="+CGLA",
        times=TEN,
        times_source=TEN_SOURCE,
    ),
)
