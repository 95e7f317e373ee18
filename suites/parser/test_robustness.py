"""Guidelines for a robust parser: LENA-R8 guide 4.2.1, 4.2.2, 4.3."""

from __future__ import annotations

import threading
import time

import pytest

from cellbench.api import Dut, FarSide, Limit, NotPossible, Recorder, procedure


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


@pytest.mark.demo
@procedure("R8:4.2.2", title="Two AT interfaces are served in turn")
def test_two_interfaces(dut: Dut, record: Recorder) -> None:
    """Commands on two interfaces are serialised and executed in the order of arrival; both are answered."""
    second = _second(dut)
    second.sync(10.0)
    answers: list[str] = []

    def ask() -> None:
        for _ in range(5):
            answers.append(second.send("AT+CGSN").text)

    other = threading.Thread(target=ask)
    other.start()
    mine = [dut.send("AT+CGMM").text for _ in range(5)]
    other.join(30.0)
    assert len(set(mine)) == 1
    assert mine[0].startswith(dut.profile.model_prefix)
    assert len(answers) == 5
    assert len(set(answers)) == 1
    assert answers[0].isdigit()


@procedure(
    "R8:4.2.2",
    title="A URC comes on every AT interface",
    depends_on=("network",),
    needs=("far-side:network",),
)
def test_urcs_on_both_interfaces(registered: Dut, far_side, record: Recorder) -> None:  # type: ignore[no-untyped-def]
    """The same event is told on each port, once."""
    second = _second(registered)
    second.sync(10.0)
    far_side.act("network", tz="+04", dst="0")  # only a change is told
    registered.send("AT+CTZR=1")
    second.send("AT+CTZR=1")
    try:
        with registered.at.expect("+CTZV") as here, second.expect("+CTZV") as there:
            far_side.act("network", tz="+12", dst="0")
            assert here.wait(10.0).text == there.wait(10.0).text
    finally:
        registered.send("AT+CTZR=0")
        second.send("AT+CTZR=0")


@procedure("R8:4.2.2", title="A setting of one interface does not change the echo of another")
def test_interfaces_keep_their_own_echo(dut: Dut) -> None:
    """ATE is a setting of the interface."""
    second = _second(dut)
    second.sync(10.0)
    dut.send("ATE0")
    try:
        assert dut.raw(second).echo_of("AT") == "AT"
    finally:
        dut.send("ATE1")


@procedure("R8:4.3", title="Command mode and the data prompt", depends_on=("network", "service:echo"))
def test_modes_of_the_interface(online: Dut, services) -> None:  # type: ignore[no-untyped-def]
    """At the prompt the interface takes data, not commands; after the last byte command mode is back."""
    echo = services["echo"]
    number = online.send("AT+USOCR=17").value("+USOCR")[0]
    try:
        answer = online.send(f'AT+USOST={number},"{echo.host}",{echo.port},4', payload=b"AT\r\n")
        assert answer.value("+USOST") == (number, 4), "AT commands are data at the prompt"
        assert online.send("AT").ok
    finally:
        online.send(f"AT+USOCL={number}", check=False)


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


@procedure(
    "R8:4.2.2",
    title="While one interface waits for its answer, the other one's command is not lost",
    needs=("far-side:slow",),
)
def test_commands_at_the_same_time(dut: Dut, far_side: FarSide, record: Recorder) -> None:
    """Both are answered where they were asked; executed in turn, then in order of arrival."""
    second = _second(dut)
    second.sync(10.0)
    first_raw, second_raw = dut.raw(), dut.raw(second)
    marks = first_raw.transcript.mark()
    far_side.act("slow", state="on", ms="400")
    try:
        began = time.monotonic()
        first_raw.write(b"AT+CGMM\r")
        first_raw.channel.wait_until(lambda: b"AT+CGMM" in first_raw.heard_since(marks), 2.0)
        second_raw.write(b"AT+CGSN\r")
        assert first_raw.channel.wait_until(lambda: b"OK\r" in first_raw.heard_since(marks), 10.0)
        first_s = time.monotonic() - began
        assert second_raw.channel.wait_until(lambda: b"OK\r" in second_raw.heard_since(marks), 10.0)
        second_s = time.monotonic() - began
    finally:
        far_side.act("slow", state="off")
    record.measure("answer on the first interface", first_s, "s")
    record.measure("answer on the second interface", second_s, "s")
    together = second_s < 1.5 * first_s
    record.note(f"the interfaces are served {'at the same time (13.1)' if together else 'in turn (4.2.2)'}")
    assert dut.profile.model_prefix.encode() in first_raw.heard_since(marks)
    assert dut.profile.model_prefix.encode() not in second_raw.heard_since(marks)
    assert dut.send("AT").ok
    assert second.send("AT").ok


@procedure("R8:4.2.2", title="Two interfaces on USB answer each its own command")
def test_two_interfaces_on_usb(dut: Dut) -> None:
    """Two different serial-over-USB interfaces."""
    roles = [role for role in dut.slot.roles() if role.startswith("at")]
    if len(roles) < 2:
        raise NotPossible(f"slot {dut.slot.name} has fewer than two AT ports on USB", remedy="connect USB")
    first, second = (dut.port(role) for role in roles[:2])
    for channel in (first, second):
        channel.sync(10.0)
    numbers: list[str] = []
    asking = threading.Thread(target=lambda: numbers.extend(second.send("AT+CGSN").text for _ in range(3)))
    asking.start()
    models = [first.send("AT+CGMM").text for _ in range(3)]
    asking.join(30.0)
    assert all(model.startswith(dut.profile.model_prefix) for model in models)
    assert len(numbers) == 3
    assert all(number.isdigit() for number in numbers)


def _second(dut: Dut):  # type: ignore[no-untyped-def]
    roles = [role for role in dut.slot.roles() if dut.slot.channel(role) is not dut.at]
    if not roles:
        raise NotPossible(f"slot {dut.slot.name} has one AT interface only", remedy="connect UART and USB")
    return dut.slot.channel(roles[0])
