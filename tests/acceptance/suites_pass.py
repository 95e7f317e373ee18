"""Every procedure section of the main path has its test and passes, on each series it applies to."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from cellbench.catalogue.guide import parse_section_ids
from cellbench.record.attempt import Attempt
from cellbench.record.run import read_run
from cellbench.record.verdict import Outcome

SUBJECT = "main-path"
BAR = "the main path's sections of both guides are covered by passing procedures on the virtual rack"

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = (
    "R8:3.1, 3.2.1 to 3.2.6, 3.3.1 to 3.3.4, 4.1.1 to 4.1.5, 4.2.1, 4.2.2, 4.3, 5.1, 5.3, 5.3.1, 5.4, "
    "7.1, 7.1.1, 7.2.1, 7.2.1.1, 7.2.2, 9.2, 9.2.1 to 9.2.5; "
    "R6:2.1, 2.2.1, 2.2.2, 2.3, 2.3.1, 2.3.1/verify, 2.3.1/lte, 2.3.1/legacy, 2.4.1, 2.4.2, 2.4.2.1, 2.5, 5, "
    "5.1, 5.2, 5.3.1, 5.3.2, 5.3.3, 5.4 to 5.10"
)
LIMIT_S = 600


def main() -> list[dict[str, object]]:
    """Run all suites on the virtual rack and read the run's journal."""
    with tempfile.TemporaryDirectory(prefix="cellbench-suites-") as folder:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "suites",
                "-n",
                "auto",
                "-q",
                "--rig",
                "rigs/virtual.yaml",
                "--timing",
                "fast",
                "--results",
                folder,
                "--reports",
                "none",
                "--progress",
                "off",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        run = read_run(next(Path(folder).glob("*/journal.jsonl")).parent)
    outcomes: dict[str, set[Outcome]] = {}
    for attempt in run.attempts:
        for section in attempt.sections:
            outcomes.setdefault(section, set()).add(
                attempt.verdict.outcome if attempt.verdict else Outcome.ABORTED
            )
    wanted = [getattr(section, "id", section) for section in parse_section_ids(SECTIONS)]
    passed = [name for name in wanted if Outcome.PASS in outcomes.get(name, set())]
    bad = sum(not _good(attempt, frozenset(wanted)) for attempt in run.attempts)
    missing = sorted(set(wanted) - set(passed))
    return [
        {
            "what": "sections of the main path with passing procedures",
            "goal": f"all {len(wanted)}",
            "figure": f"{len(passed)} of {len(wanted)}"
            + (f", without {', '.join(missing)}" if missing else ""),
            "met": not missing,
        },
        {
            "what": "results that are neither PASS nor NOT_APPLICABLE, nor told as never to be seen by AT",
            "goal": "0",
            "figure": f"{bad} of {len(run.attempts)}, status {done.returncode}",
            "met": bad == 0 and done.returncode == 0,
        },
    ]


def _good(attempt: Attempt, wanted: frozenset[str]) -> bool:
    """Beyond the main path a guide prints what no rig can see (13.1: the 3GPP release): NOT_POSSIBLE."""
    outcome = attempt.verdict.outcome if attempt.verdict is not None else Outcome.ABORTED
    beyond = bool(attempt.sections) and not wanted & set(attempt.sections)
    return outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE) or (outcome is Outcome.NOT_POSSIBLE and beyond)


if __name__ == "__main__":
    for row in main():
        print(row)
