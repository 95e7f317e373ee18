"""Stages of an application: LENA-R8 guide 3.1, 3.2.1 to 3.2.6."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from cellbench.api import Dut, DutState, Limit, Recorder, Slot, procedure

DutAt = Callable[[DutState], Dut]


@procedure("R8:3.1", title="Power saving is a decision that can be read and set")
def test_power_saving_is_configured(dut: Dut, record: Recorder) -> None:
    """+UPSV is off at delivery (5.6); a setting is kept; out of range is refused."""
    before = dut.send("AT+UPSV?").value("+UPSV")
    record.note(f"+UPSV is {before} in this unit")
    assert not dut.send("AT+UPSV=9", check=False).ok
    assert dut.send("AT+UPSV?").value("+UPSV") == before


@procedure("R8:3.1", title="Everything that passes the interface is in the log with its time")
def test_prolific_log(dut: Dut) -> None:
    """All AT command strings and answers, with timing information."""
    answer = dut.send("AT+CGMM")
    logged = [str(line) for line in dut.slot.trace.lines_for(answer.span)]
    assert any("AT+CGMM" in line for line in logged)
    assert any(answer.text in line for line in logged)


@pytest.mark.demo
@procedure("R8:3.2.1", title="A persistent setting is written once and survives a reboot")
def test_persistent_setting(dut: Dut, record: Recorder) -> None:
    """Read, write only if it differs (6.1), reboot, read."""
    dut.ensure('AT+CGDCONT=3,"IP","kept.example"')
    try:
        record.measure(
            "time to reboot",
            dut.reboot(),
            "s",
            Limit(high=dut.slot.timing.boot_max_s, source="module facts 1.2"),
        )
        kept = {fields[0]: fields[2] for fields in dut.send("AT+CGDCONT?").fields("+CGDCONT")}
        assert kept.get(3) == "kept.example", "the APN of a context is persistent (guide 3.2.1)"
    finally:
        dut.ensure("AT+CGDCONT=3")
    assert 3 not in {fields[0] for fields in dut.send("AT+CGDCONT?").fields("+CGDCONT")}


@procedure("R8:3.2.2", title="A volatile setting is lost at boot and has to be set again")
def test_volatile_setting(dut: Dut) -> None:
    """The example of the guide: AT+CMEE=2."""
    dut.send("AT+CMEE=2")
    dut.reboot_only()
    assert dut.send("AT+CMEE?").value("+CMEE")[0] == 0
    dut.settle()
    assert dut.send("AT+CMEE?").value("+CMEE")[0] == 2


@pytest.mark.demo
@procedure(
    "R8:3.2.2",
    title="Power on: the greeting tells when the module is ready",
    needs=("cut-power", "uart"),  # a greeting on USB comes before the host has the port open
)
def test_greeting_at_power_on(dut_at: DutAt, slot: Slot, record: Recorder) -> None:
    """The greeting is on by default and is "+UUSTATUS: READY"; AT is answered after it."""
    dut_at(DutState.OFF)
    boot = slot.power_on()
    if boot.v_int_s is not None:
        record.measure("PWR_ON to V_INT", boot.v_int_s, "s", Limit(high=5.0, source="module facts 1.2"))
    if boot.uart_s is not None:
        record.measure(
            "PWR_ON to AT on UART",
            boot.uart_s,
            "s",
            Limit(high=slot.timing.boot_max_s, source="module facts 1.2"),
        )
    if boot.usb_s is not None:
        record.measure(
            "PWR_ON to USB", boot.usb_s, "s", Limit(high=slot.timing.boot_max_s, source="module facts 1.2")
        )
    assert boot.greeting == slot.profile.greeting.value


@procedure("R8:3.2.2", title="VCC alone does not start the module", needs=("cut-power", "read-v-int"))
def test_supply_alone_starts_nothing(dut_at: DutAt, slot: Slot) -> None:
    """V_INT stays low until PWR_ON is pulsed (system integration manual, by module facts 1.1)."""
    dut_at(DutState.OFF)
    slot.supply_only()
    try:
        assert not slot.rises("v_int", 1.0), "V_INT rose without a PWR_ON pulse"
    finally:
        slot.power_off(hard=True, cause="the module was never started")


@procedure(
    "R8:3.2.2",
    title="A PWR_ON pulse that is too short does not start the module",
    needs=("cut-power", "read-v-int"),
)
def test_short_pulse_starts_nothing(dut_at: DutAt, slot: Slot) -> None:
    """Half of the shortest pulse of the facts sheet is no switch-on event."""
    dut_at(DutState.OFF)
    slot.supply_only()
    try:
        slot.pulse("pwr_on", slot.profile.power.pwr_on_pulse_s.value[0] / 2)
        assert not slot.rises("v_int", 1.0), "V_INT rose after half a pulse"
    finally:
        slot.power_off(hard=True, cause="the module was never started")


@procedure("R8:3.2.2", title="The time of the module follows the network", depends_on=("network",))
def test_network_time(registered: Dut) -> None:
    """Automatic time update is the factory setting (+CTZU: 1); after the attach the time is set."""
    assert registered.send("AT+CTZU?").value("+CTZU")[0] == 1
    clock = str(registered.send("AT+CCLK?").value("+CCLK")[0])
    assert clock[:2].isdigit()
    assert 22 < int(clock[:2]) < 70, f"the clock still says {clock}"


@procedure(
    "R8:3.2.3",
    "R8:7.1",
    title="The module registers by itself after power-on",
    depends_on=("network",),
    needs=("cut-power",),
)
def test_registers_by_itself(dut_at: DutAt, slot: Slot, record: Recorder) -> None:
    """No command is needed: SIM read, search, registration."""
    dut_at(DutState.OFF)
    dut = dut_at(DutState.READY)
    record.measure(
        "time to register", dut.register(), "s", Limit(high=300.0, source="module facts 15, +COPS")
    )


@procedure(
    "R8:3.2.4", title="An IP address is there after registration and activation", depends_on=("network",)
)
def test_ip_acquisition(online: Dut) -> None:
    """The user's context has an address."""
    assert online.address(online.cid)


@procedure(
    "R8:3.2.5",
    title="Core application: status commands for diagnosis work beside traffic",
    depends_on=("network", "service:echo"),
)
def test_status_commands(online: Dut, services: Mapping[str, object]) -> None:
    """Commands, responses and unsolicited indications are handled together."""
    for line in ("AT+CEREG?", "AT+CGDCONT?", "AT+CSQ", "AT+COPS?"):
        assert online.send(line).ok


@pytest.mark.demo
@procedure("R8:3.2.6", title="Normal shutdown by +CPWROFF", needs=("cut-power",))
def test_normal_shutdown(dut_at: DutAt, slot: Slot, record: Recorder) -> None:
    """OK, then V_INT falls; only then the supply is cut."""
    dut_at(DutState.READY)
    took = slot.power_off(cause="procedure: normal shutdown")
    if took is not None:
        record.measure(
            "+CPWROFF to V_INT low",
            took,
            "s",
            Limit(high=slot.timing.power_off_max_s, source="module facts 1.2"),
        )
    dut_at(DutState.READY)


@procedure("R8:3.2.6", title="Shutdown by a PWR_ON pulse", needs=("cut-power", "read-v-int"))
def test_shutdown_by_pulse(dut_at: DutAt, slot: Slot, record: Recorder) -> None:
    """A low pulse of the declared length switches the module off."""
    dut_at(DutState.READY)
    slot.wait_minimum_on()
    slot.pulse("pwr_on", slot.profile.power.pwr_off_pulse_s.value + 0.1)
    took = slot.wait_v_int(False, slot.timing.power_off_max_s)
    record.measure(
        "PWR_ON pulse to V_INT low",
        took,
        "s",
        Limit(high=slot.timing.power_off_max_s, source="module facts 1.2"),
    )
    slot.power_off(hard=True, cause="the module has switched itself off")
    dut_at(DutState.READY)


@procedure("R8:3.2.6", title="Emergency shutdown by the supply, and recovery", needs=("cut-power",))
def test_emergency_shutdown(dut_at: DutAt, slot: Slot) -> None:
    """The supply is cut hard; the module comes back with its stored settings."""
    before = dut_at(DutState.READY).send("AT+CTZU?").info
    slot.power_off(hard=True, cause="procedure: emergency shutdown")
    assert dut_at(DutState.READY).send("AT+CTZU?").info == before
