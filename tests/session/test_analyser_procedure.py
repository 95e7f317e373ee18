"""A procedure that measures with the rig's analyser, on a rack that has one and on one that has none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROCEDURE = '''
from cellbench.api import procedure

@procedure("R6:5.1", title="The carrier is there", uses=("analyser",))
def test_carrier(analyser, slot, record):
    record.measure("carrier", analyser.peak(1_747_500_000.0, 20e6).power_dbm, "dBm")
    record.measure("power", analyser.power_dbm(1_747_500_000.0), "dBm")
'''


@pytest.mark.parametrize(("extra", "told"), [(("--with", "analyser"), "1 passed"), ((), "1 not possible")])
def test_procedure_with_an_analyser(tmp_path, extra, told):
    (tmp_path / "test_carrier.py").write_text(PROCEDURE)
    rack = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(tmp_path / "rack"),
         "--timing", "fast", "--slot", "lara-r6", *extra], stdout=subprocess.PIPE, text=True)
    try:
        rig = json.loads(rack.stdout.readline())["rig_file"]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT),
             str(tmp_path / "test_carrier.py"), "--rig", rig, "--results", str(tmp_path / "out"),
             "--reports", "none"],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "CELLBENCH_RUNTIME_DIR": str(tmp_path / "run"),
                 "CELLBENCH_LOCK_DIR": str(tmp_path / "locks"), "CELLBENCH_GUARDIAN_IDLE_S": "0.5"})
    finally:
        rack.send_signal(signal.SIGTERM)
        rack.wait(20)
    assert run.returncode == 0, run.stdout + run.stderr
    assert told in run.stdout, run.stdout
    if extra:
        journal = next((tmp_path / "out").rglob("*.jsonl")).read_text()
        assert '"carrier"' in journal
        assert '"power"' in journal
