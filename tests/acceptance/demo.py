"""A newcomer's first minutes: a fresh clone, an empty home, `make demo`, then `make test`."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

SUBJECT = "main-path"
BAR = "fresh clone, empty home, no module: make demo then make test succeed, within their times"

ROOT = Path(__file__).resolve().parents[2]
DEMO_S = 180.0
TEST_S = 150.0
LIMIT_S = 900


def main() -> list[dict[str, object]]:
    """Clone, demo, test; times without the installation."""
    with tempfile.TemporaryDirectory(prefix="cellbench-newcomer-") as folder:
        clone, home = Path(folder) / "clone", Path(folder) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CELLBENCH_")}
        environment |= {"HOME": str(home)}
        installed = _make(clone, environment, "venv")
        demo = _make(clone, environment, "demo")
        test = _make(clone, environment, "test")
    closing = re.search(r"=+ (.*passed.*) in ", test[1])
    return [
        {
            "what": "make venv in a fresh clone with an empty home",
            "goal": "succeeds",
            "figure": f"{'succeeds' if installed[0] == 0 else 'fails'} in {installed[2]:.0f} s",
            "met": installed[0] == 0,
        },
        {
            "what": "make demo after installation",
            "goal": f"succeeds under {DEMO_S:.0f} s",
            "figure": f"status {demo[0]}, {demo[2]:.0f} s",
            "met": demo[0] == 0 and demo[2] < DEMO_S,
        },
        {
            "what": "make test, one pytest invocation",
            "goal": f"succeeds, at most {TEST_S:.0f} s",
            "figure": f"status {test[0]}, {test[2]:.0f} s, {closing[1] if closing else 'no closing line'}",
            "met": test[0] == 0 and closing is not None and test[2] <= TEST_S,
        },
    ]


def _make(clone: Path, environment: dict[str, str], goal: str) -> tuple[int, str, float]:
    began = time.monotonic()
    done = subprocess.run(
        ["make", goal],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return done.returncode, done.stdout, time.monotonic() - began


if __name__ == "__main__":
    for row in main():
        print(row)
