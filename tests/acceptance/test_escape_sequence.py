"""Some of the sequences of the bar that tests/acceptance/escape_sequence.py tries in thousands."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("escape_sequence.py")


def test_escapes_as_the_guides_say():
    spec = importlib.util.spec_from_file_location("cellbench_escape_sequence", SCRIPT)
    bar = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = bar
    spec.loader.exec_module(bar)
    found, escapes = bar.wrong(600, 5)
    assert found == []
    assert escapes > 20
