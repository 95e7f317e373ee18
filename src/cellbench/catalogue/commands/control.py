"""The AT interface itself: echo, result codes, S registers, profiles, UART, multiplexer (V.250 6)."""

from __future__ import annotations

from cellbench.catalogue.model import R6_ONLY, Storage
from cellbench.catalogue.sources import (
    both_guides,
    driver,
    guess,
    r6_app_note,
    r6_data_sheet,
    r8_guide,
    standard,
    ubxlib,
)

from .building import command, number, spans, text

PROFILE, NVM, VOLATILE = Storage.PROFILE, Storage.NVM, Storage.VOLATILE

_R8_RATES = spans(0, 1200, 2400, 4800, 9600, 14400, 19200, 28800, 33600, 38400, 57600, 115200, 230400, 460800,
                  921600)
_R6_RATES = spans(115200, 230400, 460800, 921600, 3000000)

COMMANDS = (
    command("E", "Echo of commands", "x", r8_guide("4.1.1"), number("on", (0, 1), optional=True), stored=PROFILE,
            notes="no number is 0 (V.250 6.2.4)"),
    command("Q", "Suppression of result codes", "x", standard("V.250 6.2.5"),
            number("off", (0, 1), optional=True), stored=PROFILE),
    command("V", "Form of result codes", "x", standard("V.250 6.2.6"), number("verbose", (0, 1), optional=True),
            stored=PROFILE),
    command("X", "Selection of result codes", "x", standard("V.250 6.2.7"), number("set", (0, 4), optional=True),
            stored=PROFILE),
    command("Z", "Reset to the stored profile", "x", standard("V.250 6.1.1"),
            number("profile", (0, 1), optional=True), notes="accepted with OK; settings store themselves"),
    command("&F", "Factory settings", "x", driver("public LENA-R8 firmware sends &F0; V.250 6.1.2"),
            number("set", (0, 0), optional=True)),
    command("&W", "Store the profile", "x", driver("public LENA-R8 firmware sends &W0; settings store themselves, "
                                                   "LENA-R8 guide 6.1"),
            number("profile", (0, 1), optional=True)),
    command("&Y", "Profile at power-up", "x", guess("accepted with OK"), number("profile", (0, 1), optional=True)),
    command("&V", "Show settings", "x", driver("m-center lists the settings"),
            number("profile", (0, 1), optional=True), info=""),
    command("&K", "Flow control of the UART", "x", ubxlib("u_cell_pwr.c: &K0 and &K3"),
            number("mode", (0, 6), optional=True), stored=PROFILE,
            notes="0 off, 3 RTS/CTS; may be refused on a USB port"),
    command("&C", "DCD line", "x", ubxlib("u_cell_pwr.c: &C1"), number("mode", (0, 1), optional=True),
            stored=PROFILE),
    command("&D", "DTR line", "x", both_guides("LENA-R8 4.3, 5.8.2; LARA-R6 4.2"),
            number("mode", (0, 2), optional=True), stored=PROFILE,
            notes="0 ignored, 1 online command mode, 2 hang up"),
    command("&S", "DSR line", "x", guess("0 or 1; remembered"), number("mode", (0, 1), optional=True),
            stored=PROFILE),
    command("S", "S registers", "sr", standard("V.250 6.2, 6.3"), number("register", (0, 255)),
            number("value", (0, 255), optional=True), info="", stored=PROFILE,
            notes="read answers three digits: 043; S2 has no effect on the escape from PPP"),
    command("+CMEE", "Form of errors", "srt", both_guides("LENA-R8 3.2.2, 4.2.1; LARA-R6 10.1"),
            number("mode", (0, 2)), stored=VOLATILE, notes="0 ERROR, 1 number, 2 text"),
    command("+IPR", "Rate of the UART", "srt", r8_guide("5.3.1, Table 9"),
            number("rate", r8=_R8_RATES, r6=_R6_RATES), stored=NVM,
            notes="0 is autobauding (LENA-R8 only); OK at the old rate, then wait 100 ms (LENA-R8) or 200 ms"),
    command("+ICF", "Character format of the UART", "srt", driver("UIS8910 AT source: (1-3),(0-1)"),
            number("format", (1, 3)), number("parity", (0, 1), optional=True)),
    command("+IFC", "Flow control both ways", "srt", driver("UIS8910 AT source: 0 and 2"),
            number("dce_by_dte", 0, 2), number("dte_by_dce", 0, 2, optional=True)),
    command("+CMUX", "Multiplexer", "srt", standard("27.007 5.7"), number("mode", 0),
            number("subset", 0, optional=True), number("port_speed", (1, 6), optional=True),
            number("N1", (1, 2048), optional=True, r6=spans((1, 1509))), number("T1", (1, 255), optional=True),
            number("N2", (0, 100), optional=True), number("T2", (2, 255), optional=True),
            number("T3", (1, 255), optional=True), number("k", (1, 7), optional=True), stored=VOLATILE,
            notes="UART only; ranges by the chip maker's source, N1 of LARA-R6 by u_cell_mux_private.h"),
    command("+CSGT", "Greeting text", "srt", ubxlib("u_cell_cfg.c"), number("mode", (0, 1)),
            text("text", optional=True, longest=49), stored=NVM,
            notes="49 characters are remembered; LENA-R8 answers ERROR to the read form while it is off"),
    command("+UPSV", "Power saving", "srt", r8_guide("5.6 and 13.1, Table 54"),
            number("mode", r8=spans(0, 2, 3, 4), r6=spans(0, 1, 3)),
            number("timeout", (40, 65000), optional=True), stored=NVM,
            notes="the time-out, in GSM frames of 4.615 ms, goes with mode 4 (LENA-R8) or 1 (LARA-R6); "
                  "its range is remembered"),
    command("+URING", "RI line", "srt", r6_app_note("+URING 0 to 3"), number("mode", (0, 3)), stored=NVM,
            notes="0 call and SMS, 1 + URCs, 2 + data, 3 all"),
    command("+UURCCONF", "Ports that URCs go to", "srt", r6_app_note("+UURCCONF"), number("mode", (0, 2)),
            series=R6_ONLY, stored=VOLATILE, notes="0 all ports, 1 this one only, 2 not on this one"),
    command("+USIO", "Use of the serial interfaces", "srt", r6_app_note("+USIO"), number("variant", (0, 4)),
            series=R6_ONLY, stored=NVM, notes="in force after a reboot; read: +USIO: <now>,<after reboot>"),
    command("+UUARTCONF", "AUX UART", "srt", r6_data_sheet("AUX UART"), number("port", 1),
            number("rate", *_R6_RATES), number("flow", (0, 3), optional=True), series=R6_ONLY, stored=NVM,
            notes="in force after a reboot"),
)
