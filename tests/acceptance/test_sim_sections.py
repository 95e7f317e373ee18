"""Every section of the LENA-R8 guide on SIM and mobility has a procedure; the suites run with all others."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

SCRIPT = Path(__file__).with_name("sim_mobility.py")
SUITES = Path(__file__).resolve().parents[2] / "suites" / "network"


def test_sections_have_procedures() -> None:
    spec = importlib.util.spec_from_file_location("cellbench_sim_mobility", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    bar = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bar)
    marks = "".join(path.read_text() for path in sorted(SUITES.glob("test_*.py")))
    wanted = bar.sections()
    assert len(wanted) == 10
    assert wanted <= set(re.findall(r'"(R8:[0-9.]+)"', marks))
