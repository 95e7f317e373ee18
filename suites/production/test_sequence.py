"""The production sequence of one unit, in order: each test is one line of its record.

The limits are the product's (rigs/limits/*.yaml). A unit that fails early is still measured as far as it
goes, so that the record tells more than the first fault.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from cellbench.api import (
    Dut,
    DutState,
    NotApplicable,
    NotPossible,
    ProductLimits,
    Recorder,
    Service,
    Slot,
    procedure,
)

DutAt = Callable[[DutState], Dut]
BOTH = ("LENA-R8", "LARA-R6")
SETTLE_S = 0.3
ANSWER_S = 10.0
SETTINGS = {  # by the name of their limit
    "uart_rate": "AT+IPR?",
    "power_saving": "AT+UPSV?",
    "greeting_setting": "AT+CSGT?",
    "radio_technologies": "AT+URAT?",
    "gpio_functions": "AT+UGPIOC?",
    "usb_mode": 'AT+SYSNV=0,"usbmode"',
    "serial_interfaces": "AT+USIO?",
    "lwm2m_client": "AT+ULWM2M?",
    "operator_profile": "AT+UMNOPROF?",
}


@procedure(title="1 Power-up, inrush and boot time", series=BOTH, needs=("cut-power",))
def test_01_power_up(dut_at: DutAt, slot: Slot, limits: ProductLimits, record: Recorder) -> None:
    """Supply on, current from the first moment, PWR_ON, V_INT, first AT answer, USB."""
    dut_at(DutState.OFF)
    try:
        boot = slot.power_on(record_inrush_s=SETTLE_S)
    except NotPossible as gap:  # raised before anything is on: the boot can be timed all the same
        record.note(f"NOT_POSSIBLE: inrush current: {gap.message}")
        boot = slot.power_on()
    reading = slot.reading()
    if reading.voltage_v is not None:
        record.judge(limits, "supply_voltage", reading.voltage_v)
    else:
        record.note("NOT_POSSIBLE: supply voltage: nothing measures it")
    if boot.inrush_peak_a is not None:
        record.judge(limits, "inrush_current", boot.inrush_peak_a)
    if boot.v_int_s is not None:
        record.judge(limits, "v_int_rise_time", boot.v_int_s)
    if boot.uart_s is not None:
        record.judge(limits, "boot_time", boot.uart_s)
    if boot.usb_s is not None:
        record.judge(limits, "usb_time", boot.usb_s)
    if slot.profile.greeting.value is not None and boot.greeting is not None:
        record.judge(limits, "greeting", boot.greeting)


@procedure(title="2 AT on UART and on USB", series=BOTH)
def test_02_interfaces(dut: Dut, limits: ProductLimits, record: Recorder) -> None:
    """Every AT interface that the rig connects answers; the round trip is measured."""
    for role in dut.slot.roles():
        channel = dut.port(role)
        channel.sync(10.0)
        with record.step(f"AT on {role}"):
            record.judge(limits, "at_round_trip", channel.send("AT").elapsed_s)


@procedure(title="3 Identity and firmware", series=BOTH)
def test_03_identity(dut: Dut, limits: ProductLimits, record: Recorder) -> None:
    """Manufacturer, type number, firmware, IMEI with its check digit."""
    record.judge(limits, "manufacturer", dut.send("AT+CGMI").text)
    identity = dut.identify(sim=False)
    record.judge(limits, "type_number", identity.model)
    record.judge(limits, "firmware", identity.firmware)
    record.measure("IMEI", identity.imei)
    assert len(identity.imei) == 15, f"the IMEI {identity.imei} has not 15 digits"
    assert luhn(identity.imei), f"the check digit of IMEI {identity.imei} is wrong"


@procedure(title="4 SIM", series=BOTH)
def test_04_sim(dut: Dut, limits: ProductLimits, record: Recorder) -> None:
    """State, ICCID, IMSI; the time until the SIM is ready."""
    began = time.monotonic()
    identity = dut.identify(sim=True)
    record.judge(limits, "sim_ready_time", time.monotonic() - began)
    record.judge(limits, "sim_state", str(dut.send("AT+CPIN?").value("+CPIN")[0]))
    record.measure("ICCID", identity.iccid)
    assert 18 <= len(identity.iccid) <= 20, f"the ICCID {identity.iccid} has a wrong length"
    assert identity.imsi.isdigit(), f"the IMSI is {identity.imsi!r}"


@procedure(title="5 Registration and signal", series=BOTH, depends_on=("network",))
def test_05_registration(dut: Dut, limits: ProductLimits, record: Recorder) -> None:
    """Time to register, signal strength."""
    record.judge(limits, "registration_time", dut.register())
    rssi = int(dut.send("AT+CSQ").value("+CSQ")[0])
    if rssi != 99:
        record.judge(limits, "rssi", -113.0 + 2 * rssi)


@procedure(title="6 Data echo", series=BOTH, depends_on=("network", "service:echo"))
def test_06_data_echo(
    dut_at: DutAt, services: Mapping[str, Service], limits: ProductLimits, record: Recorder
) -> None:
    """64 bytes to the echo server and back over TCP."""
    dut = dut_at(DutState.ONLINE)
    echo = services["echo"]
    text = f"{time.time_ns():064x}"
    number = dut.send("AT+USOCR=6").value("+USOCR")[0]
    try:
        dut.send(f'AT+USOCO={number},"{echo.host}",{echo.port}')
        began = time.monotonic()
        with dut.at.expect("+UUSORD") as arrived:
            dut.send(f'AT+USOWR={number},{len(text)},"{text}"')
            arrived.wait(30.0)
        back = dut.send(f"AT+USORD={number},{len(text)}").value("+USORD")[-1]
        record.judge(limits, "echo_round_trip", time.monotonic() - began)
        assert back == text, "what came back is not what was sent"
    finally:
        dut.send(f"AT+USOCL={number}", check=False)


@procedure(title="7 Supply current in its states", series=BOTH, needs=("measure-current",))
def test_07_currents(dut: Dut, limits: ProductLimits, record: Recorder) -> None:
    """Active, then with the radio off."""
    # the network releases the radio 5 to 60 s after the last data (module facts, siblings 3.3)
    dut.slot.settle_current(SETTLE_S, at_most_s=70.0)
    record.judge(limits, "active_current", dut.slot.mean_current_a(SETTLE_S) * 1000)
    dut.send("AT+CFUN=0")
    try:
        time_to_settle = dut.slot.settle_current(SETTLE_S)
        record.judge(limits, "radio_off_current", dut.slot.mean_current_a(SETTLE_S) * 1000)
        record.note(f"the current was steady after {time_to_settle:.1f} s")
    finally:
        dut.send("AT+CFUN=1")


@procedure("R8:12", title="8 Flow control lines of the UART", series=BOTH,
           needs=("uart", "drive-rts", "read-cts"))
def test_08_flow_control(dut: Dut) -> None:
    """CTS is on; with RTS off the answer waits, and comes when RTS is on again (chapter 12 points to a note
    of its own; LARA-R6 integration manual, production tests of the device's maker)."""
    uart = dut.port("uart")
    uart.sync(ANSWER_S)
    raw, shown = dut.raw(uart), re.search(r"&K:?(\d)", " ".join(uart.send("AT&V", check=False).info))
    uart.send("AT&K3")
    try:
        assert uart.wait_line("cts", True, ANSWER_S), "CTS is off while the module waits for commands"
        mark = dut.slot.trace.mark()
        uart.set_line("rts", False)
        try:
            raw.write(b"AT\r")
            assert raw.listen(SETTLE_S) == b"", "the module does not see RTS: it answers while that is off"
        finally:
            uart.set_line("rts", True)
        assert uart.wait_until(lambda: b"OK" in raw.heard_since(mark), ANSWER_S), "no answer after RTS is on"
    finally:
        uart.send(f"AT&K{shown[1] if shown else dut.profile.factory['&K']}")


@procedure("R8:12", title="9 Antenna by its diagnostic resistor", series=BOTH)
def test_09_antenna(dut: Dut, limits: ProductLimits, record: Recorder) -> None:
    """+UANTR, where the product has the resistor and the detection circuit: then its limits say
    `antenna_resistance`, in kOhm (LARA-R6 integration manual, antenna detection). -1 is an open one."""
    if limits.get("antenna_resistance") is None:
        raise NotApplicable("the product's limits name no antenna_resistance: no resistor to be found")
    answer = dut.send("AT+UANTR=0", check=False)
    fields = answer.fields("+UANTR")
    if not answer.ok or not fields or not isinstance(fields[0][-1], int):
        raise NotPossible(f"the antenna cannot be asked for: AT+UANTR=0 is answered {answer.final.text}")
    record.judge(limits, "antenna_resistance", fields[0][-1])


@procedure("R8:12", "R8:3.3.2", title="10 Settings of the product", series=BOTH)
def test_10_settings(dut: Dut, limits: ProductLimits, record: Recorder) -> None:
    """What the line has to store: each setting that the product's limits name is judged, the others are
    told. The last thing to be set is the operator profile, where the series has one."""
    told = []
    for name, question in SETTINGS.items():
        command = question.removeprefix("AT").rstrip("?").partition("=")[0]
        if command in dut.profile.unsupported:
            continue
        answer = dut.send(question, check=False)  # a greeting that is off may be an error
        text = " ".join(line.partition(":")[2].strip() for line in answer.info) or answer.final.text
        if limits.get(name) is not None:
            record.judge(limits, name, text)
        else:
            told.append(f"{name} {text}")
    assert told or any(limits.get(name) for name in SETTINGS)
    record.note(f"without limits: {'; '.join(told)}")


@procedure(title="11 Power-off", series=BOTH, needs=("cut-power",))
def test_11_power_off(dut_at: DutAt, slot: Slot, limits: ProductLimits, record: Recorder) -> None:
    """+CPWROFF, V_INT low, the current that is left, supply off."""
    dut_at(DutState.READY)
    took = slot.shut_down()
    if took is not None:
        record.judge(limits, "power_off_time", took)
    slot.settle_current(SETTLE_S)
    record.judge(limits, "off_current", slot.mean_current_a(SETTLE_S) * 1000)
    slot.power_off(hard=True, cause="the module has switched itself off")


def luhn(digits: str) -> bool:
    """True when the last digit is the check digit of the others (ISO/IEC 7812-1 annex B)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
