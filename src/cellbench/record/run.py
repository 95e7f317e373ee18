"""A run as reports and the store see it: built from its journal, never changed afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cellbench.base.errors import OperatorError
from cellbench.record.attempt import (
    Attempt,
    AttemptEnded,
    AttemptStarted,
    CaptureFile,
    Event,
    FirmwareChange,
    Kind,
    MeasurementRecord,
    Note,
    RunEnded,
    Step,
    StepMark,
    TimedEvent,
    TraceFile,
)
from cellbench.record.codec import decode
from cellbench.record.diagnosis import DiagnosisRecord
from cellbench.record.header import Header, ProcedureEntry, SlotEntry, UnitEntry
from cellbench.record.reading import Journal, Record, read_journal
from cellbench.record.series import SeriesRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, whole.

    ``folder`` holds the journal and the trace files, ``head`` is the journal's head hash. ``ended`` is
    None when the run was cut (or still goes on when the journal was read); ``last_utc_ns`` is the time
    of the last record; ``procedures`` are the header's, by id. ``Attempt.unit`` is an index into
    ``units``, -1 when no unit was identified.
    """

    folder: Path
    head: str
    header: Header
    slots: tuple[SlotEntry, ...]
    units: tuple[UnitEntry, ...]
    attempts: tuple[Attempt, ...]
    events: tuple[TimedEvent, ...]
    ended: RunEnded | None
    last_utc_ns: int
    procedures: Mapping[str, ProcedureEntry]

    @property
    def id(self) -> str:
        """The run's name."""
        return self.header.run

    def slot(self, name: str) -> SlotEntry:
        """A slot by name; one that the journal does not describe has no series."""
        return next((slot for slot in self.slots if slot.slot == name), SlotEntry(name, ""))

    def attempts_of(self, unit: int) -> tuple[Attempt, ...]:
        """The attempts on one unit (an index into ``units``), in order."""
        return tuple(attempt for attempt in self.attempts if attempt.unit == unit)

    def title(self, procedure: str) -> str:
        """A procedure's title with its parameters; its id when the header does not list it."""
        entry = self.procedures.get(procedure)
        if entry is None or not entry.title:
            return procedure
        _, bracket, parameters = procedure.partition("[")
        return f"{entry.title} {bracket}{parameters}".rstrip()


def read_run(path: Path) -> RunRecord:
    """The run of a journal file or of a run's folder; OperatorError when it is no journal."""
    return build_run(read_journal(path))


def build_run(journal: Journal) -> RunRecord:
    """The run that a journal tells of; OperatorError names the line of a record that does not fit."""
    builder = _Builder()
    for record in journal.records:
        handler = _HANDLERS.get(record.kind)
        if handler is not None:
            try:
                handler(builder, record)
            except ValueError as problem:
                raise OperatorError(f"{journal.path}:{record.line}: a {record.kind} record that does not "
                                    f"fit: {problem}") from problem
    return builder.finish(journal)


@dataclass(slots=True)
class _Open:
    """An attempt while its records come in."""

    started: AttemptStarted
    utc_ns: int
    unit: int
    ended: AttemptEnded | None = None
    steps: dict[int, Step] = field(default_factory=dict)
    measurements: list[MeasurementRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    traces: list[TraceFile] = field(default_factory=list)
    captures: list[CaptureFile] = field(default_factory=list)
    series: list[SeriesRecord] = field(default_factory=list)
    firmware: list[FirmwareChange] = field(default_factory=list)
    diagnoses: list[DiagnosisRecord] = field(default_factory=list)

    def close(self, before: str) -> Attempt:
        """The finished attempt; ``before`` is the unit's firmware as the last one on it left it."""
        if self.firmware:
            before = self.firmware[0].before
        started, ended = self.started, self.ended
        return Attempt(
            started.attempt, started.procedure, started.slot, started.number,
            started.sections or (ended.sections if ended else ()), self.utc_ns,
            ended.duration_s if ended else None, ended.verdict if ended else None,
            tuple(self.steps.values()), tuple(self.measurements), tuple(self.notes), tuple(self.traces),
            self.unit, started.peer, tuple(self.captures), tuple(self.series), tuple(self.firmware), before,
            self.firmware[-1].after if self.firmware else before, tuple(self.diagnoses))


@dataclass(slots=True)
class _Builder:
    """What was read so far."""

    header: Header | None = None
    slots: dict[str, SlotEntry] = field(default_factory=dict)
    units: list[UnitEntry] = field(default_factory=list)
    unit_in: dict[str, int] = field(default_factory=dict)
    first_firmware: dict[int, str] = field(default_factory=dict)
    attempts: dict[str, _Open] = field(default_factory=dict)
    events: list[TimedEvent] = field(default_factory=list)
    ended: RunEnded | None = None

    def finish(self, journal: Journal) -> RunRecord:
        """The run."""
        if self.header is None:
            raise OperatorError(f"{journal.path} is no journal: it does not begin with a run's header")
        return RunRecord(
            journal.path.parent, journal.head, self.header, tuple(self.slots.values()), tuple(self.units),
            tuple(self._closed()),
            tuple(sorted(self.events, key=lambda event: event.utc_ns)), self.ended,
            max(record.utc_ns for record in journal.records),
            {entry.id: entry for entry in self.header.procedures})

    def _closed(self) -> Iterator[Attempt]:
        """The finished attempts, each with the firmware that its unit had then."""
        running = dict(self.first_firmware)
        for attempt in self.attempts.values():
            closed = attempt.close(running.get(attempt.unit, ""))
            if attempt.unit >= 0 and closed.firmware_after:
                running[attempt.unit] = closed.firmware_after
            yield closed

    def attempt(self, name: str, record: Record) -> _Open:
        """The attempt that a record speaks of; one that never began is begun here."""
        if name not in self.attempts:
            procedure, slot = str(record.data.get("procedure", "")), str(record.data.get("slot", ""))
            self.attempts[name] = _Open(AttemptStarted(name, procedure, slot), record.utc_ns,
                                        self.unit_in.get(slot, -1))
        return self.attempts[name]

    def on_header(self, record: Record) -> None:
        self.header = decode(Header, record.data)

    def on_facts(self, record: Record) -> None:
        """Parts of the header that became known later: lists grow, the rest is replaced."""
        assert self.header is not None
        later = decode(Header, {"run": self.header.run, "started_utc_ns": self.header.started_utc_ns,
                                "rig": self.header.rig, **record.data})
        changes: dict[str, object] = {}
        for name in record.data.keys() & {entry.name for entry in dataclasses.fields(Header)}:
            old, new = getattr(self.header, name), getattr(later, name)
            if name == "procedures":
                new = _joined((*old, *new))
            elif isinstance(new, tuple):
                new = tuple(dict.fromkeys((*old, *new)))
            elif isinstance(new, dict):
                new = {**old, **new}
            changes[name] = new
        self.header = dataclasses.replace(self.header, **changes)  # type: ignore[arg-type]

    def on_slot(self, record: Record) -> None:
        slot = decode(SlotEntry, record.data)
        self.slots[slot.slot] = slot

    def on_unit(self, record: Record) -> None:
        """A unit seen in a slot: more of the one that was there, or another one."""
        seen = decode(UnitEntry, record.data)
        seen = dataclasses.replace(seen, utc_ns=seen.utc_ns or record.utc_ns)
        index = self.unit_in.get(seen.slot, -1)
        known = self.units[index] if index >= 0 else None
        merged = _merged(known, seen) if known else None
        if merged is not None:
            self.units[index] = merged
            self.first_firmware.setdefault(index, merged.firmware)
            return
        self.units.append(seen)
        if seen.firmware:
            self.first_firmware[len(self.units) - 1] = seen.firmware
        self.unit_in[seen.slot] = len(self.units) - 1
        if known is None:  # whatever was tried here before it told its name was tried on it
            for attempt in self.attempts.values():
                if attempt.started.slot == seen.slot:
                    attempt.unit = len(self.units) - 1

    def on_started(self, record: Record) -> None:
        started = decode(AttemptStarted, record.data)
        self.attempts[started.attempt] = _Open(started, record.utc_ns, self.unit_in.get(started.slot, -1))

    def on_step(self, record: Record) -> None:
        mark = decode(StepMark, record.data)
        steps = self.attempt(mark.attempt, record).steps
        begun = steps.get(mark.index)
        steps[mark.index] = Step(mark.index, mark.name, begun.utc_ns if begun else record.utc_ns,
                                 mark.duration_s, mark.depends_on or (begun.depends_on if begun else ()),
                                 mark.problem)

    def on_measurement(self, record: Record) -> None:
        measured = decode(MeasurementRecord, record.data)
        self.attempt(measured.attempt, record).measurements.append(measured)

    def on_series(self, record: Record) -> None:
        series = decode(SeriesRecord, record.data)
        self.attempt(series.attempt, record).series.append(series)

    def on_note(self, record: Record) -> None:
        note = decode(Note, record.data)
        self.attempt(note.attempt, record).notes.append(note.text)

    def on_firmware(self, record: Record) -> None:
        change = decode(FirmwareChange, record.data)
        change = dataclasses.replace(change, utc_ns=change.utc_ns or record.utc_ns)
        self.attempt(change.attempt, record).firmware.append(change)

    def on_trace(self, record: Record) -> None:
        trace = decode(TraceFile, record.data)
        self.attempt(trace.attempt, record).traces.append(trace)

    def on_capture(self, record: Record) -> None:
        capture = decode(CaptureFile, record.data)
        self.attempt(capture.attempt, record).captures.append(capture)

    def on_diagnosis(self, record: Record) -> None:
        found = decode(DiagnosisRecord, record.data)
        found = dataclasses.replace(found, utc_ns=found.utc_ns or record.utc_ns)
        self.attempt(found.attempt, record).diagnoses.append(found)

    def on_attempt_ended(self, record: Record) -> None:
        ended = decode(AttemptEnded, record.data)
        attempt = self.attempt(ended.attempt, record)
        attempt.ended = ended
        if not attempt.started.procedure:  # its beginning is lost: the end says what it was
            attempt.started = AttemptStarted(ended.attempt, ended.procedure, ended.slot, 1, ended.sections)
            attempt.unit = self.unit_in.get(ended.slot, -1)

    def on_event(self, record: Record) -> None:
        self.events.append(TimedEvent(record.utc_ns, decode(Event, record.data)))

    def on_run_ended(self, record: Record) -> None:
        self.ended = decode(RunEnded, record.data)


_HANDLERS: dict[str, Callable[[_Builder, Record], None]] = {
    Kind.HEADER: _Builder.on_header,
    Kind.FACTS: _Builder.on_facts,
    Kind.SLOT: _Builder.on_slot,
    Kind.UNIT: _Builder.on_unit,
    Kind.ATTEMPT_STARTED: _Builder.on_started,
    Kind.STEP: _Builder.on_step,
    Kind.MEASUREMENT: _Builder.on_measurement,
    Kind.SERIES: _Builder.on_series,
    Kind.NOTE: _Builder.on_note,
    Kind.FIRMWARE: _Builder.on_firmware,
    Kind.TRACE: _Builder.on_trace,
    Kind.CAPTURE: _Builder.on_capture,
    Kind.DIAGNOSIS: _Builder.on_diagnosis,
    Kind.ATTEMPT_ENDED: _Builder.on_attempt_ended,
    Kind.EVENT: _Builder.on_event,
    Kind.RUN_ENDED: _Builder.on_run_ended,
}


def _joined(entries: tuple[ProcedureEntry, ...]) -> tuple[ProcedureEntry, ...]:
    """Each procedure once, with the slots that all workers name."""
    joined: dict[str, ProcedureEntry] = {}
    for entry in entries:
        known = joined.get(entry.id, entry)
        slots = tuple(dict.fromkeys((*known.slots, *entry.slots)))
        joined[entry.id] = dataclasses.replace(entry, slots=slots)
    return tuple(joined.values())


def _merged(known: UnitEntry, seen: UnitEntry) -> UnitEntry | None:
    """Both sightings as one unit; None when their serial number or IMEI differ: it is another unit."""
    for name in ("serial", "imei"):
        if getattr(known, name) and getattr(seen, name) and getattr(known, name) != getattr(seen, name):
            return None
    changes = {entry.name: getattr(seen, entry.name) for entry in dataclasses.fields(UnitEntry)
               if getattr(seen, entry.name) and entry.name != "utc_ns"}
    return dataclasses.replace(known, **changes)
