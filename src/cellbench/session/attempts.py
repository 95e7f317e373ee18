"""The attempts of one process: begun, judged phase by phase, ended on disk."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from cellbench.record.attempt import AttemptEnded, AttemptStarted, Kind
from cellbench.record.verdict import Outcome, Verdict
from cellbench.session.procedure import Procedure
from cellbench.session.recorder import Recorder
from cellbench.session.verdicts import Canary, decide, worst

if TYPE_CHECKING:
    from cellbench.session.run import Run

ATTEMPT = pytest.StashKey["Attempt"]()


@dataclass(slots=True)
class Attempt:
    """One run of one procedure on one slot."""

    id: str
    procedure: str
    slot: str
    sections: tuple[str, ...]
    recorder: Recorder
    run: Run
    began: float = field(default_factory=time.monotonic)
    verdict: Verdict | None = None
    running: bool = True

    def judge(self, error: BaseException | None, phase: str) -> Verdict:
        """The verdict of one phase; the attempt keeps the gravest."""
        verdict = decide(error, phase, self.recorder.dependencies, self._watch)
        self.add(verdict)
        return verdict

    def add(self, verdict: Verdict) -> None:
        """Take a verdict into account."""
        self.verdict = worst(self.verdict, verdict)

    def _watch(self, depends_on: Sequence[str]) -> Sequence[Canary]:
        if self.run.equipment is None or not self.slot:
            return ()
        return self.run.equipment.canaries(self.slot, depends_on)


class AttemptBook:
    """Begins and ends attempts; knows the one that is running."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._count = itertools.count(1)
        self._mark: int | None = None
        self.current: Attempt | None = None

    def begin(self, item: pytest.Item, marked: Procedure | None) -> Attempt:
        """The record that an attempt has begun is written before anything of it runs."""
        from cellbench.session.hooks import procedure_id, slot_of

        procedure, slot = procedure_id(item), slot_of(item)
        self._numbers[procedure, slot] += 1
        sections = self._sections(marked, slot)
        name = f"{self._run.worker or 'main'}-{next(self._count)}"
        journal = self._run.open_journal()
        recorder = Recorder(journal, name, marked.depends_on if marked else ())
        attempt = Attempt(name, procedure, slot, sections, recorder, self._run)
        item.stash[ATTEMPT] = attempt
        self.current = attempt
        self.note_now(item.nodeid, name)
        journal.append(
            Kind.ATTEMPT_STARTED,
            AttemptStarted(name, procedure, slot, self._numbers[procedure, slot], sections),
        )
        return attempt

    def end(self, attempt: Attempt) -> None:
        """Store the transcripts and the verdict; returns when both are on disk."""
        attempt.running = False
        self.current = None
        journal = self._run.open_journal()
        if self._run.equipment is not None and attempt.slot:
            for trace in self._run.equipment.store_traces(attempt.id, attempt.slot, self._run.folder):
                journal.append(Kind.TRACE, trace)
        verdict = attempt.verdict or Verdict(Outcome.ABORTED, None, "never judged")
        journal.append(
            Kind.ATTEMPT_ENDED,
            AttemptEnded(
                attempt.id,
                attempt.procedure,
                attempt.slot,
                verdict,
                time.monotonic() - attempt.began,
                attempt.sections,
            ),
            sync=True,
        )
        if (
            self._run.equipment is not None
            and attempt.slot
            and verdict.outcome not in (Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NOT_POSSIBLE)
        ):
            self._run.equipment.distrust(attempt.slot)

    def _sections(self, marked: Procedure | None, slot: str) -> tuple[str, ...]:
        if marked is None:
            return ()
        if not slot:
            return marked.sections
        series = self._run.rig.model.slots[slot].series
        return tuple(name for name in marked.sections if series in self._run.sections[name].series)

    def note_now(self, nodeid: str, attempt: str = "") -> None:
        """In a worker: name the test and the attempt that begin, for a controller that must know what a
        worker died in."""
        if not self._run.worker:
            return
        from cellbench.session.hooks import started_mark

        if self._mark is None:
            self._mark = os.open(
                started_mark(self._run, self._run.worker), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644
            )
        text = f"{nodeid}\n{attempt}".encode()
        os.pwrite(self._mark, text + b"\n", 0)
        os.ftruncate(self._mark, len(text) + 1)
