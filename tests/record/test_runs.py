"""Which runs were cut, and what they left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cellbench.record.attempt import Event, Kind, RunEnded, StepMark
from cellbench.record.header import Header, ProcessEntry, SlotEntry
from cellbench.record.journal import JournalWriter
from cellbench.record.process import is_alive, this_process
from cellbench.record.runs import RunState, cut_runs, list_runs, mark_reported

KILLED = """
import os, signal, sys
from pathlib import Path
from cellbench.record.attempt import AttemptEnded, AttemptStarted, Event, Kind, StepMark
from cellbench.record.header import Header, SlotEntry
from cellbench.record.journal import JournalWriter
from cellbench.record.process import this_process
from cellbench.record.verdict import Outcome, Verdict
journal = JournalWriter.create(Path(sys.argv[1]) / "journal.jsonl",
                               Header("run-cut", 5, "rig", process=this_process()))
journal.append(Kind.SLOT, SlotEntry("s1", "LENA-R8"))
journal.append(Kind.EVENT, Event("power", "s1", values={"state": "on"}))
journal.append(Kind.ATTEMPT_STARTED, AttemptStarted("1", "suites/test_a.py::test_one", "s1"), sync=True)
passed = Verdict(Outcome.PASS)
journal.append(Kind.ATTEMPT_ENDED, AttemptEnded("1", "suites/test_a.py::test_one", "s1", passed, 1.0))
journal.append(Kind.ATTEMPT_STARTED, AttemptStarted("2", "suites/test_a.py::test_two", "s1"), sync=True)
journal.append(Kind.STEP, StepMark("2", 0, "power on", 0.2))
journal.append(Kind.STEP, StepMark("2", 1, "wait for registration"))
os.write(1, b"ready")
os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_a_run(folder: Path) -> None:
    """A real process writes a journal and is killed in the second step of its second test."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr


def test_a_killed_run_says_when_where_and_what_it_left(tmp_path: Path) -> None:
    kill_a_run(tmp_path / "run-cut")
    (cut,) = cut_runs(tmp_path)
    assert cut.finished == 1
    assert (cut.open[0].slot, cut.open[0].step) == ("s1", "wait for registration")
    assert (cut.slots[0].state, cut.slots[0].source) == ("on", "journal")
    assert "in test_two[s1], step 'wait for registration'" in cut.text
    assert "s1 was powered when the journal ends" in cut.text
    assert cut.entry.run == "run-cut"


def test_the_guardians_word_on_the_slots_counts_more(tmp_path: Path) -> None:
    kill_a_run(tmp_path / "run-cut")
    (cut,) = cut_runs(tmp_path, left={"run-cut": {"s1": "off"}})
    assert cut.slots[0].state == "off"
    assert "s1 left off by the guardian" in cut.text


def test_a_torn_last_line_is_a_cut_run_too(tmp_path: Path) -> None:
    kill_a_run(tmp_path / "run-cut")
    with (tmp_path / "run-cut" / "journal.jsonl").open("a") as file:
        file.write('{"schema":1,"utc_')
    assert [run.run for run in cut_runs(tmp_path)] == ["run-cut"]


def test_a_cut_run_is_told_of_once_and_kept(tmp_path: Path) -> None:
    kill_a_run(tmp_path / "run-cut")
    before = (tmp_path / "run-cut" / "journal.jsonl").read_bytes()
    mark_reported(cut_runs(tmp_path)[0], "run-2")
    assert cut_runs(tmp_path, unreported_only=True) == ()
    assert len(cut_runs(tmp_path)) == 1
    assert (tmp_path / "run-cut" / "journal.jsonl").read_bytes() == before


def test_runs_are_told_apart(tmp_path: Path) -> None:
    kill_a_run(tmp_path / "run-cut")
    me = this_process()
    ended = JournalWriter.create(tmp_path / "b" / "journal.jsonl", Header("ended", 1, "rig", process=me))
    ended.append(Kind.RUN_ENDED, RunEnded(1, 2.0))
    ended.close()
    running = JournalWriter.create(tmp_path / "c" / "journal.jsonl", Header("running", 9, "rig", process=me))
    running.append(Kind.STEP, StepMark("1", 0, "x"))
    elsewhere = Header("elsewhere", 10, "rig", process=ProcessEntry("another-host", 1, 1, "boot"))
    JournalWriter.create(tmp_path / "d" / "journal.jsonl", elsewhere).close()
    (tmp_path / "not-a-run").mkdir()
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "journal.jsonl").write_text("rubbish")
    found = {run.run: run.state for run in list_runs(tmp_path)}
    assert found == {"ended": RunState.ENDED, "run-cut": RunState.CUT, "running": RunState.RUNNING,
                     "elsewhere": RunState.ELSEWHERE}
    assert next(iter(found)) == "ended"
    assert [run.run for run in cut_runs(tmp_path)] == ["run-cut"]
    running.close()


def test_a_results_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == ()
    assert cut_runs(tmp_path / "none") == ()


def test_a_process_is_known_by_more_than_its_number() -> None:
    here = this_process()
    assert is_alive(here) is True
    assert is_alive(ProcessEntry(here.host, here.pid, here.started + 1, here.boot)) is False
    assert is_alive(ProcessEntry(here.host, here.pid, here.started, "an earlier boot")) is False
    assert is_alive(ProcessEntry("another-host", here.pid, here.started, here.boot)) is None


def test_a_slot_nobody_switched_is_said_so(tmp_path: Path) -> None:
    gone = ProcessEntry(this_process().host, 1, 1, "an earlier boot")
    journal = JournalWriter.create(tmp_path / "r" / "journal.jsonl", Header("r", 1, "rig", process=gone))
    journal.append(Kind.SLOT, SlotEntry("s1", "LARA-R6"))
    journal.append(Kind.EVENT, Event("worker-lost", "s1"))
    journal.close()
    text = cut_runs(tmp_path)[0].text
    assert "between two attempts, 0 attempts kept; s1 was never switched by this run" in text
