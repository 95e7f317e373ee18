"""The mistakes that tests/acceptance/planted_mistakes.py plants, without the few that take long."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("planted_mistakes.py")


def test_every_planted_mistake_is_named_with_its_remedy(tmp_path):
    spec = importlib.util.spec_from_file_location("cellbench_planted_mistakes", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # its dataclasses look themselves up there
    spec.loader.exec_module(script)
    clean, found = script.plant_all(tmp_path, thorough=False)
    assert "ERROR" not in clean
    assert clean.endswith("status 0")
    assert {mistake.name: mistake.said for mistake in found if not mistake.named} == {}
    assert len(found) >= 60
