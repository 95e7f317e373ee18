"""Message and call commands with anything in them: always a final result code, never a fault inside."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

LINES = (
    "AT+CMGS={0}", "AT+CMGW={0}", "AT+CMSS={0}", "AT+CMGR={0}", "AT+CMGD={0}", "AT+CMGL={0}", "AT+CSMP={0}",
    "AT+CSCA={0}", "AT+CNMI={0}", "AT+CPMS={0}", "AT+CSCS={0}", "AT+CMGF={0}", "AT+CSDH={0}", "AT+CNMA",
    "AT+CMGL", "AT+CMGW", "ATD{0};", "ATD{0}", "ATA", "ATH", "AT+CHUP", "AT+CLCC", "AT+CPAS", "AT+CIND?",
    "AT+CLIR={0}", "AT+CLIP={0}", "ATS0={0}", "AT+UCALLSTAT={0}", "AT+CSMS={0}", "AT+CMMS={0}")
VALUES = (
    "0", "1", "2", "3", "4", "7", "20", "255", '"+39385"', '"ALL"', '"REC READ"', '"UCS2"', '"GSM"', '"IRA"',
    '"HEX"', '"SM"', '"ME"', '"MT"', '""', '"002B0033"', '"0411"', "17,167,0,8", "25", '9,"00112233445566"',
    '"Bob"', "2,2", "2,1,0,2", "0,1", "1,4", "1,0", "+39170", "0039", "**21#", "81,167,0,0", "x" * 90)
TEXTS = (
    "", "Hello", "0011000B916407281553F80000AA0AE8329BFD4697D9EC37", "00" * 30, "050003010201414243", "00E9",
    "\r\nx\r\n", "é\x00\x1f", "FF" * 170, "x" * 200, "06D0", "0" * 7)


def test_nothing_breaks(phone: Callable[..., Any], ctl: Callable[..., Any], series: Any, caplog: Any) -> None:
    dice = random.Random(7)
    one = phone(series, sms_places=4)
    one.at("AT+CMEE=1")
    for _ in range(800):
        line = dice.choice(LINES).format(dice.choice(VALUES))
        one.uart.clear()
        one.send(line.encode("latin-1") + b"\r")
        one.run(70 if dice.random() < 0.05 else 1)
        if one.uart.endswith(b"> "):
            one.send(dice.choice(TEXTS).encode("latin-1") + dice.choice((b"\x1a", b"\x1b")))
        one.run(45)
        answer = bytes(one.uart)
        assert one.FINAL.search(answer) or b"CONNECT" in answer, (line, answer)
        assert b"+CMS ERROR: 500" not in answer, line
        if dice.random() < 0.2:
            ctl(one, "sms", hex=dice.randbytes(dice.randint(0, 140)).hex() or "00",
                **{"class": str(dice.randint(0, 3))})
        if dice.random() < 0.1 and ctl(one, "report", what="telephone")["calls"]:
            ctl(one, "call", end="1")
    assert not caplog.records
    assert one.loop.failures == []
