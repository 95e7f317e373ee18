"""Quantities over time as drawings: the supply current of an attempt with the states it went through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cellbench.record.rollup import final_attempts, verdict_of
from cellbench.record.run import RunRecord
from cellbench.record.series import SeriesMark, SeriesRecord, decimated
from cellbench.record.verdict import Outcome
from cellbench.report.charts import GREY, INK, Axis, Svg
from cellbench.report.timing import Plot
from cellbench.report.words import SERIES_COLOURS, clipped, quantity_words

MOST_COURSES = 24
_POINTS = 1200
_SMALLEST, _GREATEST = 1e-300, 1e300
_LOG_FROM = 20.0  # a greatest value so many times the least one is drawn on a logarithmic scale
_TINTS = ("#eef3fa", "#f7f1e6")
_WIDTH, _HEIGHT = 760.0, 270.0
_LEFT, _RIGHT, _ROWS, _BOTTOM = 62.0, 12.0, 3, 38.0
_ROW_HEIGHT, _LETTER = 13.0, 5.6


@dataclass(frozen=True, slots=True)
class _State:
    """A state as it is drawn: its pixels, and its label."""

    begin: float
    end: float
    label: str
    mean: float | None


def courses(run: RunRecord, font: str = "") -> tuple[tuple[Plot, ...], int]:
    """A drawing for each series of the final attempts, those that did not pass first; and how many more there
    are."""
    final = sorted(final_attempts(run.attempts), key=lambda one: verdict_of(one).outcome is Outcome.PASS)
    found = [(attempt, series) for attempt in final for series in attempt.series]
    plots = []
    for attempt, series in found[:MOST_COURSES]:
        drawn = course(series, font)
        if drawn:
            where = f", {attempt.slot}" if attempt.slot else ""
            plots.append(Plot(f"{series.name}{where}: {run.title(attempt.procedure)}", drawn))
    return tuple(plots), max(0, len(found) - MOST_COURSES)


def course(series: SeriesRecord, font: str = "") -> str:
    """One series over time, its states as bands with their means; "" when there is nothing to draw."""
    points = [(at, value) for at, value in zip(series.times, series.values, strict=False)
              if math.isfinite(value)]
    if not points:
        return ""
    kept = decimated([at for at, _ in points], [value for _, value in points], _POINTS)
    points = [points[place] for place in kept]
    svg = Svg(_WIDTH, _HEIGHT, label=f"{series.name} over time", font=font)
    x_axis = Axis(points[0][0], points[-1][0], _LEFT, _WIDTH - _RIGHT)
    y_axis = _values_axis([value for _, value in points])
    states = _states(series.marks, x_axis, series.unit)
    _bands(svg, states, y_axis)
    _scales(svg, x_axis, y_axis, series)
    svg.polyline([(x_axis.at(at), y_axis.at(value)) for at, value in points], SERIES_COLOURS[0], 1)
    for state in states:
        if state.mean is not None:
            height = y_axis.at(state.mean)
            svg.line(state.begin, height, state.end, height, SERIES_COLOURS[1], 1.6, "6 3")
    return svg.render()


def _values_axis(values: Sequence[float]) -> Axis:
    """Logarithmic over whole decades where values are positive, far apart and such that floating point has
    their decades; else linear from 0."""
    low, high = min(values), max(values)
    start, end = _HEIGHT - _BOTTOM, _ROWS * _ROW_HEIGHT + 12
    if low >= _SMALLEST and high <= _GREATEST and high / low >= _LOG_FROM:
        return Axis(10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high)), start, end,
                    log=True)
    low = min(low, 0.0)
    high = max(high, 0.0)
    return Axis(low, high + (high - low or 1.0) * 0.05, start, end)


def _states(marks: Sequence[SeriesMark], x_axis: Axis, unit: str) -> list[_State]:
    ends = [*(mark.at for mark in marks[1:]), x_axis.high]
    found = []
    for mark, end in zip(marks, ends, strict=False):
        if mark.name and end > mark.at and mark.at < x_axis.high:
            mean = "" if mark.mean is None else f", {quantity_words(float(f'{mark.mean:.3g}'), unit)}"
            name = "".join(letter if letter.isprintable() else " " for letter in mark.name)
            found.append(_State(x_axis.at(mark.at), x_axis.at(end), name + mean, mark.mean))
    return found


def _bands(svg: Svg, states: Sequence[_State], y_axis: Axis) -> None:
    """A tinted band for each state; labels in rows, each as long as the next one in its row leaves it."""
    for index, state in enumerate(states):
        svg.rect(state.begin, y_axis.end, state.end - state.begin, y_axis.start - y_axis.end,
                 _TINTS[index % len(_TINTS)], title=state.label)
    for index, state in enumerate(states):
        svg.line(state.begin, index % _ROWS * _ROW_HEIGHT + 4, state.begin, y_axis.start, GREY, 0.5)
    for index, state in enumerate(states):
        row = index % _ROWS
        following = states[index + _ROWS].begin if index + _ROWS < len(states) else svg.width
        room = following - state.begin
        if room > 4 * _LETTER:
            text = clipped(state.label, max(2, int(room / _LETTER)))
            length = len(text) * _LETTER
            # one that would run out of the drawing ends at its edge
            x = min(state.begin + 4, max(0.0, svg.width - 2 - length))
            svg.rect(x - 1, row * _ROW_HEIGHT + 3, length, 11, "#ffffff")  # over the lines of other states
            svg.text(x, row * _ROW_HEIGHT + 12, text, size=10, colour=INK)


def _scales(svg: Svg, x_axis: Axis, y_axis: Axis, series: SeriesRecord) -> None:
    for tick in y_axis.ticks(4):
        svg.line(x_axis.start, y_axis.at(tick), x_axis.end, y_axis.at(tick))
        svg.text(x_axis.start - 6, y_axis.at(tick) + 4, quantity_words(tick, series.unit), size=10,
                 anchor="end", colour=GREY)
    for tick in x_axis.ticks(8):
        svg.line(x_axis.at(tick), y_axis.start, x_axis.at(tick), y_axis.start + 4, GREY)
        svg.text(x_axis.at(tick), y_axis.start + 15, f"{tick:g}", size=10, anchor="middle", colour=GREY)
    svg.line(x_axis.start, y_axis.start, x_axis.end, y_axis.start, GREY)
    svg.text((x_axis.start + x_axis.end) / 2, y_axis.start + 30, "time, s", size=11, anchor="middle")
    if series.samples:
        svg.text(x_axis.end, y_axis.start + 30, f"{series.samples:,} samples", size=10, anchor="end",
                 colour=GREY)
