"""The wheel alone: an empty environment and directory, `cellbench new`, suites of both origins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oem"))

from building import build_wheel, names_in, outside, pip, wheel_of  # noqa: E402

SUBJECT = "bench"
BAR = (
    "wheel in an empty virtual environment and directory: cellbench new, then the suites of both origins "
    "pass; an instrument from a separately installed package is found by kind"
)

MAX_MB = 200
LIMIT_S = 900
Row = dict[str, object]


def main() -> list[Row]:
    """Build, install, measure, make a project, run it, drive another package's instrument."""
    with tempfile.TemporaryDirectory(prefix="cellbench-wheel-") as folder:
        work = Path(folder)
        wheel = build_wheel(work)
        python = work / "env" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", str(work / "env")], check=True, timeout=LIMIT_S)
        pip("install", "--quiet", str(wheel), python=str(python))
        rows = [_size(work / "env", wheel), _without_extra(python, work)]
        pip("install", "--quiet", f"{wheel}[virtual]", python=str(python))
        rows += _project(python, work)
        shutil.copytree(ROOT / "tests/oem/acme_bench", work / "acme",
                        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
        acme = wheel_of(work / "acme", work / "wheels")
        pip("install", "--quiet", "--no-deps", str(acme), python=str(python))
        return [*rows, _instrument(python, work)]


def _run(python: Path, at: Path, *words: str) -> subprocess.CompletedProcess[str]:
    work = python.parents[2]
    (work / "home").mkdir(exist_ok=True)
    environment = outside(runtime=work / "run") | {
        "HOME": str(work / "home"), "PATH": f"{python.parent}:{os.environ['PATH']}"}
    return subprocess.run(words, cwd=at, env=environment, capture_output=True, text=True, timeout=LIMIT_S,
                          check=False)


def _size(env: Path, wheel: Path) -> Row:
    def used(place: Path) -> float:
        return sum(one.lstat().st_blocks for one in place.rglob("*")) * 512 / 1e6

    all_of_it, site = used(env), next(env.glob("lib/python*/site-packages"))
    own = used(site / "cellbench")
    pips = sum(used(site / name) for name in ("pip", "setuptools", "pkg_resources"))
    return {
        "what": "base installation in an empty virtual environment",
        "goal": f"below {MAX_MB} MB",
        "figure": f"{all_of_it:.0f} MB with pip ({pips:.0f} MB of it); typst {used(site / 'typst'):.0f} MB, "
        f"cellbench {own:.1f} MB, wheel {wheel.stat().st_size / 1e6:.1f} MB of {len(names_in(wheel))} files",
        "met": all_of_it < MAX_MB,
    }


def _without_extra(python: Path, work: Path) -> Row:
    done = _run(python, work, "cellbench", "virtual", "up", "--slot", "LENA-R8")
    told = done.stderr.strip()
    return {
        "what": "the virtual rack without its extra",
        "goal": "a sentence that names what to install",
        "figure": told.splitlines()[-1] if told else "nothing",
        "met": "pip install 'cellbench[virtual]'" in told and "Traceback" not in told,
    }


def _project(python: Path, work: Path) -> list[Row]:
    made = _run(python, work, "cellbench", "new", "project")
    again = _run(python, work, "cellbench", "new", "project")
    done = _run(python, work / "project", "make", "test", "ARGS=--timing fast --progress off -q")
    counts: dict[str, int] = {}
    bad = 0
    for path in (work / "project/reports/out").glob("*/junit.xml"):
        for case in ElementTree.parse(path).iter("testcase"):
            origin = "cellbench.suites" if str(case.get("classname")).startswith("cellbench.") else "suites"
            counts[origin] = counts.get(origin, 0) + 1
            bad += any(case.find(word) is not None for word in ("failure", "error"))
    figure = ", ".join(f"{count} of {origin}" for origin, count in sorted(counts.items()))
    closing = (done.stdout.strip().splitlines() or ["no output"])[-1]
    return [
        {
            "what": "cellbench new in an empty directory, and once more",
            "goal": "written; then refused with what it would overwrite",
            "figure": f"status {made.returncode}, then {again.returncode}",
            "met": made.returncode == 0 and again.returncode == 2 and "rigs/virtual.yaml" in again.stderr,
        },
        {
            "what": "make test of that project: suites of both origins in one run",
            "goal": "all pass",
            "figure": f"{figure or 'none'}; {closing}, status {done.returncode}",
            "met": done.returncode == 0 and len(counts) == 2 and bad == 0,
        },
    ]


def _instrument(python: Path, work: Path) -> Row:
    environment = outside() | {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [str(python), "-m", "cellbench", "virtual", "up", "--slot", "a=LENA-R8", "--dir", str(work / "rack"),
         "--end-with", str(os.getpid())], stdout=subprocess.PIPE, text=True, env=environment, cwd=work,
    ) as rack:
        assert rack.stdout is not None
        written = Path(json.loads(rack.stdout.readline())["rig_file"])
        rig = work / "rack" / "acme.yaml"
        rig.write_text(written.read_text().replace("supply.scpi-generic", "supply.acme-lab"))
        done = _run(python, work / "project", "cellbench", "at", str(rig), "a", "--power-on", "AT+CGMI")
        rack.terminate()
    answer = " ".join((done.stdout.strip() or done.stderr.strip() or "nothing").split())
    return {
        "what": "a supply's kind of a separately installed package, named in a rig file",
        "goal": "found; it feeds the module, which answers",
        "figure": f"AT+CGMI: {answer}",
        "met": done.returncode == 0 and "u-blox" in done.stdout and "supply.acme-lab" in rig_kinds(rig),
    }


def rig_kinds(rig: Path) -> str:
    """The lines of a rig file that name kinds."""
    return " ".join(line.strip() for line in rig.read_text().splitlines() if "kind:" in line)


if __name__ == "__main__":
    for row in main():
        print(row)
