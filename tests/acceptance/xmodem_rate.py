"""Bar: the rate of our Xmodem-1k sender beside lrzsz's."""

from __future__ import annotations

import runpy
from pathlib import Path

SUBJECT = "firmware"
BAR = "Our Xmodem-1k sender reaches at least 95 % of lrzsz's rate on the same unpaced port, side by side."

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "xmodem.py"


def main() -> list[dict[str, object]]:
    """The benchmark's rows."""
    rows: list[dict[str, object]] = runpy.run_path(str(BENCHMARK))["main"]()
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
