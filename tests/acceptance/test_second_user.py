"""Two users and one bench, as tests/acceptance/second_user.py plays it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("second_user.py")


def test_a_second_user_is_refused_and_a_dead_holders_lock_recovered():
    spec = importlib.util.spec_from_file_location("cellbench_second_user", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # its dataclasses look themselves up there
    spec.loader.exec_module(script)
    rows = script.main()
    assert len(rows) == 6
    assert [row for row in rows if not row["met"]] == []
