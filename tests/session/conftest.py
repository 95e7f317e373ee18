"""Runs of pytest on bare rigs (no supply, no ports): nothing is powered, what is tested is who runs what."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cellbench.record.attempt import Attempt
from cellbench.record.run import read_run

TWO = {"a1": "LENA-R8", "a2": "LARA-R6"}


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a rig and tests of its own."""

    folder: Path

    def command(self, *more: str) -> list[str]:
        """A run's command line; a plug-in that costs every process a second is left out."""
        return [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
            "--rig", "rig.yaml", "--results", "out", "--reports", "none", "-v", *more,
        ]

    def run(self, *more: str, timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
        """A run, to its end."""
        return subprocess.run(
            self.command(*more), cwd=self.folder, capture_output=True, text=True, timeout=timeout, check=False
        )

    def records(self, kind: str) -> list[dict[str, object]]:
        """The data of all records of a kind, of all runs of this folder."""
        found = []
        for journal in (self.folder / "out").glob("*/journal.jsonl"):
            for line in journal.read_text().splitlines():
                record = json.loads(line)
                if record["kind"] == kind:
                    found.append(record["data"])
        return found

    def attempts(self) -> list[Attempt]:
        """All attempts of all runs of this folder, as reports and the store see them."""
        return [attempt for journal in sorted((self.folder / "out").glob("*/journal.jsonl"))
                for attempt in read_run(journal).attempts]

    def verdicts(self) -> list[tuple[str, str, str, str]]:
        """Slot, last part of the procedure's name, outcome and owner of each attempt, sorted."""
        return sorted(
            (attempt.slot, attempt.procedure.rpartition("::")[2], attempt.verdict.outcome.value,
             attempt.verdict.owner.value if attempt.verdict.owner else "")
            for attempt in self.attempts() if attempt.verdict is not None
        )

    def reason(self, slot: str, procedure: str) -> str:
        """Why the verdict on a procedure was what it was."""
        return next(attempt.verdict.reason for attempt in self.attempts()
                    if attempt.slot == slot and attempt.procedure.endswith(f"::{procedure}"))

    def ran(self) -> dict[str, int]:
        """How often each test ran, by the name of the file that it wrote a line to."""
        return {path.name.removeprefix("ran-"): len(path.read_text().splitlines())
                for path in self.folder.glob("ran-*")}

    def spans(self) -> list[tuple[str, str, float, float]]:
        """Test, slots, begin and end (seconds) of what the tests wrote with ``span``."""
        path = self.folder / "spans"
        return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


PRELUDE = '''
import contextlib, json, os, signal, time
from pathlib import Path
import pytest
from cellbench.session.procedure import procedure  # cellbench.api costs each process a fifth of a second

BOTH = ("LENA-R8", "LARA-R6")
HERE = Path(__file__).parent


def ran(name):
    with open(HERE / f"ran-{name}", "a") as file:
        file.write(f"{os.getpid()}\\n")


def wait_for(condition, seconds=30.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@contextlib.contextmanager
def span(test, *slots):
    began = time.monotonic()
    try:
        yield
    finally:
        line = json.dumps([test, "+".join(slots), began, time.monotonic()]) + "\\n"
        descriptor = os.open(HERE / "spans", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)
'''


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    """Make a project of slots (name → series), tests, and more of a rig file."""

    def make(tests: str, slots: Mapping[str, str] = TWO, rig: str = "", conftest: str = "") -> Project:
        lines = ["rig: bare", "slots:"]
        for number, (name, series) in enumerate(slots.items()):
            port = f"socket://127.0.0.1:{number + 1}"
            lines.append(f'  {name}: {{series: {series}, ports: {{uart: {{url: "{port}"}}}}}}')
        (tmp_path / "rig.yaml").write_text("\n".join([*lines, textwrap.dedent(rig)]))
        (tmp_path / "test_it.py").write_text(PRELUDE + textwrap.dedent(tests))
        if conftest:
            (tmp_path / "conftest.py").write_text(textwrap.dedent(conftest))
        return Project(tmp_path)

    return make
