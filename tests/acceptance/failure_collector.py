"""The diagnostics collector beside failing tests of many kinds: what it adds, and that it changes nothing.

The same tests are run with it and without it, on a virtual rack: on a rig with USB (a second interface), and
on one that has the UART alone. What is measured is pytest's making of the report of a failed phase, in which
the module is asked: side by side the difference is what the collector adds.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cellbench.record.attempt import Attempt
from cellbench.record.run import read_run

SUBJECT = "field"
BAR = "the failure collector adds at most 2 s to a failing test and never fails or hides the failure itself"

LIMIT_S = 2.0
SECRET = "hush.hush.example"  # of data/failing_tests.py
RUN_S = 1500.0
DATA = Path(__file__).with_name("data")

ALONE = ("assert", "at_error", "timeout", "data_mode", "multiplexed", "held", "paused", "locked", "read",
         "busy", "uart_silent", "closed", "good")
"""Kinds that are tried with the UART alone, too."""


@dataclass(frozen=True)
class Seen:
    """What one run of the tests came to."""

    status: int
    attempts: dict[str, Attempt]
    added: dict[str, float]
    text: str

    def verdict(self, name: str) -> tuple[str, str, str]:
        """Outcome, owner and reason of a test."""
        found = self.attempts[name].verdict
        assert found is not None, name
        return found.outcome.value, found.owner.value if found.owner else "", found.reason


@dataclass
class Compared:
    """The tests of one rig, with the collector and without."""

    with_it: Seen
    without: Seen
    different: list[str] = field(default_factory=list)

    def added(self) -> dict[str, float]:
        """Seconds that the collector added, by test."""
        return {name: seconds - self.without.added.get(name, 0.0)
                for name, seconds in self.with_it.added.items()}


def wanted(verdict: tuple[str, str, str]) -> bool:
    """Verdicts whose module is to be asked."""
    return verdict[0] == "FAIL" or (verdict[0] == "ERROR" and verdict[1] in ("unit", "network"))


@contextlib.contextmanager
def rack(folder: Path, *slots: str) -> Iterator[Path]:
    """A virtual rack; its rig file."""
    command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(folder / "rack"),
               "--end-with", str(os.getpid())]
    for slot in slots:
        command += ["--slot", slot]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Path(json.loads(process.stdout.readline())["rig_file"])
    finally:
        process.terminate()
        process.wait(30)


def without_usb(rig: Path) -> Path:
    """A copy of the rig file whose slots have the UART alone."""
    model: dict[str, Any] = yaml.safe_load(rig.read_text())
    for slot in model["slots"].values():
        slot["ports"] = {"uart": slot["ports"]["uart"]}
        for name in ("flasher", "usb_power"):
            slot.pop(name, None)
    path = rig.with_name("uart-alone.yaml")
    path.write_text(yaml.safe_dump(model, sort_keys=False))
    return path


def run(folder: Path, rig: Path, mode: str, kinds: Sequence[str] = ()) -> Seen:
    """The tests on a rig, with ``--diagnosis MODE``."""
    place = folder / f"{rig.stem}-{mode}"
    place.mkdir()
    shutil.copy(DATA / "failing_conftest.py", place / "conftest.py")
    shutil.copy(DATA / "failing_tests.py", place / "test_failing.py")
    chosen = [f"test_failing.py::test_{kind}" for kind in kinds] or ["."]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--rig",
         str(rig), "--results", "out", "--reports", "none", "--progress", "off", "-q", "--diagnosis", mode,
         *chosen],
        cwd=place, capture_output=True, text=True, timeout=RUN_S, check=False,
        env={**os.environ, "CELLBENCH_RUNTIME_DIR": str(folder / "run"),
             "CELLBENCH_LOCK_DIR": str(folder / "locks"), "CELLBENCH_GUARDIAN_IDLE_S": "1"})
    journals = list((place / "out").glob("*/journal.jsonl"))
    assert len(journals) == 1, done.stdout + done.stderr
    attempts = {f"{one.procedure.rpartition('::')[2]} {one.slot}": one
                for one in read_run(journals[0]).attempts}
    added: dict[str, float] = {}
    for line in (place / "times.jsonl").read_text().splitlines():
        nodeid, _, seconds, failed = json.loads(line)
        name, _, slot = nodeid.rpartition("::")[2].partition("[")
        if failed:
            added[f"{name} {slot.rstrip(']')}"] = added.get(f"{name} {slot.rstrip(']')}", 0.0) + seconds
    return Seen(done.returncode, attempts, added, journals[0].read_text() + done.stdout)


def compare(folder: Path, rig: Path, kinds: Sequence[str] = ()) -> Compared:
    """Run the tests both ways."""
    found = Compared(run(folder, rig, "failures", kinds), run(folder, rig, "off", kinds))
    found.different = [name for name in found.with_it.attempts
                       if found.with_it.verdict(name) != found.without.verdict(name)]
    return found


def main() -> list[dict[str, object]]:
    """Both rigs, both ways."""
    with tempfile.TemporaryDirectory(prefix="cellbench-collector-") as place:
        folder = Path(place)
        with rack(folder, "a=LENA-R8", "b=LARA-R6") as rig:
            found = [compare(folder, rig), compare(folder, without_usb(rig), ALONE)]
    return rows(found)


def rows(found: Sequence[Compared]) -> list[dict[str, object]]:
    """The bar's rows."""
    tests = sum(len(one.with_it.attempts) for one in found)
    kinds = {name.partition(" ")[0] for one in found for name in one.with_it.attempts}
    different = [name for one in found for name in one.different]
    added = sorted((seconds, name) for one in found for name, seconds in one.added().items())
    due = [one.with_it.attempts[name] for one in found for name in one.with_it.attempts
           if wanted(one.with_it.verdict(name))]
    without_record = [one.procedure for one in due if not one.diagnoses]
    took = [record.duration_s for one in due for record in one.diagnoses]
    asked = sum(bool(record.polls) for one in due for record in one.diagnoses)
    mute = [one for one in due if not one.diagnoses or not (one.diagnoses[0].polls or one.diagnoses[0].notes)]
    needless = [name for one in found for name in one.with_it.attempts
                if one.with_it.attempts[name].diagnoses and not wanted(one.with_it.verdict(name))]
    told = any(SECRET in one.with_it.text for one in found)
    status = all(one.with_it.status == one.without.status == 1 for one in found)
    return [
        {"what": f"verdict, owner and reason with the collector as without it, {len(kinds)} kinds of tests",
         "goal": f"all {tests}", "met": not different,
         "figure": f"{tests - len(different)} of {tests}" + "".join(f", {name}" for name in different)},
        {"what": "most that it added to a failing test, side by side", "goal": f"at most {LIMIT_S:g} s",
         "met": added[-1][0] <= LIMIT_S,
         "figure": f"{added[-1][0]:.2f} s ({added[-1][1]}), median "
                   f"{statistics.median(seconds for seconds, _ in added):.2f} s"},
        {"what": "most that collecting took by its own record", "goal": f"at most {LIMIT_S:g} s",
         "figure": f"{max(took):.2f} s", "met": max(took) <= LIMIT_S},
        {"what": "failures of unit and network with the module's state in their record",
         "goal": f"all {len(due)}", "met": not without_record and not mute and asked > len(due) / 3,
         "figure": f"{len(due) - len(without_record)} of {len(due)}, {asked} with answers, the others with "
                   "the reason why not"},
        {"what": "records where nothing was due, secrets in clear, other exit status", "goal": "none",
         "figure": f"{len(needless)} records, {'some' if told else 'no'} secrets, "
                   f"{'the same' if status else 'another'} status",
         "met": not needless and not told and status},
    ]


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
