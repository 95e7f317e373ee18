"""docs/instruments.md is what the kinds and their transcripts give."""

from __future__ import annotations

from pathlib import Path

from cellbench.instruments.docs import EVIDENCE, files, page, transcript_of
from cellbench.instruments.kinds import built_in_kinds

ROOT = Path(__file__).parents[2]


def test_committed_page_is_current():
    for path, text in files(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run make docs"


def test_page_tells_each_kind_and_what_it_rests_on():
    text = page(ROOT)
    for kind in built_in_kinds():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| [`{kind.kind}`]")]
        assert row.endswith("| yes |" if kind.met else "| no |")
        found = transcript_of(ROOT, kind.kind)
        assert found is not None, kind.kind
        assert (ROOT / found.file).is_file()
        assert f"[{found.evidence}](../{found.file})" in row
        assert found.evidence in EVIDENCE
