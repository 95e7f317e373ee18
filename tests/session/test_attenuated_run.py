"""Coverage taken away and given back by a step attenuator, through the guardian, in a run."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cellbench.guardian.start import stop

SUITE = """\
from cellbench.api import procedure

HOME = {1, 5}

@procedure(title="Coverage goes and comes", needs=("far-side:coverage",))
def test_coverage(registered, far_side):
    far_side.act("coverage", state="lost")
    assert registered.wait_registration(lambda stat: stat not in HOME, 60), "registered without coverage"
    far_side.act("coverage", state="weak")
    registered.register(60)
    far_side.act("coverage", state="normal")
    assert registered.registration() in HOME

@procedure(title="A message comes in", needs=("far-side:sms",))
def test_message(registered, far_side):
    far_side.act("sms", text="never")
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Path]:
    """A virtual rack with an attenuator, which is the far side."""
    command = [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "a1=LARA-R6", "--with",
               "attenuator", "--dir", str(tmp_path / "rack")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], 60)
    line = process.stdout.readline() if readable else ""
    assert line, process.communicate(timeout=5)[1]
    model = yaml.safe_load(Path(json.loads(line)["rig_file"]).read_text())
    model["far_side"] = {"kind": "attenuator", "on": "attenuator1", "weak_db": 30.0, "lost_db": 60.0}
    path = tmp_path / "attenuated.yaml"
    path.write_text(yaml.safe_dump(model))
    yield path
    process.terminate()
    process.communicate(timeout=20)


def test_coverage_by_decibels(rig: Path, tmp_path: Path) -> None:
    """PASS by the module's own registration; what attenuation cannot do is not possible, with the reason."""
    (tmp_path / "test_air.py").write_text(SUITE)
    environment = {**os.environ, "CELLBENCH_RUNTIME_DIR": str(tmp_path / "guardian"),
                   "CELLBENCH_LOCK_DIR": str(tmp_path / "locks")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "test_air.py", "--rig", str(rig), "--results", "out", "--reports",
         "none", "-p", "no:cacheprovider"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False)
    log = (tmp_path / "guardian" / "guardian.log").read_text()
    stop(tmp_path / "guardian")
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert all(f"attenuator1 channel 1 at {decibel} dB" in log for decibel in (60, 30, 0)), log
    (journal,) = (tmp_path / "out").glob("*/journal.jsonl")
    found = [json.loads(line) for line in journal.read_text().splitlines()]
    verdicts = [one["data"]["verdict"] for one in found if one["kind"] == "attempt.ended"]
    assert [one["outcome"] for one in verdicts] == ["PASS", "NOT_POSSIBLE"]
    assert "cannot sms: attenuation brings about no such thing" in verdicts[1]["reason"]
