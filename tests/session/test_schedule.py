"""The scheduler, on real pytest-xdist runs: workers, crashes, tests without a slot.

The slots of these runs are bare (no supply, no ports), so nothing is powered: what is tested is who runs
what, how often, and what is said of it.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

RIG = """
rig: bare
slots:
  a1: {series: LENA-R8, ports: {uart: {url: "socket://127.0.0.1:10"}}}
  a2: {series: LARA-R6, ports: {uart: {url: "socket://127.0.0.1:9"}}}
"""


def _project(folder: Path, tests: str) -> Path:
    (folder / "rig.yaml").write_text(RIG)
    (folder / "test_it.py").write_text(textwrap.dedent(tests))
    return folder


def _run(folder: Path, *more: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--rig",
            "rig.yaml",
            "--results",
            "out",
            "--reports",
            "none",
            "-v",
            *more,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def _attempts(folder: Path) -> list[dict[str, object]]:
    found = []
    for journal in (folder / "out").glob("*/journal.jsonl"):
        for line in journal.read_text().splitlines():
            record = json.loads(line)
            if record["kind"] == "attempt.ended":
                found.append(record["data"])
    return found


SLOT_TESTS = """
    import os, pytest
    from cellbench.api import procedure

    @procedure(title="t", series=("LENA-R8", "LARA-R6"))
    @pytest.mark.parametrize("number", range(4))
    def test_on_slot(slot_name, number, worker_id):
        with open(f"ran-{slot_name}-{number}", "a") as file:
            file.write(worker_id + "\\n")

    @pytest.mark.parametrize("number", range(6))
    def test_without_slot(number):
        with open(f"ran-none-{number}", "a") as file:
            file.write("x\\n")
"""


def test_every_test_runs_once_and_a_slot_never_changes_its_worker(tmp_path: Path) -> None:
    folder = _project(tmp_path, SLOT_TESTS)
    done = _run(folder, "-n", "auto")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = {path.name: path.read_text().split() for path in folder.glob("ran-*")}
    assert len(runs) == 14
    assert all(len(workers) == 1 for workers in runs.values())
    for slot in ("a1", "a2"):
        assert len({workers[0] for name, workers in runs.items() if slot in name}) == 1
    assert len(_attempts(folder)) == 8


def test_names_are_the_same_with_and_without_workers(tmp_path: Path) -> None:
    folder = _project(tmp_path, SLOT_TESTS)
    names = []
    for more in (("--collect-only", "-qq"), ("-n", "2")):
        done = _run(folder, *more)
        assert done.returncode == 0, done.stdout
        names.append(sorted(set(re.findall(r"test_it\.py::\S+", done.stdout))))
    assert names[0] == names[1]


def test_a_wrong_number_of_workers_is_a_usage_error(tmp_path: Path) -> None:
    done = _run(_project(tmp_path, SLOT_TESTS), "-n", "3")
    assert done.returncode == 4
    assert "this rig has 2 slots" in done.stderr
    done = _run(tmp_path, "-n", "2", "--spare-workers", "2")
    assert done.returncode == 4
    assert "2 spare workers were asked for; say -n auto or -n 4" in done.stderr


def test_spare_workers_take_only_what_needs_no_slot(tmp_path: Path) -> None:
    folder = _project(tmp_path, SLOT_TESTS + """
    def test_who_runs(worker_id):
        open("runs-shared-" + worker_id, "w").close()
""")
    done = _run(folder, "-n", "auto", "--spare-workers", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = {path.name: path.read_text().split() for path in folder.glob("ran-*")}
    assert len(runs) == 14
    assert all(len(workers) == 1 for workers in runs.values())
    owners = {slot: {workers[0] for name, workers in runs.items() if f"-{slot}-" in name}
              for slot in ("a1", "a2")}
    assert {len(workers) for workers in owners.values()} == {1}
    assert owners["a1"] | owners["a2"] == {"gw0", "gw1"}
    assert len(_attempts(folder)) == 8


def test_a_slot_can_be_chosen(tmp_path: Path) -> None:
    folder = _project(tmp_path, SLOT_TESTS)
    assert _run(folder, "--slot", "a2").returncode == 0
    assert not list(folder.glob("ran-a1-*"))
    wrong = _run(folder, "--slot", "a9")
    assert wrong.returncode == 4
    assert "no slot named a9; it has a1, a2" in wrong.stderr


def test_collecting_touches_nothing(tmp_path: Path) -> None:
    folder = _project(tmp_path, SLOT_TESTS)
    done = _run(folder, "--collect-only", "-q")
    assert done.returncode == 0
    assert "test_on_slot[a1-0]" in done.stdout or "test_on_slot[0-a1]" in done.stdout
    assert not (folder / "out").exists()


def test_a_worker_that_dies_costs_one_test_and_no_other_slot(tmp_path: Path) -> None:
    folder = _project(
        tmp_path,
        """
        import os, signal, pytest
        from cellbench.api import procedure

        @procedure(title="t", series=("LENA-R8", "LARA-R6"))
        @pytest.mark.parametrize("number", range(5))
        def test_on_slot(slot_name, number):
            with open(f"ran-{slot_name}-{number}", "a") as file:
                file.write("x\\n")
            if slot_name == "a1" and number == 2:
                os.kill(os.getpid(), signal.SIGKILL)
    """,
    )
    done = _run(folder, "-n", "auto")
    assert done.returncode == 12, done.stdout + done.stderr
    runs = {path.name: len(path.read_text().split()) for path in folder.glob("ran-*")}
    assert len(runs) == 10
    assert set(runs.values()) == {1}
    verdicts = Counter(
        (entry["slot"], entry["verdict"]["outcome"], entry["verdict"].get("owner"))
        for entry in _attempts(folder)
    )
    assert verdicts == {("a1", "PASS", None): 4, ("a1", "ERROR", "framework"): 1, ("a2", "PASS", None): 5}


@pytest.mark.parametrize("seed", range(10 if os.environ.get("CELLBENCH_SOAK") else 1))
def test_workers_killed_at_random(tmp_path: Path, seed: int) -> None:
    """Kills from outside, at random moments: nothing runs twice, everything is reported once."""
    folder = _project(
        tmp_path,
        """
        import os, pytest, time
        from cellbench.api import procedure

        @procedure(title="t", series=("LENA-R8", "LARA-R6"))
        @pytest.mark.parametrize("number", range(6))
        def test_on_slot(slot_name, number):
            with open(f"ran-{slot_name}-{number}", "a") as file:
                file.write(str(os.getpid()) + "\\n")
            deadline = time.monotonic() + 0.15
            while time.monotonic() < deadline:
                os.sched_yield()
    """,
    )
    dice = random.Random(seed)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--rig",
            "rig.yaml",
            "--results",
            "out",
            "--reports",
            "none",
            "-n",
            "auto",
            "-q",
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        killed = 0
        while process.poll() is None and killed < 2:
            seen = [path for path in folder.glob("ran-*") if path.read_text().strip()]
            if len(seen) > 4 * killed + dice.randrange(1, 4):
                newest = max(seen, key=lambda path: path.stat().st_mtime_ns)
                try:
                    os.kill(int(newest.read_text().split()[-1]), signal.SIGKILL)
                    killed += 1
                except ProcessLookupError:
                    continue
        out = process.communicate(timeout=120)[0]
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode in (0, 12), out
    runs = {path.name: len(path.read_text().split()) for path in folder.glob("ran-*")}
    assert len(runs) == 12, out
    assert set(runs.values()) == {1}
    assert Counter(entry["procedure"] for entry in _attempts(folder)).total() == 12


def test_reruns_are_refused(tmp_path: Path) -> None:
    folder = _project(tmp_path, SLOT_TESTS)
    (folder / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--reruns', type=int, default=0)\n"
    )
    done = _run(folder, "--reruns", "2")
    assert done.returncode == 4
    assert "--reruns" in done.stderr
