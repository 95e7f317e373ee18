"""Charts as SVG text, for HTML and PDF alike: axes, lines, histograms, limit bars.

All functions are pure. Text takes the font of the document around it in HTML; a PDF names its font.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from cellbench.record.measurement import Judgement, Limit
from cellbench.report.words import COLOURS, SERIES_COLOURS

INK = "#1f2933"
GREY = "#6b7280"
RULE = "#d5dae1"
BAND = "#eaf3ec"


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from data to pixels; logarithmic when ``log`` (both ends above 0)."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value; values beyond the ends lie on them."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 6) -> tuple[float, ...]:
        """Round values within the axis: 1, 2 or 5 times a power of ten; powers of ten on a log axis."""
        if self.log:
            return tuple(10.0 ** power for power in range(math.ceil(math.log10(self.low) - 1e-9),
                                                          math.floor(math.log10(self.high) + 1e-9) + 1))
        return ticks(self.low, self.high, about)


def ticks(low: float, high: float, about: int = 6) -> tuple[float, ...]:
    """Round values from ``low`` to ``high``, about as many as asked for; one when both are equal, or so near
    or far that floating point has no step between."""
    raw = (high - low) / max(1, about)
    if not (high > low and sys.float_info.min <= raw < math.inf):
        return (low,)
    power: float = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(round(number * step, 12) for number in range(first, last + 1))


class Svg:
    """An SVG drawing that grows element by element."""

    __slots__ = ("_font", "_parts", "height", "label", "width")

    def __init__(self, width: float, height: float, *, label: str = "", font: str = "") -> None:
        self.width = width
        self.height = height
        self.label = label
        self._font = font
        self._parts: list[str] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = RULE, width: float = 1,
             dash: str = "") -> None:
        """A straight line."""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" stroke="{colour}" '
                           f'stroke-width="{_n(width)}"{dashes}/>')

    def rect(self, x: float, y: float, width: float, height: float, colour: str, *, round_by: float = 0,
             title: str = "") -> None:
        """A filled rectangle."""
        inside = f"><title>{escape(title)}</title></rect>" if title else "/>"
        self._parts.append(f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(max(0, width))}" '
                           f'height="{_n(max(0, height))}" rx="{_n(round_by)}" fill="{colour}"{inside}')

    def dot(self, x: float, y: float, radius: float, colour: str, *, title: str = "",
            stroke: str = "none") -> None:
        """A filled circle."""
        inside = f"><title>{escape(title)}</title></circle>" if title else "/>"
        self._parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{colour}" '
                           f'stroke="{stroke}"{inside}')

    def polyline(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1.5) -> None:
        """A line through points."""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                           f'stroke-width="{_n(width)}" stroke-linejoin="round"/>')

    def text(self, x: float, y: float, text: str, *, size: float = 11, anchor: str = "start",
             colour: str = INK, bold: bool = False) -> None:
        """One line of text; ``anchor`` is start, middle or end."""
        weight = ' font-weight="600"' if bold else ""
        font = f' font-family={quoteattr(self._font)}' if self._font else ""
        self._parts.append(f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" text-anchor="{anchor}" '
                           f'fill="{colour}"{weight}{font}>{escape(text)}</text>')

    def render(self) -> str:
        """The drawing."""
        role = f' role="img" aria-label={quoteattr(self.label)}' if self.label else ' aria-hidden="true"'
        size = f'width="{_n(self.width)}" height="{_n(self.height)}"'
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(self.width)} {_n(self.height)}" '
                f'{size}{role}>' + "".join(self._parts) + "</svg>")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a line chart."""

    name: str
    points: tuple[tuple[float, float], ...]


def line_chart(lines: Sequence[Line], *, x_title: str, y_title: str, limit: Limit | None = None,
               width: float = 640, height: float = 240, font: str = "") -> str:
    """Lines over a common axis, with the limits as dashed lines; "" when there is nothing to draw."""
    points = [point for line in lines for point in line.points]
    if not points:
        return ""
    bounds = [bound for bound in (limit.low, limit.high) if bound is not None] if limit else []
    xs, ys = [x for x, _ in points], [*(y for _, y in points), *bounds]
    svg = Svg(width, height, label=f"{y_title} over {x_title}", font=font)
    x_axis = Axis(min(xs), max(xs), 56, width - 12)
    y_axis = Axis(*_padded(min(ys), max(ys)), height - 38, 26)
    _frame(svg, x_axis, y_axis, x_title, y_title)
    for bound in bounds:
        svg.line(x_axis.start, y_axis.at(bound), x_axis.end, y_axis.at(bound), COLOURS["FAIL"], 1, "5 3")
    for index, line in enumerate(lines):
        colour = SERIES_COLOURS[index % len(SERIES_COLOURS)]
        svg.polyline([(x_axis.at(x), y_axis.at(y)) for x, y in line.points], colour)
        svg.text(x_axis.end - 110 * (len(lines) - index - 1), 14, line.name, anchor="end", colour=colour,
                 bold=True)
    return svg.render()


def histogram(values: Sequence[float], *, x_title: str, limit: Limit | None = None, bins: int = 24,
              width: float = 420, height: float = 190, font: str = "") -> str:
    """How often values fall where, with the limits as dashed lines; "" when there is nothing to draw."""
    values = [value for value in values if math.isfinite(value)]
    if not values:
        return ""
    bounds = [bound for bound in (limit.low, limit.high) if bound is not None] if limit else []
    low, high = _padded(min(values), max(values))
    near = [bound for bound in bounds if low - (high - low) <= bound <= high + (high - low)]
    low, high = min([low, *near]), max([high, *near])
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / (high - low) * bins))] += 1
    svg = Svg(width, height, label=f"distribution of {x_title}", font=font)
    x_axis = Axis(low, high, 44, width - 12)
    y_axis = Axis(0, max(counts), height - 38, 14)
    _frame(svg, x_axis, y_axis, x_title, "")
    size = (x_axis.end - x_axis.start) / bins
    for index, count in enumerate(counts):
        if count:
            top = y_axis.at(count)
            svg.rect(x_axis.start + index * size + 0.5, top, size - 1, y_axis.start - top, SERIES_COLOURS[0],
                     title=f"{count}")
    for bound in near:
        svg.line(x_axis.at(bound), y_axis.start, x_axis.at(bound), y_axis.end, COLOURS["FAIL"], 1.2, "5 3")
    return svg.render()


@dataclass(frozen=True, slots=True)
class TimeRow:
    """One measured time against its declared maximum: least, median and greatest as shares of it."""

    label: str
    group: str
    least: float
    median: float
    greatest: float
    right: str
    failed: bool = False


def time_chart(rows: Sequence[TimeRow], groups: Sequence[str], *, width: float = 760,
               font: str = "") -> str:
    """Measured times as shares of their declared maxima on a log axis; "" when there are none.

    A row shows least to greatest as a bar and the median as a dot; at 100 % stands the maximum.
    """
    if not rows:
        return ""
    left, right, row_height, top = 210.0, 190.0, 19.0, 42.0
    height = top + row_height * len(rows) + 10
    least = min(row.least for row in rows)
    low = 10.0 ** math.floor(math.log10(max(least, 1e-5)))
    high = max(2.0, max(row.greatest for row in rows) * 1.25)
    axis = Axis(min(low, 0.1), high, left, width - right, log=True)
    svg = Svg(width, height, label="measured times as shares of their declared maxima", font=font)
    svg.rect(axis.at(1), top - 8, axis.end - axis.at(1), height - top, "#fbeceb")
    for tick in axis.ticks():
        svg.line(axis.at(tick), top - 8, axis.at(tick), height - 8)
        svg.text(axis.at(tick), top - 14, _percent(tick), size=10, anchor="middle", colour=GREY)
    svg.line(axis.at(1), top - 8, axis.at(1), height - 8, COLOURS["FAIL"], 1.4)
    _legend(svg, groups, left)
    for index, row in enumerate(rows):
        y = top + row_height * index + 6
        colour = SERIES_COLOURS[list(groups).index(row.group) % len(SERIES_COLOURS)]
        ink, grey = (COLOURS["FAIL"], COLOURS["FAIL"]) if row.failed else (INK, GREY)
        svg.text(left - 10, y + 4, _clip(row.label, 34), anchor="end", colour=ink)
        svg.rect(axis.at(row.least), y - 2, max(1.5, axis.at(row.greatest) - axis.at(row.least)), 4, colour,
                 round_by=1)
        svg.dot(axis.at(row.median), y, 4, colour, title=f"{row.label}, {row.group}: {row.right}")
        svg.text(width - right + 10, y + 4, row.right, size=10, colour=grey)
    return svg.render()


def limit_bar(value: float, limit: Limit, judgement: Judgement, *, width: float = 92,
              height: float = 12) -> str:
    """Where a value lies between its limits: allowed range, marginal bands, a mark for the value."""
    low, high = limit.low, limit.high
    if not math.isfinite(value) or (low is None and high is None) or low == high:
        return ""
    span = high - low if low is not None and high is not None else max(abs(low or 0), abs(high or 0)) or 1.0
    view_low = low - span * 0.12 if low is not None else min(0.0, (high or 0) - span)
    view_high = high + span * 0.12 if high is not None else (low or 0) + span
    axis = Axis(view_low, view_high, 3, width - 3)
    svg = Svg(width, height)
    begin = axis.at(low if low is not None else view_low)
    end = axis.at(high if high is not None else view_high)
    middle = height / 2
    svg.rect(3, middle - 2, width - 6, 4, "#e8eaed")
    svg.rect(begin, middle - 2, end - begin, 4, "#a9cfb6")
    if limit.marginal:
        if low is not None:
            svg.rect(begin, middle - 2, min(axis.at(low + limit.marginal), end) - begin, 4, "#ead78c")
        if high is not None:
            edge = max(axis.at(high - limit.marginal), begin)
            svg.rect(edge, middle - 2, end - edge, 4, "#ead78c")
    for bound in (low, high):
        if bound is not None:
            svg.line(axis.at(bound), 1, axis.at(bound), height - 1, GREY)
    svg.rect(axis.at(value) - 1.5, 0.5, 3, height - 1, COLOURS[judgement.value], round_by=1)
    return svg.render()


def share_bar(counts: Sequence[tuple[str, int]], *, width: float = 220, height: float = 10) -> str:
    """Outcomes as shares of a whole; ``counts`` is outcome name and number."""
    total = sum(count for _, count in counts)
    svg = Svg(width, height, label=", ".join(f"{count} {name}" for name, count in counts if count))
    x = 0.0
    for name, count in counts:
        if count:
            size = width * count / total
            svg.rect(x, 0, max(1.5, size - 0.75), height, COLOURS[name], title=f"{name} {count}")
            x += size
    return svg.render()


def _frame(svg: Svg, x_axis: Axis, y_axis: Axis, x_title: str, y_title: str) -> None:
    for tick in y_axis.ticks(4):
        svg.line(x_axis.start, y_axis.at(tick), x_axis.end, y_axis.at(tick))
        svg.text(x_axis.start - 6, y_axis.at(tick) + 4, _number(tick), size=10, anchor="end", colour=GREY)
    for tick in x_axis.ticks(6):
        svg.line(x_axis.at(tick), y_axis.start, x_axis.at(tick), y_axis.start + 4, GREY)
        svg.text(x_axis.at(tick), y_axis.start + 15, _number(tick), size=10, anchor="middle", colour=GREY)
    svg.line(x_axis.start, y_axis.start, x_axis.end, y_axis.start, GREY)
    svg.text((x_axis.start + x_axis.end) / 2, y_axis.start + 30, x_title, size=11, anchor="middle")
    if y_title:
        svg.text(4, 14, y_title, size=11)


def _legend(svg: Svg, groups: Sequence[str], left: float) -> None:
    x = left
    for index, group in enumerate(groups):
        colour = SERIES_COLOURS[index % len(SERIES_COLOURS)]
        svg.dot(x + 4, 9, 4, colour)
        svg.text(x + 13, 13, group, colour=colour, bold=True)
        x += 26 + 7.2 * len(group)
    svg.text(svg.width - 6, 13, "median of declared maximum", size=10, anchor="end", colour=GREY)


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def _number(value: float) -> str:
    return f"{value:g}"


def _clip(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most - 1] + "…"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
