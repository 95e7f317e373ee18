"""The command ``cellbench`` as people use it: real processes, a virtual rack started apart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 60.0


def cellbench(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cellbench", *words],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a rack with one powered LENA-R8."""
    place = tmp_path_factory.mktemp("rack")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "cellbench",
            "virtual",
            "up",
            "--slot",
            "a=LENA-R8",
            "--dir",
            str(place),
            "--powered",
            "--end-with",
            str(os.getpid()),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["ready"] is True
        yield place
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_validate_tells_every_mistake_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("rig: x\nslots:\n  a1: {series: LENA-R8, powr: {}}\n  a2: {series: LENA-R9}\n")
    done = cellbench("rig", "validate", str(bad))
    assert done.returncode == 2
    assert f"{bad}:3: slots.a1.powr" in done.stdout
    assert f"{bad}:4: slots.a2.series" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert cellbench("rig", "validate", "rigs/virtual.yaml").returncode == 0


def test_a_production_run_without_a_serial_number_ends_with_a_sentence() -> None:
    done = cellbench("production", "rigs/virtual.yaml", "--slot", "lena-r8-1")
    assert done.returncode == 12
    assert "serial number" in done.stderr
    assert "Traceback" not in done.stderr
    several = cellbench("production", "rigs/virtual.yaml", "--serial", "1")
    assert several.returncode == 2
    assert "lena-r8-1, lara-r6-1" in several.stderr


def test_one_command_on_a_slot(rack: Path) -> None:
    done = cellbench("at", str(rack / "rig.yaml"), "a", "ATI")
    assert done.returncode == 0, done.stderr
    assert "LENA-R8001M10-00C-00" in done.stdout
    refused = cellbench("at", str(rack / "rig.yaml"), "a", "AT+NOSUCH")
    assert refused.returncode == 1
    unknown = cellbench("at", str(rack / "rig.yaml"), "b", "ATI")
    assert unknown.returncode == 2
    assert "it has a" in unknown.stderr


def test_an_interrupted_run_switches_off_and_keeps_its_record(rack: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pytest",
            "suites/sockets",
            "--rig",
            str(rack / "rig.yaml"),
            "--results",
            str(tmp_path),
            "--reports",
            "none",
            "--progress",
            "off",
            "-q",
        ],
        cwd=ROOT,
        env={**os.environ, "CELLBENCH_RUNTIME_DIR": str(tmp_path / "run"), "CELLBENCH_GUARDIAN_IDLE_S": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        until = time.monotonic() + WAIT_S
        while not _records(tmp_path, "attempt.ended") and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=WAIT_S)[0]
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 2, said
    assert _records(tmp_path, "attempt.ended")[0]["verdict"]["outcome"] == "PASS", said
    assert len(_records(tmp_path, "run.ended")) == 1
    last = (rack / "a" / "supply.log").read_text().splitlines()[-1].split()
    assert last[2:4] == ["output", "off"]


def _records(results: Path, kind: str) -> list[dict[str, Any]]:
    found = []
    for journal in results.glob("*/journal.jsonl"):
        for line in journal.read_text().splitlines():
            record = json.loads(line)
            if record["kind"] == kind:
                found.append(record["data"])
    return found
