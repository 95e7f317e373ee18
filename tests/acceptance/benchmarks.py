"""Ratios taken side by side in one run: the benchmarks, as bars."""

from __future__ import annotations

import runpy
from pathlib import Path

SUBJECT = "main-path"
BAR = "AT round trip, receiver, journal and pytest's start against their peers"

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def main() -> list[dict[str, object]]:
    """The rows of every benchmark."""
    rows: list[dict[str, object]] = []
    for path in sorted(BENCHMARKS.glob("*.py")):
        if path.name not in ("run.py", "many_slots.py", "rfc2217.py", "transfers.py",
                             "cmux_framing.py", "xmodem.py"):  # bars of their own
            rows += runpy.run_path(str(path))["main"]()
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
