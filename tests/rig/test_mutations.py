"""A hundred mutated rig files; `make acceptance SUBJECT=rig` takes a thousand, of another seed each time."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def test_mutated_rig_files_are_told_with_lines_and_nothing_is_opened():
    path = Path(__file__).resolve().parents[1] / "acceptance" / "rig_mutations.py"
    spec = importlib.util.spec_from_file_location("rig_mutations", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        tally = module.run(100, seed=20261121)
    finally:
        del sys.modules[spec.name]
    assert tally.invalid > 50
    assert (tally.missed, tally.without_line, tally.tracebacks, tally.opened, tally.too_strict) == (
        [], [], [], [], [])
