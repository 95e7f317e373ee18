"""The documents of an interruption matrix: every cell is in the picture with the colour of its outcome."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from cellbench.base.errors import OperatorError, Owner
from cellbench.record.interruption import (
    CellEntry,
    CellOutcome,
    CellRecord,
    Interruption,
    MatrixHeader,
    MatrixKind,
    MatrixRecord,
    read_matrix,
)
from cellbench.record.writer import JournalWriter
from cellbench.report.interruptions import FILL, bands, matrix_view, picture
from cellbench.report.interruptions_write import write_matrix

KINDS = (Interruption.SUPPLY_CUT, Interruption.USB_PULLED, Interruption.HOST_KILLED,
         Interruption.SERVER_GONE, Interruption.LINK_LOST)
PLACES = ("C and NAK", "write 50 %", "silent minutes")
RAN = [outcome for outcome in CellOutcome if outcome is not CellOutcome.NOT_APPLICABLE]


def matrix(folder: Path) -> MatrixRecord:
    """A small one: in each place the last two kinds make no sense, one cell is not run yet."""
    entries = [CellEntry(f"LENA-R8/foat/{row}/{kind.value}", "LENA-R8", "foat", place, kind, row)
               for row, place in enumerate(PLACES) for kind in KINDS]
    entries.append(CellEntry("LENA-R8/foat/9/nothing", "LENA-R8", "foat", "whole", Interruption.NOTHING, 9))
    entries += [CellEntry(f"LENA-R8/fota-http/{row}/{kind.value}", "LENA-R8", "fota-http", place, kind, row)
                for row, place in enumerate(PLACES) for kind in KINDS]
    header = MatrixHeader("0123", "bench", evidence="simulated", timing="fast", cells=tuple(entries))
    journal = JournalWriter.begin(folder / "cells.jsonl", MatrixKind.HEADER, header)
    outcomes = iter(RAN)
    for entry in (one for one in entries if one.kind is not Interruption.NOTHING):
        if entry.method == "fota-http" or entry.kind in KINDS[3:]:
            record = CellRecord(entry.cell, CellOutcome.NOT_APPLICABLE, reason="no server has a part in it")
        else:
            outcome = next(outcomes)
            owner = Owner.UNIT if outcome.finding else None
            record = CellRecord(entry.cell, outcome, "a1", owner, "<it> & runs", "Xmodem again")
        journal.append(MatrixKind.ENDED, record)
    journal.close()
    return read_matrix(folder)


def test_every_cell_that_makes_sense_is_drawn_in_its_colour(tmp_path: Path) -> None:
    found = matrix(tmp_path)
    drawing = ElementTree.fromstring(picture(found, "LENA-R8"))
    titles = [title.text or "" for title in drawing.iter("{http://www.w3.org/2000/svg}title")]
    for entry in found.header.cells:
        record = found.cells.get(entry.cell)
        if record is not None and record.outcome.good:
            assert any(record.outcome.value in title and entry.place in title for title in titles)
    fills = [rect.get("fill") for rect in drawing.iter("{http://www.w3.org/2000/svg}rect")]
    drawn = [record.outcome for record in found.cells.values() if record.outcome in FILL]
    assert set(fills) >= {FILL[outcome] for outcome in drawn if outcome is not CellOutcome.NOT_RUN}


def test_places_that_make_no_sense_for_one_reason_are_one_row(tmp_path: Path) -> None:
    foat, http = bands(matrix(tmp_path), "LENA-R8")
    assert len(foat.rows) == len(PLACES)
    assert [row.label for row in http.rows] == ["C and NAK and on"]
    assert "no server" in http.rows[0].why


def test_the_words_tell_findings_apart_from_errors_and_what_is_open(tmp_path: Path) -> None:
    view = matrix_view(matrix(tmp_path))
    assert view.verdict == "FAIL"
    assert "1 BRICKED" in view.summary
    assert "1 cell of the plan have no result yet" in view.unfinished or "no result" in view.unfinished
    assert {one.outcome.split(" (")[0] for one in view.findings} >= {"BRICKED"}
    assert view.absent


def test_page_document_and_picture_are_written(tmp_path: Path) -> None:
    matrix(tmp_path)
    page, document, image = write_matrix(tmp_path)
    text = page.read_text()
    assert "&lt;it&gt; &amp; runs" in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert document.read_bytes().startswith(b"%PDF")
    assert image.read_bytes().startswith(b"\x89PNG")


def test_what_is_no_matrix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"cells\.jsonl"):
        write_matrix(tmp_path)
