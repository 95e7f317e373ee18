"""The runs in a results folder: which ended, which go on, which were cut, and what a cut one left."""

from __future__ import annotations

import enum
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.errors import CellbenchError
from cellbench.record.attempt import Kind, Step
from cellbench.record.codec import decode
from cellbench.record.header import CutRunEntry, ProcessEntry
from cellbench.record.process import is_alive
from cellbench.record.run import RunRecord, read_run
from cellbench.record.transcript import utc_text
from cellbench.record.writer import FILE_NAME

_TAIL = 8192
_REPORTED = "cut-reported"


class RunState(enum.Enum):
    """What became of a run. ELSEWHERE: begun on another host, not ended, nobody here can tell."""

    ENDED = "ended"
    RUNNING = "running"
    CUT = "cut"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run in a results folder; ``exit_status`` is None unless it ended."""

    run: str
    folder: Path
    state: RunState
    rig: str
    purpose: str
    started_utc_ns: int
    exit_status: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt that was under way when the run was cut; ``step`` is "" before its first step."""

    procedure: str
    slot: str
    step: str
    utc_ns: int


@dataclass(frozen=True, slots=True)
class SlotLeft:
    """What a slot was left in: ``state`` is on, off or unknown, by the word of ``source``."""

    slot: str
    state: str
    utc_ns: int
    source: str


@dataclass(frozen=True, slots=True)
class CutRun:
    """A run without an end whose process is gone."""

    run: str
    folder: Path
    started_utc_ns: int
    last_utc_ns: int
    finished: int
    open: tuple[OpenAttempt, ...]
    slots: tuple[SlotLeft, ...]

    @property
    def text(self) -> str:
        """One sentence: when, at which step, what state the slots were left in."""
        where = "; ".join(f"in {_name(attempt)}" + (f", step {attempt.step!r}" if attempt.step else "")
                          for attempt in self.open) or "between two attempts"
        slots = "; ".join(f"{slot.slot} {_state(slot)}" for slot in self.slots) or "no slot was in use"
        return (f"run {self.run} was cut at {utc_text(self.last_utc_ns, 'seconds')} {where}, "
                f"{self.finished} attempts kept; {slots}")

    @property
    def entry(self) -> CutRunEntry:
        """What the next run's header says of it."""
        return CutRunEntry(self.run, self.last_utc_ns, self.text)


def list_runs(results: Path) -> tuple[RunSummary, ...]:
    """All runs of a results folder, oldest first; folders without a readable journal are left out."""
    found = (_summary(folder) for folder in _folders(results))
    return tuple(sorted((run for run in found if run), key=lambda run: (run.started_utc_ns, run.run)))


def cut_runs(results: Path, *, unreported_only: bool = False,
             left: Mapping[str, Mapping[str, str]] | None = None) -> tuple[CutRun, ...]:
    """The runs that were cut, oldest first.

    ``left`` (run → slot → on or off) is what the guardian knows of the slots it made safe afterwards;
    without it the journal's last word counts. ``unreported_only`` leaves out those that
    :func:`mark_reported` was called for.
    """
    found = []
    for folder in _folders(results):
        if unreported_only and (folder / _REPORTED).exists():
            continue
        if _has_ended(folder):
            continue
        summary = _summary(folder)
        if summary is not None and summary.state is RunState.CUT:
            try:
                found.append(describe_cut(read_run(folder), (left or {}).get(summary.run, {})))
            except CellbenchError:
                found.append(CutRun(summary.run, folder, summary.started_utc_ns, summary.started_utc_ns, 0,
                                    (), ()))
    return tuple(sorted(found, key=lambda run: (run.started_utc_ns, run.run)))


def mark_reported(cut: CutRun, by: str) -> None:
    """Note beside a cut run's journal that the run ``by`` has told of it; the journal stays as it is."""
    try:
        (cut.folder / _REPORTED).write_text(by + "\n")
    except OSError:
        return  # a results folder that cannot be written tells of the cut run once more


def describe_cut(run: RunRecord, left: Mapping[str, str]) -> CutRun:
    """What a journal without an end tells."""
    unfinished = tuple(
        OpenAttempt(attempt.procedure, attempt.slot, _step(attempt.steps), attempt.utc_ns)
        for attempt in run.attempts if attempt.verdict is None)
    power = {timed.event.slot: (timed.event.values.get("state", "unknown"), timed.utc_ns)
             for timed in run.events if timed.event.what == "power"}
    slots = []
    for name in dict.fromkeys((*(slot.slot for slot in run.slots), *power, *left)):
        state, utc_ns = power.get(name, ("unknown", run.last_utc_ns))
        slots.append(SlotLeft(name, left[name], run.last_utc_ns, "guardian") if name in left
                     else SlotLeft(name, state, utc_ns, "journal"))
    return CutRun(run.id, run.folder, run.header.started_utc_ns, run.last_utc_ns,
                  sum(attempt.verdict is not None for attempt in run.attempts), unfinished, tuple(slots))


def _step(steps: tuple[Step, ...]) -> str:
    """The step under way, else the last one begun."""
    under_way = [step for step in steps if step.duration_s is None]
    return (under_way or list(steps))[-1].name if steps else ""


def _name(attempt: OpenAttempt) -> str:
    name = attempt.procedure.rpartition("::")[2] or attempt.procedure
    return f"{name}[{attempt.slot}]" if attempt.slot else name


def _state(slot: SlotLeft) -> str:
    if slot.source == "guardian":
        return f"left {slot.state} by the guardian"
    words = {"on": "was powered when the journal ends", "off": "was off"}
    return words.get(slot.state, "was never switched by this run")


def _folders(results: Path) -> list[Path]:
    try:
        with os.scandir(results) as entries:
            return sorted(Path(entry.path) for entry in entries
                          if entry.is_dir() and os.path.exists(os.path.join(entry.path, FILE_NAME)))
    except OSError:
        return []


def _has_ended(folder: Path) -> bool:
    """The quick look: most runs ended, and their headers are long."""
    try:
        return _ended(_last_line(folder / FILE_NAME)) is not None
    except OSError:
        return False


def _summary(folder: Path) -> RunSummary | None:
    try:
        with (folder / FILE_NAME).open("rb") as file:
            header = json.loads(file.readline())["data"]
        last = _last_line(folder / FILE_NAME)
        run, rig = str(header["run"]), str(header["rig"])
        started, purpose = int(header["started_utc_ns"]), str(header.get("purpose", ""))
        process = decode(ProcessEntry, header["process"]) if header.get("process") else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    ended = _ended(last)
    if ended is not None:
        return RunSummary(run, folder, RunState.ENDED, rig, purpose, started, *ended)
    alive = is_alive(process) if process else False
    state = RunState.ELSEWHERE if alive is None else RunState.RUNNING if alive else RunState.CUT
    return RunSummary(run, folder, state, rig, purpose, started)


def _ended(line: bytes) -> tuple[int, str] | None:
    try:
        record = json.loads(line)
        if record["kind"] == Kind.RUN_ENDED:
            return int(record["data"]["exit_status"]), str(record["data"].get("reason", ""))
    except (ValueError, KeyError, TypeError):
        return None
    return None


def _last_line(path: Path) -> bytes:
    """The last whole line of a file, without reading what is before; b"" when it was torn."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL))
        lines = file.read().split(b"\n")
    return lines[-2] if len(lines) > 1 and not lines[-1] else b""
