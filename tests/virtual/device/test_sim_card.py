"""The card as the module drives it: channels by AT, other identities, other cards, a card taken out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series
from cellbench.virtual.control.verbs import ControlRefusal
from cellbench.virtual.device import verbs

Make = Callable[..., Any]
USIM, ISIM = "A0000000871002FFFFFFFF8907090000", "A0000000871004"
PIN_VERIFY = "0020000108"


class World:
    raw = {"sim": {"imsi": ["222885850018994"], "iccid": ["8939883485100059944F"]}}


class Rack:
    world = World()


class Slot:
    def __init__(self, one: Any) -> None:
        self.module = one.module
        self.name = "m"


def act(one: Any, verb: str, **values: str) -> Any:
    table = {**verbs.VERBS, "report": verbs.REPORTS.get(values.get("what", ""))}
    found = table[verb]
    assert found is not None
    return one.loop.run_until_complete(found.act(Rack(), Slot(one), values))


def told(one: Any, what: str) -> str:
    return str(act(one, "report", what="sim")[what])


def test_an_application_on_a_channel_of_its_own(module: Any) -> None:
    """27.007 8.43, 8.45, 8.46."""
    module.at("AT+CMEE=1")
    first = 1 + int(module.config.behaviour.channel_1_in_use)
    named = "+CCHO: " if module.config.behaviour.ccho_named else ""
    assert module.at(f'AT+CCHO="{USIM}"') == [f"{named}{first}", "OK"]
    assert module.at(f'AT+CCHO="{ISIM}"') == [f"{named}{first + 1}", "OK"]
    assert module.at(f'AT+CGLA={first},14,"00A4000C026F07"') == ['+CGLA: 4,"9000"', "OK"]
    assert module.at(f'AT+CGLA={first},10,"00B0000009"') == ['+CGLA: 22,"0829228885051098499000"', "OK"]
    assert module.at(f'AT+CGLA={first + 1},14,"00A4000C026F02"') == ['+CGLA: 4,"9000"', "OK"]
    assert module.at(f'AT+CGLA={first},12,"00B0000009"') == ["+CME ERROR: 50"]
    assert module.at(f"AT+CCHC={first}") == ["OK"]
    assert module.at(f"AT+CCHC={first}") == ["+CME ERROR: 21"]
    assert module.at(f'AT+CGLA={first},10,"00B0000009"') == ["+CME ERROR: 21"]
    assert module.at('AT+CCHO="A000000099"') == ["+CME ERROR: 22"]
    assert module.at('AT+CCHO="XY"') == ["+CME ERROR: 50"]
    for _ in range(3 - len(module.module.sim.card.channels) + 1):
        assert module.at(f'AT+CCHO="{USIM}"')[-1] == "OK"
    assert module.at(f'AT+CCHO="{USIM}"') == ["+CME ERROR: 20"]


def test_a_challenge_over_at(module: Any) -> None:
    """Test set 1 of 3GPP TS 35.207; channel 0 has the USIM selected by the module."""
    line = "00880081221023553CBE9637A89D218AE64DAE47BF351055F328B43577B9B94A9FFAC354DFAFB3"
    answer = module.at(f'AT+CSIM={len(line)},"{line}"')
    assert answer[0].startswith('+CSIM: 110,"DB08A54211D5E3BA50BF10B40BA9A3')
    assert told(module, "authenticated") == "1"


def test_records_and_paths_by_crsm(module: Any) -> None:
    """27.007 8.18: <pathid> names the directory from the MF."""
    record = "41" * 10 + "06919451113254" + "FF" * 7
    assert module.at(f'AT+CRSM=220,28474,3,4,24,"{record}","7F10"') == ['+CRSM: 144,0,""', "OK"]
    assert module.at('AT+CRSM=178,28474,3,4,24,,"7F10"') == [f'+CRSM: 144,0,"{record}"', "OK"]
    assert module.at("AT+CRSM=178,28474,3,4,0") == [f'+CRSM: 144,0,"{record}"', "OK"]
    assert module.at('AT+CRSM=178,28474,3,4,24,,"7FFF"') == ["+CRSM: 106,130", "OK"]
    assert module.at("AT+CRSM=178,28474,21,4,24") == ["+CRSM: 106,131", "OK"]
    assert module.at("AT+CRSM=178,28474,1,4,23") == ["+CRSM: 103,0", "OK"]
    assert module.at("AT+CRSM=176,28474,0,0,1") == ["+CRSM: 105,129", "OK"]
    assert module.at('AT+CRSM=220,28474,3,4,23,"00"') == ["+CRSM: 103,0", "OK"]
    assert module.at("AT+CRSM=192,28423")[0].startswith('+CRSM: 144,0,"6217820241218302')
    assert module.at("AT+CRSM=242")[0].startswith('+CRSM: 144,0,"62278202782183023F00')


def test_what_crsm_does_leaves_the_channels_alone(module: Any) -> None:
    module.at('AT+CSIM=14,"00A4000C022FE2"')
    module.at("AT+CRSM=176,28423,0,0,9")
    assert module.at('AT+CSIM=10,"00B000000A"') == ['+CSIM: 24,"989388435801009549F49000"', "OK"]


def test_numbers_of_the_card(driven: Make, series: Series) -> None:
    one = driven(series)
    one.ready()
    act(one, "sim", card="multi-imsi")
    one.until(lambda: one.module.radio.registered, 60)
    assert one.at("AT+CNUM") == ['+CNUM: "own","+390123456789",145', "OK"]
    assert one.at("AT+CIMI") == ["222885850019001", "OK"]


def test_a_card_of_many_identities(module: Any) -> None:
    """LENA-R8 guide 10.1.1: the applet swaps, and the module registers with what it finds."""
    act(module, "sim", card="multi-imsi")
    module.until(lambda: module.module.radio.registered, 60)
    assert not module.module.radio.roaming
    act(module, "sim", imsi="next")
    assert not module.module.radio.registered
    module.until(lambda: module.module.radio.registered, 60)
    assert module.at("AT+CIMI") == ["222015850019002", "OK"]
    assert module.module.radio.roaming
    assert told(module, "refreshes") == "0"  # the card started anew
    act(module, "sim", imsi="next")
    act(module, "sim", imsi="next")
    assert told(module, "imsi") == "222885850019001"
    assert told(module, "iccid") == "89398834851000600019"
    with pytest.raises(ControlRefusal, match="digits"):
        act(module, "sim", imsi="12")


def test_an_euicc_changes_its_profile(module: Any) -> None:
    """LENA-R8 guide 10.1.2: another subscription, another ICCID; what was written before stays."""
    act(module, "sim", card="euicc")
    module.until(lambda: module.module.radio.registered, 60)
    module.at('AT+CRSM=214,28542,0,0,11,"0102030422F28804D20000"')
    act(module, "sim", profile="next")
    module.until(lambda: module.module.radio.registered, 60)
    assert module.at("AT+CCID") == ["+CCID: 89398834851000600126", "OK"]
    assert module.at("AT+CIMI") == ["222885850019012", "OK"]
    assert module.at("AT+CRSM=176,28542,0,0,4") != ['+CRSM: 144,0,"01020304"', "OK"]
    act(module, "sim", profile="89398834851000600118")
    module.until(lambda: module.module.radio.registered, 60)
    assert module.at("AT+CRSM=176,28542,0,0,4") == ['+CRSM: 144,0,"01020304"', "OK"]
    with pytest.raises(ControlRefusal, match="89398834851000600134"):
        act(module, "sim", profile="1")


def test_what_a_card_cannot_do(module: Any) -> None:
    for values, said in (({"imsi": "next"}, "one IMSI"), ({"profile": "next"}, "no eUICC"),
                         ({"card": "nothing-such"}, "cannot be read"), ({}, "one key"),
                         ({"imsi": "1", "state": "in"}, "one key")):
        with pytest.raises(ControlRefusal, match=said):
            act(module, "sim", **values)


def test_a_card_taken_out_and_put_in(module: Any) -> None:
    """With GPIO5 as the detection pin the module knows at once."""
    module.at("AT+CMEE=1")
    module.at("AT+CMER=1,0,0,2,0")
    module.uart.clear()
    act(module, "sim", state="out")
    module.run(1)
    assert "+CIEV: 12,0" in module.lines()
    assert not module.module.radio.registered
    assert module.at("AT+CPIN?") == ["+CME ERROR: 10"]
    assert module.at("AT+CIMI") == ["+CME ERROR: 10"]
    module.uart.clear()
    act(module, "sim", state="in")
    module.until(lambda: module.module.radio.registered, 60)
    assert "+CIEV: 12,1" in module.lines()
    assert module.at("AT+CPIN?") == ["+CPIN: READY", "OK"]


def test_without_the_detection_pin_nothing_is_told(module: Any) -> None:
    module.at("AT+CMEE=1")
    module.at("AT+UGPIOC=42,255")
    act(module, "sim", state="out")
    module.run(1)
    assert module.module.radio.registered
    assert module.at("AT+CPIN?") == ["+CME ERROR: 10"]
    act(module, "sim", state="in")
    assert module.at("AT+CPIN?") == ["+CME ERROR: 10"]  # nobody has started it
    module.at("AT+CFUN=16")
    module.until(lambda: module.module.power.boots == 2 and module.module.power.running, 40)
    module.until(lambda: module.module.radio.registered, 120)
    module.wake()
    assert module.at("AT+CPIN?") == ["+CPIN: READY", "OK"]


def test_the_state_of_the_card_is_told(lara: Any) -> None:
    """+UUSIMSTAT with +UCUSATA=4 (LARA-R6 application note)."""
    assert lara.at("AT+UCUSATA=4") == ["OK"]
    assert lara.at("AT+UCUSATA?") == ["+UCUSATA: 4", "OK"]
    act(lara, "sim", state="out")
    lara.run(1)
    assert "+UUSIMSTAT: 0" in lara.lines()
    act(lara, "sim", card="locked")
    lara.until(lambda: lara.module.sim.status.value == 1, 60)
    assert "+UUSIMSTAT: 1" in lara.lines()
    assert lara.at('AT+CPIN="1234"') == ["OK", "+UUSIMSTAT: 6"]
    lara.until(lambda: lara.module.radio.registered, 60)


def test_pin2_and_fixed_dialling(module: Any) -> None:
    """27.007 7.4, 7.5; TS 31.102 4.2.47."""
    module.at("AT+CMEE=1")
    assert module.at('AT+CLCK="FD",2') == ["+CLCK: 0", "OK"]
    assert module.at('AT+CLCK="FD",1,"9999"') == ["+CME ERROR: 16"]
    assert module.at('AT+CLCK="FD",1,"2345"') == ["OK"]
    assert module.at('AT+CLCK="FD",2') == ["+CLCK: 1", "OK"]
    assert module.at('AT+CPWD="P2","2345","6789"') == ["OK"]
    for answer in (16, 16, 18):
        assert module.at('AT+CLCK="FD",0,"2345"') == [f"+CME ERROR: {answer}"]
    assert module.at('AT+CPWD="SC","1234","5678"') == ["+CME ERROR: 3"]  # the PIN is not asked for


def test_tries_left_of_both_pins(lena: Any, driven: Make) -> None:
    del driven
    lena.at('AT+CLCK="FD",1,"9999"')
    lena.at('AT+CLCK="SC",1,"9999"')
    assert lena.at("AT+CPINR") == ["+CPINR: SIM PIN,2,3", "+CPINR: SIM PUK,10,10", "+CPINR: SIM PIN2,2,3",
                                   "+CPINR: SIM PUK2,10,10", "OK"]


def test_tries_left_by_upincnt(lara: Any) -> None:
    lara.at('AT+CLCK="SC",1,"9999"')
    assert lara.at("AT+UPINCNT") == ["+UPINCNT: 2,3,10,10", "OK"]


def test_a_pin_by_csim_is_the_pin_of_the_module(driven: Make, series: Series) -> None:
    """The card has one PIN, whoever presents it."""
    one = driven(series)
    one.ready()
    act(one, "sim", card="locked")
    one.until(lambda: one.module.sim.status.value == 1, 60)
    assert one.at("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert one.at(f'AT+CSIM=26,"{PIN_VERIFY}31323334FFFFFFFF"') == ['+CSIM: 4,"9000"', "OK"]
    assert one.at("AT+CPIN?") == ["+CPIN: READY", "OK"]
    one.until(lambda: one.module.radio.registered, 60)


def test_t0_as_it_stands(driven: Make, series: Series) -> None:
    """The setting csim_follows_t0: the host fetches by itself."""
    one = driven(series, csim_follows_t0=False)
    one.ready()
    assert one.at('AT+CSIM=14,"00A40004023F00"') == ['+CSIM: 4,"6129"', "OK"]
    assert one.at('AT+CSIM=10,"00C0000005"') == ['+CSIM: 14,"62278202786124"', "OK"]
    assert one.at('AT+CSIM=14,"00A4000C022FE2"') == ['+CSIM: 4,"9000"', "OK"]
    bare = one.config.behaviour.csim_refusal_unquoted
    assert one.at('AT+CSIM=10,"00B00000FF"') == ["+CSIM: 4,6C0A" if bare else '+CSIM: 4,"6C0A"', "OK"]


def test_a_place_is_kept_until_it_is_erased(module: Any) -> None:
    """LENA-R8 guide Table 45: with the three files erased a registration begins from scratch."""
    assert module.at("AT+CRSM=176,28542,0,0,11") == ['+CRSM: 144,0,"5C36967C22F2885FC90000"', "OK"]
    erased = {28542: 11, 28531: 14, 28643: 18}
    for number, size in erased.items():
        assert module.at(f'AT+CRSM=214,{number},0,0,{size},"{"FF" * size}"') == ['+CRSM: 144,0,""', "OK"]
    module.at("AT+COPS=2")
    assert module.at("AT+CRSM=176,28643,0,0,18") == [f'+CRSM: 144,0,"{"FF" * 18}"', "OK"]
    module.at("AT+COPS=0")
    module.until(lambda: module.module.radio.registered, 60)
    for number in erased:
        assert "22F288" in module.at(f"AT+CRSM=176,{number},0,0,0")[0]


def test_a_card_chosen_at_the_start(driven: Make, series: Series) -> None:
    one = driven(series, sim_card="locked")
    one.power_up()
    one.wake()
    one.run(10)
    assert one.at("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    with pytest.raises(OperatorError, match="cannot be read"):
        driven(series, sim_card="no-such-card")


def test_a_card_without_an_identity(driven: Make, series: Series, tmp_path: Any) -> None:
    card = tmp_path / "card.yaml"
    card.write_text('files: [{path: 3F00/7FFF/6F07, hex: "FFFFFFFFFFFFFFFFFF"}]')
    one = driven(series, sim_card=str(card))
    one.power_up()
    one.wake()
    one.run(10)
    one.at("AT+CMEE=1")
    assert one.at("AT+CIMI") == ["+CME ERROR: 13"]
    one.run(60)
    assert not one.module.radio.registered


def test_a_refused_card_tries_each_identity_once(module: Any) -> None:
    """LENA-R8 guide 10.1.1: the applet goes by the registration, which the module reports."""
    act(module, "sim", card="multi-imsi")
    module.until(lambda: module.module.radio.registered, 60)
    seen = []

    def denied(imsi: str) -> bool:
        return module.module.sim.imsi == imsi and module.module.radio.state.value == "denied"

    act(module, "network", reject="11")
    for imsi in ("222015850019002", "222885850019003"):
        module.until(lambda imsi=imsi: module.module.sim.imsi == imsi, 120)
        seen.append(imsi)
    module.until(lambda: denied("222885850019003"), 120)
    module.run(300)
    assert module.module.sim.imsi == seen[-1]
    act(module, "network", reject="none")
    module.at('AT+CRSM=214,28539,0,0,3,"FFFFFF"')
    module.until(lambda: module.module.radio.registered, 120)
    assert module.at("AT+CIMI") == ["222885850019003", "OK"]
    act(module, "network", reject="11")
    module.until(lambda: module.module.sim.imsi == "222885850019001", 120)  # and round once more
