"""Eight cells of the interruption matrix on a virtual rack: one of each kind that takes little time."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cellbench.cli import main
from cellbench.guardian.start import stop as stop_guardian
from cellbench.record.interruption import CellOutcome, read_matrix
from cellbench.record.journal import verify

SLOTS = ("LENA-R8",) * 2 + ("LARA-R6",) * 6
CELLS = {
    "LENA-R8/foat/first-block/host-killed": {""},
    "LENA-R8/fota-http/download-begins/server-gone": {""},
    "LARA-R6/foat/write-50/supply-cut": {"Xmodem again"},
    "LARA-R6/foat/write-first/usb-pulled": {""},
    "LARA-R6/foat/silent/supply-cut": {"", "Xmodem again"},
    "LARA-R6/foat/whole/wrong-package": {""},
    "LARA-R6/fota-ftp/write-first/supply-cut": {"installation began again"},
    "LARA-R6/fota-serial/download-begins/supply-cut": {""},
}


@pytest.fixture
def rig_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A rack of eight slots, and a guardian of its own."""
    runtime = tmp_path / "run"
    monkeypatch.setenv("CELLBENCH_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("CELLBENCH_LOCK_DIR", str(tmp_path / "locks"))
    slots = [word for series in SLOTS for word in ("--slot", series)]
    rack = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", *slots, "--dir", str(tmp_path / "rack"),
         "--end-with", str(os.getpid())], stdout=subprocess.PIPE)
    assert rack.stdout is not None
    try:
        readable, _, _ = select.select([rack.stdout], [], [], 60)
        assert readable, "the rack did not come up"
        yield Path(json.loads(rack.stdout.readline())["rig_file"])
    finally:
        stop_guardian(runtime)
        rack.send_signal(signal.SIGTERM)
        rack.wait(20)
        rack.stdout.close()


def test_eight_cells(rig_file: Path, tmp_path: Path) -> None:
    chosen = [word for name in CELLS for word in ("--cells", name)]
    assert main(["interrupt", str(rig_file), "--results", str(tmp_path / "out"), *chosen]) == 0
    folder = next((tmp_path / "out" / "interruptions").iterdir())
    found = read_matrix(folder)
    assert {name: record.outcome.good for name, record in found.cells.items()} == dict.fromkeys(CELLS, True)
    for name, ways in CELLS.items():
        assert found.cells[name].recovery in ways
    assert found.cells["LARA-R6/foat/whole/wrong-package"].outcome is CellOutcome.REFUSED
    assert verify(folder / "cells.jsonl").problems == ()
    assert not found.cut
    assert (folder / "matrix.html").stat().st_size > 0
