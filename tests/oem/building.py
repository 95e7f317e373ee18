"""Wheels and what is installed from them, for the tests of this folder and the bar of the same subject."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("src", "fixtures", "suites", "reports/templates", "reports/schema", "rigs")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
LIMIT_S = 300


def build_wheel(work: Path) -> Path:
    """The wheel of the repository, built away from it and without the network."""
    source = work / "source"
    leftovers = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.pyc")
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=leftovers)
    for name in FILES:
        shutil.copy(ROOT / name, source / name)
    return wheel_of(source, work / "wheels")


def wheel_of(source: Path, out: Path) -> Path:
    """The wheel of a source tree."""
    before = set(out.glob("*.whl"))
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(source))
    (built,) = set(out.glob("*.whl")) - before
    return built


def pip(*arguments: str, python: str = sys.executable) -> None:
    """Run pip; its last words when it fails."""
    done = subprocess.run([python, "-m", "pip", "--disable-pip-version-check", *arguments],
                          capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"pip {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")


def names_in(wheel: Path) -> set[str]:
    """Every file of a wheel."""
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


def outside(*, path: Path | None = None, runtime: Path | None = None) -> dict[str, str]:
    """An environment that knows nothing of the repository; ``path`` is put before the installed packages.

    ``runtime`` is where its guardian lives: another installation's may lack its instruments.
    """
    found = {key: value for key, value in os.environ.items()
             if not key.startswith(("CELLBENCH_", "PYTEST_", "PYTHON", "COV_"))}
    if path is not None:
        found["PYTHONPATH"] = str(path)
    if runtime is not None:
        found["CELLBENCH_RUNTIME_DIR"] = str(runtime)
    return found
