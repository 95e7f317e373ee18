"""What happens in a run: attempts with their steps, measurements, verdicts, trace files; and events.

The first classes are the payloads of journal records, in the order in which a run writes them; the
last ones are what :mod:`cellbench.record.run` builds from them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from cellbench.base.trace import Span
from cellbench.record.diagnosis import DiagnosisRecord
from cellbench.record.measurement import Judgement, Limit, Measurement
from cellbench.record.series import SeriesRecord
from cellbench.record.verdict import Verdict


class Kind(enum.StrEnum):
    """The kinds of journal records, with the class of their data."""

    HEADER = "run.header"  # Header
    FACTS = "run.facts"  # the parts of a Header that became known later
    SLOT = "slot"  # SlotEntry
    UNIT = "unit"  # UnitEntry
    ATTEMPT_STARTED = "attempt.started"  # AttemptStarted
    STEP = "step"  # StepMark
    MEASUREMENT = "measurement"  # MeasurementRecord
    SERIES = "series"  # SeriesRecord
    NOTE = "note"  # Note
    FIRMWARE = "firmware"  # FirmwareChange
    TRACE = "trace"  # TraceFile
    CAPTURE = "capture"  # CaptureFile
    DIAGNOSIS = "diagnosis"  # DiagnosisRecord
    ATTEMPT_ENDED = "attempt.ended"  # AttemptEnded
    EVENT = "event"  # Event
    SEGMENT = "segment"  # SegmentStarted: the first record of a worker's file
    MERGED = "segment.merged"  # SegmentMerged: that many lines of a worker's file follow
    RUN_ENDED = "run.ended"  # RunEnded


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """An attempt begins. ``attempt`` is unique in the run; ``number`` counts the attempts of this
    procedure on this slot from 1; ``slot`` is "" for a procedure that needs none. ``peer`` is the second
    slot of a procedure on two; the verdict is the first one's."""

    attempt: str
    procedure: str
    slot: str = ""
    number: int = 1
    sections: tuple[str, ...] = ()
    peer: str = ""


@dataclass(frozen=True, slots=True)
class StepMark:
    """A step begins (``duration_s`` None) or has ended; ``depends_on`` as the step declares."""

    attempt: str
    index: int
    name: str
    duration_s: float | None = None
    depends_on: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MeasurementRecord:
    """A measurement as the journal holds it; ``step`` is the index of its step, -1 for none."""

    attempt: str
    name: str
    value: float | str
    unit: str
    limit: Limit | None
    judgement: Judgement
    utc_ns: int
    span: Span | None = None
    step: int = -1

    @classmethod
    def of(cls, attempt: str, measurement: Measurement, step: int = -1) -> MeasurementRecord:
        """The record of a measurement taken in an attempt."""
        return cls(attempt, measurement.name, measurement.value, measurement.unit, measurement.limit,
                   measurement.judgement, measurement.utc_ns, measurement.span, step)

    @property
    def measurement(self) -> Measurement:
        """The measurement itself."""
        return Measurement(self.name, self.value, self.unit, self.limit, self.judgement, self.utc_ns,
                           self.span)


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence that the procedure leaves for the reader."""

    attempt: str
    text: str


@dataclass(frozen=True, slots=True)
class FirmwareChange:
    """An update of the unit's firmware in an attempt, as the versions before and after tell it (ATI9).

    They are equal after an update that was refused or not applied; ``after`` is "" for a unit that told none
    any more. ``method`` names the way: foat, fota-ftp, fota-http, fota-serial, flash, recovery.
    """

    attempt: str
    before: str
    after: str
    method: str = ""
    utc_ns: int = 0


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A transcript of one port, written for one attempt (:mod:`cellbench.record.transcript`).

    ``file`` is relative to the run's folder; ``first`` and ``last`` are sequence numbers of its
    records; ``dropped`` counts records left out to keep the file within its bound.
    """

    attempt: str
    port: str
    file: str
    first: int
    last: int
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """What a trace port streamed around an attempt (:mod:`cellbench.record.capture`).

    ``file`` is relative to the run's folder, "" when nothing was kept; ``reason`` says why it was kept, or
    was not. ``dropped`` counts bytes of the stretch that had fallen out of the ring, ``gaps`` how often the
    port vanished in it.
    """

    attempt: str
    port: str
    role: str
    file: str = ""
    bytes: int = 0
    sha256: str = ""
    began_utc_ns: int = 0
    ended_utc_ns: int = 0
    dropped: int = 0
    gaps: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt is over; the record that must be on disk before the next test begins."""

    attempt: str
    procedure: str
    slot: str
    verdict: Verdict
    duration_s: float
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened beside the attempts: power switched, a worker lost, a port vanished.

    ``what`` names the kind of event; ``power`` carries ``values["state"]``, "on" or "off".
    """

    what: str
    slot: str = ""
    detail: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SegmentStarted:
    """The head of a worker's file; ``header`` is the sha256 of the controller's header line."""

    run: str
    worker: str
    slot: str
    header: str


@dataclass(frozen=True, slots=True)
class SegmentMerged:
    """The controller took in a worker's file: ``records`` lines that end in ``head`` follow it."""

    worker: str
    slot: str
    records: int
    head: str
    torn_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run is over. ``reason`` is "completed", or says what stopped it."""

    exit_status: int
    duration_s: float
    reason: str = "completed"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a finished attempt; ``duration_s`` is None when it never ended."""

    index: int
    name: str
    utc_ns: int
    duration_s: float | None
    depends_on: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a procedure on a slot, whole.

    ``verdict`` is None only for an attempt that was cut: it began and nothing says how it ended.
    ``unit`` is an index into the run's units, -1 when none was identified. ``peer`` is the second slot of a
    procedure on two, "" for all others. ``firmware`` are the updates in it; ``firmware_before`` and
    ``firmware_after`` the unit's versions at its begin and end, "" where they are not known. ``diagnoses``
    tell how the modules were found when it failed.
    """

    id: str
    procedure: str
    slot: str
    number: int
    sections: tuple[str, ...]
    utc_ns: int
    duration_s: float | None
    verdict: Verdict | None
    steps: tuple[Step, ...] = ()
    measurements: tuple[MeasurementRecord, ...] = ()
    notes: tuple[str, ...] = ()
    traces: tuple[TraceFile, ...] = ()
    unit: int = -1
    peer: str = ""
    captures: tuple[CaptureFile, ...] = ()
    series: tuple[SeriesRecord, ...] = ()
    firmware: tuple[FirmwareChange, ...] = ()
    firmware_before: str = ""
    firmware_after: str = ""
    diagnoses: tuple[DiagnosisRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event with its time."""

    utc_ns: int
    event: Event
