"""Charts: axes with round ticks, values where they belong, sound SVG."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.record.measurement import Judgement, Limit
from cellbench.report.charts import (
    Axis,
    Line,
    TimeRow,
    histogram,
    limit_bar,
    line_chart,
    share_bar,
    ticks,
    time_chart,
)

numbers = st.floats(-1e9, 1e9, allow_nan=False)


@given(numbers, st.floats(1e-6, 1e9), st.integers(2, 12))
def test_ticks_are_few_rising_and_inside(low: float, span: float, about: int) -> None:
    high = low + span
    found = ticks(low, high, about)
    assert len(found) <= about + 2
    assert list(found) == sorted(found)
    slack = span * 1e-6 + abs(low) * 1e-9 + 1e-9
    assert all(low - slack <= tick <= high + slack for tick in found)


def test_ticks_where_floating_point_has_no_step() -> None:
    assert ticks(0.0, 5e-324) == (0.0,)
    assert ticks(-1.7e308, 1.7e308) == (-1.7e308,)


@pytest.mark.parametrize(("low", "high", "expected"), [
    (0, 10, (0, 2, 4, 6, 8, 10)), (0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1.0)), (3, 3, (3,))])
def test_ticks_are_round(low: float, high: float, expected: tuple[float, ...]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_a_log_axis_gives_each_decade_the_same_room() -> None:
    axis = Axis(0.01, 1, 100, 300, log=True)
    assert [axis.at(value) for value in (0.01, 0.1, 1, 5)] == pytest.approx([100, 200, 300, 300])
    assert axis.ticks() == pytest.approx((0.01, 0.1, 1))


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30))
def test_a_histogram_of_anything_is_sound(values: list[float]) -> None:
    values = [value for value in values if not math.isfinite(value) or abs(value) < 1e12]
    drawn = histogram(values, x_title="a < b & c", limit=Limit(0, 5))
    assert (drawn == "") == (not any(map(math.isfinite, values)))
    if drawn:
        ElementTree.fromstring(drawn)


@given(st.floats(allow_nan=True), st.none() | numbers, st.none() | numbers, st.floats(0, 1e6))
def test_a_limit_bar_of_anything_is_sound(value: float, low: float | None, high: float | None,
                                          marginal: float) -> None:
    drawn = limit_bar(value, Limit(low, high, marginal=marginal), Judgement.PASS)
    if drawn:
        mark = ElementTree.fromstring(drawn)[-1].attrib
        assert -2 <= float(mark["x"]) <= 92


def test_a_value_beyond_its_maximum_lies_right_of_the_line() -> None:
    rows = [TimeRow("slow", "A", 1.2, 1.3, 1.4, "", True), TimeRow("quick", "B", 0.01, 0.02, 0.03, "")]
    drawn = time_chart(rows, ("A", "B"))
    root = ElementTree.fromstring(drawn)
    limit = next(line for line in root if line.attrib.get("stroke-width") == "1.4")
    dots = [dot for dot in root if len(dot)]
    assert float(dots[0].attrib["cx"]) > float(limit.attrib["x1"]) > float(dots[1].attrib["cx"])


def test_nothing_to_draw_is_no_drawing() -> None:
    drawn = time_chart([], ()), histogram([], x_title=""), line_chart([], x_title="", y_title="")
    assert drawn == ("", "", "")


def test_lines_and_shares_are_drawn() -> None:
    line = Line("current", tuple((n / 10, math.sin(n)) for n in range(50)))
    drawn = line_chart([line], x_title="time, s", y_title="current, A", limit=Limit(high=1.2))
    assert len(ElementTree.fromstring(drawn).findall("{*}polyline")) == 1
    shares = ElementTree.fromstring(share_bar([("PASS", 3), ("FAIL", 1), ("ERROR", 0)]))
    assert [round(float(part.attrib["width"])) for part in shares] == [164, 54]
