"""Two thousand mutated lines on both series, over UART and USB; `make soak` sends twenty thousand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def test_mutated_lines_end_and_leave_the_modules_sound() -> None:
    path = Path(__file__).resolve().parents[1] / "acceptance" / "at_fuzz.py"
    spec = importlib.util.spec_from_file_location("cellbench_at_fuzz", path)
    assert spec is not None
    assert spec.loader is not None
    fuzz = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = fuzz  # its dataclasses look themselves up there
    try:
        spec.loader.exec_module(fuzz)
        found, complaints, status = fuzz.run(2_000, seed=20261121)
    finally:
        del sys.modules[spec.name]
    assert {slot: one.unanswered for slot, one in found.items() if one.unanswered} == {}
    assert {slot: one.known_good for slot, one in found.items()} == dict.fromkeys(found, "passed")
    assert (complaints, status) == ([], 0)
    assert sum(one.lines for one in found.values()) == 2_000
