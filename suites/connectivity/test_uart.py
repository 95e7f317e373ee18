"""The UART and its rates: LENA-R8 guide 5.1, 5.3, 5.3.1; LARA-R6 by its data sheet and application note."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cellbench.api import Channel, Dut, DutState, Limit, NotPossible, Recorder, Slot, procedure

from .uart import uart_of

RATE = 460_800
AUTOBAUDING = 0
UNANSWERED_S = 1.0  # longer than the 100 ms of the guide: a late answer to the first AT would be seen too
BOTH = ("LENA-R8", "LARA-R6")


@contextmanager
def _rate_kept(uart: Channel, old: int) -> Iterator[None]:
    """The module and the host are afterwards at the rates they had."""
    before = int(uart.send("AT+IPR?").value("+IPR")[0] or 0)
    try:
        yield
    finally:
        uart.ensure(f"AT+IPR={before}")
        uart.set_rate(old)
        uart.sync(10.0)
    assert uart.send("AT+IPR?").value("+IPR") == (before,)


@procedure("R8:5.1", title="UART and USB are available at the same time", series=BOTH)
def test_uart_and_usb(dut: Dut) -> None:
    """Both answer AT."""
    roles = dut.slot.roles()
    if not {"uart", "at0"} <= set(roles):
        raise NotPossible(f"slot {dut.slot.name} has {', '.join(roles)} only")
    channels = [dut.port(role) for role in roles]
    for channel in channels:
        channel.sync(10.0)
    for channel in (*channels, *channels):
        assert channel.send("AT+CGMM").text.startswith(dut.profile.model_prefix)


@procedure("R8:5.1", title="The USB configuration is read, and one that does not exist is refused")
def test_usb_configuration(dut: Dut) -> None:
    """+SYSNV: "usbmode" is 2, 3 or 5; 2 at delivery."""
    mode = dut.send('AT+SYSNV=0,"usbmode"').value("+SYSNV")
    assert mode[0] == "usbmode"
    assert mode[1] in (2, 3, 5)
    assert not dut.send('AT+SYSNV=1,"usbmode",9', check=False).ok
    assert dut.send('AT+SYSNV=0,"usbmode"').value("+SYSNV") == mode


@pytest.mark.demo
@procedure(
    "R8:5.3",
    title="Autobauding: the first AT only measures, 100 ms later the interface is ready",
    needs=("cut-power", "uart"),
)
def test_autobauding(dut_at: Callable[[DutState], Dut], slot: Slot, record: Recorder) -> None:
    """No echo and no response to the first AT; the second one is answered at the rate of the host."""
    dut_at(DutState.OFF)
    rate, mark = 57_600, slot.trace.mark()
    greeting = str(slot.profile.greeting.value).encode()
    boot = slot.power_on(uart_rate=rate, sync=False)
    uart = slot.channel("uart")
    raw = Dut(slot, uart).raw()
    if "at0" in slot.roles() or slot.usb_appears(slot.timing.boot_max_s):
        slot.channel("at0").sync(slot.timing.boot_max_s)
    else:
        raw.wait_quiet(2.0, slot.timing.boot_max_s)
    assert greeting not in raw.heard_since(mark), "in autobauding the greeting is issued at 115200 bit/s"
    raw.write(b"AT\r")
    heard = raw.listen(slot.profile.serial.after_autobaud_s.value + UNANSWERED_S)
    assert heard == b"", f"the first AT was answered with {heard!r}"
    assert uart.send("AT", timeout_s=10.0).ok
    assert uart.send("AT+IPR?").value("+IPR") == (AUTOBAUDING,)
    record.note(f"measured at {rate} bit/s; greeting {boot.greeting!r}")
    slot.power_off(cause="the UART has measured another rate")


@procedure("R8:5.3", title="Autobauding at any rate: one AT is lost, the next is answered", needs=("uart",))
def test_autobauding_at_any_rate(dut: Dut, record: Recorder) -> None:
    """AT+IPR=0 begins it anew, without a reboot; the slowest, the fastest and the usual one."""
    uart = uart_of(dut)
    raw, rates = dut.raw(uart), dut.profile.serial.rates.value
    with _rate_kept(uart, dut.slot.uart_rate):
        for rate in (min(rates), max(rates), dut.slot.uart_rate):
            if uart.send("AT+IPR?").value("+IPR") == (AUTOBAUDING,):
                uart.send(f"AT+IPR={RATE}")
                uart.set_rate(RATE)
            uart.send("AT+IPR=0")
            uart.set_rate(rate)
            raw.listen(dut.profile.serial.after_ipr_s.value)
            raw.write(b"AT\r")
            heard = raw.listen(dut.profile.serial.after_autobaud_s.value + UNANSWERED_S)
            assert heard == b"", f"the first AT at {rate} bit/s was answered with {heard!r}"
            assert uart.send("AT", timeout_s=10.0).ok
            record.note(f"measured at {rate} bit/s")


@procedure(title="The rate is a fixed one, and none is measured", series=("LARA-R6",), needs=("uart",))
def test_no_autobauding(dut: Dut) -> None:
    """+IPR=0 is refused; a host at another rate gets no answer."""
    uart = uart_of(dut)
    assert not uart.send("AT+IPR=0", check=False).ok
    with _rate_kept(uart, dut.slot.uart_rate):
        rate = int(uart.send("AT+IPR?").value("+IPR")[0] or 0)
        uart.set_rate(57_600 if rate != 57_600 else 38_400)
        try:
            assert uart.silent(1.0)
        finally:
            uart.set_rate(dut.slot.uart_rate)
            uart.write_raw(b"\r")
            uart.sync(10.0)


@pytest.mark.demo
@procedure("R8:5.3.1", title="A fixed rate: answer at the old rate, then the switch", series=BOTH,
           needs=("uart",))
def test_fixed_rate(dut: Dut) -> None:
    """AT+IPR=460800, OK at the original rate, 100 ms, AT+IPR? at the new one; no reboot is needed."""
    uart = uart_of(dut)
    uart.send("AT+CMEE=2")
    with _rate_kept(uart, dut.slot.uart_rate):
        assert uart.send(f"AT+IPR={RATE}").ok, "the response comes at the original rate"
        uart.set_rate(RATE)
        assert uart.send("AT+IPR?").value("+IPR") == (RATE,)
        assert uart.send("AT+CMEE?").value("+CMEE") == (2,), (
            "the module has rebooted: a volatile setting is lost"
        )


@procedure("R8:5.3.1", title="Every declared rate is taken and answers", series=BOTH, needs=("uart",))
def test_every_rate(dut: Dut, record: Recorder) -> None:
    """Each fixed rate of the series' list, OK at the old one each time; 256 characters and more come back."""
    uart = uart_of(dut)
    rates = dut.profile.serial.rates.value
    long = f'AT+CMEE=2;{"+CMEE?;" * 20}+CMEE?'
    with _rate_kept(uart, dut.slot.uart_rate):
        held = int(uart.send("AT+IPR?").value("+IPR")[0] or 0)
        for rate in rates:
            if rate != held:
                uart.send(f"AT+IPR={rate}")
                held = rate
            uart.set_rate(rate)
            assert uart.send("AT+IPR?").value("+IPR") == (rate,)
            assert len(uart.send(long).fields("+CMEE")) == 21, f"at {rate} bit/s"
    record.measure("rates that answered", len(rates), "", Limit(low=len(rates), source="module facts 3"))


@procedure("R8:5.3.1", title="The rates are those of the series' list", series=BOTH, needs=("uart",))
def test_rate_list(dut: Dut, record: Recorder) -> None:
    """+IPR=? names them; each that does not stand there is refused."""
    uart = uart_of(dut)
    shown = uart.send("AT+IPR=?").text
    record.note(shown)
    known = dut.profile.serial.rates.value
    before = uart.send("AT+IPR?").info
    for rate in {1_200, 9_600, 123_456, 3_000_000} - set(known):
        assert not uart.send(f"AT+IPR={rate}", check=False).ok, f"{rate} bit/s is taken"
    assert uart.send("AT+IPR?").info == before


@procedure("R8:5.3.1", title="A rate is kept over a reboot", series=BOTH, needs=("uart",))
def test_rate_is_kept(dut: Dut) -> None:
    """+IPR stores itself (LENA-R8 guide 6.1); the module comes up at it."""
    uart = uart_of(dut)
    with _rate_kept(uart, dut.slot.uart_rate):
        uart.send(f"AT+IPR={RATE}")
        uart.set_rate(RATE)
        dut.reboot()
        assert uart.send("AT+IPR?").value("+IPR") == (RATE,)


@procedure("R8:5.3", title="In autobauding the greeting comes at 115200 bit/s", needs=("cut-power",))
def test_greeting_rate(dut_at: Callable[[DutState], Dut], slot: Slot) -> None:
    """A host at that rate reads it before it has sent anything."""
    dut_at(DutState.OFF)
    rate, mark = slot.profile.serial.greeting_rate.value, slot.trace.mark()
    slot.power_on(uart_rate=rate, sync=False)
    raw = Dut(slot, slot.channel("uart")).raw()
    greeting = str(slot.profile.greeting.value).encode()
    assert raw.channel.wait_until(lambda: greeting in raw.heard_since(mark), slot.timing.boot_max_s)
    raw.channel.sync(slot.timing.boot_max_s)
    assert raw.channel.send("AT+IPR?").value("+IPR") == (AUTOBAUDING,)
    assert dut_at(DutState.READY).send("AT").ok


@procedure("R8:5.3.1", title="+IPR changes the interface that it is given on and no other", series=BOTH,
           needs=("uart",))
def test_rate_of_one_interface(dut: Dut) -> None:
    """USB answers throughout; the UART is back at its rate afterwards."""
    uart = uart_of(dut)
    roles = [role for role in dut.slot.roles() if role.startswith("at")]
    if not roles:
        raise NotPossible(f"slot {dut.slot.name} has no USB")
    other = dut.port(roles[0])
    other.sync(10.0)
    with _rate_kept(uart, dut.slot.uart_rate):
        uart.send(f"AT+IPR={RATE}")
        uart.set_rate(RATE)
        assert other.send("AT+CGMM").text == uart.send("AT+CGMM").text
    assert other.send("AT").ok
