"""Voice calls at the AT interface: LENA-R8 guide 7.3, 7.3.1; 27.007 6 and 7; V.250 6.3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.control.verbs import ControlRefusal
from cellbench.virtual.device.module import Input, Output
from cellbench.virtual.device.network import Change, Rat
from cellbench.virtual.net.internet import Internet
from cellbench.virtual.world.world import load_world

Ctl = Callable[..., Any]
FROM = "+390402529400"


def number(module: Any) -> str:
    return f"+{module.module.subscriber.number}"


def take(one: Any) -> None:
    """ATA, whatever its result code is."""
    one.send(b"ATA\r")
    one.run(2)


def test_table_18(phone: Callable[..., Any], ctl: Ctl) -> None:
    """RING and +CLIP, RING, RING; ATA: CONNECT; ATH: OK, NO CARRIER."""
    lena = phone(Series.LENA_R8)
    assert lena.at("AT+CLIP=1") == ["OK"]
    ctl(lena, "call", number=FROM)
    lena.run(11)
    assert lena.lines() == ["RING", f'+CLIP: "{FROM}",145,,,,0', "RING", "RING"]
    lena.uart.clear()
    lena.send(b"ATA\r")
    lena.run(2)
    assert lena.lines() == ["CONNECT"]
    assert lena.at("AT") == ["OK"], "the port stays in command mode"
    lena.send(b"ATH\r")
    lena.run(2)
    assert lena.lines() == ["OK", "NO CARRIER"]


def test_lara_hangs_up_by_chup(phone: Callable[..., Any], ctl: Ctl) -> None:
    """LENA-R8 guide Table 54: +CHUP; ATH is for data calls."""
    lara = phone(Series.LARA_R6)
    lara.at("AT+CLIP=1")
    ctl(lara, "call", number=FROM)
    lara.run(6)
    assert lara.lines().count(f'+CLIP: "{FROM}",145,,,,0') == 2
    assert lara.at("ATA") == ["OK"]
    assert lara.at("ATH") == ["OK"]
    assert lara.at("AT+CLCC") == [f'+CLCC: 1,1,0,0,0,"{FROM}",145', "OK"]
    assert lara.at("AT+CHUP") == ["OK"]
    assert lara.at("AT+CLCC") == ["OK"]


def test_a_call_between_two(pair: tuple[Any, Any]) -> None:
    caller, called = pair
    for one in pair:
        one.at("AT+UCALLSTAT=1")
        one.at("AT+CRC=1")
    assert caller.at(f"ATD{number(called)};")[0] == "OK"
    caller.run(12)
    assert called.lines()[:2] == ["+UCALLSTAT: 1,4", "+CRING: VOICE"]
    assert caller.at("AT+CLCC") == [f'+CLCC: 1,0,3,0,0,"{number(called)}",145', "OK"]
    assert [one.at("AT+CPAS")[0] for one in pair] == ["+CPAS: 4", "+CPAS: 3"]
    called.at("ATA")
    caller.run(1)
    assert [one.at("AT+CPAS")[0] for one in pair] == ["+CPAS: 4", "+CPAS: 4"]
    assert caller.at("AT+CIND?")[0].split(",")[5] == "1"
    caller.lines()
    called.at("AT+CHUP")
    caller.run(1)
    assert caller.lines() == ["+UCALLSTAT: 1,6", "NO CARRIER"]
    assert caller.at("AT+CEER")[0] == '+CEER: "CC cause",16,"Normal call clearing"'


def test_who_cannot_be_reached(phone: Callable[..., Any]) -> None:
    caller, busy, off, data = (phone(Series.LARA_R6), phone(Series.LENA_R8), phone(Series.LARA_R6),
                               phone(Series.LARA_R6, variant="LARA-R6001D"))
    off.at("AT+COPS=2")
    assert busy.at("ATD+49170000000;")[0] == "OK"
    for other, text, cause in ((busy, "BUSY", 17), (off, "NO CARRIER", 20), (data, "NO CARRIER", 88),
                               (caller, "BUSY", 17)):
        assert caller.at(f"ATD{number(other)};")[0] == "OK"
        caller.run(20)
        assert caller.lines()[-1] == text
        assert caller.at("AT+CEER")[0].split(",")[1] == str(cause)


def test_declined_and_not_answered(pair: tuple[Any, Any]) -> None:
    caller, called = pair
    caller.at(f"ATD{number(called)};")
    caller.run(12)
    called.at("AT+CHUP")
    caller.run(1)
    assert caller.lines() == ["NO CARRIER"]
    assert '"Call rejected"' in caller.at("AT+CEER")[0]
    called.lines()
    caller.at(f"ATD{number(called)};")
    caller.run(100)
    assert caller.lines() == ["NO ANSWER"]
    assert "NO CARRIER" in called.lines()


@pytest.mark.parametrize(("strangers", "told"), [
    ("busy", ["BUSY"]), ("rejects", ["NO CARRIER"]), ("unassigned", ["NO CARRIER"]), ("rings", ["NO ANSWER"]),
    ("answers", [])])
def test_strangers(one: Any, ctl: Ctl, strangers: str, told: list[str]) -> None:
    ctl(one, "call", strangers=strangers)
    assert one.at("ATD0123456;") == ["OK"]
    one.run(100)
    assert one.lines() == told
    assert (one.at("AT+CLCC") != ["OK"]) is (strangers == "answers")


@pytest.mark.parametrize("stage", ["alerting", "answered"])
def test_dial_result_at_a_later_stage(phone: Callable[..., Any], ctl: Ctl, stage: str) -> None:
    one = phone(Series.LARA_R6, dial_ok_at=stage)
    assert one.at("ATD0123456;") == ["OK"]
    assert one.module.subscriber.network is not None
    one.at("AT+CHUP")
    ctl(one, "call", strangers="busy")
    assert one.at("ATD0123456;") == ["BUSY"]
    ctl(one, "call", strangers="rings")
    if stage == "answered":
        one.send(b"ATD0123456;\r")
        one.run(10)
        one.send(b"x")  # a character aborts the dial
        one.run(1)
        assert one.at("AT+CLCC") == ["OK"]


def test_far_end_gives_up(one: Any, ctl: Ctl) -> None:
    ctl(one, "call", number="withheld")
    one.run(1)
    one.at("AT+CLIP=1")
    one.run(5)
    ctl(one, "call", end="1")
    one.run(10)
    lines = one.lines()
    assert lines[-1] == "NO CARRIER"
    assert lines.count("NO CARRIER") == 1
    with pytest.raises(ControlRefusal, match="no call"):
        ctl(one, "call", end="1")


def test_a_second_caller_finds_it_busy(one: Any, ctl: Ctl) -> None:
    ctl(one, "call")
    with pytest.raises(ControlRefusal, match="in a call"):
        ctl(one, "call")


def test_nothing_to_answer_or_to_end(one: Any) -> None:
    assert one.at("ATA") == ["NO CARRIER"]
    assert one.at("ATH") == ["OK"]
    assert one.at("AT+CHUP") == ["OK"]
    assert one.at("AT+CPAS") == ["+CPAS: 0", "OK"]


def test_automatic_answer(one: Any, ctl: Ctl) -> None:
    one.at("ATS0=2")
    ctl(one, "call")
    one.run(11)
    assert one.at("AT+CLCC")[0].startswith("+CLCC: 1,1,0,0,0,")


def test_data_variants_have_no_voice(phone: Callable[..., Any], ctl: Ctl) -> None:
    """LARA-R6 application note: NO CARRIER at once."""
    one = phone(Series.LARA_R6, variant="LARA-R6001D")
    assert one.at(f"ATD{FROM};") == ["NO CARRIER"]
    with pytest.raises(ControlRefusal, match="no voice"):
        ctl(one, "call")


def test_own_number_is_withheld(pair: tuple[Any, Any]) -> None:
    caller, called = pair
    called.at("AT+CLIP=1")
    for line in (f"ATD{number(called)}I;", f"ATD{number(called)};"):
        caller.at(line)
        caller.run(12)
        assert '+CLIP: "",128,,,,1' in called.lines()
        called.at("AT+CHUP")
        caller.run(2)
        caller.lines()
        caller.at("AT+CLIR=1")


# what carries it
def test_domains(one: Any, ctl: Ctl) -> None:
    """IMS in LTE where it is there, else circuit switched; in 2G circuit switched."""
    def carried() -> str:
        ctl(one, "call")
        found = ctl(one, "report", what="telephone")["carried_by"]
        one.at("AT+CHUP")
        return str(found)

    assert carried() == "circuit switched fallback"
    one.module.network.ims = True
    one.module.network.tell(Change.IMS)
    one.run(5)
    assert carried() == "ims"
    one.module.network.rat = Rat.GSM
    one.module.network.tell(Change.RAT)
    one.run(30)
    assert carried() == "circuit switched"


def test_ims_that_goes_takes_the_call_along(one: Any, ctl: Ctl) -> None:
    one.module.network.ims = True
    one.module.network.tell(Change.IMS)
    one.run(5)
    ctl(one, "call")
    take(one)
    one.module.network.ims = False
    one.module.network.tell(Change.IMS)
    one.run(1)
    assert "NO CARRIER" in one.lines()


def test_without_fallback_and_ims_there_is_no_call(phone: Callable[..., Any], ctl: Ctl) -> None:
    one = phone(Series.LENA_R8, call_fallback=False)
    assert one.at("ATD0123456;") == ["NO CARRIER"]
    with pytest.raises(ControlRefusal, match="nothing carries"):
        ctl(one, "call")


@pytest.mark.parametrize("rat", [Rat.GSM, Rat.UTRAN])
def test_data_are_held_up_in_2g_alone(phone: Callable[..., Any], ctl: Ctl, rat: Rat) -> None:
    """LENA-R8 guide 7.3: CS calls and PS data cannot run in parallel in 2G."""
    one = phone(Series.LARA_R6)
    internet = one.module.internet = Internet(load_world())
    one.module.network.rat = rat
    one.module.network.tell(Change.RAT)
    one.run(60)
    node = internet.node(one.module.name)
    ctl(one, "call")
    assert node.blocked is (rat is Rat.GSM)
    assert one.module.contexts.blocked is (rat is Rat.GSM)
    take(one)
    assert node.blocked is (rat is Rat.GSM)
    one.at("AT+CHUP")
    assert not node.blocked


def test_coverage_that_goes_ends_the_call(one: Any, ctl: Ctl) -> None:
    ctl(one, "call")
    take(one)
    one.module.network.found = False
    one.module.network.tell(Change.COVERAGE)
    one.run(1)
    assert "NO CARRIER" in one.lines()
    assert one.at("AT+CPAS") == ["+CPAS: 0", "OK"]
    assert not one.module.network.data_held


# lines and sleep
def test_ri_follows_the_rings(one: Any, ctl: Ctl) -> None:
    """1 s on, 4 s off (siblings' system integration manuals), with +URING=0."""
    ctl(one, "call")
    levels = []
    for _ in range(100):
        levels.append(one.module.output(Output.RI))
        one.run(0.1)
    one.at("AT+CHUP")
    assert levels[0]
    assert not any(levels[12:48])
    assert 18 <= sum(levels) <= 22, "twice a second in ten"
    one.run(2)
    assert not one.module.output(Output.RI)


def test_a_call_wakes_a_sleeping_module_and_keeps_it_awake(one: Any, ctl: Ctl) -> None:
    one.at("AT+UPSV=3")
    one.run(60)
    one.module.set_input(Input.DTR, False)
    assert one.module.sleep.asleep(one.loop.time())
    ctl(one, "call")
    one.run(60)
    assert not one.module.sleep.asleep(one.loop.time())
    ctl(one, "call", end="1")
    one.run(60)
    assert one.module.sleep.asleep(one.loop.time())


def test_power_off_ends_it_for_the_other(pair: tuple[Any, Any]) -> None:
    caller, called = pair
    caller.at(f"ATD{number(called)};")
    caller.run(12)
    called.at("ATA")
    caller.run(1)
    caller.lines()
    called.module.set_supply(0.0)
    caller.run(1)
    assert "NO CARRIER" in caller.lines()
