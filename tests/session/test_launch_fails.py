"""A rack that does not come up is the rig's error of each test, over workers as in one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RIG = """\
rig: broken
evidence: simulated
launch: sh -c 'echo the bench is on fire >&2; exit 3'
slots:
  a: {series: LENA-R8}
  b: {series: LENA-R8}
far_side: {kind: virtual}
"""


@pytest.mark.parametrize("workers", [(), ("-n", "auto")], ids=["one process", "workers"])
def test_every_test_says_why(tmp_path: Path, workers: tuple[str, ...]) -> None:
    (tmp_path / "rig.yaml").write_text(RIG)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "suites/parser/test_responses.py", "-k", "echo", *workers, "--rig",
         str(tmp_path / "rig.yaml"), "--results", str(tmp_path / "out"), "--reports", "junit",
         "--progress", "off"],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 10, done.stdout
    assert "INTERNALERROR" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "ERROR rig: the rack did not come up: the bench is on fire" in done.stdout
    told = next((tmp_path / "out").glob("*/junit.xml")).read_text()
    assert told.count("the bench is on fire") >= 2
    assert 'tests="0"' not in told
