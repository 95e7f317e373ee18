"""Bar: 8 slots by xdist on 2 cores take at most 1.15 times the slowest slot's own run of at least 120 s."""

from __future__ import annotations

import runpy
from pathlib import Path

SUBJECT = "bench"
BAR = "8 slots on 2 cores: wall time at most 1.15 times the slowest slot's own run, 120 s long at least"
SOAK = True

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "many_slots.py"


def main() -> list[dict[str, object]]:
    """The benchmark's rows."""
    rows: list[dict[str, object]] = runpy.run_path(str(BENCHMARK))["main"]()
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
