"""Twenty power cycles of the bar for which tests/acceptance/power_cycles.py does three hundred."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("power_cycles.py")


def test_twenty_cycles() -> None:
    spec = importlib.util.spec_from_file_location("cellbench_power_cycles", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    soak = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = soak  # its dataclasses look themselves up there
    spec.loader.exec_module(soak)
    missed = [row for row in soak.main(50, 3) if not row["met"]]
    assert missed == []
