"""Rigs that lack a supply, lines, a UART or USB: every procedure passes or is not possible, none fails.

The modules of a virtual rack are switched on by the rack; its rig file is written anew without what a shape
takes away.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

SUBJECT = "bench"
BAR = "a rig without a supply, lines, a UART or USB: what it cannot do is NOT_POSSIBLE with the reason"
SOAK = True

ROOT = Path(__file__).resolve().parents[2]
SLOTS = ("lena-r8-1=LENA-R8:LENA-R8001M10", "lara-r6-1=LARA-R6:LARA-R6001")
SHAPES = {
    "no supply, no lines": ("power", "lines"),
    "no supply": ("power",),
    "no supply, no lines, UART alone": ("power", "lines", "usb"),
    "no supply, no lines, USB alone": ("power", "lines", "uart"),
    "UART alone": ("usb",),
    "USB alone": ("uart",),
}
LIMIT_S = 1800
READY_S = 90


@contextlib.contextmanager
def powered_rack(directory: Path) -> Iterator[Path]:
    """A rack whose modules are on; its rig file."""
    command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(directory), "--powered"]
    for slot in SLOTS:
        command += ["--slot", slot]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], READY_S)
        line = process.stdout.readline() if readable else ""
        if not line:
            process.kill()
            raise RuntimeError(f"the rack did not come up: {process.communicate()[1]}")
        yield Path(json.loads(line)["rig_file"])
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()


def write_bare(rig: Path, to: Path, lacking: tuple[str, ...]) -> Path:
    """The rig file without some of its parts."""
    model: dict[str, Any] = yaml.safe_load(rig.read_text())
    for slot in model["slots"].values():
        for part in lacking:
            slot.pop(part, None)
            slot["ports"].pop(part, None)
        if "usb" not in slot["ports"] or "lines" not in slot:
            slot.pop("flasher", None)  # it needs the module's place on USB, and USB_BOOT
    named = json.dumps(model["slots"])
    model["instruments"] = {name: one for name, one in model["instruments"].items() if f'"{name}"' in named}
    model["limits"] = {"LENA-R8": f"{ROOT}/rigs/limits/lena-r8.yaml",
                       "LARA-R6": f"{ROOT}/rigs/limits/lara-r6.yaml"}
    to.write_text(yaml.safe_dump(model, sort_keys=False))
    return to


def run_suites(rig: Path, results: Path, *procedures: str, within_s: float) -> tuple[int, str]:
    """A run; its exit status and what it said."""
    command = [sys.executable, "-m", "pytest", *procedures, "--rig", str(rig), "--results", str(results),
               "--reports", "none", "-p", "no:cacheprovider"]
    environment = {**os.environ, "CELLBENCH_RUNTIME_DIR": str(results / "guardian"),
                   "CELLBENCH_LOCK_DIR": str(results / "locks")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment,
                          timeout=within_s, check=False)
    return done.returncode, done.stdout + done.stderr


def verdicts(results: Path) -> dict[str, tuple[str, str]]:
    """Procedure and slot → outcome and reason, from the run's journal."""
    (journal,) = results.glob("*/journal.jsonl")
    found = {}
    for line in journal.read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "attempt.ended":
            data, verdict = record["data"], record["data"]["verdict"]
            found[f"{data['procedure']}[{data['slot']}]"] = verdict["outcome"], verdict.get("reason", "")
    return found


def main() -> list[dict[str, object]]:
    """All suites on every shape."""
    rows: list[dict[str, object]] = []
    for name, lacking in SHAPES.items():
        with tempfile.TemporaryDirectory(prefix="cellbench-bare-") as folder:
            place = Path(folder)
            with powered_rack(place / "rack") as rig:
                bare = write_bare(rig, place / "bare.yaml", lacking)
                status, said = run_suites(bare, place / "results", "suites", within_s=LIMIT_S)
            if not any((place / "results").glob("*/journal.jsonl")):
                raise RuntimeError(f"{name}: the run did not begin: {said[-2000:]}")
            found = verdicts(place / "results")
        outcomes = [outcome for outcome, _ in found.values()]
        counts = ", ".join(f"{outcomes.count(one)} {one}" for one in sorted(set(outcomes)))
        met = status == 0 and set(outcomes) <= {"PASS", "NOT_POSSIBLE", "NOT_APPLICABLE"}
        rows.append({"what": f"all suites: {name}", "goal": "PASS or NOT_POSSIBLE, each with its reason",
                     "figure": counts, "met": met and all(reason for one, reason in found.values()
                                                          if one == "NOT_POSSIBLE")})
    return rows
