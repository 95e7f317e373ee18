"""The auxiliary UART of LARA-R6: +USIO=1, +UUARTCONF (application development note UBX-22001850)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cellbench.api import Channel, Dut, Recorder, procedure

from .uart import LINE_S, QUIET_S, uart_of

LARA = ("LARA-R6",)
AUX = ("aux-uart",)
WITH_AUX = 1
FACTORY_RATE, RATE = 115_200, 921_600


@contextmanager
def _aux(dut: Dut) -> Iterator[Channel]:
    """The auxiliary UART's channel; afterwards the module is as it was."""
    before = dut.send("AT+USIO?").value("+USIO")[-1]
    if dut.ensure(f"AT+USIO={WITH_AUX}"):
        dut.reboot()
    try:
        channel = dut.port("aux_uart")
        channel.sync(10.0)
        yield channel
    finally:
        if dut.ensure(f"AT+USIO={before}"):
            dut.reboot()


def _rate(channel: Channel) -> int:
    return int(channel.send("AT+IPR?").value("+IPR")[0] or 0)


@procedure(title="A rate given on the auxiliary UART is its own and is not kept", series=LARA, needs=AUX)
def test_rate(dut: Dut, record: Recorder) -> None:
    """+IPR: OK at the old rate, then the switch; the main UART keeps its rate; the reboot undoes it."""
    with _aux(dut) as aux:
        main = _rate(uart_of(dut)) if "uart" in dut.slot.roles() else None
        begun = _rate(aux)
        record.note(f"comes up at {begun} bit/s")
        assert aux.send(f"AT+IPR={RATE}").ok
        aux.set_rate(RATE)
        assert _rate(aux) == RATE
        assert aux.send("AT+CGMM").text.startswith(dut.profile.model_prefix)
        if main is not None:
            assert _rate(dut.port("uart")) == main
        dut.reboot()  # its host comes back at the rate of the rig file
        assert _rate(dut.port("aux_uart")) == begun, "the rate of the auxiliary UART has been kept"


@procedure(title="+UUARTCONF: rate of the auxiliary UART from the next boot on", series=LARA, needs=AUX)
def test_configuration(dut: Dut, record: Recorder) -> None:
    """Read in two lines, one for each UART; stored; not in force before the boot."""
    with _aux(dut) as aux:
        lines = dut.send("AT+UUARTCONF?").fields("+UUARTCONF")
        record.note("; ".join(",".join(str(field) for field in fields) for fields in lines))
        assert [int(fields[0] or 0) for fields in lines] == [0, 1]
        _, rate, flow = lines[1]
        other = 460_800 if rate != 460_800 else FACTORY_RATE
        try:
            assert dut.ensure(f"AT+UUARTCONF=1,{other},{flow}")
            assert _rate(aux) == rate
            dut.slot.ports.drop("aux_uart")  # its host would wait at the old rate
            dut.reboot()
            fresh = dut.port("aux_uart")
            fresh.set_rate(other)
            fresh.sync(10.0)
            assert _rate(fresh) == other
        finally:
            dut.slot.ports.drop("aux_uart")
            if dut.ensure(f"AT+UUARTCONF=1,{rate},{flow}"):
                dut.reboot()


@procedure(title="URCs come on the auxiliary UART too, and with RTS off none is lost", series=LARA,
           needs=AUX, depends_on=("network",))
def test_urcs(dut: Dut) -> None:
    """Changes of registration, on both UARTs; with RTS off they come when RTS is on again."""
    with _aux(dut) as aux:
        dut.register()
        raw, main = dut.raw(aux), dut.at
        for channel in (aux, main):
            channel.send("AT+CEREG=1")
        dut.spend_attach("deregister for a URC")
        try:
            mark = dut.slot.trace.mark()
            with main.expect("+CEREG") as told:
                main.send("AT+COPS=2")
                told.wait(30.0)
            assert aux.wait_until(lambda: b"+CEREG: 0" in raw.heard_since(mark), LINE_S)
            aux.set_line("rts", False)
            mark = dut.slot.trace.mark()
            main.send("AT+COPS=0")
            dut.register()
            raw.listen(QUIET_S)
            assert raw.heard_since(mark) == b"", "RTS off does not hold the URC"
            aux.set_line("rts", True)
            assert aux.wait_until(lambda: b"+CEREG: " in raw.heard_since(mark), LINE_S)
        finally:
            aux.set_line("rts", True)
            main.send("AT+COPS=0")
            dut.register()


@procedure(title="With the auxiliary UART the main one has five wires: DTR, DSR, DCD and RI are not its own",
           series=LARA, needs=(*AUX, "uart"))
def test_five_wires(dut: Dut, record: Recorder) -> None:
    """Flow control is still there; DTR off does nothing to it."""
    with _aux(dut):
        uart = uart_of(dut)
        lines = uart.lines()
        record.note(", ".join(f"{name} {'on' if on else 'off'}" for name, on in lines.items()))
        assert lines["cts"]
        uart.send("AT&C0")
        try:
            assert not uart.wait_line("dcd", True, QUIET_S)
        finally:
            uart.send("AT&C1")
