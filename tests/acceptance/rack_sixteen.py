"""Bar: 16 virtual slots come up within 10 s on 2 cores, below 15 MB resident a slot beyond the first."""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUBJECT = "main-path"
BAR = "16 virtual slots up within 10 s on 2 cores, resident memory below 15 MB a slot beyond the first"
UP_LIMIT_S = 10.0
SLOT_LIMIT_MB = 15.0
STOP_LIMIT_S = 3.0
IDLE_LIMIT_PERCENT = 3.0
SLOTS = 16
ROUNDS = 3
IDLE_S = 5.0


def main() -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    one = [_measure(1) for _ in range(ROUNDS)]
    many = [_measure(SLOTS) for _ in range(ROUNDS)]
    powered = _measure(SLOTS, powered=True)

    def middle(rows: list[dict[str, float]], key: str) -> float:
        return statistics.median(row[key] for row in rows)

    up = middle(many, "up_s")
    per_slot = (middle(many, "resident_mb") - middle(one, "resident_mb")) / (SLOTS - 1)
    stop = max(row["stop_s"] for row in [*many, powered])
    per_powered = (powered["resident_mb"] - middle(one, "resident_mb")) / (SLOTS - 1)
    return [
        _row(f"{SLOTS} slots up", f"<= {UP_LIMIT_S:g} s", f"{up:.2f} s", up <= UP_LIMIT_S),
        _row(f"{SLOTS} slots up, powered and answering AT", f"<= {UP_LIMIT_S:g} s",
             f"{powered['up_s']:.2f} s", powered["up_s"] <= UP_LIMIT_S),
        _row("resident memory a slot beyond the first", f"< {SLOT_LIMIT_MB:g} MB", f"{per_slot:.2f} MB",
             per_slot < SLOT_LIMIT_MB),
        _row("the same with all modules on", f"< {SLOT_LIMIT_MB:g} MB", f"{per_powered:.2f} MB",
             per_powered < SLOT_LIMIT_MB),
        _row(f"{SLOTS} slots end on SIGTERM", f"<= {STOP_LIMIT_S:g} s", f"{stop:.2f} s",
             stop <= STOP_LIMIT_S),
        _row(f"{SLOTS} powered slots idle, of one core", f"<= {IDLE_LIMIT_PERCENT:g} %",
             f"{powered['idle_percent']:.2f} %", powered["idle_percent"] <= IDLE_LIMIT_PERCENT),
    ]


def _row(what: str, goal: str, figure: str, met: bool) -> dict[str, object]:
    return {"what": what, "goal": goal, "figure": figure, "met": met}


def _measure(slots: int, *, powered: bool = False) -> dict[str, float]:
    """Start a rack of both series in turn, read it, end it."""
    directory = Path(tempfile.mkdtemp(prefix="cellbench-sixteen-"))
    series = ["LENA-R8", "LARA-R6"]
    command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(directory)]
    for number in range(slots):
        command += ["--slot", series[number % 2]]
    started = time.monotonic()
    process = subprocess.Popen([*command, *(["--powered"] if powered else [])], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        up_s = time.monotonic() - started
        if len(ready["slots"]) != slots:
            raise RuntimeError(f"{len(ready['slots'])} slots are ready, {slots} were asked for")
        idle = _cpu_percent(process.pid, IDLE_S) if powered else 0.0
        resident = _resident_mb(process.pid)
        stopping = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status = process.wait(30)
        stop_s = time.monotonic() - stopping
        if status != 0:
            raise RuntimeError(f"the rack ended with {status}")
        return {"up_s": up_s, "resident_mb": resident, "stop_s": stop_s, "idle_percent": idle}
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def _resident_mb(pid: int) -> float:
    """VmRSS of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


def _cpu_percent(pid: int, seconds: float) -> float:
    """Processor time of a process over some seconds, in percent of one core."""
    before = _cpu_s(pid)
    time.sleep(seconds)
    return (_cpu_s(pid) - before) / seconds * 100


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    for row in main():
        print(f"{row['what']:<48} {row['goal']:<10} {row['figure']:<12} {'met' if row['met'] else 'MISSED'}")
