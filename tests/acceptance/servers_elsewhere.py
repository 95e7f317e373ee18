"""The main path's suites against servers in another network namespace, through the far side ``services``:
nothing leans on the virtual one.

A namespace with one end of a veth pair runs ``cellbench services up``; the virtual rack's internet leads to
its addresses, and its own control room is not used.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUBJECT = "bench"
BAR = "the main path passes against servers in another network namespace, by the far side services"
SOAK = True

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 1800
CONTROL_PORT = 7100


@dataclass
class Namespace:
    """A network namespace with a link to ours."""

    name: str
    here: str
    there: str

    def make(self) -> str:
        """Set it up; why not, if it cannot be."""
        near = f"c{self.name[-8:]}a"
        for command in (
            f"ip netns add {self.name}",
            f"ip link add {near} type veth peer name {near[:-1]}b netns {self.name}",
            f"ip addr add {self.here}/30 dev {near}",
            f"ip link set {near} up",
            f"ip -n {self.name} addr add {self.there}/30 dev {near[:-1]}b",
            f"ip -n {self.name} link set {near[:-1]}b up",
        ):
            done = subprocess.run(command.split(), capture_output=True, text=True, timeout=20, check=False)
            if done.returncode:
                return f"`{command}`: {done.stderr.strip()}"
        return ""

    def remove(self) -> None:
        """Its interfaces go with it."""
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, timeout=20, check=False)


@contextlib.contextmanager
def namespace() -> Iterator[Namespace | str]:
    """A namespace of our own; a sentence where none can be made."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        yield "a network namespace takes root and the program ip"
        return
    number = os.getpid() % 16384
    base = f"10.213.{number // 64}"
    first = number % 64 * 4 + 1
    found = Namespace(f"cellbench{os.getpid()}", f"{base}.{first}", f"{base}.{first + 1}")
    why = found.make()
    try:
        yield f"no network namespace can be made here: {why}" if why else found
    finally:
        found.remove()


@contextlib.contextmanager
def servers(inside: Namespace, place: Path) -> Iterator[Path]:
    """The map of ``cellbench services up`` in a namespace."""
    place.mkdir(parents=True, exist_ok=True)
    command = [
        "ip", "netns", "exec", inside.name, sys.executable, "-m", "cellbench", "services", "up",
        "--bind", inside.there, "--world", "--dir", str(place), "--map", str(place / "map.json"),
        "--control", f"{inside.there}:{CONTROL_PORT}", "--token-file", str(place / "token"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], 60)
        line = process.stdout.readline() if readable else ""
        if not line:
            process.kill()
            raise RuntimeError(f"the servers did not come up: {process.communicate()[1]}")
        yield place / "map.json"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()


def write_rig(path: Path, services: Path) -> Path:
    """The virtual rig file with the servers of a map in place of its own."""
    text = (ROOT / "rigs" / "virtual.yaml").read_text()
    text = text.replace("cellbench virtual up ", f"cellbench virtual up --services {services} ")
    text = text.replace("limits/", f"{ROOT}/rigs/limits/")
    path.write_text(text)
    return path


def run_suites(
    rig: Path, results: Path, *procedures: str, within_s: float
) -> subprocess.CompletedProcess[str]:
    """A run over both slots, each with a worker."""
    command = [sys.executable, "-m", "pytest", *procedures, "--rig", str(rig), "--results", str(results),
               "--reports", "none", "-n", "auto", "-p", "no:cacheprovider"]
    environment = {**os.environ, "CELLBENCH_RUNTIME_DIR": str(results / "guardian"),
                   "CELLBENCH_LOCK_DIR": str(results / "locks")}
    environment.pop("CELLBENCH_RIG", None)
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment,
                          timeout=within_s, check=False)


def verdicts(results: Path) -> dict[str, tuple[str, str]]:
    """Procedure and slot → outcome and reason, from the run's journal."""
    (journal,) = results.glob("*/journal.jsonl")
    found = {}
    for line in journal.read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "attempt.ended":
            data = record["data"]
            verdict = data["verdict"]
            found[f"{data['procedure']}[{data['slot']}]"] = verdict["outcome"], verdict.get("reason", "")
    return found


def main() -> list[dict[str, object]]:
    """Every suite of the main path on both series."""
    what, goal = "all suites, servers in another namespace", "PASS or NOT_POSSIBLE, at least 150 PASS"
    with tempfile.TemporaryDirectory(prefix="cellbench-netns-") as folder, namespace() as inside:
        if isinstance(inside, str):
            return [{"what": what, "goal": goal, "figure": f"NOT_POSSIBLE: {inside}", "met": False}]
        place = Path(folder)
        with servers(inside, place / "services") as services:
            rig = write_rig(place / "elsewhere.yaml", services)
            ran = run_suites(rig, place / "results", "suites", within_s=LIMIT_S)
        outcomes = [outcome for outcome, _ in verdicts(place / "results").values()]
    counts = ", ".join(f"{outcomes.count(one)} {one}" for one in sorted(set(outcomes)))
    met = (ran.returncode == 0 and set(outcomes) <= {"PASS", "NOT_POSSIBLE", "NOT_APPLICABLE"}
           and outcomes.count("PASS") >= 150)
    return [{"what": what, "goal": goal, "figure": counts, "met": met}]
