"""Bar: framing of the multiplexer in relation to a bare concatenation of the same frames."""

from __future__ import annotations

import runpy
from pathlib import Path

SUBJECT = "connectivity"
BAR = ("CMUX framing: encoding at least 0.6 times the speed of a bare concatenation of the same frames, "
       "decoding at least 0.2 times of it, side by side.")

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "cmux_framing.py"


def main() -> list[dict[str, object]]:
    """The benchmark's rows."""
    rows: list[dict[str, object]] = runpy.run_path(str(BENCHMARK))["main"]()
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
