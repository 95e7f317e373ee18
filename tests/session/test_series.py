"""A quantity over time from a procedure's hand into the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.base.errors import FrameworkError
from cellbench.record.attempt import AttemptStarted, Kind
from cellbench.record.header import Header
from cellbench.record.journal import JournalWriter
from cellbench.record.run import read_run
from cellbench.session.recorder import Recorder


def test_a_series_belongs_to_its_attempt_and_step(tmp_path: Path) -> None:
    journal = JournalWriter.create(tmp_path / "journal.jsonl", Header("r", 1, "rig"))
    journal.append(Kind.ATTEMPT_STARTED, AttemptStarted("1", "p", "s"))
    record = Recorder(journal, "1")
    record.series("voltage", "V", (), ())
    with record.step("asleep"):
        record.series("current", "A", (0.0, 0.5, 1.0), (0.01, 0.002, 0.002),
                      marks=((0.0, "awake"), (0.4, "idle")))
    with pytest.raises(FrameworkError, match="'current' cannot be recorded: 1 times and 2 values"):
        record.series("current", "A", (0.0,), (0.01, 0.02))
    journal.close()
    (attempt,) = read_run(tmp_path).attempts
    assert [(one.name, one.step, one.samples) for one in attempt.series] == [
        ("voltage", -1, 0), ("current", 0, 3)]
    assert [(mark.name, mark.mean) for mark in attempt.series[1].marks] == [("awake", None), ("idle", 0.002)]


def test_outside_a_run_nothing_is_written_and_nonsense_is_still_refused() -> None:
    record = Recorder(None, "")
    record.series("current", "A", (0.0, 1.0), (1.0, 2.0))
    with pytest.raises(FrameworkError, match="ascend"):
        record.series("current", "A", (1.0, 0.0), (1.0, 2.0))
