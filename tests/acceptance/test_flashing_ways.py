"""The two orders of tool and module that LARA-R6 may want; `make acceptance` takes all ways of flashing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def test_tool_first_and_while_running():
    path = Path(__file__).with_name("flashing_ways.py")
    spec = importlib.util.spec_from_file_location("flashing_ways", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        rows = module.main(("r6",), tuple(what for what in module.WAYS if "LARA-R6" in what))
    finally:
        del sys.modules[spec.name]
    assert len(rows) == 2
    assert [row["figure"] for row in rows if not row["met"]] == []
