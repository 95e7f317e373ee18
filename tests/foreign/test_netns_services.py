"""The suites against servers in another network namespace, through the far side ``services``: nothing leans
on the virtual one.

A namespace with one end of a veth pair runs ``cellbench services up``; the virtual rack's internet leads to
its addresses, and its own control room is not used.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROCEDURES = (
    "suites/sockets/test_read.py::test_first_scenario",
    "suites/sockets/test_read.py::test_second_datagram_waits",
    "suites/sockets/test_state.py::test_close_wait",
    "suites/sockets/test_state.py::test_last_error_after_reset",
    "suites/sockets/test_connect.py",
    "suites/sockets/test_listen.py::test_first_integer_available",
    "suites/internet/test_dns.py",
)
CANNOT = {
    "test_first_integer_available": "a server cannot reach a module behind its operator's address",
    "test_override_is_asked": "servers see neither contexts nor the module's ports",
}


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


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """A namespace of our own; the test says by name what is not there to make one."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("NOT_POSSIBLE: a network namespace takes root and the program ip")
    number = os.getpid() % 16384
    block = f"10.{213 + number // 16384}.{number // 64 % 256}.{number % 64 * 4}"
    base, last = block.rsplit(".", 1)
    found = Namespace(f"cellbench{os.getpid()}", f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}")
    why = found.make()
    if why:
        found.remove()
        pytest.skip(f"NOT_POSSIBLE: no network namespace can be made here: {why}")
    yield found
    found.remove()


@pytest.fixture(scope="module")
def servers(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The map of ``cellbench services up`` in the namespace."""
    place = tmp_path_factory.mktemp("services")
    command = [
        "ip", "netns", "exec", namespace.name, sys.executable, "-m", "cellbench", "services", "up",
        "--bind", namespace.there, "--world", "--dir", str(place), "--map", str(place / "map.json"),
        "--control", f"{namespace.there}:7100", "--token-file", str(place / "token"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], 60)
    line = process.stdout.readline() if readable else ""
    assert line, process.communicate(timeout=10)[1]
    ready = json.loads(line)
    assert ready["ready"] is True
    assert ready["services"]["echo"][0] == {"transport": "tcp", "host": namespace.there, "port": 7007}
    yield place / "map.json"
    process.terminate()
    try:
        assert process.wait(20) == 0
    finally:
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


def test_suites_pass_against_servers_elsewhere(servers: Path, tmp_path: Path) -> None:
    """Sockets, resolver and what the far side does to connections, over a link between two namespaces."""
    rig = write_rig(tmp_path / "elsewhere.yaml", servers)
    ran = run_suites(rig, tmp_path, *PROCEDURES, within_s=240)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
    found = verdicts(tmp_path)
    passed = [name for name, (outcome, _) in found.items() if outcome == "PASS"]
    others = {name: what for name, what in found.items() if what[0] != "PASS"}
    assert len(passed) >= 20, found
    assert all(outcome == "NOT_POSSIBLE" for outcome, _ in others.values()), others
    told = {name.split("::")[1].split("[")[0]: reason for name, (_, reason) in others.items()}
    assert told.keys() == CANNOT.keys(), told
    assert all(why in told[name] for name, why in CANNOT.items()), told


@pytest.mark.soak
def test_whole_main_path_against_servers_elsewhere(servers: Path, tmp_path: Path) -> None:
    """Every suite: PASS or NOT_POSSIBLE, nothing else."""
    rig = write_rig(tmp_path / "elsewhere.yaml", servers)
    ran = run_suites(rig, tmp_path, "suites", within_s=1800)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
    outcomes = [outcome for outcome, _ in verdicts(tmp_path).values()]
    assert set(outcomes) <= {"PASS", "NOT_POSSIBLE", "NOT_APPLICABLE"}
    assert outcomes.count("PASS") >= 150
