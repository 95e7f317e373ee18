"""Quantities over time in the journal: bounded, with their extremes, readable where they are not known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.record.attempt import AttemptEnded, AttemptStarted, Kind
from cellbench.record.codec import decode, encode
from cellbench.record.header import Header
from cellbench.record.journal import JournalWriter
from cellbench.record.run import read_run
from cellbench.record.series import (
    MOST_MARKS,
    MOST_POINTS,
    SeriesRecord,
    decimated,
    mean_over,
    series_words,
)
from cellbench.record.verdict import Outcome, Verdict

values_of_any_size = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300)


@given(values_of_any_size, st.integers(4, 40))
def test_what_is_kept_has_the_extremes_and_both_ends(values: list[float], most: int) -> None:
    times = [place * 0.01 for place in range(len(values))]
    kept = decimated(times, values, most)
    assert len(kept) <= max(most, 4)
    assert list(kept) == sorted(set(kept))
    assert (kept[0], kept[-1]) == (0, len(values) - 1)
    left = [values[place] for place in kept]
    assert (min(left), max(left)) == (min(values), max(values))


def test_a_spike_among_a_million_samples_is_kept() -> None:
    times = [place / 1000 for place in range(1_000_000)]
    values = [0.002] * 1_000_000
    values[654_321] = 1.5
    record = SeriesRecord.of("1", "current", "A", times, values, (), 0)
    assert record.samples == 1_000_000
    assert len(record.times) <= MOST_POINTS
    assert record.times[record.values.index(1.5)] == pytest.approx(654.321)
    assert len(json.dumps(encode(record))) < 64_000


def test_means_of_states_are_of_all_samples_and_weighted_by_time() -> None:
    times = (0.0, 0.5, 1.0, 1.05, 1.2, 2.2, 3.2)
    values = (10.0, 10.0, 10.0, 8.0, 2.0, 4.0, 4.0)
    marks = ((0.0, "active"), (1.0, "idle"), (3.1, "too short"), (3.2, ""))
    record = SeriesRecord.of("1", "current", "A", times, values, marks, 0)
    assert [(mark.name, mark.mean) for mark in record.marks] == [
        ("active", 10.0), ("idle", 2.0), ("too short", None), ("", None)]
    words = "current over 3.2 s: 2 A to 10 A in 7 samples; means: active 10 A, idle 2 A"
    assert series_words(record) == words
    empty = SeriesRecord.of("1", "current", "A", (), (), (), 0)
    assert series_words(empty) == "current over time: no value"
    assert mean_over(times, values, 5.0, 6.0) is None
    assert mean_over((1.0,), (2.5,), 0.0, 3.0) == 2.5


def test_the_record_comes_back_as_it_was_and_is_bounded() -> None:
    marks = [(place / 10, f"state {place}") for place in range(200)]
    record = SeriesRecord.of("1", "current", "A", (0.0, 20.0), (1.0, float("nan")), marks, 5, 2)
    assert len(record.marks) == MOST_MARKS
    again = decode(SeriesRecord, json.loads(json.dumps(encode(record))))
    assert encode(again) == encode(record)


@pytest.mark.parametrize(("times", "values"), [((0.0,), ()), ((1.0, 0.5), (1.0, 1.0)),
                                               ((0.0, float("nan")), (1.0, 1.0))])
def test_times_that_do_not_fit_are_refused(times: tuple[float, ...], values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"times"):
        SeriesRecord.of("1", "current", "A", times, values, (), 0)


def test_a_run_has_its_series_and_a_reader_that_knows_none_reads_the_rest(tmp_path: Path) -> None:
    """An unknown kind is passed over: the schema number stays."""
    journal = JournalWriter.create(tmp_path / "journal.jsonl", Header("r", 1, "rig"))
    journal.append(Kind.ATTEMPT_STARTED, AttemptStarted("1", "p"))
    journal.append(Kind.SERIES, SeriesRecord.of("1", "current", "A", (0.0, 1.0), (1.0, 2.0), (), 0))
    journal.append(Kind.ATTEMPT_ENDED, AttemptEnded("1", "p", "", Verdict(Outcome.PASS), 1.0))
    journal.close()
    (attempt,) = read_run(tmp_path).attempts
    assert [one.values for one in attempt.series] == [(1.0, 2.0)]
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert {json.loads(line)["schema"] for line in lines} == {1}
    (tmp_path / "journal.jsonl").write_text(
        "".join(line.replace('"kind":"series"', '"kind":"unheard-of"') + "\n" for line in lines))
    (attempt,) = read_run(tmp_path).attempts
    assert attempt.series == ()
    assert attempt.verdict is not None
