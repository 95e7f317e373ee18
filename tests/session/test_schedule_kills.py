"""Ten kills of the bar that tests/acceptance/many_slots.py tries a hundred times."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "acceptance" / "many_slots.py"


def test_ten_workers_killed_at_random():
    spec = importlib.util.spec_from_file_location("cellbench_many_slots", SCRIPT)
    bar = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = bar  # its dataclasses look themselves up there
    spec.loader.exec_module(bar)
    missed = [row for row in bar.main(kills=10, slots=3, seed=7, with_lost=False) if not row["met"]]
    assert missed == []
