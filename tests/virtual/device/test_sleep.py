"""Power saving of +UPSV in every mode of each series, from the guide's text and the facts sheet 5.1."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.module import Input, Output

Make = Callable[..., Any]


def asleep(one: Any) -> bool:
    found: bool = one.module.sleep.asleep(one.loop.time())
    return found


def quiet(one: Any) -> None:
    """The radio connection of the registration is released."""
    one.until(lambda: not one.module.radio.connected, 60)


def mean_a(one: Any, seconds: float) -> float:
    """The mean current, sampled every 5 ms."""
    samples = []
    for _ in range(int(seconds / 0.005)):
        one.run(0.005)
        samples.append(one.module.current_a())
    return sum(samples) / len(samples)


def test_disabled_never_sleeps(module: Any) -> None:
    """LENA-R8 guide 5.6.2: the UART is always enabled."""
    quiet(module)
    assert module.at("AT+UPSV?") == ["+UPSV: 0", "OK"]
    module.module.set_input(Input.DTR, False)
    module.run(120)
    assert not asleep(module)
    assert module.at("AT") == ["OK"]


@pytest.mark.parametrize(("line", "mode"), [(Input.DTR, 3), (Input.RTS, 2)])
def test_a_line_lets_sleep_and_wakes(lena: Any, line: Input, mode: int) -> None:
    """LENA-R8 guide 5.6.2: OFF allows idle mode, ON ends it; 20 ms later it answers (public driver)."""
    lena.at("AT&K0")
    assert lena.at(f"AT+UPSV={mode}") == ["OK"]
    quiet(lena)
    assert not asleep(lena)
    lena.module.set_input(line, False)
    assert asleep(lena)
    lena.send(b"AT\r")
    lena.run(1)
    assert lena.uart == b"", "the UART is deaf"
    lena.module.set_input(line, True)
    assert not asleep(lena)
    lena.run(0.02)
    assert lena.at("AT") == ["OK"]


def test_dtr_lets_lara_sleep_and_rts_does_nothing(lara: Any) -> None:
    lara.at("AT+CMEE=1")
    assert lara.at("AT+UPSV=2") == ["+CME ERROR: 50"]
    assert lara.at("AT+UPSV=3") == ["OK"]
    quiet(lara)
    lara.module.set_input(Input.RTS, False)
    lara.run(30)
    assert not asleep(lara)
    lara.module.set_input(Input.RTS, True)
    lara.module.set_input(Input.DTR, False)
    assert asleep(lara)


def test_characters_too_soon_after_the_line_are_lost(driven: Make, series: Series) -> None:
    one = driven(series, wake_line_s=0.02)
    one.ready()
    one.at("AT+UPSV=3")
    quiet(one)
    one.module.set_input(Input.DTR, False)
    one.run(1)
    one.module.set_input(Input.DTR, True)
    one.run(0.01)
    one.send(b"AT\r")
    one.run(0.5)
    assert one.uart == b""
    assert one.at("AT") == ["OK"]


def test_data_keeps_awake_for_the_timeout(module: Any) -> None:
    """LENA-R8 guide 5.6.2; in GSM frames of 4.615 ms (public driver: 1300 are 6 s)."""
    mode = module.module.config.behaviour.upsv_data_mode
    quiet(module)
    assert module.at(f"AT+UPSV={mode},1300") == ["OK"]
    begun = module.loop.time()
    module.until(lambda: asleep(module), 10)
    assert module.loop.time() - begun == pytest.approx(6.0, abs=0.1)
    for _ in range(20):
        module.send(b"A")
        module.run(0.5)
    assert not asleep(module)
    module.run(6)
    assert asleep(module)


def test_the_timeout_left_out(module: Any) -> None:
    mode = module.module.config.behaviour.upsv_data_mode
    assert module.at(f"AT+UPSV={mode}") == ["OK"]
    assert module.at("AT+UPSV?") == [f"+UPSV: {mode},2000", "OK"]
    module.at("AT+CMEE=1")
    assert module.at(f"AT+UPSV={mode},39") == ["+CME ERROR: 50"]
    assert module.at("AT+UPSV=3,1300") == ["+CME ERROR: 50"]
    assert module.at("AT+UPSV?") == [f"+UPSV: {mode},2000", "OK"]


def test_the_waking_character_alone_is_lost(module: Any) -> None:
    """Public driver: any byte, a moment, then AT."""
    mode = module.module.config.behaviour.upsv_data_mode
    module.at(f"AT+UPSV={mode},40")
    quiet(module)
    module.until(lambda: asleep(module) and not module.module.sleep.paging(module.loop.time()), 10)
    module.send(b"xAT\r")
    module.run(0.1)
    assert module.lines() == ["OK"]


def test_a_slower_wake_up_loses_more(driven: Make, series: Series) -> None:
    one = driven(series, wake_data_s=0.05, sleep_uart_opens=False)
    one.ready()
    one.at(f"AT+UPSV={one.config.behaviour.upsv_data_mode},40")
    quiet(one)
    one.until(lambda: asleep(one), 10)
    one.send(b"xAT\r")
    one.run(0.04)
    one.send(b"AT\r")
    one.run(0.05)
    assert one.uart == b""
    assert one.at("AT") == ["OK"]


def test_lara_opens_its_uart_at_each_paging_occasion(lara: Any) -> None:
    """LARA-R6 application note: cyclically; CTS shows it, and what comes then is heard whole."""
    lara.at("AT+UPSV=1,40")
    quiet(lara)
    lara.until(lambda: asleep(lara) and not lara.module.sleep.paging(lara.loop.time()), 10)
    lara.run(0.05)
    assert not lara.module.output(Output.CTS)
    lara.until(lambda: lara.module.output(Output.CTS), 3)
    assert asleep(lara)
    lara.send(b"AT\r")
    lara.run(0.1)
    assert lara.lines() == ["OK"]
    assert not asleep(lara)


def test_cts_goes_with_the_line(module: Any) -> None:
    module.at("AT+UPSV=3")
    quiet(module)
    module.module.set_input(Input.DTR, False)
    module.until(lambda: not module.module.output(Output.CTS), 0.2)
    module.module.set_input(Input.DTR, True)
    assert not module.module.output(Output.CTS), "not ready yet"
    module.until(lambda: module.module.output(Output.CTS), 0.1)


def test_cts_stays_on_where_only_data_can_wake(lena: Any) -> None:
    lena.at("AT+UPSV=4,40")
    quiet(lena)
    lena.until(lambda: asleep(lena), 10)
    lena.run(10)
    assert lena.module.output(Output.CTS)


def test_a_waiting_urc_behind_rts_prevents_sleep(module: Any) -> None:
    """LARA-R6 application note; of LENA-R8 remembered."""
    module.at("AT+UPSV=3")
    quiet(module)
    module.module.set_input(Input.RTS, False)
    module.module.urc("+UUTEST: 1")
    module.module.set_input(Input.DTR, False)
    module.run(10)
    assert not asleep(module)
    module.uart.clear()
    module.module.set_input(Input.RTS, True)
    assert module.lines() == ["+UUTEST: 1"]
    assert asleep(module)


def test_usb_in_use_keeps_awake_and_suspended_does_not(module: Any) -> None:
    """LENA-R8 guide 5.6.1; application note."""
    resumed = True
    module.module.sleep.usb_resumed = lambda: resumed
    module.at("AT+UPSV=3")
    module.module.set_input(Input.DTR, False)
    quiet(module)
    typical = {one.state: one.typical_a for one in module.module.profile.currents}
    module.run(10)
    assert not asleep(module)
    assert mean_a(module, 1) == pytest.approx(typical["active-usb"], rel=0.02)
    resumed = False
    assert asleep(module)
    mean_a(module, 1)
    assert mean_a(module, 2 * module.module.sleep.cycle_s) == pytest.approx(
        typical["idle"] + typical["usb-suspended"], rel=0.05)
    module.module.set_input(Input.DTR, True)
    assert mean_a(module, 1) == pytest.approx(typical["active"], rel=0.05)


def test_paging_wakes_only_the_registered(driven: Make, series: Series) -> None:
    """LENA-R8 guide 5.6: interleaved by wake-ups to monitor the paging channels."""
    one = driven(series)
    one.power_up(vusb=False)
    one.wake()
    one.until(lambda: one.module.radio.registered, 60)
    quiet(one)
    one.at("AT+UPSV=3")
    one.module.set_input(Input.DTR, False)
    one.run(1)
    floor = next(found.typical_a for found in one.module.profile.currents if found.state == "floor")

    def wake_ups() -> int:
        above = []
        for _ in range(2000):
            one.run(0.01)
            above.append(one.module.current_a() > 2 * floor)
        return sum(now and not before for before, now in itertools.pairwise(above))

    assert wake_ups() in (7, 8)  # in 20 s, every 2.56 s
    one.module.set_input(Input.DTR, True)
    one.run(0.1)
    assert one.at("AT+CFUN=4") == ["OK"]
    one.module.set_input(Input.DTR, False)
    one.run(1)
    assert wake_ups() == 0
    one.module.set_input(Input.DTR, True)
    one.run(0.1)
    one.at("AT+CFUN=1")


def test_a_search_and_a_connection_keep_awake(module: Any) -> None:
    module.at("AT+UPSV=3")
    quiet(module)
    module.module.set_input(Input.DTR, False)
    assert asleep(module)
    module.module.radio.set_rrc(True)
    assert not asleep(module)
    module.module.radio.set_rrc(False)
    assert asleep(module)
    module.module.network.found = False
    module.module.radio.start()
    assert module.module.radio.searching
    assert not asleep(module)


def test_rts_mode_and_hardware_flow_control_exclude_each_other(lena: Any) -> None:
    """AT manual of a sibling: a doubtful fact, so a setting."""
    lena.at("AT+CMEE=1")
    assert lena.at("AT+UPSV=2") == ["+CME ERROR: 3"]
    assert lena.at("AT&K0") == ["OK"]
    assert lena.at("AT+UPSV=2") == ["OK"]
    assert lena.at("AT&K3") == ["+CME ERROR: 3"]
    assert lena.at("AT+IFC=2,2") == ["+CME ERROR: 3"]
    assert lena.at("AT+UPSV=0") == ["OK"]
    assert lena.at("AT&K3") == ["OK"]


def test_rts_mode_with_flow_control_where_it_is_allowed(driven: Make) -> None:
    one = driven(Series.LENA_R8, upsv_rts_needs_k0=False)
    one.ready()
    assert one.at("AT+UPSV=2") == ["OK"]


def test_the_auxiliary_uart_takes_dtr_and_locks_flow_control(lara: Any) -> None:
    """LARA-R6 application note: DTR only through GPIO3 or GPIO4 in mode 15; &K is refused with +UPSV=1."""
    lara.at("AT+USIO=1")
    lara.at("AT+CFUN=16")
    lara.until(lambda: lara.module.power.boots == 2 and lara.module.power.running, 60)
    lara.wake()
    lara.at("AT+CMEE=1")
    lara.at("AT+UPSV=1")
    assert lara.at("AT&K0") == ["+CME ERROR: 3"]
    lara.at("AT+UPSV=3")
    lara.until(lambda: lara.module.radio.registered, 60)
    quiet(lara)
    lara.module.set_input(Input.DTR, False)
    lara.run(5)
    assert not asleep(lara)
    assert lara.at("AT+UGPIOC=24,15") == ["OK"]
    quiet(lara)
    assert asleep(lara)


def test_power_saving_outlives_a_restart(module: Any) -> None:
    mode = module.module.config.behaviour.upsv_data_mode
    module.at(f"AT+UPSV={mode},1300")
    module.at("AT+CFUN=16")
    module.until(lambda: module.module.power.boots == 2 and module.module.power.running, 60)
    module.until(lambda: module.module.radio.registered, 60)
    quiet(module)
    module.run(10)
    assert asleep(module)
    module.send(b"AT\r" * 3)
    module.run(1)
    module.uart.clear()
    module.wake()
    assert module.at("AT+UPSV?") == [f"+UPSV: {mode},1300", "OK"]
