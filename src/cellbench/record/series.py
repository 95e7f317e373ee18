"""A quantity over time, bounded in size: the supply current of an attempt with the states it went through."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from cellbench.base.units import format_quantity

MOST_POINTS = 2000
MOST_MARKS = 64
SETTLE_S = 0.1
"""A state's mean leaves out this much of its beginning: supply capacitors and meters settle."""
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class SeriesMark:
    """From ``at`` seconds on the unit was in the state ``name``; "" ends a state without another. ``mean`` is
    that of all samples of the state, its beginning left out; None where there are none."""

    at: float
    name: str
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """A series as the journal holds it.

    ``times`` are seconds from its beginning, ascending; ``values`` in ``unit``. Of ``samples`` that were
    taken at most MOST_POINTS are kept, every extreme among them. ``utc_ns`` is when it was recorded, ``step``
    the index of its step, -1 for none.
    """

    attempt: str
    name: str
    unit: str
    times: tuple[float, ...]
    values: tuple[float, ...]
    marks: tuple[SeriesMark, ...] = ()
    samples: int = 0
    utc_ns: int = 0
    step: int = -1

    @classmethod
    def of(cls, attempt: str, name: str, unit: str, times: Sequence[float], values: Sequence[float],
           marks: Sequence[tuple[float, str]], utc_ns: int, step: int = -1) -> SeriesRecord:
        """The record of a series; ValueError for times that do not ascend, are no numbers, or are not as many
        as the values."""
        if len(times) != len(values):
            raise ValueError(f"{len(times)} times and {len(values)} values")
        if not all(map(math.isfinite, times)) or any(b < a for a, b in itertools.pairwise(times)):
            raise ValueError("times must be finite and ascend")
        kept = decimated(times, values)
        return cls(attempt, name, unit, tuple(round(times[place], _DIGITS) for place in kept),
                   tuple(_short(values[place]) for place in kept), _marked(times, values, marks[:MOST_MARKS]),
                   len(times), utc_ns, step)


def mean_over(times: Sequence[float], values: Sequence[float], began: float, ended: float) -> float | None:
    """The mean over a stretch, each sample weighted by the time until the next; None without samples."""
    first, last = bisect.bisect_left(times, began), bisect.bisect_right(times, ended)
    found = [(at, value) for at, value in zip(times[first:last], values[first:last], strict=True)
             if math.isfinite(value)]
    if len(found) < 2 or found[-1][0] == found[0][0]:
        return found[0][1] if found else None
    weighted = sum(value * (later - at) for (at, value), (later, _) in itertools.pairwise(found))
    return weighted / (found[-1][0] - found[0][0])


def series_words(series: SeriesRecord) -> str:
    """A series in a sentence: how long, from what to what, the means of its states."""
    finite = [value for value in series.values if math.isfinite(value)]
    if not finite:
        return f"{series.name} over time: no value"
    span = f"{format_quantity(min(finite), series.unit)} to {format_quantity(max(finite), series.unit)}"
    states = [f"{mark.name} {format_quantity(float(f'{mark.mean:.3g}'), series.unit)}"
              for mark in series.marks if mark.name and mark.mean is not None]
    means = f"; means: {', '.join(states)}" if states else ""
    seconds = series.times[-1] - series.times[0]
    return f"{series.name} over {seconds:.1f} s: {span} in {series.samples:,} samples{means}"


def decimated(times: Sequence[float], values: Sequence[float], most: int = MOST_POINTS) -> tuple[int, ...]:
    """Which samples to keep, ``most`` at most: of each stretch of time its least and its greatest, and the
    first and the last of all. Everything when there are no more than that."""
    count = len(times)
    if count <= most:
        return tuple(range(count))
    stretches = max(1, (most - 2) // 2)
    begin, span = times[0], (times[-1] - times[0]) or 1.0
    kept = {0, count - 1}
    for _, group in itertools.groupby(
            range(count), lambda place: min(stretches - 1, int((times[place] - begin) / span * stretches))):
        places = [place for place in group if not math.isnan(values[place])]
        if places:
            kept.add(min(places, key=values.__getitem__))
            kept.add(max(places, key=values.__getitem__))
    return tuple(sorted(kept))


def _marked(times: Sequence[float], values: Sequence[float],
            marks: Sequence[tuple[float, str]]) -> tuple[SeriesMark, ...]:
    ends = [*(at for at, _ in marks[1:]), times[-1] if times else 0.0]
    found = []
    for (at, name), ended in zip(marks, ends, strict=False):
        seen = name and ended > at + SETTLE_S
        mean = mean_over(times, values, at + SETTLE_S, ended) if seen else None
        found.append(SeriesMark(round(at, _DIGITS), name, None if mean is None else _short(mean)))
    return tuple(found)


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
