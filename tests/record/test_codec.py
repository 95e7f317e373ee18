"""Dataclasses to JSON and back."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.trace import Span
from cellbench.record.attempt import Event, MeasurementRecord
from cellbench.record.codec import decode, encode
from cellbench.record.header import Header, ProcedureEntry, ProcessEntry
from cellbench.record.measurement import Judgement, Limit

texts = st.text(max_size=20)
limits = st.none() | st.builds(Limit, low=st.none() | st.floats(allow_nan=False), equals=st.none() | texts,
                               one_of=st.lists(texts, max_size=3).map(tuple), source=texts)


@given(st.builds(MeasurementRecord, attempt=texts, name=texts, value=st.floats(allow_nan=False) | texts,
                 unit=texts, limit=limits, judgement=st.sampled_from(Judgement), utc_ns=st.integers(),
                 span=st.none() | st.builds(Span, texts, st.integers(0), st.integers(0)), step=st.integers()))
def test_a_measurement_comes_back_as_it_was(measured: MeasurementRecord) -> None:
    line = json.dumps(encode(measured), allow_nan=False)
    assert decode(MeasurementRecord, json.loads(line)) == measured


def test_a_value_that_is_not_a_number_comes_back() -> None:
    measured = MeasurementRecord("a", "current", math.nan, "A", None, Judgement.FAIL, 1)
    value = decode(MeasurementRecord, json.loads(json.dumps(encode(measured), allow_nan=False))).value
    assert isinstance(value, float)
    assert math.isnan(value)


def test_nested_records_and_mappings_come_back() -> None:
    header = Header("r", 1, "rig", process=ProcessEntry("h", 2, 3, "b"), versions={"pytest": "9"},
                    procedures=(ProcedureEntry("p", "t", ("R8:1",), ("s",)),))
    assert decode(Header, json.loads(json.dumps(encode(header)))) == header


def test_unknown_keys_are_left_out_and_missing_ones_take_their_default() -> None:
    assert decode(Event, {"what": "power", "colour": "red"}) == Event("power")


@pytest.mark.parametrize("data", [{"what": 1}, {}, [], {"what": "x", "values": []},
                                  {"what": "x", "values": {"a": 1}}])
def test_what_does_not_fit_is_named(data: object) -> None:
    with pytest.raises(ValueError, match="Event"):
        decode(Event, data)


def test_what_no_journal_holds_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        encode({"a": object()})
