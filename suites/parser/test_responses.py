"""What an AT command gives back: LENA-R8 guide 4.1.1 to 4.1.5."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from cellbench.api import Dut, FarSide, Limit, RawTalk, Recorder, Service, procedure

# V.250 6.2.4; the guide says "typically in less than few milliseconds"
ECHO_S = Limit(high=0.5, source="LENA-R8 guide 4.1.1, with the host's own delay")


@pytest.mark.demo
@procedure("R8:4.1.1", title="Echo is on by default and can be disabled")
def test_echo(dut: Dut, record: Recorder) -> None:
    """ATE1 echoes every character, ATE0 none."""
    dut.send("ATE1")
    assert dut.raw().echo_of("AT+CMEE?") == "AT+CMEE?"
    assert not dut.send("ATE7", check=False).ok, "ATE7 was taken"
    dut.send("ATE0")
    try:
        assert dut.raw().echo_of("AT+CMEE?") == ""
    finally:
        dut.send("ATE1")
    assert dut.raw().echo_of("AT") == "AT"


@procedure("R8:4.1.2", title="Information text responses come before the final result code")
def test_information_text(dut: Dut) -> None:
    """One line or several, each with its prefix where the command has one."""
    answer = dut.send("ATI0I9")
    assert len(answer.info) == 2, "ATI0I9 gives model and firmware"
    assert answer.info[0].startswith(dut.profile.model_prefix)
    assert answer.final.text == "OK"
    assert dut.send("AT+CGSN").text.isdigit()


@procedure("R8:4.1.3", title="The final result code unlocks the interface")
def test_final_result_code(dut: Dut) -> None:
    """OK or ERROR, in words or numbers, verbose or not."""
    assert dut.send("AT").final.text == "OK"
    dut.send("AT+CMEE=0")
    try:
        assert dut.send("AT+NOSUCH", check=False).final.text == "ERROR"
        dut.send("AT+CMEE=1")
        numeric = dut.send("AT+NOSUCH", check=False).final
        assert numeric.text.startswith("+CME ERROR: ")
        assert numeric.number is not None
        dut.send("AT+CMEE=2")
        verbose = dut.send("AT+NOSUCH", check=False).final
        assert verbose.text.startswith("+CME ERROR: ")
        assert not verbose.text.rpartition(" ")[2].isdigit()
    finally:
        dut.send("AT+CMEE=2")


@procedure(
    "R8:4.1.3", title="A command that cannot be aborted ignores a second one", needs=("far-side:slow",)
)
def test_not_abortable(registered: Dut, far_side: FarSide) -> None:
    """The new command is ignored without any feedback; the first one ends as if alone."""
    raw = registered.raw()
    far_side.act("slow", state="on", ms="500")
    try:
        mark = raw.transcript.mark()
        raw.write(b"AT+CMEE?\r")
        raw.write(b"AT+CGMM\r")
        assert raw.wait_for(b"OK\r", 10.0)
    finally:
        far_side.act("slow", state="off")
    raw.wait_quiet(0.3, 2.0)
    heard = raw.heard_since(mark)
    assert registered.profile.model_prefix.encode() not in heard, "the second command was executed"
    assert registered.send("AT").ok, "the interface is in step"


@procedure("R8:4.1.3", title="An abortable command is dropped for the latest one, without ABORTED")
def test_abortable(registered: Dut) -> None:
    """AT+COPS=? is dropped; no ABORTED result code is issued by LENA-R8."""
    raw = registered.raw()
    raw.write(b"AT+COPS=?\r")
    raw.listen(0.1)
    answer = registered.send("AT+CGMM")
    assert answer.text.startswith(registered.profile.model_prefix)
    assert all("ABORT" not in line for line in answer.info)
    assert registered.send("AT").ok


@procedure(
    "R8:4.1.4",
    title="URCs wait until the final result code has been given",
    depends_on=("network",),
    needs=("far-side:network",),
)
def test_urcs_are_deferred(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """A URC that is due while a command runs comes after its final result code, never inside."""
    far_side.act("network", tz="+04", dst="0")  # only a change is told
    registered.send("AT+CTZR=1")
    try:
        with registered.at.expect("+CTZV") as told:
            far_side.act("network", tz="+08", dst="0")
            answer = registered.send("AT+CGDCONT?")
            assert all("+CTZV" not in line for line in answer.info)
            told.wait(10.0)
    finally:
        registered.send("AT+CTZR=0")


@pytest.mark.demo
@procedure("R8:4.1.5", title="Immediate commands answer within tens of milliseconds")
def test_immediate_response_time(dut: Dut, record: Recorder) -> None:
    """Commands whose response time is "-" are answered at once."""
    for line in ("AT", "AT+CMEE?", "AT+CGSN", "ATI"):
        answer = dut.send(line)
        record.measure(
            f"response time of {line}",
            answer.elapsed_s,
            "s",
            Limit(high=1.0, marginal=0.8, source="LENA-R8 guide 4.1.5: a few tens of ms"),
        )


@procedure(
    "R8:4.1.5", title="No command takes longer than its declared response time", depends_on=("network",)
)
def test_declared_response_times(registered: Dut, record: Recorder) -> None:
    """The answer comes, and its time is held against the declared maximum."""
    for line, most in (
        ("AT+COPS?", 180.0),
        ("AT+CGDCONT?", 10.0),
        ("AT+CSQ", 10.0),
        ("AT+CIMI", 10.0),
        ("AT+CCLK?", 10.0),
    ):
        record.measure(
            f"response time of {line}",
            registered.send(line).elapsed_s,
            "s",
            Limit(high=most, source="module facts 15"),
        )


@procedure("R8:4.1.1", title="The echo is returned immediately")
def test_echo_time(dut: Dut, record: Recorder) -> None:
    """From the last byte written to the whole echo; the answer's own time is not in it."""
    dut.send("ATE1")
    raw, line = dut.raw(), b"AT+CGMM"
    mark, began = raw.transcript.mark(), time.monotonic()
    raw.write(line)
    assert raw.channel.wait_until(lambda: line in raw.heard_since(mark), 2.0), "no echo before the line ends"
    record.measure("time to the echo", time.monotonic() - began, "s", ECHO_S)
    mark = raw.transcript.mark()
    raw.write(b"\r")
    assert raw.channel.wait_until(lambda: b"OK\r" in raw.heard_since(mark), 10.0)
    assert dut.send("AT").ok


@procedure("R8:4.1.3", title="Result codes in words, as numbers, or not at all")
def test_forms_of_result_codes(dut: Dut) -> None:
    """ATV0 gives numbers, ATQ1 suppresses them (V.250 6.2.5, 6.2.6); ATV1 and ATQ0 are as before."""
    raw = dut.raw()
    try:
        assert _exchange(raw, b"ATV0\r", b"0\r").endswith(b"0\r")
        assert _exchange(raw, b"AT+NOSUCH\r", b"\r")
        assert b"OK" not in _exchange(raw, b"AT\r", b"0\r")
    finally:
        _exchange(raw, b"ATV1\r", b"OK\r")
    assert dut.send("AT").final.text == "OK"


def _exchange(raw: RawTalk, line: bytes, awaited: bytes) -> bytes:
    mark = raw.transcript.mark()
    raw.write(line)
    answered = raw.channel.wait_until(lambda: awaited in raw.heard_since(mark).replace(line, b"", 1), 10.0)
    assert answered, f"{line!r} was not answered by {awaited!r}"
    raw.listen(2 * raw.channel.gap_s)
    return raw.heard_since(mark)


@procedure(
    "R8:4.1.4",
    "R8:4.3",
    title="At the data prompt no URC comes; it is told when command mode is back",
    depends_on=("network", "service:echo"),
    needs=("far-side:remote-send",),
)
def test_no_urc_at_the_prompt(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """Data arrive on one socket while the prompt of another one is open."""
    echo, raw = services["echo"], online.raw()
    numbers = [int(online.send("AT+USOCR=6").value("+USOCR")[0]) for _ in range(2)]
    writing, reading = numbers
    try:
        for number in numbers:
            online.send(f'AT+USOCO={number},"{echo.host}",{echo.port}')
        with online.at.expect("+UUSORD", lambda urc: urc.fields[0] == reading) as told:
            _exchange(raw, f"AT+USOWR={writing},2\r".encode(), b"@")
            raw.listen(2 * online.profile.serial.after_prompt_s.value)
            mark = raw.transcript.mark()
            far_side.act("remote-send", socket=str(reading), hex="616263")
            assert b"+UUSORD" not in raw.listen(0.3), "a URC came at the prompt"
            raw.write(b"12")
            assert told.wait(10.0).fields == (reading, 3)
            heard = raw.heard_since(mark)
            assert heard.index(b"OK\r") < heard.index(b"+UUSORD"), "the URC came before the final result code"
    finally:
        for number in numbers:
            online.send(f"AT+USOCL={number}", check=False)
