"""Flow control and control lines of the UART: LENA-R8 guide 5.3; LARA-R6 by its manuals and V.250."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cellbench.api import Channel, Dut, Escape, RawTalk, Recorder, Service, procedure

from .uart import LINE_S, QUIET_S, flag, is_on, uart_of

BOTH = ("LENA-R8", "LARA-R6")
TRAFFIC = ("network",)


def _with_rts_off(dut: Dut, uart: Channel, *, held: bool) -> None:
    """Two commands with RTS off: the answers come at once, or when RTS is on again, in order."""
    raw = dut.raw(uart)
    uart.set_line("rts", False)
    try:
        mark = dut.slot.trace.mark()
        for number, line in enumerate((b"AT+CGMM\r", b"AT+CGMI\r"), 1):
            raw.write(line)
            if held:
                assert raw.listen(QUIET_S) == b"", "RTS off holds nothing back"
            else:
                assert _oks(uart, raw, mark, number), "RTS off holds the answer back"
    finally:
        uart.set_line("rts", True)
    assert _oks(uart, raw, mark, 2), "bytes are lost"
    heard = raw.heard_since(mark)
    assert heard.index(dut.profile.model_prefix.encode()) < heard.index(b"u-blox")


def _oks(uart: Channel, raw: RawTalk, mark: int, count: int) -> bool:
    return uart.wait_until(lambda: raw.heard_since(mark).count(b"\r\nOK\r\n") == count, LINE_S)


@procedure("R8:5.3", title="With &K3 nothing comes while RTS is off, and nothing is lost", series=BOTH,
           needs=("uart", "drive-rts"))
def test_rts_holds_output(dut: Dut) -> None:
    """What the module has to say waits until RTS is on again, in its order."""
    uart = uart_of(dut)
    with flag(uart, "&K", 3):
        _with_rts_off(dut, uart, held=True)


@procedure("R8:5.3", title="With &K0 RTS means nothing", series=BOTH, needs=("uart", "drive-rts"))
def test_no_flow_control(dut: Dut) -> None:
    """The answers come although RTS is off."""
    uart = uart_of(dut)
    with flag(uart, "&K", 0):
        _with_rts_off(dut, uart, held=False)


@procedure("R8:5.3", title="+IFC and &K are the same flow control", series=("LENA-R8",),
           needs=("uart", "drive-rts"))
def test_ifc(dut: Dut) -> None:
    """+IFC=0,0 ends it, +IFC=2,2 brings it back."""
    uart = uart_of(dut)
    before = ",".join(str(field) for field in uart.send("AT+IFC?").value("+IFC"))
    with flag(uart, "&K", 3):
        try:
            uart.send("AT+IFC=0,0")
            _with_rts_off(dut, uart, held=False)
            uart.send("AT+IFC=2,2")
            _with_rts_off(dut, uart, held=True)
        finally:
            uart.send(f"AT+IFC={before}")


@procedure("R8:5.3", title="CTS is on while the module takes commands", series=BOTH,
           needs=("uart", "read-cts"))
def test_cts(dut: Dut) -> None:
    """With flow control and without."""
    uart = uart_of(dut)
    for mode in (3, 0):
        with flag(uart, "&K", mode):
            assert is_on(uart, "cts", True)


@procedure("R8:5.3", title="&C0 keeps DCD on, &C1 lets it follow the carrier; &S0 keeps DSR on", series=BOTH,
           needs=("uart", "read-dcd", "read-dsr", "drive-dtr"), depends_on=TRAFFIC)
def test_dcd_and_dsr(online: Dut, record: Recorder) -> None:
    """In command mode, in data mode, in online command mode, after the call (V.250 6.2.8)."""
    uart = uart_of(online)
    with flag(uart, "&C", 0), flag(uart, "&S", 0):
        assert is_on(uart, "dcd", True)
        assert is_on(uart, "dsr", True)
    with flag(uart, "&C", 1), flag(uart, "&S", 1), flag(uart, "&D", 1):
        assert is_on(uart, "dcd", False)
        record.note(f"&S1, command mode: DSR {'on' if uart.lines()['dsr'] else 'off'}")
        with online.ppp(port="uart") as link:
            assert is_on(uart, "dcd", True)
            assert is_on(uart, "dsr", True)
            link.pause(Escape.DTR)
            assert is_on(uart, "dcd", True), "the call is held: the carrier is there"
            link.hang_up()
        assert is_on(uart, "dcd", False)


@procedure("R8:5.3", title="S2 is kept and has no effect on the escape from PPP", series=BOTH,
           needs=("uart",), depends_on=TRAFFIC)
def test_escape_register(online: Dut, record: Recorder) -> None:
    """With S2=42 three asterisks are data; +++ gives online command mode still (a sibling's AT manual)."""
    uart = uart_of(online)
    before = uart.send("ATS2?").text
    uart.send("ATS2=42")
    try:
        assert uart.send("ATS2?").text == "042"
        with online.ppp(port="uart") as link:
            link.write_octets(b"***")
            answer = link.pause()
            record.note(f"+++ was answered {answer.final.text}")
            assert answer.final.text == "OK"
            link.hang_up()
    finally:
        uart.send(f"ATS2={before}")


@procedure(title="RI goes on for a URC with +URING=1, and not with 0", series=("LARA-R6",),
           needs=("uart", "read-ri"), depends_on=("network", "service:icmp"))
@pytest.mark.parametrize("mode", [1, 0])
def test_ri(online: Dut, services: Mapping[str, Service], record: Recorder, mode: int) -> None:
    """The URC of a ping; RI goes off again by itself."""
    uart = uart_of(online)
    before = uart.send("AT+URING?").value("+URING")[0]
    online.ensure(f"AT+URING={mode}")
    try:
        assert is_on(uart, "ri", False)
        with online.at.expect("+UUPING") as answered:
            online.send(f'AT+UPING="{services["icmp"].name}",1')
            if mode:
                assert is_on(uart, "ri", True)
                answered.wait(30.0)
            else:
                answered.wait(30.0)
                assert not uart.wait_line("ri", True, QUIET_S)
        assert is_on(uart, "ri", False)
    finally:
        online.ensure(f"AT+URING={before}")
