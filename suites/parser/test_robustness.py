"""Guidelines for a robust parser: LENA-R8 guide 4.2.1."""

from __future__ import annotations

import pytest

from cellbench.api import Dut, Limit, Recorder, procedure


@procedure("R8:4.2.1", title="Twenty milliseconds after a result code the next command is taken")
def test_pause_between_commands(dut: Dut, record: Recorder) -> None:
    """The recommended pause is enough, thirty times in a row."""
    for _ in range(30):
        assert dut.send("AT").ok
    record.measure("pause kept by the host", dut.at.gap_s, "s", Limit(low=0.02, source="LENA-R8 guide 4.2.1"))


@pytest.mark.demo
@procedure("R8:4.2.1", title="+CMEE changes the form of errors")
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_cmee(dut: Dut, mode: int) -> None:
    """ERROR, number, or text."""
    dut.send(f"AT+CMEE={mode}")
    try:
        assert dut.send("AT+CMEE?").value("+CMEE") == (mode,)
        final = dut.send("AT+CFUN=99", check=False).final
        assert (final.text == "ERROR") is (mode == 0)
    finally:
        dut.send("AT+CMEE=2")


@procedure(
    "R8:4.2.1",
    title="Information text responses are issued before the final result code",
)
def test_several_commands_on_a_line(dut: Dut) -> None:
    """V.250 5.2.1: one final result code for the line; it stops at the first error."""
    answer = dut.send("AT+CMEE?;+CGSN;+CFUN?")
    assert len(answer.info) == 3
    stopped = dut.send("AT+CMEE?;+NOSUCH;+CGSN", check=False)
    assert not stopped.ok
    assert len(stopped.info) == 1, "what follows the error is not executed"


@procedure(
    "R8:4.2.1",
    title="An asynchronous command gives its result by URC",
    depends_on=("network", "service:icmp"),
)
def test_asynchronous_command(online: Dut) -> None:
    """OK at once, then the URC."""
    with online.at.expect("+UUPING") as answered:
        assert online.send('AT+UPING="www.google.com",1').ok
        answered.wait(30.0)


@procedure("R8:4.2.1", title="Blanks inside a command line are ignored")
def test_blanks(dut: Dut) -> None:
    """V.250 5.2.1: spaces are ignored outside string constants."""
    assert dut.send("AT+CMEE = 2").ok
    assert dut.send("AT +CMEE?").value("+CMEE") == (2,)
    assert dut.send("at+cmee?").value("+CMEE") == (2,)


@procedure("R8:4.2.1", title="After rubbish the module is back in step at the next command")
def test_rubbish(dut: Dut) -> None:
    """Bytes that are no command are ignored or refused."""
    dut.raw().write(b"\x00\xff\x1bgarbage\r")
    dut.at.sync(5.0)
    assert dut.send("AT+CMEE?").value("+CMEE") == (2,)


@procedure("R8:4.2.1", title="+CCLK gives an intermediate response before its final result code")
def test_clock_response(dut: Dut) -> None:
    """One line with the time, then OK; the clock is set, a time that does not exist is refused."""
    before = dut.send("AT+CCLK?")
    assert len(before.info) == 1
    assert before.info[0].startswith("+CCLK: ")
    assert not dut.send('AT+CCLK="24/13/01,00:00:00+00"', check=False).ok
    text = str(before.value("+CCLK")[0])
    assert dut.send(f'AT+CCLK="{text}"').ok
    assert str(dut.send("AT+CCLK?").value("+CCLK")[0])[:8] == text[:8]


@procedure("R8:4.2.1", title="A wrong command is refused each time, and the next good one works")
@pytest.mark.parametrize("line", ["AT+NOSUCH", "AT+CMEE=9", "AT+CMEE=x", "AT+CGSN=1,2,3,4", "AT+CSQ=1"])
def test_refusal_and_recovery(dut: Dut, line: str) -> None:
    """Unknown command, value out of range, wrong type, too many parameters."""
    for _ in range(3):
        assert not dut.send(line, check=False).ok, f"{line} was taken"
    assert dut.send("AT+CMEE?").value("+CMEE") == (2,)
