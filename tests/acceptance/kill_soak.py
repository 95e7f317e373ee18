"""Bar: runs are killed (SIGKILL) at random moments: half of the kills hit a run's only process, the rest
workers, the controller and the guardian, against a virtual rack started apart.

Read from the supply's own log: the supply is off within 3 s every time (after the guardian's death: within
3 s of its successor's start; a killed controller takes its workers along). No result that was synced before
the next test began is lost, and the next run starts clean. What was begun is known from a witness that each
test process keeps outside the framework: it writes a line before each test.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.guardian.processes import mark_process, open_pidfd
from cellbench.guardian.start import connect, stop
from cellbench.record.journal import verify

SUBJECT = "main-path"
BAR = "200 kills: supply off within 3 s, nothing synced lost, the next run starts clean"
SOAK = True

ROOT = Path(__file__).resolve().parents[2]
SUITES = ("suites/sockets", "suites/internet", "suites/network/test_registration.py")
SLOTS = {"lena-r8-1": "LENA-R8", "lara-r6-1": "LARA-R6"}
SAFE_S = 3.0
SPAN_S = 6.0  # kills fall at random into so many seconds from the first switching on
START_S = 60.0
GOOD = ("PASS", "NOT_POSSIBLE", "NOT_APPLICABLE")
EARLY = 0.1  # of the kills fall into a run's start, before anything is on

WITNESS = """
import os, time

_FILE = os.open(os.environ["SOAK_WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def pytest_runtest_protocol(item, nextitem):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    slot = getattr(getattr(item, "callspec", None), "params", {}).get("slot_name", "")
    line = f"{time.monotonic_ns()} {os.getpid()} {worker or '-'} {slot or '-'} {item.nodeid}\\n"
    os.write(_FILE, line.encode())
"""


@dataclass(frozen=True, slots=True)
class Begun:
    """A test that a process began, as the witness has it."""

    monotonic_s: float
    pid: int
    worker: str
    slot: str
    nodeid: str


@dataclass(slots=True)
class Kill:
    """One kill and what came of it; seconds."""

    victim: str
    at: float
    was_on: tuple[str, ...] = ()
    off_s: list[float] = field(default_factory=list)
    workers_gone_s: float | None = None
    synced: int = 0
    lost: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    first_verdicts: list[str] = field(default_factory=list)
    told_of_cut: bool | None = None


class Bench:
    """A rack started apart, and the places of guardian and results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime, self.results, self.rack = folder / "run", folder / "results", folder / "rack"
        (folder / "soak_witness.py").write_text(WITNESS)
        self.environment = {
            **os.environ,
            "CELLBENCH_RUNTIME_DIR": str(self.runtime),
            "CELLBENCH_LOCK_DIR": str(folder / "locks"),
            "CELLBENCH_GUARDIAN_IDLE_S": "20",
            "SOAK_WITNESS": str(folder / "witness"),
            "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        }
        slots = [part for name, series in SLOTS.items() for part in ("--slot", f"{name}={series}")]
        self.program = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "cellbench",
                "virtual",
                "up",
                *slots,
                "--dir",
                str(self.rack),
                "--timing",
                "fast",
                "--end-with",
                str(os.getpid()),
            ],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.program.stdout is not None
        self.rig = json.loads(self.program.stdout.readline())["rig_file"]

    def start(self, *, workers: bool, slot: str | None, suites: list[str]) -> subprocess.Popen[bytes]:
        """A run of its own session; its output goes to a file."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            *suites,
            "--rig",
            self.rig,
            "--results",
            str(self.results),
            "--reports",
            "none",
            "-p",
            "soak_witness",
            "-p",
            "no:hypothesispytest",  # it costs each process a second
            "-q",
            "--progress",
            "off",
            *(["-n", str(len(SLOTS))] if workers else []),
            *(["--slot", slot] if slot else []),
        ]
        with (self.folder / "output").open("wb") as output:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def begun(self) -> list[Begun]:
        """What the witness has seen of the run under way."""
        path = self.folder / "witness"
        if not path.exists():
            return []
        found = []
        for line in path.read_text().splitlines():
            at, pid, worker, slot, nodeid = line.split(" ", 4)
            found.append(Begun(int(at) / 1e9, int(pid), worker.strip("-"), slot.strip("-"), nodeid))
        return found

    def switched(self, slot: str) -> list[tuple[float, bool]]:
        """The supply's own log of one slot: monotonic seconds and on."""
        path = self.rack / slot / "supply.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [
            (int(line.split()[1]) / 1e9, line.split()[3] == "on") for line in lines if len(line.split()) > 3
        ]

    def is_on(self, slot: str, at: float) -> bool:
        """True when a slot's output was on at an instant."""
        return next((on for when, on in reversed(self.switched(slot)) if when <= at), False)

    def switched_on_since(self, since: float) -> bool:
        """True when any slot was switched on after an instant."""
        return any(on and at > since for name in SLOTS for at, on in self.switched(name))

    def guardian(self) -> int:
        """The guardian's process id, 0 when none runs."""
        connection = connect(self.runtime, "soak") if self.runtime.exists() else None
        if connection is None:
            return 0
        connection.close()
        return connection.guardian_pid

    def guardian_starts(self) -> list[float]:
        """When guardians started, monotonic seconds."""
        lines = (self.runtime / "guardian.log").read_text().splitlines()
        return [int(line.split()[1]) / 1e9 for line in lines if " guardian started, pid " in line]

    def close(self) -> None:
        """End the guardian, then the rack."""
        if self.runtime.exists():
            stop(self.runtime)
        self.program.send_signal(signal.SIGTERM)
        try:
            self.program.wait(10)
        except subprocess.TimeoutExpired:
            self.program.kill()
            self.program.wait()


def main(kills: int = 200, seed: int = 4, span_s: float = SPAN_S) -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    with rack() as bench:
        found = soak(bench, kills, random.Random(seed), span_s)
    return rows(found)


@contextlib.contextmanager
def rack() -> Iterator[Bench]:
    """A bench in a directory that is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="cellbench-kills-"))
    try:
        bench = Bench(folder)
        try:
            yield bench
        finally:
            bench.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def soak(bench: Bench, kills: int, chance: random.Random, span_s: float) -> list[Kill]:
    """So many runs, each killed."""
    others = itertools.cycle(("worker", "controller", "guardian"))
    victims = ["run" if number % 2 == 0 else next(others) for number in range(kills)]
    chance.shuffle(victims)
    found: list[Kill] = []
    cut = ""
    for victim in victims:
        kill, cut = one(bench, victim, chance, span_s, cut)
        found.append(kill)
        off = ", ".join(f"{seconds:.3f} s" for seconds in kill.off_s) or "nothing was on"
        said = "; ".join(
            [f"off after {off}", f"{kill.synced} synced", f"{len(kill.lost)} lost", *kill.problems]
        )
        print(f"{len(found)}/{kills} {kill.victim}: {said}", file=sys.stderr, flush=True)
    return found


def one(bench: Bench, victim: str, chance: random.Random, span_s: float, cut: str) -> tuple[Kill, str]:
    """One run, killed; what came of it, and the run's id. ``cut`` is the run that was killed before."""
    (bench.folder / "witness").unlink(missing_ok=True)
    known = set(bench.results.iterdir()) if bench.results.exists() else set()
    single = victim == "run"
    slot = chance.choice([None, *SLOTS]) if single else None
    suites = chance.sample(SUITES, len(SUITES))
    began = time.monotonic()
    program = bench.start(workers=not single, slot=slot, suites=suites)
    try:
        if chance.random() < EARLY:
            time.sleep(chance.uniform(0.0, 1.5))
        else:
            wait_for(lambda: bench.switched_on_since(began) or program.poll() is not None, START_S)
            if not bench.switched_on_since(began):
                said = tail(bench.folder / "output")
                return Kill(victim, began, problems=[f"nothing was switched on: {said}"]), ""
            time.sleep(chance.uniform(0.0, span_s))
        kill = strike(bench, victim, program, chance)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
    wait_for(lambda: not any(bench.is_on(name, time.monotonic()) for name in SLOTS), 10.0)
    fresh = (set(bench.results.iterdir()) if bench.results.exists() else set()) - known
    if not fresh:
        return kill, ""
    folder = fresh.pop()
    compare(bench, kill, folder, cut)
    return kill, folder.name


def strike(bench: Bench, victim: str, program: subprocess.Popen[bytes], chance: random.Random) -> Kill:
    """Kill, and see when the supply goes off."""
    begun = bench.begun()
    if victim == "guardian" and not (bench.runtime.exists() and bench.guardian()):
        victim = "controller"
    workers = {entry.pid: entry.slot for entry in begun if entry.worker and entry.slot}
    if victim == "worker" and not workers:
        victim = "controller"
    pid, slots = program.pid, tuple(SLOTS)
    if victim == "worker":
        pid = chance.choice(sorted(workers))
        slots = (workers[pid],)
    elif victim == "guardian":
        pid = bench.guardian()
    marks = [mark for mark in (mark_process(worker) for worker in workers) if mark is not None]
    pidfds = [pidfd for pidfd in map(open_pidfd, marks) if pidfd is not None]
    at = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    kill = Kill(victim, at, tuple(name for name in slots if bench.is_on(name, at)))
    since = successor(bench, kill) if victim == "guardian" and kill.was_on else at
    for name in kill.was_on:
        kill.off_s.append(off_after(bench, name, at) - (since - at))
    if victim == "controller":
        kill.workers_gone_s = all_gone(pidfds, at)
    for pidfd in pidfds:
        os.close(pidfd)
    return kill


def successor(bench: Bench, kill: Kill) -> float:
    """When the next guardian started."""
    if not wait_for(lambda: bench.guardian_starts()[-1] > kill.at, 10.0):
        kill.problems.append("no successor came up by itself")
        return kill.at
    return bench.guardian_starts()[-1]


def off_after(bench: Bench, slot: str, at: float) -> float:
    """Seconds from ``at`` until the slot's output was off; 99 when it stayed on."""
    first: list[float] = []

    def off() -> bool:
        first[:] = [when for when, on in bench.switched(slot) if when >= at and not on][:1]
        return bool(first)

    return first[0] - at if wait_for(off, 10.0) else 99.0


def all_gone(pidfds: list[int], at: float) -> float:
    """Seconds from ``at`` until the last of some processes had ended; 99 when one lives on."""
    for pidfd in pidfds:
        if not select.select([pidfd], [], [], 10.0)[0]:
            return 99.0
    return time.monotonic() - at


def compare(bench: Bench, kill: Kill, folder: Path, cut: str) -> None:
    """The witness against the journal: all tests but the last that each process began must have a result."""
    begun: dict[tuple[int, str], list[Begun]] = {}
    for entry in bench.begun():
        if entry.slot:
            begun.setdefault((entry.pid, entry.worker), []).append(entry)
    ended = results(folder)
    for entries in begun.values():
        names = [(without_slot(entry.nodeid, entry.slot), entry.slot) for entry in entries]
        kill.synced += len(names) - 1
        kill.lost += [f"{name} on {slot}" for name, slot in names[:-1] if (name, slot) not in ended]
        outcome, at = ended.get(names[0], ("", kill.at))
        if at < kill.at:  # later it may be the kill's own doing
            kill.first_verdicts.append(outcome)
    checked = verify(folder / "journal.jsonl")
    kill.problems += [str(problem) for problem in checked.problems]
    header = json.loads((folder / "journal.jsonl").read_text().partition("\n")[0])
    if cut:
        kill.told_of_cut = cut in json.dumps(header["data"].get("cut_runs", []))


def results(folder: Path) -> dict[tuple[str, str], tuple[str, float]]:
    """(procedure, slot) → outcome and monotonic seconds of every attempt whose end is on disk, read without
    the framework."""
    found: dict[tuple[str, str], tuple[str, float]] = {}
    for path in folder.glob("journal*.jsonl"):
        for line in path.read_bytes().split(b"\n"):
            try:
                record = json.loads(line)
            except ValueError:
                continue  # the line that was being written
            if record.get("kind") == "attempt.ended":
                data = record["data"]
                at = record["mono_ns"] / 1e9
                found.setdefault((data["procedure"], data["slot"]), (said_of(data["verdict"]), at))
    return found


def said_of(verdict: dict[str, object]) -> str:
    """An outcome, with its reason when it is none of the good ones."""
    outcome = str(verdict["outcome"])
    return outcome if outcome in GOOD else f"{outcome}: {verdict.get('reason')}"


def without_slot(nodeid: str, slot: str) -> str:
    """A node id without the slot among its parameters, as the journal names a procedure."""
    head, _, parameters = nodeid.removesuffix("]").partition("[")
    rest = "" if parameters == slot else parameters.removeprefix(f"{slot}-").removesuffix(f"-{slot}")
    return f"{head}[{rest}]" if rest else head


def wait_for(condition: object, timeout_s: float) -> bool:
    """True once a condition holds."""
    until = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def tail(path: Path) -> str:
    """The last words of a run."""
    lines = path.read_text(errors="replace").strip().splitlines()
    return " / ".join(lines[-3:])


def rows(found: list[Kill]) -> list[dict[str, object]]:
    """The table."""
    table = []
    names = {
        "run": "run's only process",
        "worker": "workers",
        "controller": "controllers",
        "guardian": "guardians (from the successor's start)",
    }
    for victim, name in names.items():
        kills = [kill for kill in found if kill.victim == victim]
        times = [seconds for kill in kills for seconds in kill.off_s]
        if kills:
            shown = (
                f"{max(times):.3f} s (median {statistics.median(times):.3f} s)" if times else "nothing was on"
            )
            table.append(
                row(
                    f"{len(kills)} kills of {name}: longest until the supply is off",
                    f"<= {SAFE_S:g} s",
                    shown,
                    bool(times) and max(times) <= SAFE_S,
                )
            )
    gone = [kill.workers_gone_s for kill in found if kill.workers_gone_s is not None]
    if gone:
        table.append(
            row(
                "workers of a killed controller: longest until they are gone",
                f"<= {SAFE_S:g} s",
                f"{max(gone):.3f} s",
                max(gone) <= SAFE_S,
            )
        )
    synced, lost = sum(kill.synced for kill in found), sum(len(kill.lost) for kill in found)
    table.append(
        row(
            "results lost that were synced before the next test began",
            "0",
            f"{lost} of {synced}",
            lost == 0 and synced > 0,
        )
    )
    verdicts = [verdict for kill in found for verdict in kill.first_verdicts]
    passed = sum(verdict in GOOD for verdict in verdicts)
    table.append(
        row(
            "next runs whose first procedure passes",
            "all",
            f"{passed} of {len(verdicts)}",
            passed == len(verdicts) > 0,
        )
    )
    told = [kill.told_of_cut for kill in found if kill.told_of_cut is not None]
    table.append(
        row(
            "next runs that tell of the run that was cut",
            "all",
            f"{sum(told)} of {len(told)}",
            sum(told) == len(told) > 0,
        )
    )
    problems = [problem for kill in found for problem in kill.problems]
    table.append(
        row("broken journals and other trouble", "none", "; ".join(problems[:3]) or "none", not problems)
    )
    return table


def row(what: str, goal: str, figure: str, met: bool) -> dict[str, object]:
    """One row."""
    return {"what": what, "goal": goal, "figure": figure, "met": met}


if __name__ == "__main__":
    for entry in main(int(sys.argv[1]) if len(sys.argv) > 1 else 200):
        met = "met" if entry["met"] else "MISSED"
        print(f"{entry['what']:<85} {entry['goal']:<8} {entry['figure']:<30} {met}")
