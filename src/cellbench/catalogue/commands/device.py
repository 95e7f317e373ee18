"""The module as a device: function level, switch-off, indicators, GPIO, antenna, temperature."""

from __future__ import annotations

from cellbench.catalogue.model import Storage
from cellbench.catalogue.sources import (
    both_guides,
    driver,
    guess,
    r6_app_note,
    r6_data_sheet,
    r6_integration,
    r8_error_table,
    r8_guide,
    r8_integration,
    standard,
    ubxlib,
)

from .building import TEN, TEN_SOURCE, command, number, run, slow_set, spans

_PINS = (16, 19, 23, 24, 25, 42)

COMMANDS = (
    command("+CFUN", "Function level and restart", "srt",
            both_guides("LENA-R8 8.2, 7.2.1.1, 13.1; LARA-R6 2.3.1"),
            number("fun", r8=spans(0, 1, 4, 16), r6=spans(0, 1, 4, 10, 15, 16, 19)),
            number("reset", (0, 1), optional=True), times=slow_set(180.0),
            times_source=guess("180 s remembered; ubxlib waits 15 to 30 s"), stored=Storage.NVM,
            notes="only 4 is stored (LENA-R8 guide 8.2); LARA-R6 list: application note, LENA-R8 list remembered"),
    command("+CPWROFF", "Switch off", "xt", ubxlib("u_cell_private.h: answered within 40 s"), times=40.0,
            times_source=ubxlib("u_cell_private.h; LEXI-R10 manual: < 40 s"),
            notes="LENA-R8 prints +CPOF: MS OFF before OK (ubxlib issue 241)"),
    command("+CIND", "Indicators", "srt", standard("27.007 8.9"), *run("ind", 12, (0, 1)),
            times=TEN, times_source=TEN_SOURCE,
            notes="battchg, signal, service, sounder, message, call, roam, smsfull by the chip maker's source; "
                  "gprs, callsetup, callheld, simind remembered"),
    command("+CMER", "Report of indicators", "srt", r8_guide("8.1.1, Table 19: +CMER=3,0,0,2"),
            number("mode", (0, 3), optional=True), number("keyp", 0, optional=True),
            number("disp", 0, optional=True), number("ind", (0, 2), optional=True),
            number("bfr", (0, 1), optional=True), times=TEN, times_source=TEN_SOURCE, urcs=("+CIEV",),
            stored=Storage.VOLATILE, notes=f"{r6_app_note('+CMER=1,0,0,2,1').where}"),
    command("+USTS", "Smart temperature supervisor", "srt", r6_data_sheet("+USTS, off by default"),
            number("mode", (0, 2)), urcs=("+UUSTS",), stored=Storage.NVM,
            notes=f"LENA-R8: {r8_integration('warning and forced switch-off if enabled').where}"),
    command("+UANTR", "Antenna resistance", "srt", r6_integration("antenna detection"),
            number("antenna", (0, 1), optional=True), info="+UANTR", times=TEN, times_source=TEN_SOURCE,
            notes="+UANTR: <antenna>,<kOhm>; 0 short, -1 without a resistor (hobby log); LENA-R8 unknown"),
    command("+UGPIOC", "Function of a GPIO", "srt", driver("public LENA-R8 firmware: +UGPIOC=16,2"),
            number("pin", *_PINS), number("mode", (0, 34), 255), number("level", (0, 1), optional=True),
            times=TEN, times_source=TEN_SOURCE, stored=Storage.NVM,
            notes=f"pins are pin numbers (u_cell_gpio.h); refusals 1500 to 1505, {r8_error_table().where}"),
    command("+UGPIOR", "Level of a GPIO", "st", ubxlib("u_cell_gpio.c"), number("pin", *_PINS), info="+UGPIOR",
            times=TEN, times_source=TEN_SOURCE),
    command("+UGPIOW", "Drive a GPIO", "st", ubxlib("u_cell_gpio.c"), number("pin", *_PINS),
            number("level", (0, 1)), times=TEN, times_source=TEN_SOURCE, notes="only in mode 0"),
    command("+UTEST", "Radio test mode", "srt", r6_app_note("non-signalling test mode"), number("mode", (0, 4)),
            number("channel", optional=True), number("power_or_time", optional=True),
            number("sequence", optional=True), number("modulation", optional=True),
            number("time", optional=True), times=TEN, times_source=guess("LEXI-R10 manual: 1 s; 10 s are left"),
            notes="switch the stack off by +CFUN=0 first, else +CME ERROR: 3; LENA-R8 unknown"),
)
