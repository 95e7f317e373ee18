"""The modules' trace ports during a run: recorded beside the attempts, kept when they are wanted.

Each port has a thread and a ring of its own; AT ports are never touched. What is kept is written beside the
transcripts of the attempt (:mod:`cellbench.record.capture`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.io.recorder import Mark, Recording, StreamRecorder
from cellbench.record.attempt import CaptureFile
from cellbench.record.capture import write_capture
from cellbench.record.verdict import Outcome, Verdict
from cellbench.rig.schema import RigFile, TraceMode, Traces
from cellbench.rig.slot import Slot

TRACE_ROLES = ("cp-trace", "ap-trace", "diag")
"""Roles of the catalogue that stream what a module does inside."""
_MIB = 1024 * 1024
_NOTHING = Mark(0, 0)
_WENT_WELL = (Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NOT_POSSIBLE)


@dataclass(slots=True)
class _SlotTraces:
    """One slot's recorders by role, and where the running attempt began in each stream."""

    settings: Traces
    mode: TraceMode
    recorders: dict[str, StreamRecorder] = field(default_factory=dict)
    began: dict[str, Mark] = field(default_factory=dict)
    asked: str = ""  # why the procedure wants this attempt's traces


class TraceKeeper:
    """Records and keeps the trace ports of the slots of one process."""

    def __init__(self, rig: RigFile, mode: str | None) -> None:
        """``mode`` replaces what the rig file says: never, failures, always."""
        self._rig = rig
        self._mode = TraceMode(mode) if mode else None
        self._slots: dict[str, _SlotTraces] = {}
        self._written = 0

    def attach(self, slot: Slot) -> None:
        """Begin to record a slot's trace ports, if that is wanted; harmless when it is under way."""
        known = self._of(slot.name)
        if known.mode is not TraceMode.NEVER:
            self._start(slot, known)

    def begin(self, slot_name: str) -> None:
        """An attempt begins on a slot."""
        known = self._of(slot_name)
        known.asked = ""
        known.began = {role: recorder.mark() for role, recorder in known.recorders.items()}

    def keep(self, slot: Slot, reason: str) -> None:
        """The procedure wants the traces of this attempt from now on, whatever its verdict will be."""
        known = self._of(slot.name)
        known.asked = reason or "asked for"
        self._start(slot, known)

    def store(self, attempt: str, slot_name: str, folder: Path, verdict: Verdict) -> list[CaptureFile]:
        """Write what is to be kept of an attempt that ended; the journal's records of it."""
        known = self._of(slot_name)
        whole = verdict.outcome not in _WENT_WELL
        reason = known.asked
        if not reason and whole and known.mode is not TraceMode.NEVER:
            reason = f"kept because of {verdict.outcome.value.upper()}"
        if not reason and known.mode is TraceMode.ALWAYS:
            reason = "kept always"
        if not reason:
            return []
        found = []
        for role, recorder in known.recorders.items():
            held = recorder.all() if whole else recorder.since(known.began.get(role, _NOTHING))
            found.append(self._write(folder, attempt, slot_name, role, held, reason))
        return found

    def detach(self, slot_name: str) -> None:
        """End recording of a slot."""
        known = self._slots.pop(slot_name, None)
        for recorder in known.recorders.values() if known else ():
            recorder.stop()

    def close(self) -> None:
        """End all recording."""
        for name in tuple(self._slots):
            self.detach(name)

    # -- inside ----------------------------------------------------------------------------------

    def _of(self, slot_name: str) -> _SlotTraces:
        if slot_name not in self._slots:
            settings = self._rig.traces_of(slot_name)
            self._slots[slot_name] = _SlotTraces(settings, self._mode or settings.record)
        return self._slots[slot_name]

    def _start(self, slot: Slot, known: _SlotTraces) -> None:
        settings = known.settings
        for role in settings.ports or _trace_roles(slot):
            if role not in known.recorders:
                recorder = StreamRecorder(f"{slot.name}.{role}", slot.ports.pipe(role),
                                          limit_bytes=int(settings.ring_mib * _MIB), keep_s=settings.keep_s)
                known.recorders[role] = recorder
                slot.ports.recorders[role] = recorder
                recorder.start()

    def _write(self, folder: Path, attempt: str, slot_name: str, role: str, held: Recording,
               reason: str) -> CaptureFile:
        facts = CaptureFile(attempt, f"{slot_name}.{role}", role, began_utc_ns=held.began_utc_ns,
                            ended_utc_ns=held.ended_utc_ns, dropped=held.dropped, gaps=held.gaps,
                            reason=reason)
        limit = self._rig.traces_of(slot_name).run_mib * _MIB
        if not held.data:
            return _without(facts, f"nothing came ({held.problem or 'the port was silent'})")
        if self._written + len(held.data) > limit:
            return _without(facts, f"left out: the run has written its {limit / _MIB:g} MiB of traces")
        self._written += len(held.data)
        return write_capture(folder, facts, held.data)


def _without(facts: CaptureFile, reason: str) -> CaptureFile:
    return CaptureFile(facts.attempt, facts.port, facts.role, dropped=facts.dropped, gaps=facts.gaps,
                       reason=reason)


def _trace_roles(slot: Slot) -> tuple[str, ...]:
    return trace_roles(slot.profile) if slot.model.ports.usb is not None else ()


def trace_roles(profile: ModuleProfile) -> tuple[str, ...]:
    """The trace ports that a series' compositions have, in descriptor order."""
    return tuple(dict.fromkeys(face.role for one in profile.usb for face in one.interfaces
                               if face.role in TRACE_ROLES))
