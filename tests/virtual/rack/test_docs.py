"""The pages about the virtual rack say what it is."""

import re
from pathlib import Path

from cellbench.virtual.control.room import all_verbs
from cellbench.virtual.docs import files

ROOT = Path(__file__).resolve().parents[3]


def test_every_verb_is_described():
    page = (ROOT / "docs/virtual-rack.md").read_text()
    described = set(re.findall(r"`([a-z-]+)`", page))
    assert set(all_verbs()) <= described


def test_the_generated_page_is_up_to_date():
    for path, text in files(ROOT).items():
        assert path.read_text() == text, f"{path.name} is stale: run make docs"
