"""Faults that one countermeasure clears and no milder one does (LENA-R8 guide 8.2, Table 21)."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cellbench.virtual.control.verbs import ControlRefusal
from cellbench.virtual.device import verbs
from cellbench.virtual.device.module import Input, Output
from cellbench.virtual.device.network import RadioState
from cellbench.virtual.device.power import PowerState

REBOOT = {"LENA-R8": "AT+CFUN=16", "LARA-R6": "AT+CFUN=15"}


class Slot:
    def __init__(self, module: Any) -> None:
        self.module = module


def fault(module: Any, **values: str) -> None:
    work = verbs.VERBS["fault"].act(cast(Any, None), cast(Any, Slot(module.module)), values)
    module.loop.run_until_complete(cast(Any, work))


def stuck(module: Any) -> str:
    work = verbs.REPORTS["stuck"].act(cast(Any, None), cast(Any, Slot(module.module)), {"what": "stuck"})
    return str(module.loop.run_until_complete(cast(Any, work))["stuck"])


def registered(module: Any, seconds: float = 120) -> None:
    module.until(lambda: module.module.radio.registered, seconds)


def online(module: Any, cid: int = 2) -> None:
    module.at(f'AT+CGDCONT={cid},"IP","internet.wind"')
    assert module.at(f"AT+CGACT=1,{cid}") == ["OK"]


def address(module: Any, cid: int = 2) -> str:
    (line,) = [one for one in module.at("AT+CGPADDR") if one.startswith(f"+CGPADDR: {cid}")]
    return str(line.partition(",")[2].strip('"'))


def test_a_context_without_address_is_cured_by_activating_it_anew(module: Any) -> None:
    online(module)
    fault(module, stuck="context")
    assert address(module) == ""
    assert module.at("AT+CGACT=1,2") == ["OK"], "already active: nothing happens"
    assert address(module) == ""
    assert module.at("AT+CGACT=0,2") == ["OK"]
    assert module.at("AT+CGACT=1,2") == ["OK"]
    assert address(module).count(".") == 3


def test_the_initial_context_is_cured_by_detaching_alone(module: Any) -> None:
    online(module)
    fault(module, stuck="bearer")
    for line in ("AT+CGACT=0,2", "AT+CGACT=1,2"):
        module.at(line)
    assert address(module) == ""
    assert module.module.radio.registered
    module.at("AT+CFUN=0")
    module.at("AT+CFUN=1")
    registered(module)
    online(module)
    assert address(module).count(".") == 3
    assert stuck(module) == ""


@pytest.mark.parametrize("place", ["registration", "radio"])
def test_out_of_service_is_cured_by_switching_the_radio_off(module: Any, place: str) -> None:
    fault(module, stuck=place)
    module.run(120)
    assert not module.module.radio.registered
    heard = module.at("AT+CSQ")[0]
    assert (heard == "+CSQ: 99,99") is (place == "radio")
    module.at("AT+CFUN=0")
    module.at("AT+CFUN=1")
    registered(module)


def test_a_stuck_firmware_is_cured_by_a_restart_alone(module: Any) -> None:
    fault(module, stuck="firmware")
    module.at("AT+CFUN=0")
    module.at("AT+CFUN=1")
    module.run(120)
    assert module.module.radio.state is RadioState.SEARCHING
    assert stuck(module) == "firmware"
    module.at(REBOOT[module.module.profile.series.value])
    registered(module)
    assert stuck(module) == ""


@pytest.mark.parametrize(("until", "cure"), [("pwr_on", "pwr_on"), ("reset_n", "reset_n"),
                                             ("supply", "supply"), ("pwr_on", "supply")])
def test_a_stuck_at_interface_obeys_lines_or_the_supply(module: Any, until: str, cure: str) -> None:
    facts = module.module.profile.power
    fault(module, stuck="at", until=until)
    module.send(b"AT\r")
    module.run(5)
    assert module.lines() == []
    if until != "pwr_on":
        module.pulse(Input.PWR_ON, facts.pwr_off_pulse_s.value + 0.1)
        module.run(60)
        assert module.module.output(Output.V_INT), "it does not obey PWR_ON"
    if until == "supply":
        module.pulse(Input.RESET_N, facts.reset_pulse_s.value + 0.1)
        module.run(60)
        assert module.module.power.boots == 1, "it does not obey RESET_N"
    if cure == "pwr_on":
        module.pulse(Input.PWR_ON, facts.pwr_off_pulse_s.value + 0.1)
        module.until(lambda: module.module.power.state is PowerState.OFF, 60)
        module.power_up()
    elif cure == "reset_n":
        module.pulse(Input.RESET_N, facts.reset_pulse_s.value + 0.1)
    else:
        module.module.set_supply(0.0)
        module.power_up()
    module.until(lambda: module.module.power.boots == 2 and module.module.power.running, 60)
    module.wake()
    assert module.at("AT") == ["OK"]


def test_what_cannot_stick_is_refused(module: Any) -> None:
    for values in ({"stuck": "call"}, {"stuck": "context"}, {"stuck": "socket"}, {"stuck": "nothing"}, {},
                   {"stuck": "radio", "cid": "1"}, {"stuck": "radio", "until": "supply"},
                   {"stuck": "context", "cid": str(module.module.contexts.initial_cid)}):
        with pytest.raises(ControlRefusal):
            fault(module, **values)
    fault(module, stuck="radio")
    assert stuck(module) == "radio"
    fault(module, stuck="none")
    registered(module)
