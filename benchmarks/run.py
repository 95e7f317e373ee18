"""All benchmarks: ratios measured side by side in one run, one line each.

A benchmark is a file here with ``main() -> list[dict]`` (what, goal, figure, met).
"""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(argv: list[str] | None = None) -> int:
    """Run them, or those whose name holds one of the words given; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    words = parser.parse_args(argv).words
    met = True
    for path in sorted(HERE.glob("*.py")):
        if path.name == "run.py" or (words and not any(word in path.stem for word in words)):
            continue
        space = runpy.run_path(str(path))
        if "main" not in space:
            continue
        for row in space["main"]():
            met &= bool(row["met"])
            word = "met    " if row["met"] else "NOT MET"
            print(f"{word} {row['what']}: {row['figure']} (goal {row['goal']})", flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
