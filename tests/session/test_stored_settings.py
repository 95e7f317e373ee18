"""Procedures that wear the module's memory: told of, or refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from cellbench.record.run import read_run
from cellbench.record.verdict import Outcome

REPOSITORY = Path(__file__).resolve().parents[2]

SUITE = '''
from cellbench.api import procedure


@procedure("R8:6.1", title="reads first")
def test_reads_first(dut):
    assert dut.ensure("AT+UPSV=4,1300") is True
    assert dut.ensure("AT+UPSV=4,1300") is False
    assert dut.ensure("AT+UPSV=0") is True


@procedure("R8:6.1", title="needless")
def test_needless(dut):
    before = dut.send("AT+UPSV?").value("+UPSV")[0]
    dut.send(f"AT+UPSV={before}")


@procedure("R8:6.1", title="blind")
def test_blind(dut):
    dut.reboot()
    dut.send("AT+UPSV=0")
'''


def run(folder: Path, *more: str) -> dict[str, tuple[Outcome, str, list[str]]]:
    """Outcome, reason and notes of each test, by its name."""
    (folder / "test_wear.py").write_text(SUITE)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder),
         "test_wear.py", "--rig", str(REPOSITORY / "rigs" / "virtual.yaml"), "--slot", "lena-r8-1",
         "--timing", "fast", "--results", "out", "--reports", "none", *more],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "CELLBENCH_RUNTIME_DIR": str(folder / "run"),
             "CELLBENCH_LOCK_DIR": str(folder / "locks"), "CELLBENCH_GUARDIAN_IDLE_S": "0.5"})
    journal = next((folder / "out").glob("*/journal.jsonl"))
    notes: dict[str, list[str]] = {}
    for record in map(json.loads, journal.read_text().splitlines()):
        if record["kind"] == "note":
            notes.setdefault(record["data"]["attempt"], []).append(record["data"]["text"])
    found = {}
    for attempt in read_run(journal).attempts:
        assert attempt.verdict is not None
        name = attempt.procedure.rpartition("::")[2].partition("[")[0]
        found[name] = (attempt.verdict.outcome, attempt.verdict.reason, notes.get(attempt.id, []))
    return found


def test_told_of_by_default(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert [outcome for outcome, *_ in found.values()] == [Outcome.PASS] * 3
    assert found["test_reads_first"][2] == []
    assert found["test_needless"][2] == ["slot lena-r8-1: AT+UPSV=0 stored what was there already"]
    assert found["test_blind"][2] == ["slot lena-r8-1: AT+UPSV=0 was stored without reading first"]


def test_refused_on_request(tmp_path: Path) -> None:
    found = run(tmp_path, "--nvm-writes", "refuse")
    assert found["test_reads_first"][0] is Outcome.PASS
    for name in ("test_needless", "test_blind"):
        assert found[name][0] is Outcome.ERROR
        assert "dut.ensure()" in found[name][1]
