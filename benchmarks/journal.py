"""What a journal costs: trivial procedures recorded crash-safe, against the same tests in bare pytest.

Each result is on disk before the next test begins. Runs are whole processes, interleaved; the ratio is that
of the medians of their wall times. Whether the cost is linear is read from processor time, which a disk that
others use does not disturb, and against bare pytest, whose own cost of a test grows with their number.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5
FEW, MANY = 1000, 5000

BARE = """
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_trivial(number):
    assert number >= 0
"""
MARK = '@pytest.mark.procedure("R8:4.1.1", title="trivial")'
RECORDED = BARE.replace("@pytest", f"{MARK}\n@pytest", 1)


def main() -> list[dict[str, object]]:
    """The ratio for 1,000 tests, and how the cost of a test grows from 1,000 to 5,000."""
    with tempfile.TemporaryDirectory(dir=ROOT / "reports", prefix=".bench-") as folder:
        place = Path(folder)
        for count in (FEW, MANY):
            (place / f"test_bare_{count}.py").write_text(BARE.format(count=count))
            (place / f"test_recorded_{count}.py").write_text(RECORDED.format(count=count))
        bare, recorded = [], []
        for _ in range(RUNS):
            bare.append(_bare(place, FEW))
            recorded.append(_recorded(place, FEW))
        ours = _growth([cpu for _, cpu in recorded], lambda count, *more: _recorded(place, count, *more)[1])
        theirs = _growth([cpu for _, cpu in bare], lambda count, *more: _bare(place, count, *more)[1])
        _check(place)
    ratio = statistics.median(wall for wall, _ in recorded) / statistics.median(wall for wall, _ in bare)
    growth = ours / theirs
    return [
        {"what": "1,000 trivial tests with the journal on against bare pytest", "goal": "at most 1.7",
         "figure": f"{ratio:.2f}", "met": ratio <= 1.7},
        {"what": "growth of a test's cost from 1,000 to 5,000, against bare pytest's", "goal": "at most 1.25",
         "figure": f"{growth:.2f}", "met": growth <= 1.25},
    ]


def _growth(few: list[float], cost: Callable[..., float]) -> float:
    """What one test costs among many as a multiple of what it costs among few, start-up taken out."""
    idle = min(cost(FEW, "-k", "nothing") for _ in range(2))
    many = min(cost(MANY) for _ in range(2))
    return ((many - idle) / MANY) / ((min(few) - idle) / FEW)


def _bare(place: Path, count: int, *more: str) -> tuple[float, float]:
    return _time(["-p", "no:cellbench", str(place / f"test_bare_{count}.py"), *more])


def _recorded(place: Path, count: int, *more: str) -> tuple[float, float]:
    return _time(["--rig", str(ROOT / "rigs" / "virtual.yaml"), "--results", str(place / "out"), "--reports",
                  "none", "--progress", "off", str(place / f"test_recorded_{count}.py"), *more])


def _time(arguments: list[str]) -> tuple[float, float]:
    """Wall and processor time of one pytest, in seconds."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", *arguments]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def _check(place: Path) -> None:
    """The runs did record what they were timed for."""
    from cellbench.record.journal import verify
    from cellbench.record.run import read_run

    runs = [read_run(path.parent) for path in (place / "out").glob("*/journal.jsonl")]
    counts = sorted(len(run.attempts) for run in runs if run.attempts)
    if counts != [FEW] * RUNS + [MANY] * 2 or any(verify(run.folder).problems for run in runs):
        raise RuntimeError(f"the journals do not hold what was run: {counts}")


if __name__ == "__main__":
    for row in main():
        print(row)
