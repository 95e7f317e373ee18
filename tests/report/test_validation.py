"""What the validation report says, and its page with 10,000 results in a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from cellbench.record.run import RunRecord
from cellbench.report.coverage import gaps, matrices
from cellbench.report.results import EXCERPT_ALL, result_columns
from cellbench.report.timing import histograms, time_groups
from cellbench.report.validation import validation_view
from cellbench.report.validation_html import render as render_html
from cellbench.report.validation_pdf import render as render_pdf

CHROMIUM = "/usr/bin/chromium"


def test_coverage_is_held_against_the_guides(validation: RunRecord) -> None:
    r8, r6 = matrices(validation)
    assert (r8.needed, r8.covered, r8.series) == (28, 23, ("LENA-R8",))
    assert (r6.needed, r6.covered, r6.series) == (16, 8, ("LARA-R6",))
    states = {row.number: row.cells[0].state for row in r8.rows}
    assert states["1"] == "REFERENCE"
    assert states["9.3.1"] == "UNCOVERED"
    assert states["9.2.4"] == "ERROR"
    assert states["5.7"] == "NOT_POSSIBLE"
    assert states["4.1.4"] == "FAIL"
    assert states["9.2.1"] == "PASS"


def test_gaps_are_never_hidden(validation: RunRecord) -> None:
    found = {gap.reason: gap.items for gap in gaps(validation, matrices(validation))}
    assert found["Not possible: the rig has no line dtr on slot lena-r8-1"] == (
        "Multiplexer with four channels on lena-r8-1",)
    assert found["Not reached: the run ended before them"] == ("Socket state on lara-r6-1",)
    assert any("without a procedure on LARA-R6" in reason for reason in found)


def test_what_a_guide_leaves_to_another_document_is_named(validation: RunRecord) -> None:
    pointing = replace(validation.header.sections[0], elsewhere="the rest: another note")
    run = replace(validation, header=replace(validation.header, sections=(
        pointing, *validation.header.sections[1:])))
    found = {gap.reason: gap.items for gap in gaps(run, matrices(run))}
    assert found["The guides leave to other documents"] == (
        f"{pointing.number} {pointing.title}: the rest: another note",)


def test_times_are_held_against_their_maxima(validation: RunRecord) -> None:
    groups = time_groups(validation)
    assert (groups[0].name, groups[0].series, groups[0].failed) == ("+IPR settle", "LARA-R6", 1)
    assert groups[0].share == pytest.approx(1.312)
    assert [group.share for group in groups] == sorted((group.share for group in groups), reverse=True)


def test_what_did_not_pass_is_counted_by_owner(validation: RunRecord) -> None:
    view = validation_view(validation)
    assert {row.owner: (row.failed, row.errors, row.aborted) for row in view.by_owner} == {
        "unit": (2, 0, 0), "rig": (0, 1, 0), "network": (0, 1, 0), "service": (0, 1, 0),
        "operator": (0, 0, 1), "framework": (0, 1, 0)}
    assert view.by_slot[-1].total == 47
    assert [row.verdict for row in view.attention][:3] == ["FAIL", "FAIL", "ERROR service"]
    assert view.marginal[0].value == "98.69 ms"
    assert "1 earlier attempt kept" in view.summary
    assert view.cut == "This run did not complete: interrupted."


def test_a_cut_run_is_said_to_be_cut(cut: RunRecord) -> None:
    assert "This run was cut" in validation_view(cut).cut


def test_values_measured_often_are_drawn(many: RunRecord) -> None:
    assert len(histograms(many)) == 6


def test_the_columns_hold_every_result(many: RunRecord) -> None:
    data = result_columns(many)
    results = data["results"]
    assert isinstance(results, dict)
    assert {len(column) for column in results.values()} == {10_000}
    traces = data["traces"]
    assert isinstance(traces, dict)
    assert 0 < sum(map(len, traces["lines"])) < EXCERPT_ALL


def test_the_pdf_has_all_parts(validation: RunRecord, tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument(render_pdf(validation, tmp_path / "validation.pdf"))
    text = "".join(page.get_textpage().get_text_range() for page in document)
    for words in ("Validation report", "Needs attention", "Coverage of the guides", "Measured times", "Gaps",
                  "Errata in force", "Environment", "no echo within 10 s", "was cut at 2026-11-04T17:33:20Z",
                  "Numato Lab 32 Channel", validation.head[:16]):
        assert words in text, words
    assert 3 <= len(document) <= 8


def test_a_pdf_of_very_many_results_is_bounded(many: RunRecord, tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument(render_pdf(many, tmp_path / "validation.pdf"))
    text = "".join(document[number].get_textpage().get_text_range() for number in range(len(document)))
    assert "8500 that passed are left out here" in text


@pytest.fixture(scope="module")
def page(many: RunRecord) -> Iterator[Page]:
    """A browser on the page of 10,000 results, with every request written down."""
    if shutil.which(CHROMIUM) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
        pytest.skip(f"{CHROMIUM} is missing: the report's page was not tried in a browser")
    path = render_html(many, many.folder / "validation.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1240, "height": 900})
        requests: list[str] = []
        troubles: list[str] = []
        opened.on("request", lambda request: requests.append(request.url))
        opened.on("pageerror", lambda error: troubles.append(str(error)))
        opened.on("console", lambda message: troubles.append(message.text))
        opened.goto(path.as_uri())
        yield opened
        browser.close()
        assert requests == [path.as_uri()]
        assert troubles == []


def test_ten_thousand_results_are_readable(page: Page) -> None:
    count = page.locator("#count")
    expect(count).to_have_text("10,000 results")
    assert page.locator("#rows .row").count() < 60, "only what is in sight is drawn"
    page.fill("#search", "socket read")
    expect(count).to_have_text("370 of 10,000 results")
    page.locator(".chip", has_text="error").click()
    expect(count).to_have_text("3 of 10,000 results")
    page.select_option("#owner", "service")
    expect(count).to_have_text("1 of 10,000 results")
    page.locator("#rows .row").click()
    detail = page.locator("#detail")
    expect(detail).to_contain_text("the echo service does not answer the host either")
    expect(detail).to_contain_text("connection refused at 127.0.0.1:7")
    expect(detail.locator("pre")).to_contain_text("AT+USOWR=0,5")
    detail.get_by_text("bytes").click()
    expect(detail.locator("pre .span").first).to_contain_text("AT+UAUTHREQ")
    detail.get_by_role("button", name="Close").click()
    page.locator("button[type=reset]").click()
    expect(count).to_have_text("10,000 results")


def test_sorting_and_sections(page: Page) -> None:
    page.locator(".head button[data-key=duration]").click()
    page.locator(".head button[data-key=duration]").click()
    first = page.locator("#rows .row").first
    expect(first).to_contain_text("Declared response times")
    cell = page.locator(".matrix a", has_text="✗").first
    section = (cell.get_attribute("href") or "").removeprefix("#s=")
    cell.click()
    expect(page.locator("#search")).to_have_value(f"section:{section}")
    expect(page.locator("#count")).not_to_have_text("10,000 results")


def test_on_paper_the_results_are_a_table(page: Page) -> None:
    page.fill("#search", "power-off")
    document = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True))
    text = "".join(sheet.get_textpage().get_text_range() for sheet in document)
    assert "Orderly power-off (7)" in " ".join(text.split())
    assert "Search procedure" not in text
