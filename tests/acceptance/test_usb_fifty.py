"""Fifty re-enumerations of the bar that tests/acceptance/usb_reenumeration.py tries a thousand times."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("usb_reenumeration.py")


def test_fifty_reenumerations():
    spec = importlib.util.spec_from_file_location("cellbench_usb_reenumeration", SCRIPT)
    soak = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = soak  # its dataclasses look themselves up there
    spec.loader.exec_module(soak)
    missed = [row for row in soak.main(50, 5, quick=True) if not row["met"]]
    assert missed == []
