"""The UART: LENA-R8 guide 5.1, 5.3, 5.3.1."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cellbench.api import Dut, DutState, Limit, NotPossible, Recorder, Slot, procedure

RATE = 460_800
AUTOBAUDING = 0


def _uart(dut: Dut):  # type: ignore[no-untyped-def]
    if "uart" not in dut.slot.roles():
        raise NotPossible(f"slot {dut.slot.name} has no UART")
    return dut.port("uart")


@procedure("R8:5.1", title="UART and USB are available at the same time")
def test_uart_and_usb(dut: Dut) -> None:
    """Both answer AT."""
    roles = dut.slot.roles()
    if not {"uart", "at0"} <= set(roles):
        raise NotPossible(f"slot {dut.slot.name} has {', '.join(roles)} only")
    for role in ("uart", "at0"):
        channel = dut.port(role)
        channel.sync(10.0)
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
    heard = raw.listen(slot.profile.serial.after_autobaud_s.value)
    assert heard == b"", f"the first AT was answered with {heard!r}"
    assert uart.send("AT", timeout_s=2.0).ok
    assert uart.send("AT+IPR?").value("+IPR") == (AUTOBAUDING,)
    record.note(f"measured at {rate} bit/s; greeting {boot.greeting!r}")
    slot.power_off(cause="the UART has measured another rate")


@pytest.mark.demo
@procedure("R8:5.3.1", title="A fixed rate: answer at the old rate, then the switch", depends_on=())
def test_fixed_rate(dut: Dut, record: Recorder) -> None:
    """AT+IPR=460800, OK at the original rate, 100 ms, AT+IPR? at the new one; no reboot is needed."""
    uart = _uart(dut)
    uart.sync(10.0)
    before = int(uart.send("AT+IPR?").value("+IPR")[0])
    old = dut.slot.uart_rate
    assert uart.send(f"AT+IPR={RATE}").ok, "the response comes at the original rate"
    try:
        uart.set_rate(RATE)
        assert uart.send("AT+IPR?").value("+IPR") == (RATE,)
        assert uart.send("AT+CMEE?").value("+CMEE") == (2,), (
            "the module has rebooted: a volatile setting is lost"
        )
    finally:
        uart.send(f"AT+IPR={before}")
        uart.set_rate(old)
        uart.sync(10.0)
    assert uart.send("AT+IPR?").value("+IPR") == (before,)


@procedure("R8:5.3.1", title="Every declared rate is taken and answers")
def test_every_rate(dut: Dut, record: Recorder) -> None:
    """Each fixed rate of the module's list, then back."""
    uart = _uart(dut)
    uart.sync(10.0)
    before, old = int(uart.send("AT+IPR?").value("+IPR")[0]), dut.slot.uart_rate
    rates = [rate for rate in dut.profile.serial.rates.value if rate >= 9600]
    try:
        for rate in rates:
            uart.send(f"AT+IPR={rate}")
            uart.set_rate(rate)
            assert uart.send("AT+IPR?").value("+IPR") == (rate,)
    finally:
        uart.send(f"AT+IPR={before}")
        uart.set_rate(old)
        uart.sync(10.0)
    record.measure("rates that answered", len(rates), "", Limit(low=1, source="module facts 3"))


@procedure("R8:5.3.1", title="A rate that the module does not have is refused and changes nothing")
def test_rate_refused(dut: Dut) -> None:
    """123456 bit/s is no rate of the list."""
    uart = _uart(dut)
    uart.sync(10.0)
    before = uart.send("AT+IPR?").info
    assert not uart.send("AT+IPR=123456", check=False).ok
    assert uart.send("AT+IPR?").info == before


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


@procedure("R8:5.3.1", title="+IPR changes the interface that it is given on and no other")
def test_rate_of_one_interface(dut: Dut) -> None:
    """USB answers throughout; the UART is back at its rate afterwards."""
    uart = _uart(dut)
    roles = [role for role in dut.slot.roles() if role.startswith("at")]
    if not roles:
        raise NotPossible(f"slot {dut.slot.name} has no USB")
    other = dut.port(roles[0])
    for channel in (uart, other):
        channel.sync(10.0)
    before, old = int(uart.send("AT+IPR?").value("+IPR")[0]), dut.slot.uart_rate
    uart.send(f"AT+IPR={RATE}")
    try:
        uart.set_rate(RATE)
        assert other.send("AT+CGMM").text == uart.send("AT+CGMM").text
    finally:
        uart.send(f"AT+IPR={before}")
        uart.set_rate(old)
        uart.sync(10.0)
    assert uart.send("AT").ok
    assert other.send("AT").ok
