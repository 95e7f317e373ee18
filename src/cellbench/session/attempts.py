"""The attempts of one process: begun, judged phase by phase, ended on disk."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from cellbench.base.errors import Owner
from cellbench.host.wear import Wear
from cellbench.record.attempt import AttemptEnded, AttemptStarted, Kind
from cellbench.record.diagnosis import DiagnosisRecord
from cellbench.record.verdict import Outcome, Verdict
from cellbench.session.diagnosis import collect, wanted
from cellbench.session.marks import Doing, MarkFile, mark_path
from cellbench.session.procedure import Procedure
from cellbench.session.recorder import Recorder
from cellbench.session.verdicts import Canary, decide, worst

if TYPE_CHECKING:
    from cellbench.session.run import Run

ATTEMPT = pytest.StashKey["Attempt"]()


@dataclass(slots=True)
class Attempt:
    """One run of one procedure on one slot, with ``peer`` at its side when it is on two."""

    id: str
    procedure: str
    slot: str
    sections: tuple[str, ...]
    recorder: Recorder
    run: Run
    peer: str = ""
    began: float = field(default_factory=time.monotonic)
    verdict: Verdict | None = None
    running: bool = True
    diagnosed: bool = False

    def judge(self, error: BaseException | None, phase: str) -> Verdict:
        """The verdict of one phase; the attempt keeps the gravest."""
        if error is not None and self.run.equipment is not None and self.slot:
            error = self.run.equipment.explained(self.slot, error)
        verdict = decide(error, phase, self.recorder.dependencies, self._watch)
        self.add(verdict)
        return verdict

    def add(self, verdict: Verdict) -> None:
        """Take a verdict into account."""
        self.verdict = worst(self.verdict, verdict)

    def _watch(self, depends_on: Sequence[str]) -> Sequence[Canary]:
        if self.run.equipment is None or not self.slot:
            return ()
        found = list(self.run.equipment.canaries(self.slot, depends_on))
        if self.peer:
            on_both = [name for name in depends_on if name == "network"]
            found += [replace(canary, seen=f"slot {self.peer}: {canary.seen}")
                      for canary in self.run.equipment.canaries(self.peer, on_both)]
        return found


class AttemptBook:
    """Begins and ends attempts; knows the one that is running."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._count = itertools.count(1)
        self._mark: MarkFile | None = None
        self.current: Attempt | None = None

    def begin(self, item: pytest.Item, marked: Procedure | None, limit_s: float) -> Attempt:
        """The record that an attempt has begun is written before anything of it runs."""
        from cellbench.session.collecting import peer_of_item, procedure_id, slot_of

        procedure, slot, peer = procedure_id(item), slot_of(item), peer_of_item(item)
        self._numbers[procedure, slot] += 1
        sections = self._sections(marked, slot)
        name = f"{self._run.worker or 'main'}-{next(self._count)}"
        journal = self._run.open_journal()
        recorder = Recorder(journal, name, marked.depends_on if marked else ())
        attempt = Attempt(name, procedure, slot, sections, recorder, self._run, peer)
        item.stash[ATTEMPT] = attempt
        self.current = attempt
        self.note(Doing.RUNNING, item.nodeid, name, limit_s)
        journal.append(
            Kind.ATTEMPT_STARTED,
            AttemptStarted(name, procedure, slot, self._numbers[procedure, slot], sections, peer),
        )
        if self._run.equipment is not None:
            for used in filter(None, (slot, peer)):
                self._run.equipment.traces.begin(used)
                self._run.equipment.stored_settings(used)
        if peer:
            self._run.event("took-part", peer, f"with {slot} in {procedure}", {"attempt": name})
            recorder.note(f"on slot {slot} with slot {peer}")
        return attempt

    def end(self, attempt: Attempt) -> None:
        """Store the transcripts and the verdict; returns when both are on disk."""
        attempt.running = False
        self.current = None
        journal = self._run.open_journal()
        slots = [slot for slot in (attempt.slot, attempt.peer) if slot]
        if self._run.equipment is not None:
            for slot in slots:
                # ports are named alike on all slots, and so would their files be
                own = attempt.id if slot == attempt.slot else f"{attempt.id}-{slot}"
                for trace in self._run.equipment.store_traces(own, slot, self._run.folder):
                    journal.append(Kind.TRACE, replace(trace, attempt=attempt.id))
            for slot in slots:
                self._account(attempt, slot, self._run.equipment.stored_settings(slot))
        verdict = attempt.verdict or Verdict(Outcome.ABORTED, None, "never judged")
        if self._run.equipment is not None:
            for slot in slots:
                own = attempt.id if slot == attempt.slot else f"{attempt.id}-{slot}"
                for kept in self._run.equipment.traces.store(own, slot, self._run.folder, verdict):
                    journal.append(Kind.CAPTURE, replace(kept, attempt=attempt.id))
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
        if self._run.equipment is not None and verdict.outcome not in (
            Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NOT_POSSIBLE
        ):
            for slot in slots:
                self._run.equipment.distrust(slot)

    def diagnose(self, attempt: Attempt, verdict: Verdict) -> tuple[DiagnosisRecord, ...]:
        """Ask the modules of a failing attempt how they are, once; nothing is raised."""
        equipment = self._run.equipment
        if attempt.diagnosed or equipment is None or not wanted(verdict):
            return ()
        if self._run.config.getoption("--diagnosis") == "off":
            return ()
        slots = [slot for slot in equipment.bench.open_slots() if slot.name in (attempt.slot, attempt.peer)]
        attempt.diagnosed = bool(slots)
        found = collect(attempt.id, slots)
        for one in found:
            self._run.open_journal().append(Kind.DIAGNOSIS, one)
        return found

    def _account(self, attempt: Attempt, slot: str, wear: Wear) -> None:
        """Tell which writes to the module's memory were none that it needed (LENA-R8 guide 6.1)."""
        told = [f"{line} stored what was there already" for line in wear.needless]
        told += [f"{line} was stored without reading first" for line in wear.blind]
        for sentence in told:
            attempt.recorder.note(f"slot {slot}: {sentence}")
        if told and self._run.config.getoption("--nvm-writes") == "refuse":
            attempt.add(Verdict(
                Outcome.ERROR, Owner.FRAMEWORK,
                f"{told[0]}: write stored settings with dut.ensure() (LENA-R8 guide 6.1)"))

    def _sections(self, marked: Procedure | None, slot: str) -> tuple[str, ...]:
        if marked is None:
            return ()
        if not slot:
            return marked.sections
        series = self._run.rig.model.slots[slot].series
        return tuple(name for name in marked.sections if series in self._run.sections[name].series)

    def note(self, doing: Doing, nodeid: str, attempt: str = "", limit_s: float = 0.0) -> None:
        """In a worker: say what it is at, for a controller that must know what a worker died or hangs in."""
        if not self._run.worker:
            return
        if self._mark is None:
            self._mark = MarkFile(mark_path(self._run.folder, self._run.worker))
        self._mark.set(doing, nodeid, attempt, limit_s)

    def extend(self, seconds: float) -> None:
        """Give what goes on so many seconds from now."""
        if self._mark is not None:
            self._mark.extend(seconds)
