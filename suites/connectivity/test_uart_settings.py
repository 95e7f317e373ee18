"""Result codes, S registers and the character format: V.250 6.2 as the guides' AT interface has them (LENA-R8
guide 5.3; LARA-R6 by its manuals)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from cellbench.api import Dut, RawTalk, Recorder, procedure

from .uart import LINE_S, QUIET_S, uart_of

BOTH = ("LENA-R8", "LARA-R6")
REGISTERS: Mapping[int, str] = MappingProxyType({
    0: "000", 2: "043", 3: "013", 4: "010", 5: "008", 7: "060", 8: "002", 10: "001"})
"""V.250 6.2.1 to 6.2.3, 6.3.8 to 6.3.12, and the makers' habit: S2 is the escape character."""


def _talk(raw: RawTalk, sent: bytes, awaited: bytes) -> bytes:
    """Send bytes; what came up to and with the bytes awaited."""
    mark = raw.transcript.mark()
    raw.write(sent)
    came = raw.channel.wait_until(lambda: awaited in raw.heard_since(mark).replace(sent, b"", 1), LINE_S)
    assert came, f"{sent!r} was answered {raw.heard_since(mark)!r}, awaited {awaited!r}"
    raw.listen(2 * raw.channel.gap_s)
    return raw.heard_since(mark)


@procedure("R8:5.3", title="S registers are read with three digits and have V.250's values", series=BOTH)
def test_registers(dut: Dut, record: Recorder) -> None:
    """S0, S2 to S5, S7, S8, S10 at delivery; one that does not exist is refused."""
    shown = {number: dut.send(f"ATS{number}?").text for number in REGISTERS}
    record.note(", ".join(f"S{number}={value}" for number, value in shown.items()))
    assert all(len(value) == 3 and value.isdigit() for value in shown.values())
    assert {number: shown[number] for number in (3, 4, 5)} == {3: "013", 4: "010", 5: "008"}
    assert not dut.send("ATS99?", check=False).ok
    for line in ("ATS3=128", "ATS4=200", "ATS5=128"):
        assert not dut.send(line, check=False).ok, line
    assert dut.send("ATS3?").text == shown[3]


@procedure("R8:5.3", title="S3 and S4: the characters that end a line and begin an answer", series=BOTH)
def test_line_characters(dut: Dut) -> None:
    """V.250 6.2.1, 6.2.2: the new character counts from the answer on."""
    uart = uart_of(dut)
    raw = dut.raw(uart)
    try:
        assert _talk(raw, b"ATS3=30\r", b"\x1e\nOK\x1e\n")
        assert _talk(raw, b"AT\x1e", b"\x1e\nOK\x1e\n")
        assert _talk(raw, b"ATS4=31\x1e", b"\x1e\x1fOK\x1e\x1f")
        mark = dut.slot.trace.mark()
        raw.write(b"AT\r")
        raw.listen(QUIET_S)
        assert b"OK" not in raw.heard_since(mark), "the old character ends a line still"
        assert _talk(raw, b"\x1e", b"\x1e\x1fOK\x1e\x1f"), "it is no part of the line either"
        assert _talk(raw, b"ATS4=10\x1e", b"\x1e\nOK\x1e\n")
    finally:
        raw.write(b"\x1e\rATS3=13S4=10\r\x1e")  # a whole line with either character
        raw.listen(QUIET_S)
        uart.sync(LINE_S)
    assert uart.send("ATS3?").text == "013"
    assert uart.send("ATS4?").text == "010"


@procedure("R8:5.3", title="S5: the character that takes back another", series=BOTH)
@pytest.mark.parametrize("code", [8, 127])
def test_editing(dut: Dut, code: int) -> None:
    """V.250 6.2.3: characters before it do not count."""
    uart = uart_of(dut)
    raw = dut.raw(uart)
    before = uart.send("ATS5?").text
    uart.send(f"ATS5={code}")
    try:
        back = bytes((code,))
        answer = _talk(raw, b"AT+CGMX" + back + b"MNN" + back * 2 + b"\r", b"OK\r\n")
        assert dut.profile.model_prefix.encode() in answer
    finally:
        uart.send(f"ATS5={before}")


@procedure("R8:5.3", title="ATV0 and ATQ1: numbers for result codes, or none", series=BOTH)
def test_numbers(dut: Dut) -> None:
    """V.250 6.2.5, 6.2.6, table 1: OK is 0, ERROR is 4; information text has no CR LF in front."""
    uart = uart_of(dut)
    raw = dut.raw(uart)
    cmee = uart.send("AT+CMEE?").value("+CMEE")[0]
    uart.send("AT+CMEE=0")
    uart.send("ATE0")
    try:
        assert _talk(raw, b"ATV0\r", b"\r") == b"0\r"
        assert _talk(raw, b"AT\r", b"\r") == b"0\r"
        assert _talk(raw, b"AT+NOSUCH\r", b"\r") == b"4\r"
        told = _talk(raw, b"AT+CGMM\r", b"0\r")
        assert told.startswith(dut.profile.model_prefix.encode())
        assert told.endswith(b"\r\n0\r")
        raw.write(b"ATQ1\r")
        raw.listen(QUIET_S)
        mark = dut.slot.trace.mark()
        raw.write(b"AT\r")
        assert raw.listen(QUIET_S) == b""
        raw.write(b"AT+CGMM\r")
        shown = dut.profile.model_prefix.encode()
        assert uart.wait_until(lambda: shown in raw.heard_since(mark), LINE_S), "text comes still"
        raw.listen(QUIET_S)
        assert b"\n0\r" not in raw.heard_since(mark)
    finally:
        raw.write(b"ATQ0V1E1\r")
        raw.listen(QUIET_S)
        uart.sync(LINE_S)
        uart.send("ATE1")
        uart.send(f"AT+CMEE={cmee}")
    assert uart.send("AT").final.text == "OK"


@procedure("R8:5.3", title="ATX takes 0 to 4 and refuses what is above", series=BOTH)
def test_extended(dut: Dut) -> None:
    """V.250 6.2.7."""
    uart = uart_of(dut)
    try:
        for number in (0, 1, 2, 3):
            assert uart.send(f"ATX{number}").ok
        assert not uart.send("ATX5", check=False).ok
    finally:
        uart.send(f"ATX{dut.profile.factory['X']}")


@procedure("R8:5.3", title="Each character format: the answer in the old one, then the switch", series=BOTH,
           needs=("uart",))
@pytest.mark.parametrize(("setting", "frame"), [("1", "8N2"), ("2,0", "8O1"), ("2,1", "8E1")])
def test_each_format(dut: Dut, setting: str, frame: str) -> None:
    """V.250 6.2.11; a host that is left behind in 8N1 is not understood where there is a parity bit."""
    uart = uart_of(dut)
    before = ",".join(str(field) for field in uart.send("AT+ICF?").value("+ICF"))
    assert uart.send(f"AT+ICF={setting}").ok
    try:
        uart.set_frame(frame)
        assert uart.send("AT+CGMM").text.startswith(dut.profile.model_prefix)
        if "N" not in frame:
            uart.set_frame("8N1")
            assert uart.silent(QUIET_S)
            uart.set_frame(frame)
            uart.write_raw(b"\r")
    finally:
        uart.send(f"AT+ICF={before}")
        uart.set_frame("8N1")
        uart.sync(LINE_S)
    assert uart.send("AT+ICF?").value("+ICF")[0] == int(before[0])


@procedure("R8:5.3", title="The character format is read, and a wrong one is refused", series=BOTH)
def test_character_format(dut: Dut, record: Recorder) -> None:
    """+ICF: 8N1 is what the host has talked so far."""
    uart = uart_of(dut)
    before = uart.send("AT+ICF?").info
    record.note(before[0])
    assert int(uart.send("AT+ICF?").value("+ICF")[0] or 0) == 3, "8N1 is format 3"
    for line in ("AT+ICF=9,1", "AT+ICF=3,7", "AT+ICF=x"):
        assert not uart.send(line, check=False).ok, line
    assert uart.send("AT+ICF?").info == before
