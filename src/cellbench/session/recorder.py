"""What a procedure says while it runs: steps, measurements, notes; written to the journal at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cellbench.base.clock import SYSTEM_CLOCK
from cellbench.base.errors import FrameworkError
from cellbench.base.trace import Span
from cellbench.record.attempt import FirmwareChange, Kind, MeasurementRecord, Note, StepMark
from cellbench.record.journal import JournalWriter
from cellbench.record.measurement import Judgement, Limit, Measurement
from cellbench.record.series import SeriesRecord


class NamedLimit(Protocol):
    """A product's limit with what reports print of it."""

    @property
    def title(self) -> str:
        """What is measured."""

    @property
    def unit(self) -> str:
        """Its unit."""

    @property
    def limit(self) -> Limit:
        """The limit itself."""

    @property
    def advisory(self) -> bool:
        """True when it rests on a guess."""


class Limits(Protocol):
    """The limits of one product."""

    def get(self, name: str) -> NamedLimit | None:
        """The limit of a measurement, or None."""


class LimitFailed(AssertionError):
    """A measurement lies outside its limit."""


@dataclass(slots=True)
class Recorder:
    """The journal as one attempt sees it.

    Procedures get it as the fixture ``record``.
    """

    journal: JournalWriter | None
    attempt: str
    depends_on: tuple[str, ...] = ()
    _step: int = -1
    _count: int = 0
    _depends: list[tuple[str, ...]] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, name: str, *, depends_on: tuple[str, ...] = ()) -> Iterator[None]:
        """A named part of the procedure; ``depends_on`` names what must hold for a failure in it to be
        the unit's: "network", "service:echo" ..."""
        index, self._count, outer = self._count, self._count + 1, self._step
        self._step = index
        self._depends.append(depends_on)
        self._write(Kind.STEP, StepMark(self.attempt, index, name, None, depends_on))
        began, problem = time.monotonic(), ""
        try:
            yield
        except BaseException as error:
            problem = str(error).split("\n", 1)[0] or type(error).__name__
            raise
        else:
            self._depends.pop()
        finally:
            self._step = outer
            self._write(
                Kind.STEP, StepMark(self.attempt, index, name, time.monotonic() - began, depends_on, problem)
            )

    def measure(
        self,
        name: str,
        value: float | str,
        unit: str = "",
        limit: Limit | None = None,
        *,
        span: Span | None = None,
        check: bool = True,
    ) -> Judgement:
        """Record a value and judge it; outside its limit it raises LimitFailed unless ``check`` is
        False. A truth is recorded as ``yes`` or ``no``."""
        if isinstance(value, bool):
            value = "yes" if value else "no"
        judgement = limit.judge(value) if limit is not None else Judgement.UNJUDGED
        taken = Measurement(name, value, unit, limit, judgement, SYSTEM_CLOCK.utc_ns(), span)
        self._write(Kind.MEASUREMENT, MeasurementRecord.of(self.attempt, taken, self._step))
        if judgement is Judgement.FAIL and check:
            raise LimitFailed(f"{name} is {_shown(value, unit)}, allowed is {_range(limit, unit)}")
        return judgement

    def judge(self, limits: Limits, name: str, value: float | str) -> Judgement:
        """Record a value against the product's limit of that name.

        A limit that rests on a guess never decides a FAIL alone: its breach is recorded and noted. A value
        that the product has no limit for is recorded without judgement.
        """
        entry = limits.get(name)
        if entry is None:
            return self.measure(name, value)
        found = self.measure(entry.title, value, entry.unit, entry.limit, check=not entry.advisory)
        if found is Judgement.FAIL:
            self.note(
                f"{entry.title}: {_shown(value, entry.unit)} is outside {_range(entry.limit, entry.unit)}; "
                "the limit rests on a guess and does not decide"
            )
        return found

    def series(self, name: str, unit: str, times: Sequence[float], values: Sequence[float], *,
               marks: Sequence[tuple[float, str]] = ()) -> None:
        """Record a quantity over time (seconds, ascending) for the reports to draw; it judges nothing.

        ``marks`` say from when on the unit was in which state. At most 2000 points are kept, every extreme
        among them. FrameworkError for times and values that do not belong together.
        """
        try:
            taken = SeriesRecord.of(self.attempt, name, unit, times, values, marks, SYSTEM_CLOCK.utc_ns(),
                                    self._step)
        except ValueError as problem:
            raise FrameworkError(f"series {name!r} cannot be recorded: {problem}") from problem
        self._write(Kind.SERIES, taken)

    def note(self, text: str) -> None:
        """A sentence for the reader of the report."""
        self._write(Kind.NOTE, Note(self.attempt, text))

    def firmware(self, before: str, after: str, method: str) -> None:
        """Record an update by the unit's versions before and after (ATI9), equal where it changed nothing;
        ``after`` is "" for a unit that tells none any more. ``method``: a value of Method, or "recovery"."""
        self._write(Kind.FIRMWARE, FirmwareChange(self.attempt, before, after, method, SYSTEM_CLOCK.utc_ns()))

    @property
    def dependencies(self) -> tuple[str, ...]:
        """What the steps entered and not left in peace, and the procedure itself, depend on."""
        names = list(self.depends_on)
        for level in self._depends:
            names.extend(name for name in level if name not in names)
        return tuple(names)

    def _write(self, kind: Kind, data: object) -> None:
        if self.journal is not None:
            self.journal.append(kind, data)


def _shown(value: float | str, unit: str) -> str:
    return repr(value) if isinstance(value, str) else f"{value:.6g} {unit}".rstrip()


def _range(limit: Limit | None, unit: str) -> str:
    if limit is None:
        return "anything"
    if limit.equals is not None:
        text = repr(limit.equals)
    elif limit.one_of:
        text = "one of " + ", ".join(map(repr, limit.one_of))
    elif limit.low is None:
        text = f"at most {limit.high:g} {unit}".rstrip()
    elif limit.high is None:
        text = f"at least {limit.low:g} {unit}".rstrip()
    else:
        text = f"{limit.low:g} to {limit.high:g} {unit}".rstrip()
    return f"{text} ({limit.source})" if limit.source else text
