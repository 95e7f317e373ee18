"""The transfers that the bar tests/acceptance/xmodem_rate.py times, once and in small."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "xmodem.py"


@pytest.mark.parametrize("name", ["ours", "theirs"])
def test_a_timed_transfer(name: str) -> None:
    if shutil.which("rx") is None:
        pytest.fail("the foreign peer lrzsz is not installed")
    spec = importlib.util.spec_from_file_location("cellbench_xmodem_rate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    bar = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = bar
    spec.loader.exec_module(bar)
    took = bar.seconds(secrets.token_bytes(65_536), getattr(bar, name), max(os.sched_getaffinity(0)))
    assert 0 < took < bar.LIMIT_S
