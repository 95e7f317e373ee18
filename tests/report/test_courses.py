"""Drawings of quantities over time, and their place in the validation report."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path
from xml.etree import ElementTree

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.record.run import RunRecord
from cellbench.record.series import SeriesRecord
from cellbench.report.courses import MOST_COURSES, course, courses
from cellbench.report.validation_html import render as render_html
from cellbench.report.validation_pdf import render as render_pdf

MARKS = ((0.0, "awake"), (1.0, "asleep by DTR"), (3.0, "awake again"))


def a_series(attempt: str = "1") -> SeriesRecord:
    """Awake, asleep with a paging wake-up each 0.64 s, awake again."""
    times = [place / 200 for place in range(800)]
    values = [0.0106 if not 1 <= at < 3 else 0.0409 if at % 0.64 < 0.02 else 0.0009 for at in times]
    return SeriesRecord.of(attempt, "supply current", "A", times, values, MARKS, 0)


def texts(drawn: str) -> list[str]:
    return ["".join(one.itertext()) for one in ElementTree.fromstring(drawn).findall("{*}text")]


def test_states_are_bands_with_names_and_means() -> None:
    drawn = course(a_series())
    found = texts(drawn)
    assert "awake, 10.6 mA" in found
    assert any(text.startswith("asleep by DTR, 2") and text.endswith("mA") for text in found)
    assert "800 samples" in found
    root = ElementTree.fromstring(drawn)
    bands = [rect for rect in root.findall("{*}rect") if len(rect)]
    assert len(bands) == 3
    edges = [float(band.attrib["x"]) for band in bands]
    assert edges == sorted(edges)
    means = [line for line in root.findall("{*}line") if line.attrib.get("stroke-dasharray")]
    assert len(means) == 3
    assert float(means[1].attrib["y1"]) > float(means[0].attrib["y1"]), "a smaller current lies lower"


def test_far_apart_values_go_by_decades_and_near_ones_from_zero() -> None:
    assert {"1 mA", "10 mA", "100 mA"} <= set(texts(course(a_series())))
    flat = SeriesRecord.of("1", "voltage", "V", (0.0, 1.0, 2.0), (3.79, 3.8, 3.81), (), 0)
    found = texts(course(flat))
    assert "0 V" in found
    assert "3 V" in found


def test_no_label_runs_into_the_next_or_out_of_the_drawing() -> None:
    marks = [(place / 10, f"a state with a long name, number {place}") for place in range(30)]
    series = SeriesRecord.of("1", "current", "A", (0.0, 3.0), (0.001, 0.1), marks, 0)
    labels = [one for one in ElementTree.fromstring(course(series)).findall("{*}text")
              if one.text and one.text.startswith("a ")]
    rows: dict[str, list[tuple[float, str]]] = {}
    for one in labels:
        rows.setdefault(one.attrib["y"], []).append((float(one.attrib["x"]), one.text or ""))
    assert len(rows) == 3
    for row in rows.values():
        for (x, text), (following, _) in itertools.pairwise(row):
            assert x + 5 * len(text) <= following


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(allow_nan=True, allow_infinity=True)), max_size=40),
       st.lists(st.tuples(st.floats(-10, 1e4), st.text(max_size=20)), max_size=8))
def test_a_drawing_of_anything_is_sound(points: list[tuple[float, float]],
                                        marks: list[tuple[float, str]]) -> None:
    points = sorted((at, value) for at, value in points if not abs(value) > 1e12 or not math.isfinite(value))
    series = SeriesRecord.of("1", "a < b & c", "A", [at for at, _ in points], [value for _, value in points],
                             sorted(marks), 0)
    drawn = course(series)
    assert (drawn == "") == (not any(math.isfinite(value) for _, value in points))
    if drawn:
        assert "nan" not in drawn
        ElementTree.fromstring(drawn)


@pytest.fixture(scope="module")
def with_series(validation: RunRecord) -> RunRecord:
    """The golden run with a series in each attempt."""
    return dataclasses.replace(validation, attempts=tuple(
        dataclasses.replace(one, series=(a_series(one.id),)) for one in validation.attempts))


def test_attempts_that_did_not_pass_come_first_and_the_rest_is_counted(with_series: RunRecord) -> None:
    drawn, more = courses(with_series)
    assert len(drawn) == MOST_COURSES
    assert more > 0
    assert drawn[0].title.startswith("supply current, l")


def test_both_reports_show_them(with_series: RunRecord, validation: RunRecord, tmp_path: Path) -> None:
    page = render_html(with_series, tmp_path / "validation.html").read_text()
    assert 'id="courses"' in page
    assert page.count('class="course"') == MOST_COURSES
    assert "more series are in the journal" in page
    assert "to 40.9 mA in 800 samples; means: awake 10.6 mA, asleep by DTR" in page, "in its notes"
    assert 'id="courses"' not in render_html(validation, tmp_path / "without.html").read_text()
    document = pypdfium2.PdfDocument(render_pdf(with_series, tmp_path / "validation.pdf"))
    words = "".join(page.get_textpage().get_text_range() for page in document)
    assert "Quantities over time" in words
    assert "asleep by DTR" in words
    document.close()
