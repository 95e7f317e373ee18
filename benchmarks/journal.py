"""What a journal costs: trivial procedures recorded crash-safe, against the same tests in bare pytest.

Each result is on disk before the next test begins. Runs are whole processes, interleaved; the ratio is that
of the medians of their wall times. Whether the cost is linear is read from processor time, which a disk that
others use does not disturb.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
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
            bare.append(_bare(place)[0])
            recorded.append(_recorded(place, FEW))
        idle = min(_recorded(place, FEW, "-k", "nothing")[1] for _ in range(3))
        many = min(_recorded(place, MANY)[1] for _ in range(2))
        _check(place)
    ratio = statistics.median(wall for wall, _ in recorded) / statistics.median(bare)
    growth = (many - idle) / MANY / ((min(cpu for _, cpu in recorded) - idle) / FEW)
    return [
        {"what": "1,000 trivial tests with the journal on against bare pytest", "goal": "at most 1.7",
         "figure": f"{ratio:.2f}", "met": ratio <= 1.7},
        {"what": "processor time of a recorded test, 5,000 tests against 1,000", "goal": "at most 1.25",
         "figure": f"{growth:.2f}", "met": growth <= 1.25},
    ]


def _bare(place: Path) -> tuple[float, float]:
    return _time(["-p", "no:cellbench", str(place / f"test_bare_{FEW}.py")])


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
