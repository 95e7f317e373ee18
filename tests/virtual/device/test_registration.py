"""Registration: search, attach, refusal, loss, change of cell and RAT, and the URCs in each series' forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.config import NetworkFacts
from cellbench.virtual.device.network import Change, RadioState, Rat

Make = Callable[..., Any]


def tell(module: Any, change: Change, **values: object) -> None:
    for name, value in values.items():
        setattr(module.module.network, name, value)
    module.module.network.tell(change)


def reports(module: Any, level: int = 2, eps: int = 2) -> None:
    module.at(f"AT+CREG={level};+CGREG={min(level, 2)};+CEREG={eps}")


def again(module: Any) -> list[str]:
    """Radio off and on: the URCs of the registration."""
    module.at("AT+CFUN=0")
    module.run(5)
    module.lines()
    module.at("AT+CFUN=1")
    module.until(lambda: module.module.radio.registered, 60)
    module.run(0.5)
    return module.lines()


def test_urcs_of_a_registration_on_lena(lena: Any) -> None:
    """Forms and order as a live unit showed them (public driver, issue 210)."""
    reports(lena)
    assert [line for line in again(lena) if line[1:3] in ("CR", "CG", "CE")] == [
        '+CEREG: 1,"2046","07ba7016",7', '+CREG: 1,"2046","07ba7016",7', '+CREG: 1,"2046","07BA"',
        '+CGREG: 0,"0000","0000"']


def test_urcs_of_a_registration_on_lara(lara: Any) -> None:
    reports(lara)
    lara.at("AT+CGEREP=2,1")
    assert [line for line in again(lara) if line[1:3] in ("CR", "CG", "CE")] == [
        '+CEREG: 1,"2046","07BA7016",7', '+CREG: 1,"2046","07BA7016",7', "+CGREG: 4", "+CGEV: ME PDN ACT 1"]


def test_read_forms_of_lena(lena: Any) -> None:
    assert lena.at("AT+CREG?") == ["+CREG: 1", "OK"]
    reports(lena, 2, 4)
    assert lena.at("AT+CREG?") == ['+CREG: 1,"2046","07ba7016",7', "OK"]
    assert lena.at("AT+CGREG?") == ['+CGREG: 2,0,"0000","0000"', "OK"]
    assert lena.at("AT+CEREG?") == [
        '+CEREG: 4,1,"2046","07ba7016", 7,0,0,"00000000","00000000"', "OK"]
    lena.at("AT+COPS=2")
    assert lena.at("AT+CREG?") == ['+CREG: 0,"0000","0000",0', "OK"]
    assert lena.at("AT+CEREG?") == ['+CEREG: 4,0,"0000","00000000", 0,0,0,"00000000","00000000"', "OK"]


def test_read_forms_of_lara(lara: Any) -> None:
    reports(lara, 3, 5)
    assert lara.at("AT+CREG?") == ['+CREG: 3,1,"2046","07BA7016",7', "OK"]
    assert lara.at("AT+CGREG?") == ["+CGREG: 2,4", "OK"]
    assert lara.at("AT+CEREG?") == ['+CEREG: 5,1,"2046",,"07BA7016",7,,,"00000000","00000000"', "OK"]
    lara.at('AT+CEREG=4;+CPSMS=1,,,"01100000","00000101"')
    assert lara.at("AT+CEREG?") == ['+CEREG: 4,1,"2046",,"07BA7016",7,,,"00000101","01100000"', "OK"]
    lara.at("AT+COPS=2")
    assert lara.at("AT+CEREG?") == ['+CEREG: 4,0,,,,,,,"00000000","00000000"', "OK"]


@pytest.mark.parametrize("cause", [15, 11, 8])
def test_a_refusal_for_good_is_told_and_not_tried_again(module: Any, cause: int) -> None:
    """LENA-R8 guide 8.1.1 and 10.1.3: +CEREG=5 and +CEER give the cause."""
    module.at("AT+CEREG=5;+CREG=3")
    tell(module, Change.REJECT, reject=cause)
    module.until(lambda: module.module.radio.state is RadioState.DENIED, 60)
    module.run(120)
    lines = module.lines()
    assert [line for line in lines if line.startswith("+CEREG: 3")] == [
        line for line in lines if re.fullmatch(rf'\+CEREG: 3,"....","........",7,0,{cause}', line)]
    assert len([line for line in lines if line.startswith("+CEREG: 3")]) == 1
    ceer = module.at("AT+CEER")[0]
    assert ceer.startswith(f'+CEER: "EMM cause",{cause},"')
    assert module.at("AT+COPS?")[0] == "+COPS: 0"


def test_what_a_refusal_leaves(module: Any) -> None:
    """24.301 5.5.1.2.5: 15, an area; 8, the card until it is switched off; 11, the network on the card's list
    until it is chosen by hand, or taken off the list."""
    radio, network = module.module.radio, module.module.network
    for cause in (15, 8, 11):
        tell(module, Change.REJECT, reject=cause)
        module.until(lambda: radio.state is RadioState.DENIED, 60)
        before = network.requests
        module.run(300)
        assert network.requests == before
        tell(module, Change.REJECT, reject=None)
        module.run(30)
        assert radio.registered == (cause == 15), cause
        assert network.requests == before + (cause == 15), cause
        listed = module.at("AT+CRSM=176,28539,0,0,3")[0]
        assert ("FFFFFF" in listed) == (cause != 11)
        if cause == 8:
            module.at("AT+CFUN=0")
            module.at("AT+CFUN=1")
            module.until(lambda: radio.registered, 60)
    module.at("AT+CFUN=0")
    module.at("AT+CFUN=1")
    module.run(60)
    assert not radio.registered
    module.at(f'AT+COPS=1,2,"{network.facts.plmn}"')
    module.until(lambda: radio.registered, 60)
    assert module.at("AT+CRSM=176,28539,0,0,3")[0].endswith('"FFFFFF"'), "taken: off the list"


def test_the_list_of_forbidden_networks_is_full(module: Any) -> None:
    """The oldest gives way (31.102 4.2.16 and 23.122 3.1)."""
    tell(module, Change.REJECT, reject=11)
    for plmn in ("00101", "00102", "00103", "00104", "00105"):
        module.module.network.enter(plmn)
        module.until(lambda: module.module.radio.state is RadioState.DENIED, 60)
    listed = module.at("AT+CRSM=176,28539,0,0,12")[0]
    assert listed.endswith('"00F12000F13000F14000F150"')


def test_tries_after_passing_refusals(module: Any) -> None:
    """24.301 5.5.1.2.6: five with T3411 between them, then T3402."""
    network = module.module.network
    tell(module, Change.REJECT, reject=22)
    before = network.requests
    module.run(150)
    assert network.requests - before == 5
    module.run(700)
    assert network.requests - before > 5


def test_another_network_serves_the_place(module: Any) -> None:
    """LENA-R8 guide 7.4: the module attaches anew; abroad it looks for its own network, in idle."""
    radio, network = module.module.radio, module.module.network
    module.at("AT+CGEREP=2,1")
    network.enter("20801")
    assert not module.module.contexts.active()
    module.until(lambda: radio.registered, 60)
    assert "+CGEV: NW DETACH" in module.lines()
    assert module.at("AT+CEREG?")[0].split(",")[1] == "5"
    assert module.at("AT+COPS=3,2;+COPS?")[0] == '+COPS: 0,2,"20801",7'
    network.beside = network.home.plmn
    radio.set_rrc(True)
    module.run(100)
    assert radio.registered
    assert network.facts.plmn == "20801"
    module.run(120)
    module.until(lambda: radio.registered, 60)
    assert network.facts.plmn == (network.home.plmn if module.module.sim.imsi.startswith(network.home.plmn)
                                  else "20801")


def test_the_guides_own_cause_has_its_text(lena: Any) -> None:
    tell(lena, Change.REJECT, reject=15)
    lena.until(lambda: lena.module.radio.state is RadioState.DENIED, 60)
    assert lena.at("AT+CEER") == ['+CEER: "EMM cause",15,"No suitable cells in tracking area"', "OK"]


def test_a_passing_refusal_is_tried_again(module: Any) -> None:
    tell(module, Change.REJECT, reject=22)
    module.until(lambda: module.module.radio.state is RadioState.DENIED, 60)
    module.module.network.reject = None
    module.until(lambda: module.module.radio.registered, 60)


def test_coverage_lost_and_found(module: Any) -> None:
    reports(module)
    module.at("AT+CGEREP=2,1")
    tell(module, Change.COVERAGE, found=False)
    module.run(1)
    lines = module.lines()
    assert "+CEREG: 4" in lines
    assert "+CGEV: ME DETACH" in lines
    assert module.at("AT+CSQ") == ["+CSQ: 99,99", "OK"]
    assert module.module.contexts.active() == ()
    assert module.at("AT+CGATT?")[0].replace(" ", "") == "+CGATT:0"
    tell(module, Change.COVERAGE, found=True)
    module.until(lambda: module.module.radio.registered, 60)


def test_a_new_cell_is_told(module: Any) -> None:
    reports(module)
    module.lines()
    tell(module, Change.CELL, area=0x2047, cell=0x07BA7017)
    lines = [line.upper() for line in module.lines()]
    assert '+CEREG: 1,"2047","07BA7017",7' in lines


def test_roaming_is_5(driven: Make, series: Series) -> None:
    one = driven(series)
    one.module.network.facts = NetworkFacts(plmn="20801", long_name="Orange F", short_name="Orange")
    one.ready()
    assert one.at("AT+CEREG?") == ["+CEREG: 0,5", "OK"]
    assert one.module.radio.indicators()["roam"] == 1


def test_lena_falls_back_to_2g_and_keeps_its_contexts(lena: Any) -> None:
    """LENA-R8 guide 7.4: contexts are kept when the RAT changes; context 0 belongs to LTE."""
    lena.at('AT+CGDCONT=1,"IP","internet.wind.biz"')
    lena.at("AT+CGACT=1,1")
    reports(lena)
    lena.lines()
    tell(lena, Change.RAT, rat=Rat.GSM)
    lines = lena.lines()
    assert '+CREG: 1,"2046","07ba",0' in lines
    assert '+CGREG: 1,"2046","07BA"' in lines
    assert "+CEREG: 0" in lines
    assert lena.at("AT+COPS?") == ['+COPS: 0,2,"22288",0', "OK"]
    assert [one.cid for one in lena.module.contexts.active()] == [1]
    tell(lena, Change.RAT, rat=Rat.LTE)
    assert sorted(one.cid for one in lena.module.contexts.active()) == [0, 1]


def test_a_rat_the_module_has_not_is_loss(lena: Any) -> None:
    tell(lena, Change.RAT, rat=Rat.UTRAN)
    lena.run(30)
    assert not lena.module.radio.registered
    tell(lena, Change.RAT, rat=Rat.LTE)
    lena.until(lambda: lena.module.radio.registered, 60)


def test_urat_limits_the_search(lara: Any) -> None:
    assert lara.at("AT+URAT?") == ["+URAT: 3,2,0", "OK"]
    assert lara.at("AT+URAT=2") == ["ERROR"]  # registered
    lara.at("AT+CFUN=0")
    assert lara.at("AT+URAT=2") == ["OK"]
    lara.at("AT+CFUN=1")
    lara.run(60)
    assert not lara.module.radio.registered
    tell(lara, Change.RAT, rat=Rat.UTRAN)
    lara.until(lambda: lara.module.radio.registered, 60)
    assert lara.at("AT+COPS?") == ['+COPS: 0,0,"I TIM",2', "OK"]


def test_an_lte_only_variant_refuses_other_rats(driven: Make) -> None:
    one = driven(Series.LARA_R6, variant="LARA-R6401")
    one.ready()
    one.at("AT+CFUN=0")
    assert one.at("AT+URAT=2") == ["ERROR"]
    assert one.at("AT+URAT=3") == ["OK"]


def test_cops_modes(module: Any, series: Series) -> None:
    plmn = "22288"
    module.at("AT+CMEE=1")
    assert module.at("AT+COPS=3,2") == ["OK"]
    assert module.at("AT+COPS?") == [f'+COPS: 0,2,"{plmn}",7', "OK"]
    module.at("AT+COPS=3,0")
    name = module.module.network.facts.long_name
    assert module.at("AT+COPS?") == [f'+COPS: 0,0,"{name}",7', "OK"]
    assert module.at("AT+COPS=2") == ["OK"]
    assert module.at("AT+COPS?") == ["+COPS: 2", "OK"]
    assert module.at(f'AT+COPS=1,2,"{plmn}"') == ["OK"]
    assert module.at("AT+COPS?") == [f'+COPS: 1,2,"{plmn}",7', "OK"]
    assert module.at('AT+COPS=1,2,"99999"') == ["+CME ERROR: 30"]
    assert not module.module.radio.registered
    assert module.at('AT+COPS=4,2,"99999"') == ["OK"]
    assert module.at("AT+COPS?")[0].startswith("+COPS: 0,")
    assert module.at("AT+COPS=0") == ["OK"]
    assert series in Series


def test_manual_selection_with_a_rat_locks_it(lara: Any) -> None:
    """LARA-R6 application note: single RAT until +COPS=0."""
    assert lara.at('AT+COPS=1,2,"22288",7') == ["OK"]
    tell(lara, Change.RAT, rat=Rat.UTRAN)
    lara.run(60)
    assert not lara.module.radio.registered
    lara.at("AT+COPS=0")
    assert lara.module.radio.registered


def test_scan_lists_operators_in_the_series_form(lena: Any, lara: Any) -> None:
    lena.uart.clear()
    lena.send(b"AT+COPS=?\r")
    lena.until(lambda: b"OK" in lena.uart, 200)
    text = bytes(lena.uart)
    assert text.startswith(b'\r\n+COPS: \n\r(2,"I WIND","WIND","22288",7),'
                           b'\n\r(3,"I TIM","TIM","22201",7),,(0-4),(0-2)')
    lines = lara.at("AT+COPS=?")
    assert lines == ['+COPS: (2,"I TIM","TIM","22288",7),,(0-4),(0-2)', "OK"]


def test_signal_figures(module: Any) -> None:
    tell(module, Change.SIGNAL, signal=5)
    assert module.at("AT+CSQ") == ["+CSQ: 24,99", "OK"]
    rsrp = int(module.at("AT+CESQ")[0].split(",")[-1])
    tell(module, Change.SIGNAL, signal=1)
    assert module.at("AT+CSQ") == ["+CSQ: 4,99", "OK"]
    assert int(module.at("AT+CESQ")[0].split(",")[-1]) < rsrp
    tell(module, Change.SIGNAL, signal=0)
    assert module.at("AT+CSQ") == ["+CSQ: 99,99", "OK"]


def test_indicators_are_listed_read_and_told(module: Any) -> None:
    """LENA-R8 guide 8.1.1: +CMER=3,0,0,2 reports +CIEV."""
    names = re.findall(r'"(\w+)",\(', module.at("AT+CIND=?")[0])
    values = module.at("AT+CIND?")[0].removeprefix("+CIND: ").split(",")
    assert len(names) == len(values) == 12
    assert module.at("AT+CMER=3,0,0,2") == ["OK"]
    tell(module, Change.SIGNAL, signal=2)
    assert module.lines() == [f"+CIEV: {names.index('signal') + 1},2"]
    tell(module, Change.COVERAGE, found=False)
    assert f"+CIEV: {names.index('service') + 1},0" in module.lines()


def test_network_time_sets_the_clock_and_is_told(module: Any) -> None:
    """LENA-R8 guide 3.2.2 and 8.1.1."""
    assert re.fullmatch(r'\+CCLK: "2\d/\d\d/\d\d,\d\d:\d\d:\d\d\+04"', module.at("AT+CCLK?")[0])
    module.at("AT+CTZR=2")
    tell(module, Change.TIME, quarters=-20, dst=1)
    assert re.fullmatch(r"\+CTZE: -20,1,\"20\d\d/\d\d/\d\d,\d\d:\d\d:\d\d\"", module.lines()[0])
    assert module.at("AT+CCLK?")[0].endswith('-20"')
    module.at("AT+CTZU=0;+CTZR=1")
    tell(module, Change.TIME, quarters=8, dst=0)
    assert module.lines() == ["+CTZV: +08"]
    assert module.at("AT+CCLK?")[0].endswith('-20"')


def test_the_clock_can_be_set(module: Any) -> None:
    assert module.at('AT+CCLK="22/10/31,23:59:58+04"') == ["OK"]
    assert module.at("AT+CCLK?")[0].startswith('+CCLK: "22/10/31,23:59:5')
    assert module.at('AT+CCLK="22/13/31,23:59:58+04"') == ["ERROR"]


def test_cscon_follows_the_radio_connection(module: Any) -> None:
    module.at("AT+CSCON=1")
    module.run(60)
    module.lines()
    assert module.at("AT+CSCON?") == ["+CSCON: 1,0", "OK"]
    module.module.radio.activity()
    assert module.lines() == ["+CSCON: 1"]
    module.run(60)
    assert module.lines() == ["+CSCON: 0"]
    module.module.radio.set_rrc(True)
    assert module.lines() == ["+CSCON: 1"]
    module.module.radio.set_rrc(False)
    assert module.lines() == ["+CSCON: 0"]


def test_detach_and_attach_again(module: Any) -> None:
    blank = "" if module.module.config.behaviour.cgatt_no_blank else " "
    assert module.at("AT+CGATT?") == [f"+CGATT:{blank}1", "OK"]
    assert module.at("AT+CGATT=0") == ["OK"]
    assert module.at("AT+CGATT?") == [f"+CGATT:{blank}0", "OK"]
    assert module.at("AT+CGATT=1") == ["OK"]
    assert module.module.radio.registered


def test_psm_and_edrx_are_stored(module: Any) -> None:
    assert module.at('AT+CPSMS=1,,,"01000011","01000011"') == ["OK"]
    assert module.at("AT+CPSMS?") == ['+CPSMS: 1,,,"01000011","01000011"', "OK"]
    assert module.at('AT+CPSMS=1,,,"0100","01000011"') == ["ERROR"]
    assert module.at('AT+CEDRXS=1,4,"0101"') == ["OK"]
    assert module.at("AT+CEDRXS?") == ['+CEDRXS: 4,"0101"', "OK"]


def test_lte_bands_of_lena(lena: Any) -> None:
    assert lena.at("AT+SETLOCK=2,0") == ["+SETLOCK: 0", "OK"]
    assert lena.at("AT+SETLOCK=1,0,3,20") == ["OK"]
    assert lena.at("AT+SETLOCK=2,0") == ["+SETLOCK: 2,3,20", "OK"]
    assert lena.at("AT+SETLOCK=1,0,12") == ["ERROR"]
    assert lena.at("AT+SETBAND=5") == ["OK"]
    assert lena.at("AT+SETBAND?") == ["+SETBAND: 5", "OK"]


def test_bands_of_lara(lara: Any) -> None:
    assert lara.at("AT+UBANDMASK?") == ["+UBANDMASK: 3,2061752998111,0,2,562950035734912", "OK"]
    assert lara.at("AT+UBANDMASK=3,524420") == ["OK"]
    assert lara.at("AT+UBANDMASK?") == ["+UBANDMASK: 3,524420,0,2,562950035734912", "OK"]


def test_operator_profiles_of_lara(lara: Any) -> None:
    """LARA-R6 guide 2.3.1: at +CFUN=0, in force after the reboot; it brings contexts of its own."""
    lara.at("AT+CMEE=1")
    assert lara.at("AT+UMNOPROF=2") == ["+CME ERROR: 3"]
    lara.at("AT+CFUN=0")
    assert lara.at("AT+UMNOPROF=77") == ["+CME ERROR: 50"]
    assert lara.at("AT+UMNOPROF=2") == ["OK"]
    lara.at("AT+CFUN=16")
    lara.until(lambda: lara.module.power.boots == 2 and lara.module.power.running, 40)
    lara.wake()
    assert lara.at("AT+UMNOPROF?") == ["+UMNOPROF: 2", "OK"]
    assert [(one.cid, one.apn) for one in lara.module.contexts.defined()] == [
        (1, "nxtgenphone"), (2, "attm2mglobal"), (11, "ims")]


def test_serving_cell_of_lara(lara: Any) -> None:
    assert lara.at("AT+UCGED?") == ["+UCGED: 0", "OK"]
    lara.at("AT+UCGED=2")
    lines = lara.at("AT+UCGED?")
    assert lines[:2] == ["+UCGED: 2", "6,4,222,88"]
    assert len(lines[2].split(",")) >= 20


@pytest.mark.parametrize("command", ["AT+UMNOPROF?", "AT+UBANDMASK?", "AT+USIO?", "AT+UCGED?", "AT+UDNSCFG?"])
def test_what_lena_has_not(lena: Any, command: str) -> None:
    """LENA-R8 guide 13.1, Table 54."""
    assert lena.at(command) == ["ERROR"]


def test_ims_registration_is_told_and_read(lara: Any) -> None:
    """27.007 8.72: +CIREGU follows the network's IMS and the registration."""
    assert lara.at("AT+CIREG=1") == ["OK"]
    tell(lara, Change.IMS, ims=True)
    assert "+CIREGU: 1" in lara.lines()
    assert lara.at("AT+CIREG?") == ["+CIREG: 1,1", "OK"]
    tell(lara, Change.COVERAGE, found=False)
    assert "+CIREGU: 0" in lara.lines()
    assert lara.at("AT+CIREG?") == ["+CIREG: 1,0", "OK"]
