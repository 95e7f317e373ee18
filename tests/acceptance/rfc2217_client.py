"""The framework's own RFC 2217 client against pyserial's, and against a bare socket."""

from __future__ import annotations

import runpy
from pathlib import Path

SUBJECT = "connectivity"
BAR = "RFC 2217: opening, a rate and a line in a tenth of pyserial's time, a round trip near a bare socket's"

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "rfc2217.py"


def main() -> list[dict[str, object]]:
    """The rows of the benchmark."""
    return list(runpy.run_path(str(BENCHMARK))["main"]())


if __name__ == "__main__":
    for row in main():
        print(row)
