"""Identification: what a module says of itself (V.250 6.1, 27.007 5)."""

from __future__ import annotations

from cellbench.catalogue.sources import r6_app_note, r8_guide, standard, ubxlib

from .building import TEN, TEN_SOURCE, command, either, number

COMMANDS = (
    command(
        "I",
        "Module identification",
        "x",
        r8_guide("8.1.2, Table 20: ATI0I9"),
        number("n", (0, 9), optional=True),
        info="",
        notes="0 type number, 9 <modem version>,<application version>; other numbers by firmware",
    ),
    command("+CGMI", "Manufacturer", "xt", standard("27.007 5.1"), info=""),
    command("+GMI", "Manufacturer", "xt", standard("V.250 6.1.4"), info=""),
    command("+CGMM", "Model", "xt", ubxlib("u_cell_pwr.c: the text begins with the series' name"), info=""),
    command("+GMM", "Model", "xt", standard("V.250 6.1.5"), info=""),
    command("+CGMR", "Firmware version", "xt", standard("27.007 5.3"), info=""),
    command("+GMR", "Firmware version", "xt", standard("V.250 6.1.6"), info=""),
    command(
        "+CGSN",
        "IMEI",
        "xst",
        r8_guide("8.1.2, Table 20"),
        number("snt", (0, 3), optional=True),
        info="",
        notes='alone: 15 digits without a prefix (Table 20); =1: +CGSN: "<IMEI>" (27.007 5.4)',
    ),
    command("+GSN", "IMEI", "xt", standard("V.250 6.1.7"), info=""),
    command("+GCAP", "Capabilities", "xt", standard("V.250 6.1.9"), info="+GCAP"),
    command(
        "+CCID",
        "ICCID of the SIM",
        "xrt",
        r8_guide("8.1.2, Table 20"),
        info="+CCID",
        times=TEN,
        times_source=TEN_SOURCE,
        notes="19 or 20 digits, the filler F kept; +CME ERROR: 10 without a card",
    ),
    command(
        "+CIMI",
        "IMSI of the SIM",
        "xt",
        r8_guide("8.1.2, Table 20"),
        info="",
        needs_pin=True,
        times=TEN,
        times_source=TEN_SOURCE,
        notes="15 digits without a prefix",
    ),
    command(
        "+CNUM",
        "Own telephone numbers",
        "xt",
        standard("27.007 7.1"),
        info="+CNUM",
        needs_pin=True,
        times=TEN,
        times_source=TEN_SOURCE,
        notes="OK alone when the SIM holds none",
    ),
    command(
        "+CSCS",
        "Character set of strings",
        "srt",
        standard("27.007 5.5"),
        either("chset", "IRA", "GSM", "UCS2", "HEX", "8859-1", "PCCP437", "PCDN"),
        info="+CSCS",
    ),
    command("+CPAS", "Activity of the module", "xt", standard("27.007 8.1"), info="+CPAS"),
    command(
        "+CEER",
        "Cause of the last failure",
        "xt",
        r8_guide("8.1.2, Table 20"),
        info="+CEER",
        times=TEN,
        times_source=TEN_SOURCE,
        notes='+CEER: "EMM cause",15,"No suitable cells in tracking area"',
    ),
    command(
        "+CCLK",
        "Clock",
        "srt",
        r8_guide('3.2.1, Figure 3: no PIN, stored in NVM, response time "-"'),
        either("time", longest=20),
        times=TEN,
        times_source=TEN_SOURCE,
        notes='+CCLK: "yy/MM/dd,hh:mm:ss±zz", zz in quarter hours',
    ),
    command(
        "+CTZU", "Clock follows the network", "srt", r8_guide("3.2.2: 1 at delivery"), number("on", (0, 1))
    ),
    command(
        "+CTZR",
        "Report of the time zone",
        "srt",
        r8_guide("8.1.1, Table 19"),
        number("reporting", (0, 2)),
        urcs=("+CTZV", "+CTZE"),
        notes=f"1 +CTZV, 2 +CTZE; {r6_app_note('1 at delivery').where}",
    ),
)
