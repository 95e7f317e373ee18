"""Ten kills of the bar that tests/acceptance/kill_soak.py tries two hundred times."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("kill_soak.py")


def test_ten_kills():
    spec = importlib.util.spec_from_file_location("cellbench_kill_soak", SCRIPT)
    soak = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = soak  # its dataclasses look themselves up there
    spec.loader.exec_module(soak)
    missed = [row for row in soak.main(kills=10, seed=7, span_s=3.0) if not row["met"]]
    assert missed == []
