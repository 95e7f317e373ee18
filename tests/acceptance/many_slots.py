"""Bar: workers of a run over many slots are killed (SIGKILL) at random moments once they have reported ready.

A kill in a test costs its slot one ERROR of the framework, a kill between tests an event of its slot; no
test's body begins twice, no other slot is touched, and a worker that cannot be started again costs its slot
alone. Witness of what ran is a plug-in beside the framework; what the run says is read from its journal.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.record.journal import verify
from cellbench.record.run import RunRecord, read_run
from cellbench.record.verdict import Outcome

SUBJECT = "bench"
BAR = "100 kills of ready workers: one ERROR or one event of the slot each, nothing run twice, no other slot"
SOAK = True

PER_RUN = 25
PAUSE_S = (0.0, 0.5)
RUN_S = 300.0

WITNESS = '''
import json, os, time
import pytest

_FILE = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def say(what, name=""):
    os.write(_FILE, (json.dumps([os.getpid(), what, name]) + "\\n").encode())


class Around:
    """Outside everything that the framework does for a test."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        say("before", item.name)
        done = yield
        say("after", item.name)
        return done


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session):
    slot = getattr(session.config, "workerinput", {}).get("cellbench_slot")
    if slot:
        if os.path.exists(os.environ["WITNESS"] + "-dead-" + slot):
            os._exit(9)
        session.config.pluginmanager.register(Around())
        say("ready", slot)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    say("finishing")
'''

TESTS = '''
import os, time
import pytest
from cellbench.session.procedure import procedure
from witness import say


@procedure(title="waits", series=("LENA-R8", "LARA-R6"))
@pytest.mark.parametrize("number", range({count}))
def test_waits(slot_name, number, request):
    say("begun", request.node.name)
    time.sleep(0.02 + 0.02 * (number % 8))
    say("done", request.node.name)
'''


@dataclass(slots=True)
class Found:
    """What was seen over all runs."""

    runs: int = 0
    in_test: int = 0
    between: int = 0
    on_the_edge: int = 0
    errors: int = 0
    events: int = 0
    tests: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """All that count."""
        return self.in_test + self.between + self.on_the_edge


@dataclass(slots=True)
class Worker:
    """What the witness says of one process."""

    slot: str
    last: str = "ready"
    name: str = ""


def main(
    kills: int = 100, slots: int = 8, seed: int = 11, *, with_lost: bool = True
) -> list[dict[str, object]]:
    """Rows: what, goal, figure, met; ``with_lost``: also with a worker that cannot be started again."""
    chance, found = random.Random(seed), Found()
    with tempfile.TemporaryDirectory(prefix="cellbench-many-") as place:
        while found.kills < kills and found.runs < 4 * (kills // PER_RUN + 1) and not found.problems:
            folder = Path(place) / f"run-{found.runs}"
            wanted = min(PER_RUN, kills - found.kills)
            process = start(folder, slots, tests=8 + 4 * wanted // slots)
            victims = strike(process, folder, wanted, chance)
            compare(found, folder, slots, victims, process.returncode)
        lost = cannot_start(Path(place) / "lost", slots) if with_lost else None
    return rows(found, kills, lost)


def start(folder: Path, slots: int, tests: int) -> subprocess.Popen[bytes]:
    """A run over bare slots: nothing is powered, what is tried is who runs what."""
    folder.mkdir(parents=True)
    lines = [f'  s{number}: {{series: LENA-R8, ports: {{uart: {{url: "socket://127.0.0.1:{number + 1}"}}}}}}'
             for number in range(slots)]
    (folder / "rig.yaml").write_text("\n".join(["rig: many", "slots:", *lines]))
    (folder / "witness.py").write_text(WITNESS)
    (folder / "test_it.py").write_text(TESTS.format(count=tests))
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-n", "auto", "-p", "witness", "-p", "no:cacheprovider",
             "-p", "no:hypothesispytest", "--rig", "rig.yaml", "--results", "out", "--reports", "none",
             "--progress", "off"],
            cwd=folder, env={**os.environ, "PYTHONPATH": path, "WITNESS": str(folder / "seen")},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )


def strike(process: subprocess.Popen[bytes], folder: Path, wanted: int, chance: random.Random) -> list[int]:
    """Kill so many ready workers, at random moments; their process ids. Returns when the run has ended."""
    victims: list[int] = []
    until = time.monotonic() + RUN_S
    try:
        while process.poll() is None and time.monotonic() < until:
            if len(victims) == wanted or not alive(folder, victims):
                time.sleep(0.02)
                continue
            time.sleep(chance.uniform(*PAUSE_S))
            ready = alive(folder, victims)
            inside = [pid for pid, worker in ready.items() if worker.last == "begun"]
            if not ready:
                continue
            # a loaded machine mostly starts workers: every other kill is meant for a test
            pid = chance.choice(inside if inside and chance.random() < 0.5 else list(ready))
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            victims.append(pid)
        return victims
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def alive(folder: Path, victims: list[int]) -> dict[int, Worker]:
    """Workers that have reported ready, are not at their end and were not killed."""
    return {pid: worker for pid, worker in witnessed(folder).items()
            if worker.last != "finishing" and pid not in victims}


def witnessed(folder: Path) -> dict[int, Worker]:
    """Each worker by its process id, with the last that was seen of it."""
    found: dict[int, Worker] = {}
    for pid, what, name in seen(folder):
        if what == "ready":
            found[pid] = Worker(name)
        elif pid in found:
            found[pid].last, found[pid].name = what, name
    return found


def seen(folder: Path) -> list[tuple[int, str, str]]:
    """The witness's lines."""
    path = folder / "seen"
    if not path.exists():
        return []
    return [tuple(json.loads(line)) for line in path.read_text().splitlines()]


def compare(found: Found, folder: Path, slots: int, victims: list[int], status: int) -> None:
    """The witness against the journal of one run."""
    found.runs += 1
    workers = witnessed(folder)
    journal = next((folder / "out").glob("*/journal.jsonl"), None)
    if journal is None:
        found.problems.append(f"no journal, exit status {status}: {(folder / 'output').read_text()[-500:]}")
        return
    run = read_run(journal)
    begun = Counter(name for _, what, name in seen(folder) if what == "begun")
    twice = [name for name, count in begun.items() if count > 1]
    problems = [f"begun twice: {name}" for name in twice] + [str(one) for one in verify(journal).problems]
    problems += places(workers, folder)
    killed = [workers[pid] for pid in victims if workers[pid].last != "finishing"]
    inside = Counter(worker.slot for worker in killed if worker.last == "begun")
    edge = Counter(worker.slot for worker in killed if worker.last in ("before", "done"))
    between = Counter(worker.slot for worker in killed if worker.last in ("ready", "after"))
    errors, events = said(run)
    for slot in sorted({attempt.slot for attempt in run.attempts} | set(workers_slots(workers))):
        if not inside[slot] <= errors[slot] <= inside[slot] + edge[slot]:
            problems.append(f"{slot}: {errors[slot]} errors, {inside[slot]} kills in a test, "
                            f"{edge[slot]} at its edge")
        died = inside[slot] + edge[slot] + between[slot]
        if events[slot] < died:
            problems.append(f"{slot}: {events[slot]} events of {died} kills")
    others = [attempt for attempt in run.attempts if attempt.verdict is None
              or attempt.verdict.outcome not in (Outcome.PASS, Outcome.ERROR)]
    problems += [f"{attempt.procedure} on {attempt.slot} has neither passed nor erred" for attempt in others]
    wanted = slots * len({attempt.procedure for attempt in run.attempts})
    if len({(attempt.procedure, attempt.slot) for attempt in run.attempts}) != wanted:
        problems.append(f"{len(run.attempts)} attempts of {wanted} tests")
    if status != (12 if sum(errors.values()) else 0):
        problems.append(f"exit status {status}: {(folder / 'output').read_text()[-500:]}")
    found.problems += problems
    found.in_test += inside.total()
    found.between += between.total()
    found.on_the_edge += edge.total()
    found.errors += errors.total()
    found.events += events.total()
    found.tests += len(run.attempts)


def said(run: RunRecord) -> tuple[Counter[str], Counter[str]]:
    """Errors of the framework, and lost workers, by slot, as the journal has them."""
    errors = Counter(attempt.slot for attempt in run.attempts
                     if attempt.verdict is not None and attempt.verdict.outcome is Outcome.ERROR)
    return errors, Counter(timed.event.slot for timed in run.events if timed.event.what == "worker-lost")


def places(workers: dict[int, Worker], folder: Path) -> list[str]:
    """Tests that ran in a worker of another slot."""
    return [f"{name} ran on the worker of {workers[pid].slot}" for pid, what, name in seen(folder)
            if what == "begun" and f"[{workers[pid].slot}-" not in name.replace("]", "-")
            and f"-{workers[pid].slot}]" not in name]


def workers_slots(workers: dict[int, Worker]) -> set[str]:
    """All slots that had a worker."""
    return {worker.slot for worker in workers.values()}


def cannot_start(folder: Path, slots: int) -> str:
    """One slot's worker is killed and its successors die before they are ready: what else it costs."""
    process = start(folder, slots, tests=6)
    marked = folder / "seen-dead-s1"
    until = time.monotonic() + RUN_S
    while process.poll() is None and time.monotonic() < until:
        victim = next((pid for pid, worker in witnessed(folder).items()
                       if worker.slot == "s1" and worker.last == "begun"), None)
        if victim is not None:
            marked.touch()
            os.kill(victim, signal.SIGKILL)
            break
        time.sleep(0.005)
    try:
        process.wait(RUN_S)
    finally:
        if process.poll() is None:
            process.kill()
    run = read_run(next((folder / "out").glob("*/journal.jsonl")))
    errors, _ = said(run)
    lost = [timed.event.slot for timed in run.events if timed.event.what == "slot-lost"]
    passed = sum(attempt.verdict is not None and attempt.verdict.outcome is Outcome.PASS
                 for attempt in run.attempts if attempt.slot != "s1")
    if lost != ["s1"] or set(errors) != {"s1"} or passed != 6 * (slots - 1) or process.returncode != 12:
        return f"lost {lost}, errors {dict(errors)}, {passed} passed elsewhere, exit {process.returncode}"
    return ""


def rows(found: Found, kills: int, lost: str | None) -> list[dict[str, object]]:
    """The table."""
    cuts = f"{found.in_test} in a test, {found.between} between tests, {found.on_the_edge} at a test's edge"
    table = [
        row(f"{found.kills} kills of ready workers in {found.runs} runs", f"{kills} kills", cuts,
            found.kills >= kills),
        row("one ERROR for each kill in a test, an event for each kill, no other slot, nothing twice", "all",
            "; ".join(found.problems[:3])
            or f"{found.errors} errors, {found.events} events, {found.tests} tests once each",
            not found.problems),
    ]
    if lost is not None:
        table.append(row("a worker that cannot be started again costs its slot alone", "yes", lost or "yes",
                         not lost))
    return table


def row(what: str, goal: str, figure: str, met: bool) -> dict[str, object]:
    """One row."""
    return {"what": what, "goal": goal, "figure": figure, "met": met}


if __name__ == "__main__":
    for entry in main(int(sys.argv[1]) if len(sys.argv) > 1 else 100):
        met = "met" if entry["met"] else "MISSED"
        print(f"{entry['what']:<90} {entry['goal']:<10} {entry['figure']:<40} {met}")
