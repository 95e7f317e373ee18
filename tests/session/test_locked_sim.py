"""A SIM that asks for its PIN: the bench gives it at each start, and it stands nowhere in what is kept."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from cellbench.wire.uicc.apdu import pin_octets

ROOT = Path(__file__).resolve().parents[2]
CHOSEN = "test_after_reboot or test_wrong_pin or test_detach_and_attach"
PIN = "1234"


def _run(rig: Path, folder: Path, chosen: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "suites" / "network"),
         "-k", chosen, "--rig", str(rig), "--results", str(folder / "out"), "--progress", "off"],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "CELLBENCH_RUNTIME_DIR": str(folder / "run"),
             "CELLBENCH_LOCK_DIR": str(folder / "locks"), "CELLBENCH_GUARDIAN_IDLE_S": "0.5"})


def test_the_pin_is_given_and_kept_secret(tmp_path: Path) -> None:
    rack = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(tmp_path / "rack"),
         "--timing", "fast", "--slot", "lara-r6", "--set", "sim_card=locked"],
        stdout=subprocess.PIPE, text=True)
    try:
        assert rack.stdout is not None
        rig = Path(json.loads(rack.stdout.readline())["rig_file"])
        good = _run(rig, tmp_path, CHOSEN)
        unnamed = rig.with_name("unnamed.yaml")
        unnamed.write_text(re.sub(r" +pin:\n +file: .*\n", "", rig.read_text()))
        without = _run(unnamed, tmp_path / "without", "test_detach_and_attach")
    finally:
        rack.send_signal(signal.SIGTERM)
        rack.wait(20)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "3 passed" in good.stdout, good.stdout
    assert without.returncode == 12, without.stdout
    assert "asks for its PIN" in without.stdout
    kept = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        content = path.read_bytes()
        assert f'"{PIN}"'.encode() not in content, path
        assert f'\\"{PIN}\\"'.encode() not in content, path
        assert pin_octets(PIN).hex().upper().encode() not in content, path
