"""What pytest pays for the plug-in: start without a rig, and a journal for 1,000 trivial procedures.

Each pair runs interleaved in one session; the figure is the ratio of the medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STARTS = 9
RUNS = 3


def main() -> list[dict[str, object]]:
    """The ratio of start times."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "test_one.py").write_text("def test_one():\n    assert True\n")
        with_us, without = [], []
        for _ in range(STARTS):
            with_us.append(_time(place, []))
            without.append(_time(place, ["-p", "no:cellbench"]))
        ratio = statistics.median(with_us) / statistics.median(without)
    return [{"what": "pytest's start without --rig against bare pytest", "goal": "at most 1.15",
             "figure": f"{ratio:.3f}", "met": ratio <= 1.15}]


def _time(place: Path, more: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more, str(place)],
                   cwd=place, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    for row in main():
        print(row)
