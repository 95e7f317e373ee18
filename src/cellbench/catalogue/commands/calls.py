"""Calls and dial-up: dial, answer, hang up, back to data (V.250 6.3, 27.007 6, 7)."""

from __future__ import annotations

from cellbench.catalogue.model import Storage
from cellbench.catalogue.sources import both_guides, driver, guess, r8_guide, standard

from .building import command, number, text

COMMANDS = (
    command(
        "D",
        "Dial",
        "x",
        both_guides("LENA-R8 5.8.1, Table 12: ATD*99***1#; LARA-R6 4.1"),
        text("number"),
        info="",
        times=180.0,
        times_source=guess("180 s, remembered"),
        abortable=True,
        notes="*99***<cid># begins PPP; ends with CONNECT or NO CARRIER; without a semicolon a data call",
    ),
    command(
        "A",
        "Answer",
        "x",
        r8_guide("7.3.1, Table 18"),
        times=20.0,
        times_source=guess("20 s, remembered"),
        abortable=True,
        notes="LENA-R8 answers CONNECT (Table 18)",
    ),
    command(
        "H",
        "Hang up",
        "x",
        r8_guide("5.8.2 and 7.3.1, Tables 13 and 18"),
        number("n", (0, 0), optional=True),
        times=20.0,
        times_source=guess("20 s, remembered"),
        notes="LENA-R8 prints NO CARRIER after the OK of a call; LARA-R6: for data only, with +CVHU=0",
    ),
    command(
        "O",
        "Back to data mode",
        "x",
        r8_guide("5.8.2, Table 13"),
        number("n", (0, 0), optional=True),
        times=20.0,
        times_source=guess("as ATH"),
        notes="CONNECT or NO CARRIER",
    ),
    command(
        "+CHUP",
        "Hang up",
        "xt",
        r8_guide("13.1, Table 54"),
        times=20.0,
        times_source=guess("20 s, remembered"),
    ),
    command(
        "+CVHU", "Meaning of ATH", "srt", both_guides("LENA-R8 4.3; LARA-R6 4.2"), number("mode", (0, 2))
    ),
    command(
        "+CLIP",
        "Number of the caller",
        "srt",
        r8_guide("7.3.1, Table 18"),
        number("n", (0, 1)),
        urcs=("+CLIP",),
        times=180.0,
        times_source=guess("asks the network; 180 s"),
        stored=Storage.VOLATILE,
    ),
    command(
        "+CLIR",
        "Own number hidden",
        "srt",
        standard("27.007 7.7"),
        number("n", (0, 2)),
        times=180.0,
        times_source=guess("asks the network; 180 s"),
    ),
    command("+CLCC", "Calls that are", "xt", standard("27.007 7.18"), info="+CLCC"),
    command(
        "+CRC",
        "Kind of call in RING",
        "srt",
        standard("27.007 6.11"),
        number("mode", (0, 1)),
        urcs=("+CRING",),
    ),
    command(
        "+UCALLSTAT",
        "Report of call states",
        "srt",
        driver("m-center: +UCALLSTAT=1"),
        number("mode", (0, 1)),
        urcs=("+UCALLSTAT",),
    ),
)
