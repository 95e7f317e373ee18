"""The pages for people: their links lead somewhere, their pictures are what the program draws."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_newcomers_find_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_schematics_are_what_the_program_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn anew they are the committed ones; the program refuses texts that touch each other."""
    spec = importlib.util.spec_from_file_location("cellbench_wiring", ROOT / "docs/pictures/wiring.py")
    assert spec is not None
    assert spec.loader is not None
    drawing = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, drawing)
    spec.loader.exec_module(drawing)
    monkeypatch.setattr(drawing, "HERE", tmp_path)
    drawing.main()
    names = sorted(path.name for path in tmp_path.glob("*.svg"))
    assert len(names) == 4
    for name in names:
        assert (tmp_path / name).read_text() == (ROOT / "docs/pictures" / name).read_text(), name
    page = (ROOT / "docs/wiring.md").read_text()
    assert [name for name in names if f"pictures/{name}" not in page] == []
    sheet = drawing.Sheet("crowded", 200, 100, "two texts at one place")
    sheet.text(20, 50, "one")
    with pytest.raises(ValueError, match="'other' touches 'one'"):
        sheet.text(30, 52, "other")
