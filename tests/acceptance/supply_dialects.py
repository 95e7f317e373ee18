"""Bar: the production sequence and the main path's suites pass on a virtual bench whose supply speaks each
declared dialect in turn, and fail safe with each fault of a supply.

Two dialects are tried every day, all of them with CELLBENCH_SOAK. Fail safe means: every result that the
fault touches is ERROR of the rig (never FAIL), the output is off, the sentence says what to do, and once
the fault is gone the next run passes.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cellbench.record.run import RunRecord, read_run
from cellbench.record.verdict import Outcome, Owner
from cellbench.virtual.bench.dialects.families import FAMILIES
from cellbench.virtual.control.client import ctl

SUBJECT = "bench"
BAR = "all suites pass with each supply dialect, and each of six faults of a supply fails safe"

ROOT = Path(__file__).resolve().parents[2]
EVERY_DAY = ("keysight-e36300", "tti-cpx-ql")
SLOT = "lena-r8-1"
FAULTS = {
    "wrong model": ("identity",),
    "channel off by protection": ("trip", "ms=100"),
    "setting reads back out of tolerance": ("setting", "percent=20"),
    "measurement out of tolerance": ("meter", "percent=20"),
    "connection cut": ("cut",),
    "connection cut in an answer": ("cut-answer",),
    "error in queue": ("error",),
    "answer of the previous query": ("stale",),
    "no answer": ("deaf",),
}
LATE = ("channel off by protection", "connection cut", "connection cut in an answer",
        "answer of the previous query", "no answer")
"""What shows in the middle of a run, when nothing is set and only currents are measured."""
SOME = "power_up or interfaces or currents"
SEQUENCE = "suites/production"
POWER_UP = "suites/production/test_sequence.py::test_01_power_up"
LIMIT_S = 600.0
SAFE_S = 10.0


@dataclass(frozen=True, slots=True)
class Result:
    """One run: its status, what it printed, its record."""

    status: int
    text: str
    run: RunRecord | None

    @property
    def outcomes(self) -> list[tuple[Outcome, Owner | None, str]]:
        """Outcome, owner and reason of each attempt."""
        if self.run is None:
            return []
        return [(attempt.verdict.outcome, attempt.verdict.owner, attempt.verdict.reason)
                if attempt.verdict else (Outcome.ABORTED, None, "") for attempt in self.run.attempts]


class Bench:
    """A rack in a process of its own with one dialect, and a guardian of its own."""

    def __init__(self, folder: Path, dialect: str, *series: str) -> None:
        self.folder = folder
        self.rack = folder / "rack"
        slots = [word for one in series for word in ("--slot", one)]
        command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(self.rack),
                   "--supply-dialect", dialect, *slots]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.communicate()[1])
        self.rig = folder / "bench.yaml"
        limits = {one: str(ROOT / "rigs/limits" / f"{one.lower()}.yaml") for one in series}
        text = Path(json.loads(line)["rig_file"]).read_text()
        self.rig.write_text(f"{text}limits: {json.dumps(limits)}\n")
        self._runs = 0

    def ctl(self, *words: str) -> str:
        """A verb on the slot, as ``cellbench virtual ctl`` does it; what it prints."""
        verb, *values = words
        told, refused = io.StringIO(), io.StringIO()
        if ctl(self.rack, verb, values, slot=SLOT, out=told, err=refused):
            raise RuntimeError(refused.getvalue())
        return told.getvalue()

    @contextlib.contextmanager
    def fault(self, kind: str, *values: str) -> Iterator[None]:
        """The fault while the block runs."""
        self.ctl("supply-fault", f"kind={kind}", *values)
        try:
            yield
        finally:
            self.ctl("supply-fault", "kind=none")

    def off(self, seconds: float = SAFE_S) -> bool:
        """True when the slot's output is off, within that time."""
        end = time.monotonic() + seconds
        while "supply=off" not in self.ctl("report", "what=lines"):
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def switched_on(self) -> int:
        """How often the slot's output has been switched on."""
        return (self.rack / SLOT / "supply.log").read_text().count(" output on ")

    def run(self, *what: str, workers: str = "0", meanwhile: Callable[[], object] | None = None) -> Result:
        """One session of pytest on this bench; ``meanwhile`` is done as soon as the output is on."""
        self._runs += 1
        results = self.folder / f"results-{self._runs}"
        command = [sys.executable, "-m", "pytest", *what, "-q", "-n", workers, "--rig", str(self.rig),
                   "--timing", "fast", "--results", str(results), "--reports", "none", "--progress", "off",
                   "-p", "no:cacheprovider"]
        before, end = self.switched_on(), time.monotonic() + LIMIT_S
        with tempfile.TemporaryFile("w+") as told:
            session = subprocess.Popen(command, cwd=ROOT, stdout=told, stderr=subprocess.STDOUT, env={
                **os.environ, "CELLBENCH_RUNTIME_DIR": str(self.folder / "runtime")})
            while meanwhile is not None and session.poll() is None and time.monotonic() < end:
                if self.switched_on() > before:
                    meanwhile()
                    break
                time.sleep(0.02)
            status = session.wait(max(1.0, end - time.monotonic()))
            told.seek(0)
            text = told.read()
        journal = next(iter(sorted(results.glob("*/journal.jsonl"))), None)
        return Result(status, text, None if journal is None else read_run(journal.parent))

    def end(self) -> None:
        """Rack down; the guardian leaves by itself when it is idle."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.communicate()


@contextlib.contextmanager
def bench(dialect: str, *series: str) -> Iterator[Bench]:
    """A bench for some time."""
    with tempfile.TemporaryDirectory(prefix="cellbench-dialect-") as folder:
        made = Bench(Path(folder), dialect, *series)
        try:
            yield made
        finally:
            made.end()


def unsafe(made: Bench, result: Result, *, after: Iterable[tuple[Outcome, Owner | None]] = ()) -> str:
    """What of failing safe is missing, in words; empty: nothing. ``after``: other results that may be there
    besides ERROR of the rig."""
    missing = []
    if result.status != 10:
        missing.append(f"status {result.status} in place of 10")
    rigs = (Outcome.ERROR, Owner.RIG)
    bad = [one for one in result.outcomes if one[:2] not in {rigs, *after}]
    errors = [why for outcome, owner, why in result.outcomes if (outcome, owner) == rigs]
    if bad or not errors:
        found = [f"{outcome.value} {owner.value if owner else ''} {why}" for outcome, owner, why in bad]
        missing.append(f"not ERROR rig: {found}")
    if not made.off():
        missing.append("output is on")
    if not all(remedied(why) for why in errors):
        missing.append(f"no remedy in {errors}")
    if re.search(r"^Traceback", result.text, re.MULTILINE):
        missing.append("a traceback")
    return "; ".join(missing)


def remedied(reason: str) -> bool:
    """True when a reason goes on with what to do."""
    return ";" in reason and "psu" in reason


def passes(dialect: str, suites: Sequence[str]) -> dict[str, object]:
    """One row: the suites on both series with that dialect."""
    with bench(dialect, "LENA-R8", "LARA-R6") as made:
        result = made.run(*suites, workers="auto")
    good = sum(outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE) for outcome, _, _ in result.outcomes)
    return {"what": f"suites with a supply that speaks {dialect}", "goal": "all pass",
            "figure": f"{good} of {len(result.outcomes)}, status {result.status}",
            "met": result.status == 0 and good == len(result.outcomes) > 0}


def faults(dialect: str, kinds: Sequence[str] = tuple(FAULTS)) -> dict[str, object]:
    """One row: every fault on the production power-up with that dialect, then a run that passes."""
    wrong = {}
    with bench(dialect, "LENA-R8") as made:
        for name in kinds:
            kind, *values = FAULTS[name]
            with made.fault(kind, *values):
                result = made.run(POWER_UP)
                found = unsafe(made, result)
            if found:
                wrong[name] = found
        after = made.run(POWER_UP)
        if after.status != 0:
            wrong["the run after them"] = f"status {after.status}"
    return _row(f"faults of a supply that speaks {dialect}", len(kinds), wrong)


def midway(dialect: str, kinds: Sequence[str] = LATE) -> dict[str, object]:
    """One row: each fault that shows after its supply came on, while the production sequence runs.

    A supply that takes no connection cannot be switched off; with it, the output must be off once the next
    run has begun.
    """
    wrong = {}
    with bench(dialect, "LENA-R8") as made:
        for name in kinds:
            kind, *values = FAULTS[name]
            break_it = partial(made.ctl, "supply-fault", f"kind={kind}", *values)
            try:
                result = made.run(SEQUENCE, "-k", SOME, meanwhile=break_it)
            finally:
                made.ctl("supply-fault", "kind=none")
            if kind == "cut":
                made.run(POWER_UP)
            found = unsafe(made, result, after=[(Outcome.PASS, None)])
            if found:
                wrong[name] = found
        after = made.run(POWER_UP)
        if after.status != 0:
            wrong["the run after them"] = f"status {after.status}"
    return _row(f"faults in the middle of a run, supply speaks {dialect}", len(kinds), wrong)


def _row(what: str, tried: int, wrong: Mapping[str, str]) -> dict[str, object]:
    good = str(tried - sum(name in FAULTS for name in wrong))
    figure = "; ".join([good, *(f"{name}: {why}" for name, why in wrong.items())])
    return {"what": what, "goal": f"{tried} fail safe", "figure": figure, "met": not wrong}


def main() -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    soak = bool(os.environ.get("CELLBENCH_SOAK"))
    names = tuple(FAMILIES) if soak else EVERY_DAY
    rows = [passes(name, ("suites",)) for name in names]
    rows += [faults(name) for name in names]
    return rows + [midway(name) for name in (names if soak else EVERY_DAY[:1])]


if __name__ == "__main__":
    chosen = sys.argv[1:] or EVERY_DAY
    for name in chosen:
        for row in (faults(name), midway(name)):
            print(row, flush=True)
