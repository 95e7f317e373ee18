"""Which writes to the module's memory were needless or blind."""

from __future__ import annotations

import pytest

from cellbench.base.errors import FrameworkError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.facts import grammar_for
from cellbench.host.wear import NvmWatch, Wear
from cellbench.wire.at.grammar import Plan


class Bench:
    """A watch, and what a module would have answered."""

    def __init__(self, series: Series) -> None:
        self.grammar = grammar_for(profile_for(series))
        self.watch = NvmWatch(profile_for(series), self.grammar.commands)

    def plan(self, line: str) -> Plan:
        return self.grammar.plan(line, self.watch.names)

    def say(self, line: str, *info: str, port: str = "uart") -> Wear:
        self.watch.note(self.plan(line), info, port)
        return self.watch.take()

    def question(self, line: str, port: str = "uart") -> str | None:
        return self.watch.question(self.plan(line), port)


@pytest.fixture
def r8() -> Bench:
    return Bench(Series.LENA_R8)


@pytest.fixture
def r6() -> Bench:
    return Bench(Series.LARA_R6)


def test_a_write_after_reading_another_value_is_well(r8: Bench) -> None:
    assert r8.say("AT+UPSV?", "+UPSV: 0") == Wear()
    assert r8.say("AT+UPSV=4,1300") == Wear(writes=("AT+UPSV=4,1300",))


def test_a_write_of_the_value_read_is_needless(r8: Bench) -> None:
    r8.say("AT+UPSV?", "+UPSV: 4,2000")
    assert r8.say("AT+UPSV=4,2000").needless == ("AT+UPSV=4,2000",)
    assert r8.say("AT+UPSV=4").needless == ("AT+UPSV=4",)
    assert r8.say("AT+UPSV=0").needless == ()


def test_a_write_of_the_value_written_before_is_needless(r8: Bench) -> None:
    r8.say("AT+UPSV?", "+UPSV: 0")
    r8.say("AT+UPSV=3")
    assert r8.say("AT+UPSV=3").needless == ("AT+UPSV=3",)


def test_a_write_that_nobody_read_before_is_blind(r8: Bench) -> None:
    assert r8.say("AT+UPSV=4").blind == ("AT+UPSV=4",)
    assert r8.say("AT+UPSV=0").blind == (), "from then on it is known"


def test_after_a_restart_all_is_to_be_read_anew(r8: Bench) -> None:
    r8.say("AT+UPSV?", "+UPSV: 0")
    r8.watch.forget()
    assert r8.say("AT+UPSV=0").blind == ("AT+UPSV=0",)


def test_volatile_settings_do_not_count(r8: Bench) -> None:
    assert r8.say("AT+CMEE=2") == Wear()
    assert r8.say("AT+CFUN=4") == Wear(), "an order, not a setting"


def test_a_context_is_known_by_its_number(r8: Bench) -> None:
    r8.say("AT+CGDCONT?", '+CGDCONT: 1,"IP","a.example","10.0.0.1",0,0')
    assert r8.say('AT+CGDCONT=1,"IP","A.example"').needless, "the case of an APN says nothing"
    assert not r8.say('AT+CGDCONT=2,"IP","b.example"').blind, "the reading showed that there is no second one"
    assert r8.say("AT+CGDCONT=3").needless == ("AT+CGDCONT=3",), "it was not there"
    assert not r8.say("AT+CGDCONT=2").needless
    assert r8.say("AT+CGDCONT=2").needless


def test_settings_that_are_read_by_their_own_operation(r8: Bench) -> None:
    r8.say('AT+SYSNV=0,"usbmode"', '+SYSNV: "usbmode",2')
    assert r8.say('AT+SYSNV=1,"usbmode",2').needless
    assert not r8.say('AT+SYSNV=1,"usbmode",3').needless
    assert r8.say('AT+SYSNV=1,"nat_cfg",0').blind
    r8.say("AT+UDCONF=1", "+UDCONF: 1,0")
    assert r8.say("AT+UDCONF=1,0").needless


def test_a_rate_belongs_to_its_port(r6: Bench) -> None:
    r6.say("AT+IPR?", "+IPR: 115200", port="uart")
    assert r6.say("AT+IPR=115200", port="uart").needless
    assert r6.say("AT+IPR=115200", port="at0").blind


def test_several_commands_on_a_line(r6: Bench) -> None:
    r6.say("AT+UPSV?;+USIO?", "+UPSV: 0", "+USIO: 0,0")
    assert r6.say("AT+UPSV=0;+USIO=1").needless == ("AT+UPSV=0;+USIO=1",)


def test_a_question_that_is_refused_was_asked(r8: Bench) -> None:
    """LENA-R8 answers ERROR to AT+CSGT? while the greeting is off."""
    line = 'AT+CSGT=1,"hello"'
    assert r8.question(line) == "AT+CSGT?"
    r8.watch.refused(r8.plan(line), "uart")
    assert r8.watch.changes(r8.plan(line), "uart")
    assert r8.say(line) == Wear((line,), (), ())


def test_the_question_before_a_write(r8: Bench) -> None:
    assert r8.question("AT+UPSV=4") == "AT+UPSV?"
    assert r8.question('AT+SYSNV=1,"nat_cfg",0') == 'AT+SYSNV=0,"nat_cfg"'
    assert r8.question("AT+UDCONF=1,1") == "AT+UDCONF=1"
    r8.say("AT+UPSV?", "+UPSV: 4,2000")
    assert r8.question("AT+UPSV=4") is None
    assert not r8.watch.changes(r8.plan("AT+UPSV=4"), "uart")
    assert r8.watch.changes(r8.plan("AT+UPSV=0"), "uart")


@pytest.mark.parametrize("line", ["AT+CMEE=2", "AT+UPSV?", "AT+UPSV=0;+CMEE=1", "AT+CFUN=4", "AT"])
def test_what_cannot_be_ensured(r8: Bench, line: str) -> None:
    with pytest.raises(FrameworkError, match="no single write"):
        r8.question(line)


def test_what_is_in_force_until_the_reboot_is_not_what_is_stored(r6: Bench) -> None:
    r6.say("AT+USIO?", "+USIO: 0,3")
    assert r6.say("AT+USIO=3").needless == ("AT+USIO=3",)
    assert r6.say("AT+USIO=0").needless == ()
