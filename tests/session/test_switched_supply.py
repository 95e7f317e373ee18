"""The production sequence on a slot that a contact feeds: all passes but what needs a measured current."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMITS = ROOT / "rigs" / "limits" / "lara-r6.yaml"
STEPS = ("test_01_power_up", "test_02_interfaces", "test_07_currents", "test_11_power_off")


def rig_with_contact(rack_file: Path) -> Path:
    """The rack's rig file with its supply taken away and a free relay in its place.

    The rack's slots keep the power that --powered gave them: the contact is driven and read back over the
    board's real protocol, and stands in a wire that the rack does not have.
    """
    contact = "  psu1:\n    kind: supply.relay\n    board: relays1\n    pins: [20]\n"
    text = re.sub(r"  psu1:\n(    .*\n)+", contact, rack_file.read_text())
    path = rack_file.with_name("switched.yaml")
    path.write_text(f"{text}limits:\n  LARA-R6: {LIMITS}\n")
    return path


def test_all_but_currents_passes_where_a_contact_feeds_the_slot(tmp_path):
    rack = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(tmp_path / "rack"),
         "--timing", "fast", "--slot", "lara-r6", "--powered"], stdout=subprocess.PIPE, text=True)
    try:
        rig = rig_with_contact(Path(json.loads(rack.stdout.readline())["rig_file"]))
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
             str(ROOT / "suites" / "production"), "-k", " or ".join(STEPS), "--rig", str(rig),
             "--results", str(tmp_path / "out"), "--reports", "none"],
            cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
            env={**os.environ, "CELLBENCH_RUNTIME_DIR": str(tmp_path / "run"),
                 "CELLBENCH_LOCK_DIR": str(tmp_path / "locks"), "CELLBENCH_GUARDIAN_IDLE_S": "0.5"})
        log = (tmp_path / "run" / "guardian.log").read_text()
    finally:
        rack.send_signal(signal.SIGTERM)
        rack.wait(20)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout, run.stdout
    assert "2 not possible" in run.stdout, run.stdout
    assert re.search(r"slot lara-r6-1: on by run \S+$", log, re.MULTILINE), log
    journal = next((tmp_path / "out").rglob("*.jsonl")).read_text()
    assert "NOT_POSSIBLE: supply voltage: nothing measures it" in journal
    assert "only switches: it cannot measure the current" in journal
