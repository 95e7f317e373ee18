"""AT on the channels of the module's multiplexer, judged by a host written by hand from octets."""

from __future__ import annotations

from typing import Any


def test_commands_on_two_channels(dte: Any) -> None:
    dte.start("AT+CMUX=0,0,,64", 1, 2)
    for dlci in (1, 2):
        dte.at(dlci, "ATE0")
    assert dte.at(1, "AT+CGMI") == ["u-blox", "OK"]
    assert dte.at(2, "AT+CMEE=1") == ["OK"]
    assert dte.at(2, "AT+CREG=9") == ["+CME ERROR: 50"]
    assert dte.at(1, "AT+CREG=9") == ["ERROR"]
