"""The message side of SCPI: header spellings, paths, splitting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.bench.scpi import (
    VOLT,
    Entry,
    ScpiError,
    ScpiInstrument,
    boolean,
    header_pattern,
    number,
    split_units,
)

VOLTAGE = "[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]"


@pytest.mark.parametrize("spelling", ["VOLT", "VOLTAGE", "SOUR:VOLT", "VOLT:LEV", "VOLT:AMPL",
                                      "SOURCE:VOLTAGE:LEVEL:IMMEDIATE:AMPLITUDE"])
def test_spellings_of_a_header(spelling):
    assert header_pattern(VOLTAGE).fullmatch(spelling)


@pytest.mark.parametrize("spelling", ["VOL", "VOLTA", "VOLTAG", "SOURC:VOLT", "VOLT:", "LEV"])
def test_what_is_no_spelling(spelling):
    assert not header_pattern(VOLTAGE).fullmatch(spelling)


def test_path_continues_at_the_level_of_the_header_before():
    seen = []
    instrument = ScpiInstrument("ID", [
        Entry("[SOURce:]VOLTage:PROTection[:LEVel]", set=lambda p: seen.append(("level", p[0]))),
        Entry("[SOURce:]VOLTage:PROTection:STATe", set=lambda p: seen.append(("state", p[0]))),
        Entry("OUTPut", set=lambda p: seen.append(("output", p[0])))], lambda: None)
    instrument.handle("volt:prot:lev 5;state on;:OUTP ON")
    assert seen == [("level", "5"), ("state", "on"), ("output", "ON")]
    assert instrument.handle("SYST:ERR?") == '0,"No error"'
    instrument.handle("VOLT:PROT:LEV 5;OUTP OFF")
    assert instrument.handle("SYST:ERR?") == '-113,"Undefined header"'


def test_an_execution_error_leaves_the_rest_of_the_message():
    values = []

    def refuse(params):
        raise ScpiError(-222)

    entries = [Entry("AAAA", set=refuse), Entry("BBBB", set=lambda p: values.append(p))]
    instrument = ScpiInstrument("ID", entries, lambda: None)
    assert instrument.handle("AAAA 1;BBBB 2;*IDN?") == "ID"
    assert values == [["2"]]
    assert instrument.handle("XXXX;BBBB 3") is None
    assert values == [["2"]]


@given(st.text(alphabet="AB?:;,*\"' 09.\n", max_size=60))
def test_any_text_is_answered_or_queued_never_raised(text):
    instrument = ScpiInstrument("ID", [Entry(VOLTAGE, set=lambda p: None, get=lambda p: "1")], lambda: None)
    instrument.handle(text)
    assert instrument.handle("*IDN?") == "ID"


@given(st.lists(st.text(alphabet="abc 12\"", max_size=8).filter(lambda t: t.count('"') % 2 == 0), min_size=1))
def test_splitting_and_joining_agree(parts):
    assert split_units(";".join(parts), ";") == parts


@pytest.mark.parametrize(("text", "value"), [("3.8", 3.8), ("38E-1", 3.8), ("3800mV", 3.8), ("MIN", 0.0),
                                             ("MAXIMUM", 6.0), ("DEF", 1.0), ("+.5 V", 0.5)])
def test_numbers(text, value):
    assert number(text, VOLT, 0.0, 6.0, 1.0) == pytest.approx(value)


@pytest.mark.parametrize(("text", "value"), [("ON", True), ("off", False), ("1", True), ("0", False),
                                             ("0.4", False)])
def test_booleans(text, value):
    assert boolean(text) is value
