"""The scheduler's tests with the oldest and the newest pytest and pytest-xdist that pyproject.toml admits.

Each pair of versions is installed into a folder of its own, laid over the environment that runs this. A pair
that the environment has itself is what `make test` runs, and is left out. Where the package index cannot be
reached, what was not run is named, and the exit status is 0; 1 when a test fails or no such version exists.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ROOT / "build" / "matrix"
NAMES = ("pytest", "pytest-xdist")
TESTS = ("tests/session/test_schedule.py", "tests/session/test_schedule_pairs.py")
INSTALL_S, TESTS_S = 120, 600
UNREACHABLE = ("connection", "resolution", "timed out", "unreachable", "proxy", "ssl")


@dataclass(frozen=True, slots=True)
class Overlay:
    """Where a pair of versions lies, or why it does not."""

    folder: Path
    problem: str = ""
    offline: bool = False

    def environment(self) -> dict[str, str]:
        """The environment of a process that uses it."""
        paths = [str(self.folder), os.environ.get("PYTHONPATH", "")]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def versions(self) -> tuple[str, ...]:
        """The versions that a process gets which uses it."""
        code = "import pytest, xdist; print(pytest.__version__, xdist.__version__)"
        done = subprocess.run([sys.executable, "-c", code], env=self.environment(), capture_output=True,
                              text=True, timeout=60, check=True)
        return tuple(done.stdout.split())


def oldest() -> dict[str, str]:
    """The lower bounds of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = {}
    for wanted in project["dependencies"]:
        name, _, version = wanted.partition(">=")
        if name in NAMES:
            found[name] = version.partition(",")[0].strip()
    return found


def install(label: str, wanted: list[str]) -> Overlay:
    """Lay a pair of versions into its folder; what an earlier call has put there stays."""
    folder = OVERLAYS / (label + "-" + "-".join(re.sub(r"[^0-9.]+", "", one) or "any" for one in wanted))
    if label == "oldest" and (folder / "whole").exists():
        return Overlay(folder)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries",
               "1", "--timeout", "15", "--upgrade", "--target", str(folder), *wanted]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        return Overlay(folder, f"no answer from the package index within {INSTALL_S} s", offline=True)
    if done.returncode:
        said = done.stderr.strip()
        offline = any(word in said.lower() for word in UNREACHABLE)
        last = "the package index cannot be reached" if offline else (said.splitlines() or ["pip failed"])[-1]
        return Overlay(folder, last, offline)
    (folder / "whole").touch()
    return Overlay(folder)


def newest() -> Overlay | None:
    """The newest pair; None when the environment has it."""
    overlay = install("newest", list(NAMES))
    own = tuple(importlib.metadata.version(name) for name in NAMES)
    return None if not overlay.problem and overlay.versions() == own else overlay


def run(overlay: Overlay) -> int:
    """The scheduler's tests over an overlay."""
    command = [sys.executable, "-m", "pytest", *TESTS, "-q", "-p", "no:cacheprovider", "-p",
               "no:hypothesispytest"]
    done = subprocess.run(command, cwd=ROOT, env=overlay.environment(), timeout=TESTS_S, check=False)
    return done.returncode


def main() -> int:
    """Oldest, newest; one line each of what was run and what was not."""
    status = 0
    floor = oldest()
    for label, overlay in (
        ("oldest", install("oldest", [f"{name}=={version}" for name, version in floor.items()])),
        ("newest", newest()),
    ):
        if overlay is None:
            print("matrix: newest: this environment has it, make test runs it", flush=True)
            continue
        if overlay.problem:
            pair = " + ".join(f"{name} {floor[name] if label == 'oldest' else 'newest'}" for name in NAMES)
            print(f"matrix: {label}: NOT RUN: {pair}: {overlay.problem}", flush=True)
            status = status if overlay.offline else 1
            continue
        pytests, xdists = overlay.versions()
        if label == "oldest" and (pytests, xdists) != tuple(floor[name] for name in NAMES):
            print(f"matrix: oldest: pytest {pytests} + xdist {xdists} were installed instead", flush=True)
            status = 1
            continue
        print(f"matrix: {label}: pytest {pytests} + pytest-xdist {xdists}", flush=True)
        status = run(overlay) or status
    return min(status, 1)


if __name__ == "__main__":
    sys.exit(main())
