"""The journal's chain: written, merged, read back, checked."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.base.errors import FrameworkError, OperatorError
from cellbench.record.attempt import AttemptEnded, AttemptStarted, Kind, RunEnded
from cellbench.record.header import Header
from cellbench.record.journal import JournalWriter, read_journal, segment_path, verify
from cellbench.record.run import read_run
from cellbench.record.verdict import Outcome, Verdict


def write_run(folder: Path, *, workers: int = 0, end: bool = True, merge: bool = True) -> Path:
    """A small run with two attempts of the controller or of each worker."""
    journal = JournalWriter.create(folder / "journal.jsonl", Header("run-1", 1, "rig"))
    writers = {"": journal} if not workers else {
        f"gw{n}": JournalWriter.segment(segment_path(folder, f"gw{n}"), run="run-1", worker=f"gw{n}",
                                        slot=f"slot-{n}", anchor=journal.head) for n in range(workers)}
    for worker, writer in writers.items():
        for number in range(2):
            name = f"{worker}:{number}"
            slot = f"slot-{worker}"
            writer.append(Kind.ATTEMPT_STARTED, AttemptStarted(name, f"p{number}", slot), sync=True)
            ended = AttemptEnded(name, f"p{number}", slot, Verdict(Outcome.PASS), 0.5)
            writer.append(Kind.ATTEMPT_ENDED, ended, sync=True)
        if worker:
            writer.close()
    if workers and merge:
        journal.merge({worker: segment_path(folder, worker) for worker in writers})
    if end:
        journal.append(Kind.RUN_ENDED, RunEnded(0, 1.0), sync=True)
    journal.close()
    return folder / "journal.jsonl"


@pytest.mark.parametrize("workers", [0, 1, 12])
def test_a_whole_run_is_sound(tmp_path: Path, workers: int) -> None:
    path = write_run(tmp_path, workers=workers)
    found = verify(path)
    assert found.problems == ()
    assert found.ended
    assert found.head == read_journal(path).head
    assert len(read_run(path).attempts) == 2 * max(1, workers)
    assert list(tmp_path.glob("journal-*")) == []


def test_workers_stand_in_their_natural_order(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path, workers=12))
    assert [attempt.id for attempt in run.attempts[::2]] == [f"gw{n}:0" for n in range(12)]


@pytest.mark.parametrize("workers", [0, 3])
def test_any_change_of_any_line_is_found(tmp_path: Path, workers: int) -> None:
    path = write_run(tmp_path, workers=workers)
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines[:-1]):
        changed = line.replace('"utc_ns":1', '"utc_ns":2', 1)
        assert changed != line
        path.write_text("\n".join([*lines[:number], changed, *lines[number + 1:]]) + "\n")
        assert verify(path).problems, f"line {number + 1}"
        path.write_text("\n".join([*lines[:number], *lines[number + 1:]]) + "\n")
        assert verify(path).problems, f"line {number + 1} taken out"


def test_a_changed_last_line_changes_the_head(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    head = verify(path).head
    path.write_text(path.read_text().replace('"exit_status":0', '"exit_status":1'))
    assert verify(path).head != head


def test_a_run_cut_before_the_merge_is_read_from_its_segments(tmp_path: Path) -> None:
    path = write_run(tmp_path, workers=2, merge=False, end=False)
    found = verify(path)
    assert found.problems == ()
    assert not found.ended
    assert len(read_run(tmp_path).attempts) == 4


def test_a_merge_that_was_cut_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = write_run(tmp_path, workers=2, merge=False, end=False)
    segments = {file.name: file.read_bytes() for file in tmp_path.glob("journal-*")}
    header = path.read_bytes()
    other = tmp_path / "whole"
    other.mkdir()
    for name, content in segments.items():
        (other / name).write_bytes(content)
    (other / "journal.jsonl").write_bytes(header)
    writer = JournalWriter(other / "merged.jsonl", read_journal(path).head, _Clock())
    writer.merge({"gw0": other / "journal-gw0.jsonl", "gw1": other / "journal-gw1.jsonl"})
    merged = header + (other / "merged.jsonl").read_bytes()
    for cut in range(len(header), len(merged) + 1, 37):
        path.write_bytes(merged[:cut])
        assert len(read_run(path).attempts) == 4, cut
        assert verify(path).problems == (), cut


class _Clock:
    def monotonic(self) -> float:
        return 1.0

    def utc_ns(self) -> int:
        return 1


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 10_000))
def test_a_journal_cut_anywhere_is_read_up_to_its_last_whole_line(tmp_path_factory: pytest.TempPathFactory,
                                                                  cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = write_run(folder)
    content = path.read_bytes()
    kept = content[:len(content.splitlines(keepends=True)[0]) + cut % len(content)]
    path.write_bytes(kept)
    journal = read_journal(path)
    assert len(journal.records) == kept.count(b"\n")
    assert journal.torn_bytes == len(kept) - kept.rfind(b"\n") - 1
    assert verify(path).problems == ()


def test_a_segment_of_another_run_is_found(tmp_path: Path) -> None:
    write_run(tmp_path / "a", workers=1, merge=False, end=False)
    path = write_run(tmp_path / "b", workers=1, merge=False, end=False)
    segment_path(tmp_path / "b", "gw0").write_bytes(segment_path(tmp_path / "a", "gw0").read_bytes())
    assert any("another run" in str(problem) for problem in verify(path).problems)


def test_damage_before_the_end_is_told_with_its_line(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "rubbish", *lines[1:]]) + "\n")
    with pytest.raises(OperatorError, match=r"journal\.jsonl:2: this line is no journal record"):
        read_journal(path)
    assert [problem.line for problem in verify(path).problems][:1] == [2]


@pytest.mark.parametrize("content", ["", "rubbish\n", "{}\n", "[]\n",
                                     '{"schema":1,"kind":"step","data":{}}\n'])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "journal.jsonl").write_text(content)
    with pytest.raises(OperatorError, match="no journal"):
        read_run(tmp_path)


def test_a_newer_schema_is_refused_by_name(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    path.write_text(path.read_text().replace('{"schema":1', '{"schema":99'))
    with pytest.raises(OperatorError, match="schema 99 is newer"):
        read_run(path)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    with pytest.raises(OperatorError, match="never written over"):
        JournalWriter.create(path, Header("run-2", 1, "rig"))


def test_a_place_that_cannot_be_written_is_an_operators_matter(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot write the journal"):
        JournalWriter.create(tmp_path / "file" / "journal.jsonl", Header("r", 1, "rig"))


def test_a_full_disk_leaves_the_chain_whole(tmp_path: Path) -> None:
    import resource
    import signal

    journal = JournalWriter.create(tmp_path / "journal.jsonl", Header("r", 1, "rig"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        journal.append(Kind.NOTE, {"attempt": "a", "text": "x" * 300})
        with pytest.raises(OperatorError, match="make room"):
            journal.append(Kind.NOTE, {"attempt": "a", "text": "x" * 3000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    journal.append(Kind.RUN_ENDED, RunEnded(12, 1.0))
    journal.close()
    assert verify(tmp_path).problems == ()
    assert verify(tmp_path).ended


def test_a_record_that_no_journal_can_hold_is_a_bug_of_ours(tmp_path: Path) -> None:
    journal = JournalWriter.create(tmp_path / "journal.jsonl", Header("r", 1, "rig"))
    with pytest.raises(FrameworkError, match="note record"):
        journal.append(Kind.NOTE, {"text": object()})
    journal.close()
    with pytest.raises(FrameworkError, match="closed"):
        journal.append(Kind.NOTE, {})


def test_threads_write_whole_lines_in_one_chain(tmp_path: Path) -> None:
    journal = JournalWriter.create(tmp_path / "journal.jsonl", Header("r", 1, "rig"))

    def write() -> None:
        for number in range(100):
            journal.append(Kind.NOTE, {"attempt": "a", "text": str(number)})

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert verify(tmp_path).records == 401
    assert verify(tmp_path).problems == ()


def test_a_line_says_what_it_must(tmp_path: Path) -> None:
    line = json.loads(write_run(tmp_path).read_text().splitlines()[1])
    assert list(line) == ["schema", "utc_ns", "mono_ns", "kind", "data", "prev"]
