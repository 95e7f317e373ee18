"""Ten data calls of each series of the bar for which tests/acceptance/dial_cycles.py does a hundred."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("dial_cycles.py")


def test_ten_calls() -> None:
    spec = importlib.util.spec_from_file_location("cellbench_dial_cycles", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    bar = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = bar  # its dataclasses look themselves up there
    spec.loader.exec_module(bar)
    missed = [row for row in bar.main(10, 3) if not row["met"]]
    assert missed == []
