"""Firmware update by AT commands."""

from __future__ import annotations

from cellbench.catalogue.sources import r8_guide, sibling

from .building import command, either, number

# Rates: remembered lists; the guide uses 115200.
_RATES_R8 = ((9_600, 9_600), (19_200, 19_200), (38_400, 38_400), (57_600, 57_600), (115_200, 115_200),
             (230_400, 230_400), (460_800, 460_800), (921_600, 921_600))
_RATES_R6 = ((115_200, 115_200), (230_400, 230_400), (460_800, 460_800), (921_600, 921_600),
             (3_000_000, 3_000_000))
_TO_OK = sibling("LEXI-R10 AT commands manual: 20 s to the OK")

COMMANDS = (
    command(
        "+UFWUPD",
        "Firmware update over AT",
        "st",
        r8_guide("11.1.1, Table 48"),
        number("port", (0, 1), 3),
        number("rate", optional=True, r8=_RATES_R8, r6=_RATES_R6),
        number("mode", 0, optional=True),
        number("verbose", (0, 1), optional=True),
        alone=True,
        urcs=("+UFWUPD", "+UFWPREVAL", "+UFWINSTALL"),
        times=20.0,
        times_source=_TO_OK,
        notes="1 is the UART, 0 and 3 USB, as on SARA-R5; no final result code comes "
              "when the update begins, at most a prompt",
    ),
    command(
        "+UFWINSTALL",
        "Installation of a stored firmware package",
        "xst",
        r8_guide("11.2.2, Table 52"),
        number("port", (0, 1), 3, optional=True),
        number("rate", optional=True, r8=_RATES_R8, r6=_RATES_R6),
        either("filename", optional=True, longest=248),
        number("verbose", (0, 1), optional=True),
        alone=True,
        urcs=("+UFWPREVAL", "+UFWINSTALL", "+UUFWINSTALL"),
        times=20.0,
        times_source=_TO_OK,
        notes="=,,,1 alone only chooses URCs (SARA-R5 firmware update note; public driver)",
    ),
)
