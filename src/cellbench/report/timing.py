"""Measured times against their declared maxima, and distributions of values measured often."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from cellbench.record.attempt import MeasurementRecord
from cellbench.record.measurement import Judgement, Limit
from cellbench.record.run import RunRecord
from cellbench.report.charts import TimeRow, histogram, time_chart
from cellbench.report.words import quantity_words

MOST_ROWS = 40
OFTEN = 30
MOST_HISTOGRAMS = 6


@dataclass(frozen=True, slots=True)
class TimeGroup:
    """All values of one measured time on one series, with the smallest maximum declared for it."""

    name: str
    series: str
    values: tuple[float, ...]
    maximum: float
    source: str
    failed: int
    marginal: int

    @property
    def share(self) -> float:
        """The greatest value as a share of the maximum."""
        return max(self.values) / self.maximum


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with its title; ``svg`` is the drawing."""

    title: str
    svg: str


def time_groups(run: RunRecord) -> tuple[TimeGroup, ...]:
    """Every measurement in seconds with an upper limit, by name and series, nearest to its limit first."""
    series = {slot.slot: slot.series or slot.slot for slot in run.slots}
    found: dict[tuple[str, str], list[MeasurementRecord]] = {}
    for attempt in run.attempts:
        for measured in attempt.measurements:
            if _is_time(measured):
                key = measured.name, series.get(attempt.slot, attempt.slot)
                found.setdefault(key, []).append(measured)
    groups = (_group(name, group, taken) for (name, group), taken in found.items())
    return tuple(sorted(groups, key=lambda group: (-group.share, group.name, group.series)))


def time_plots(run: RunRecord, font: str = "") -> tuple[Plot, ...]:
    """The chart of times against maxima; "" as its title stands for the report's own heading."""
    groups = time_groups(run)
    names = tuple(dict.fromkeys(slot.series or slot.slot for slot in run.slots))
    shown = groups[:MOST_ROWS]
    chart = time_chart([_row(group) for group in shown], names, font=font)
    more = len(groups) - len(shown)
    title = f"The {len(shown)} times nearest to their maxima; {more} more lie further below." if more else ""
    return (Plot(title, chart),) if chart else ()


def histograms(run: RunRecord, font: str = "") -> tuple[Plot, ...]:
    """Distributions of the values that were measured most often."""
    found: dict[tuple[str, str], list[float]] = {}
    limits: dict[tuple[str, str], Limit | None] = {}
    for attempt in run.attempts:
        for measured in attempt.measurements:
            if isinstance(measured.value, float) and math.isfinite(measured.value):
                found.setdefault((measured.name, measured.unit), []).append(measured.value)
                limits[measured.name, measured.unit] = measured.limit
    often = sorted((key for key, values in found.items() if len(values) >= OFTEN),
                   key=lambda key: (-len(found[key]), key))[:MOST_HISTOGRAMS]
    return tuple(Plot(
        f"{name}: {len(found[name, unit])} values, median {quantity_words(median(found[name, unit]), unit)}",
        histogram(found[name, unit], x_title=f"{name}, {unit}" if unit else name, limit=limits[name, unit],
                  font=font)) for name, unit in often)


def _seconds(value: float) -> str:
    return quantity_words(float(f"{value:.3g}"), "s")


def _is_time(measured: MeasurementRecord) -> bool:
    limit = measured.limit
    return (measured.unit == "s" and isinstance(measured.value, float) and math.isfinite(measured.value)
            and limit is not None and limit.high is not None and limit.high > 0)


def _group(name: str, series: str, taken: Iterable[MeasurementRecord]) -> TimeGroup:
    taken = tuple(taken)
    limits = [(one.limit.high, one.limit.source) for one in taken if one.limit and one.limit.high is not None]
    maximum, source = min(limits)
    judgements = [one.judgement for one in taken]
    values = tuple(one.value for one in taken if isinstance(one.value, float))
    return TimeGroup(name, series, values, maximum, source, judgements.count(Judgement.FAIL),
                     judgements.count(Judgement.MARGINAL))


def _row(group: TimeGroup) -> TimeRow:
    middle = median(group.values)
    text = f"{_seconds(middle)} of {_seconds(group.maximum)}"
    if len(group.values) > 1:
        text += f" (n = {len(group.values)}, max {_seconds(max(group.values))})"
    return TimeRow(group.name, group.series, max(min(group.values), 0) / group.maximum,
                   max(middle, 0) / group.maximum, group.share, text, bool(group.failed))
