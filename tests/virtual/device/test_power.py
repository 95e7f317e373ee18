"""Power: what starts the module, what stops it, and when its lines move (facts sheets 1.1 to 1.5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.config import Timing
from cellbench.virtual.device.faces import garble
from cellbench.virtual.device.module import Input, Output
from cellbench.virtual.device.network import Change, Rat
from cellbench.virtual.device.power import PowerState

Make = Callable[..., Any]


def test_vcc_alone_starts_nothing(driven: Make, series: Series) -> None:
    one = driven(series)
    one.module.set_supply(3.8)
    one.run(60)
    assert one.module.power.state is PowerState.OFF
    assert not one.module.output(Output.V_INT)
    assert 0 < one.module.current_a() < 1e-4


def test_a_pulse_too_short_does_nothing_and_one_long_enough_starts(driven: Make, series: Series) -> None:
    one = driven(series)
    shortest = one.module.profile.power.pwr_on_pulse_s.value[0]
    one.module.set_supply(3.8)
    one.pulse(Input.PWR_ON, shortest - 0.05)
    one.run(30)
    assert one.levels == []
    one.pulse(Input.PWR_ON, shortest + 0.05)
    one.until(lambda: one.module.output(Output.V_INT), 2)
    one.until(lambda: one.module.power.running, 30)


def test_a_pulse_counts_by_its_length_though_the_release_is_seen_before_the_timer(driven: Make,
                                                                                   series: Series) -> None:
    one = driven(series)
    one.module.set_supply(3.8)
    one.module.set_input(Input.PWR_ON, True)
    one.run(0.01)
    one.loop.jumping.now += one.module.profile.power.pwr_on_pulse_s.value[0]  # no timer ran meanwhile
    one.module.set_input(Input.PWR_ON, False)
    one.until(lambda: one.module.power.running, 30)
    assert one.module.power.boots == 1


def test_pwr_on_without_supply_does_nothing(driven: Make, series: Series) -> None:
    one = driven(series)
    one.pulse(Input.PWR_ON, 5)
    one.run(30)
    assert one.levels == []
    one.module.set_supply(2.0)
    one.pulse(Input.PWR_ON, 5)
    one.run(30)
    assert one.levels == []


def test_boot_runs_in_order(driven: Make, series: Series) -> None:
    """V_INT, then USB, then the greeting and AT, then the SIM, then the network."""
    one = driven(series)
    one.module.set_supply(3.8)
    one.module.set_input(Input.VUSB_DET, True)
    one.pulse(Input.PWR_ON, one.module.profile.power.pwr_on_pulse_s.value[0] + 0.01)
    start = one.loop.time()
    one.until(lambda: one.module.output(Output.V_INT), 1)
    assert one.compositions == []
    one.send(b"AT\rAT\r")
    one.until(lambda: one.compositions != [], 6)
    assert one.uart == b""
    one.until(lambda: one.module.power.running, 10)
    assert 3 < one.loop.time() - start < one.module.profile.power.boot_max_s.value
    one.wake()
    one.at("AT+CMEE=1")
    assert one.at("AT+CIMI") == ["+CME ERROR: 14"]
    one.run(3)
    assert one.at("AT+CPIN?") == ["+CPIN: READY", "OK"]
    assert not one.module.radio.registered
    one.until(lambda: one.module.radio.registered, 60)


def test_fast_timing_is_quick_but_keeps_the_pulse(driven: Make, series: Series) -> None:
    one = driven(series, timing=Timing.FAST)
    one.module.set_supply(3.8)
    one.pulse(Input.PWR_ON, one.module.profile.power.pwr_on_pulse_s.value[0] - 0.02)
    one.run(5)
    assert one.levels == []
    one.pulse(Input.PWR_ON, one.module.profile.power.pwr_on_pulse_s.value[0] + 0.02)
    one.until(lambda: one.module.power.running, 0.5)
    one.until(lambda: one.module.radio.registered, 1)


def test_usb_needs_vusb_det_at_the_boot(driven: Make, series: Series) -> None:
    one = driven(series)
    one.power_up(vusb=False)
    assert one.compositions == []
    one.module.set_input(Input.VUSB_DET, True)
    one.run(10)
    assert one.compositions == []
    with pytest.raises(IndexError):
        one.module.usb_port(0)


def test_usb_boot_on_lena_is_download_mode(driven: Make) -> None:
    """LENA-R8 guide 5.2.4 and 5.4: no AT anywhere, one port of another device."""
    one = driven(Series.LENA_R8)
    one.module.set_input(Input.USB_BOOT, True)
    one.module.set_supply(3.8)
    one.module.set_input(Input.VUSB_DET, True)
    one.pulse(Input.PWR_ON, 2.1)
    one.run(30)
    assert [(found.vid, found.pid) for found in one.compositions if found] == [(0x0525, 0xA4A7)]
    assert one.module.output(Output.V_INT)
    one.send(b"AT\rAT\r")
    one.run(1)
    assert one.uart == b""
    one.pulse(Input.PWR_ON, 3.2)
    one.until(lambda: one.module.power.state is PowerState.OFF, 20)
    one.pulse(Input.PWR_ON, 2.1)
    one.until(lambda: one.module.power.state is PowerState.DOWNLOAD, 20)
    one.module.set_input(Input.USB_BOOT, False)
    one.pulse(Input.RESET_N, 0.1)
    one.until(lambda: one.module.power.running, 30)


def test_usb_boot_means_nothing_on_lara(driven: Make) -> None:
    one = driven(Series.LARA_R6)
    one.module.set_input(Input.USB_BOOT, True)
    one.power_up()
    assert one.at("AT")[-1] == "OK"


def test_cpwroff_detaches_answers_and_then_v_int_falls(module: Any, series: Series) -> None:
    lines = module.at("AT+CPWROFF")
    assert lines == (["+CPOF: MS OFF", "OK"] if series is Series.LENA_R8 else ["OK"])
    assert module.module.output(Output.V_INT)
    assert not module.module.radio.registered
    module.until(lambda: not module.module.output(Output.V_INT), 40)
    assert module.module.power.state is PowerState.OFF
    assert module.compositions[-1] is None
    module.send(b"AT\r")
    module.run(5)
    assert module.uart == b""
    module.power_up()


def test_pwr_on_switches_off_when_held(module: Any) -> None:
    module.pulse(Input.PWR_ON, module.module.profile.power.pwr_off_pulse_s.value - 0.1)
    module.run(10)
    assert module.module.power.running
    module.pulse(Input.PWR_ON, module.module.profile.power.pwr_off_pulse_s.value + 0.1)
    module.until(lambda: not module.module.output(Output.V_INT), 20)


def test_reset_restarts_each_series_in_its_way(module: Any, series: Series) -> None:
    boots = module.module.power.boots
    module.pulse(Input.RESET_N, 0.03)
    module.run(1)
    assert module.module.power.running
    module.module.set_input(Input.RESET_N, True)
    module.run(0.2)
    assert module.module.output(Output.V_INT) is (series is Series.LARA_R6)  # abrupt on LENA-R8
    module.module.set_input(Input.RESET_N, False)
    module.until(lambda: module.module.power.boots == boots + 1 and module.module.power.running, 30)


def test_a_long_reset_switches_lara_off(lara: Any) -> None:
    lara.pulse(Input.RESET_N, 10.5)
    lara.run(5)
    assert lara.module.power.state is PowerState.OFF
    lara.power_up()


def test_supply_loss_is_death_at_once_and_brown_out_wants_pwr_on(module: Any) -> None:
    module.module.set_supply(2.5)
    assert not module.module.output(Output.V_INT)
    assert module.compositions[-1] is None
    module.module.set_supply(3.8)
    module.run(30)
    assert module.module.power.state is PowerState.OFF
    module.power_up()
    module.module.set_supply(0.0)
    assert module.module.power.state is PowerState.UNSUPPLIED
    module.run(0.5)
    assert module.module.current_a() == 0


def test_cfun_16_restarts(module: Any) -> None:
    boots = module.module.power.boots
    assert module.at("AT+CFUN=16") == ["OK"]
    module.until(lambda: module.module.power.boots == boots + 1 and module.module.power.running, 40)
    assert module.compositions[-2] is None
    assert module.compositions[-1] is not None
    module.wake()
    module.until(lambda: module.module.radio.registered, 60)


def test_an_unexpected_reset_says_nothing_before_the_greeting(lena: Any) -> None:
    lena.module.power.watchdog()
    lena.run(20)
    assert lena.lines() == ["+UUSTATUS: READY"]


def test_restarts_lara_alone_knows(lara: Any) -> None:
    lara.at("AT+CFUN=15")
    lara.until(lambda: lara.module.power.boots == 2 and lara.module.power.running, 40)
    lara.at("AT+CFUN=10")
    lara.until(lambda: not lara.module.output(Output.V_INT), 10)


def test_functions_by_series(module: Any, series: Series) -> None:
    module.at("AT+CMEE=1")
    assert module.at("AT+CFUN?")[0].startswith("+CFUN: 1")
    for refused in ("7", "19" if series is Series.LENA_R8 else "11"):
        assert module.at(f"AT+CFUN={refused}") == ["+CME ERROR: 50"]
    module.at("AT+CFUN=0")
    assert module.at("AT+CFUN?")[0].startswith("+CFUN: 0")
    assert module.at("AT+COPS?")[0] == "+COPS: 0"
    assert module.at("AT+CFUN=1")[-1] == "OK"
    module.until(lambda: module.module.radio.registered, 60)


def test_function_4_survives_power_off_and_0_does_not(module: Any) -> None:
    """Guides 8.2 and 13.1: +CFUN=4 is stored, +CFUN=0 is not."""
    for value, after in ((4, "4"), (1, "1"), (0, "1")):
        module.at(f"AT+CFUN={value}")
        module.at("AT+CPWROFF")
        module.until(lambda: module.module.power.state is PowerState.OFF, 40)
        module.power_up()
        module.wake()
        assert module.at("AT+CFUN?")[0].removeprefix("+CFUN: ")[0] == after


def test_function_19_takes_the_sim_away_on_lara(lara: Any) -> None:
    lara.at("AT+CMEE=1")
    lara.at("AT+CFUN=19")
    assert lara.at("AT+CPIN?") == ["+CME ERROR: 10"]
    lara.at("AT+CFUN=1")
    lara.until(lambda: lara.module.radio.registered, 60)
    assert lara.at("AT+CPIN?") == ["+CPIN: READY", "OK"]


def test_cops_0_wakes_lena_from_minimum_function_and_not_lara(module: Any, series: Series) -> None:
    """LENA-R8 guide 13.1, Table 54."""
    module.at("AT+CFUN=0")
    lines = module.at("AT+COPS=0")
    if series is Series.LENA_R8:
        assert lines == ["OK"]
        assert module.at("AT+CFUN?")[0].startswith("+CFUN: 1")
        assert module.module.radio.registered
    else:
        assert lines == ["ERROR"]


def test_greeting_of_lena_is_on_at_115200_even_in_autobauding(driven: Make) -> None:
    """LENA-R8 guide 3.2.2 and 5.3."""
    one = driven(Series.LENA_R8)
    one.power_up()
    one.run(0.1)
    assert one.lines() == ["+UUSTATUS: READY"]
    assert set(one.rates) == {115_200}


def test_greeting_can_be_changed_and_switched_off(driven: Make, series: Series) -> None:
    one = driven(series)
    one.ready()
    assert one.at('AT+CSGT=1,"HELLO, WORLD"') == ["OK"]
    assert one.at("AT+CSGT?") == ['+CSGT: "HELLO, WORLD",1', "OK"]
    one.at("AT+CFUN=16")
    one.until(lambda: one.module.power.boots == 2 and one.module.power.running, 40)
    one.run(0.1)
    assert one.lines() == ["HELLO, WORLD"]
    one.wake()
    one.at("AT+CSGT=0")
    expected = ["ERROR"] if series is Series.LENA_R8 else ['+CSGT: "HELLO, WORLD",0', "OK"]
    assert one.at("AT+CSGT?") == expected
    one.at("AT+CFUN=16")
    one.until(lambda: one.module.power.boots == 3 and one.module.power.running, 40)
    one.run(1)
    assert one.lines() == []


def test_lara_greets_a_usb_port_when_it_is_opened(driven: Make) -> None:
    one = driven(Series.LARA_R6)
    one.ready()
    one.at('AT+CSGT=1,"HELLO"')
    one.at("AT+CFUN=16")
    one.until(lambda: one.module.power.boots == 2 and one.module.power.running, 40)
    out = bytearray()
    face = next(found for found in one.module.usb_faces if found.role == "at")
    face.transmit = out.extend
    one.run(5)
    assert out == b""
    face.set_open(True)
    assert bytes(out) == b"\r\nHELLO\r\n"
    face.set_open(False)
    face.set_open(True)
    assert bytes(out) == b"\r\nHELLO\r\n"


def test_autobauding_swallows_the_first_at(driven: Make) -> None:
    """LENA-R8 guide 5.3: neither echo nor answer; after 100 ms the interface is ready."""
    one = driven(Series.LENA_R8)
    one.power_up()
    one.run(0.1)
    one.uart.clear()
    one.host_rate = 57_600
    one.send(b"AT\r\n")
    one.run(0.1)
    assert one.uart == b""
    one.rates.clear()
    one.send(b"AT\r")
    one.run(0.1)
    assert bytes(one.uart) == b"AT\r\r\nOK\r\n"
    assert set(one.rates) == {57_600}
    assert one.at("AT+IPR?")[1] == "+IPR: 0"


def test_autobauding_ignores_what_is_no_at(driven: Make) -> None:
    one = driven(Series.LENA_R8)
    one.power_up()
    one.uart.clear()
    one.send(b"hello\r\n\xff\x00A")
    one.run(0.1)
    one.send(b"T\r")
    one.run(0.1)
    assert one.uart == b""
    assert one.at("AT")[-1] == "OK"


def test_ipr_switches_after_its_ok_and_stays(driven: Make, series: Series) -> None:
    one = driven(series)
    one.ready()
    one.rates.clear()
    assert one.at("AT+IPR=460800") == ["OK"]
    assert set(one.rates) == {115_200}
    one.run(0.2)
    one.send(b"AT\r")
    one.run(0.5)
    assert b"OK" not in one.uart
    one.host_rate = 460_800
    one.send(b"\r")
    one.run(0.1)
    assert one.at("AT+IPR?") == ["+IPR: 460800", "OK"]
    one.at("AT+CFUN=16")
    one.until(lambda: one.module.power.boots == 2 and one.module.power.running, 40)
    one.at("ATE0")
    assert one.at("AT+IPR?") == ["+IPR: 460800", "OK"]


def test_lara_does_not_autobaud(lara: Any) -> None:
    lara.at("AT+CMEE=1")
    assert lara.at("AT+IPR=0") == ["+CME ERROR: 50"]
    lara.host_rate = 9_600
    lara.send(b"AT\r")
    lara.run(1)
    assert b"OK" not in lara.uart


def test_garbling_is_what_a_uart_makes_of_another_rate() -> None:
    assert garble(b"AT\r", 115_200, 115_200) == b"AT\r"
    assert garble(b"AT\r", 115_200, 9_600) != b"AT\r"
    assert len(garble(b"AT\r" * 10, 9_600, 115_200)) > 30
    assert garble(b"U" * 4, 115_200, 0) == b""


def act_gsm(module: Any) -> None:
    """2G serves the place: its bursts are the peak."""
    module.module.network.rat = Rat.GSM
    module.module.network.tell(Change.RAT)


def test_current_follows_the_state_smoothly(module: Any) -> None:
    typical = {one.state: one.typical_a for one in module.module.profile.currents}
    module.run(30)
    active = module.module.current_a()
    assert active == pytest.approx(typical["active"], rel=0.01)
    act_gsm(module)
    module.module.radio.transmitting(1.0)
    rising = []
    for _ in range(8):
        rising.append(module.module.current_a())
        module.run(0.01)
    assert rising == sorted(rising)
    module.run(0.5)
    assert module.module.current_a() == pytest.approx(typical["transmit-peak"], rel=0.01)
    module.run(0.7)
    module.module.current_a()
    module.run(0.3)
    assert module.module.current_a() == pytest.approx(typical["connected"], rel=0.01)
    module.run(20)
    module.module.current_a()
    module.run(1)
    assert module.module.current_a() == pytest.approx(typical["active"], rel=0.01)


def test_power_saving_lowers_the_current_and_the_waking_byte_is_lost(module: Any, series: Series) -> None:
    mode = 4 if series is Series.LENA_R8 else 1
    typical = {one.state: one.typical_a for one in module.module.profile.currents}
    assert module.at("AT+UPSV?") == ["+UPSV: 0", "OK"]
    assert module.at(f"AT+UPSV={mode},1300") == ["OK"]
    assert module.at("AT+UPSV?") == [f"+UPSV: {mode},1300", "OK"]
    module.run(60)
    module.module.current_a()
    samples = []
    for _ in range(512):  # two paging cycles
        module.run(0.01)
        samples.append(module.module.current_a())
    assert sum(samples) / len(samples) == pytest.approx(typical["idle"] + typical["usb-suspended"], rel=0.05)
    module.until(lambda: not module.module.sleep.paging(module.loop.time()), 3)
    module.send(b"AT\r")
    module.run(0.1)
    assert module.uart == b""
    assert module.at("AT") == ["OK"]
    assert module.at("AT+UPSV=3,1300") == ["ERROR"]


def test_ports_of_the_composition(driven: Make, series: Series) -> None:
    one = driven(series)
    one.power_up()
    composition = one.compositions[-1]
    roles = [face.role for face in one.module.usb_faces]
    assert roles == [face.role for face in composition.interfaces]
    assert sorted(port.name for port in one.module.ports) == sorted(
        ["uart"] + [f"usb{place}" for place, role in enumerate(roles) if role == "at"])


def test_usbmode_changes_the_composition_after_a_reboot(lena: Any) -> None:
    lena.at("AT+CMEE=1")
    assert lena.at('AT+SYSNV=1,"usbmode",3') == ["OK"]
    assert lena.at('AT+SYSNV=1, "usbmode", 7') == ["+CME ERROR: 50"]
    assert len(lena.compositions) == 1
    lena.at("AT+CFUN=16")
    lena.until(lambda: lena.module.power.boots == 2 and lena.module.power.running, 40)
    assert (lena.compositions[-1].pid, lena.compositions[-1].network) == (0x4D11, "rndis")


def test_usio_changes_ports_after_a_reboot(lara: Any) -> None:
    assert lara.at("AT+USIO?") == ["+USIO: 0,0", "OK"]
    lara.at("AT+USIO=4")
    assert lara.at("AT+USIO?") == ["+USIO: 0,4", "OK"]
    lara.at("AT+CFUN=16")
    lara.until(lambda: lara.module.power.boots == 2 and lara.module.power.running, 40)
    assert [port.name for port in lara.module.ports] == ["usb1", "usb2", "usb3"]
    lara.uart.clear()
    lara.send(b"AT\r")
    lara.run(1)
    assert lara.uart == b""


def test_nvm_survives_a_new_module_in_the_same_directory(driven: Make, series: Series,
                                                         tmp_path: Path) -> None:
    first = driven(series, home=tmp_path / "slot")
    first.ready()
    first.at('AT+CGDCONT=3,"IP","internet.wind"')
    first.at("AT+CTZU=0")
    first.at("AT+CMEE=2")
    first.close()
    second = driven(series, home=tmp_path / "slot")
    second.ready()
    assert any("internet.wind" in line for line in second.at("AT+CGDCONT?"))
    assert second.at("AT+CTZU?")[-1] == "OK"
    assert second.at("AT+CMEE?") == ["+CMEE: 0", "OK"]


def test_a_damaged_nvm_is_the_factory_state(driven: Make, series: Series, tmp_path: Path) -> None:
    home = tmp_path / "slot"
    home.mkdir()
    (home / "nvm.json").write_text("{broken")
    one = driven(series, home=home)
    one.ready()
    assert one.at("AT+UPSV?") == ["+UPSV: 0", "OK"]


def test_ufactory_is_a_flag_until_the_boot(module: Any) -> None:
    """LENA-R8 guide 6.2, Table 14."""
    module.at('AT+CGDCONT=3,"IP","internet.wind"')
    assert module.at("AT+UFACTORY=2,1") == ["OK"]
    assert module.at("AT+UFACTORY?") == ["+UFACTORY: 2,1", "OK"]
    assert any("internet.wind" in line for line in module.at("AT+CGDCONT?"))
    module.at("AT+UFACTORY=0,0")
    module.at("AT+CFUN=16")
    module.until(lambda: module.module.power.boots == 2 and module.module.power.running, 60)
    module.wake()
    assert any("internet.wind" in line for line in module.at("AT+CGDCONT?"))
    module.at("AT+UFACTORY=2,1")
    module.at("AT+CFUN=16")
    module.until(lambda: module.module.power.boots == 3 and module.module.power.running, 60)
    module.wake()
    assert not any("internet.wind" in line for line in module.at("AT+CGDCONT?"))
    assert module.at("AT+UFACTORY?") == ["+UFACTORY: 0,0", "OK"]


def test_settings_return_to_their_place_after_power_off(module: Any) -> None:
    module.at("AT+CMEE=2")
    module.at("AT+CREG=2")
    module.at("AT+UPSV=3")
    module.at("AT+CPWROFF")
    module.until(lambda: module.module.power.state is PowerState.OFF, 40)
    module.power_up()
    module.wake()
    assert module.at("AT+CMEE?") == ["+CMEE: 0", "OK"]
    assert module.module.settings.number("+CREG") == 0
    assert module.at("AT+UPSV?") == ["+UPSV: 3", "OK"]


def test_a_hung_module_is_silent_until_the_next_boot(module: Any) -> None:
    module.module.hang(True)
    module.send(b"AT\r")
    module.run(60)
    assert module.uart == b""
    module.pulse(Input.RESET_N, 0.2)
    module.until(lambda: module.module.power.boots == 2 and module.module.power.running, 40)
    module.wake()
    assert module.at("AT") == ["OK"]


def test_gpio(module: Any) -> None:
    module.at("AT+CMEE=1")
    assert module.at("AT+UGPIOC?")[0] == "+UGPIOC:"
    assert module.at("AT+UGPIOC=16,0,1") == ["OK"]
    assert module.at("AT+UGPIOR=16") == ["+UGPIOR: 16,1", "OK"]
    assert module.at("AT+UGPIOW=16,0") == ["OK"]
    assert module.at("AT+UGPIOR=16") == ["+UGPIOR: 16,0", "OK"]
    module.at("AT+UGPIOC=16,255")
    assert module.at("AT+UGPIOW=16,1") == ["+CME ERROR: 1504"]
    assert module.at("AT+UGPIOR=16") == ["+CME ERROR: 1503"]


def test_rts_power_saving_excludes_gpio3(lena: Any) -> None:
    """LENA-R8 guide 13.1, Table 54."""
    lena.at("AT+CMEE=1")
    lena.at("AT+UGPIOC=24,0")
    assert lena.at("AT+UPSV=2") == ["+CME ERROR: 3"]
    lena.at("AT+UGPIOC=24,255")
    lena.at("AT&K0")
    assert lena.at("AT+UPSV=2") == ["OK"]
    assert lena.at("AT+UGPIOC=24,0") == ["+CME ERROR: 3"]
    assert lena.at("AT+UGPIOC=24,3") == ["OK"]
