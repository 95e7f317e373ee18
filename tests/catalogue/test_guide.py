"""Sections, errata and the transcribed tables of the guides fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cellbench.base.errors import OperatorError
from cellbench.catalogue.errata import ERRATA, errata_for
from cellbench.catalogue.guide import SECTIONS, SectionKind, parse_section_ids, parts_of, section
from cellbench.catalogue.model import Series

ROOT = Path(__file__).resolve().parents[2]
OF_THE_MAIN_PATH = (
    "R8:3.1, 3.2.1 to 3.2.6, 3.3.1 to 3.3.4, 4.1.1 to 4.1.5, 4.2.1, 4.2.2, 4.3, 5.1, 5.3, 5.3.1, 5.4, 7.1, "
    "7.1.1, 7.2.1, 7.2.1.1, 7.2.2, 9.2, 9.2.1 to 9.2.5; "
    "R6:2.1, 2.2.1, 2.2.2, 2.3, 2.3.1, 2.3.1/verify, 2.3.1/lte, 2.3.1/legacy, 2.4.1, 2.4.2, 2.4.2.1, 2.5, 5, "
    "5.1, 5.2, 5.3.1 to 5.3.3, 5.4 to 5.10")


def test_ids_are_unique() -> None:
    ids = [one.id for one in SECTIONS]
    assert len(ids) == len(set(ids))


def test_sections_stand_under_their_parents() -> None:
    for one in SECTIONS:
        assert section(one.id) is one
        assert one.title == one.title.strip()
        if one.parent is not None:
            parent = section(one.parent)
            assert one in parts_of(parent.id)
            assert parent.series == one.series
            assert SECTIONS.index(parent) < SECTIONS.index(one)


def _numbers(one: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in one.number.partition("/")[0].split(".") if part.isdigit())


@pytest.mark.parametrize("guide", ["R8", "R6"])
def test_sections_are_in_print_order_without_gaps(guide: str) -> None:
    mine = [one for one in SECTIONS if one.id.startswith(guide)]
    numbered = [one for one in mine if "/" not in one.id and one.number != "A"]
    assert [_numbers(one) for one in numbered] == sorted(_numbers(one) for one in numbered)
    present = {_numbers(one) for one in numbered}
    assert all(number[-1] == 1 or (*number[:-1], number[-1] - 1) in present for number in present)


def test_sections_of_the_main_path_are_to_be_tested() -> None:
    ids = parse_section_ids(OF_THE_MAIN_PATH)
    assert len(ids) == 59
    assert all(section(name).kind is not SectionKind.REFERENCE for name in ids)


def test_parsing_of_section_lists() -> None:
    assert parse_section_ids("R8:9.2.1 to 9.2.3, R6:5.1") == ("R8:9.2.1", "R8:9.2.2", "R8:9.2.3", "R6:5.1")
    assert parse_section_ids("") == ()
    with pytest.raises(OperatorError, match=r"R8:9\.2\.1"):
        parse_section_ids("R8:9.2.1.9")


def test_errata_are_numbered_and_whole() -> None:
    ids = [one.id for one in ERRATA]
    assert len(ids) == len(set(ids))
    assert all(one.where and one.printed and one.taken_as for one in ERRATA)
    assert all(one.id.startswith(one.guide) for one in ERRATA)
    assert sum(len(errata_for(series)) for series in Series) == len(ERRATA)


def test_errata_page_has_every_row() -> None:
    page = (ROOT / "docs" / "errata.md").read_text(encoding="utf-8")
    for one in ERRATA:
        cells = (one.id, one.where, one.kind.value, one.printed, one.taken_as)
        row = "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        assert row in page, one.id
    assert page.count("\n| R") == len(ERRATA)
