"""Bar: defects of a module that the interruption matrix must find and name."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

SUBJECT = "firmware"
BAR = ("Each of four defects that are switched on in the virtual module is found and named by the "
       "interruption matrix.")
SOAK = True

ROOT = Path(__file__).resolve().parents[2]
SLOTS = ("LENA-R8", "LENA-R8", "LARA-R6")
CELLS = ("*/foat/silent/*", "*/foat/write-100/supply-cut", "*/foat/whole/*", "*/fota-serial/whole/*",
         "*/foat/first-block/supply-cut")
DEFECTS = {
    "brick-at-100": "BRICKED",
    "lose-certificates": "LOST CERTIFICATES",
    "accept-wrong-start": "ACCEPTED WRONG START",
    "report-128-without-update": "FALSE 128",
}
LIMIT_S = 900.0
KEPT = ROOT / "reports" / "out" / "interruption-defects"


def one(defect: str) -> tuple[Counter[str], int]:
    """How often each finding was made with a defect, and how many cells ran."""
    from cellbench.record.interruption import read_matrix
    from tests.acceptance.interrupting import rack

    with rack(SLOTS, "--set", f"update_defect={defect}") as place:
        done = place.run(*(word for cell in CELLS for word in ("--cells", cell)), timeout_s=LIMIT_S)
        print(done.stdout[-3000:], done.stderr[-1000:], file=sys.stderr)
        records = read_matrix(place.results()).cells.values()
        shutil.copytree(place.results(), KEPT / defect, dirs_exist_ok=True)
    findings = Counter(record.outcome.value for record in records if record.outcome.finding)
    return findings, len(records)


def main() -> list[dict[str, object]]:
    """A row for each defect."""
    sys.path.insert(0, str(ROOT))
    rows: list[dict[str, object]] = []
    for defect, name in DEFECTS.items():
        findings, count = one(defect)
        shown = ", ".join(f"{number} {word}" for word, number in findings.most_common()) or "nothing found"
        rows.append({"what": f"defect {defect}", "goal": f"found, named {name} and nothing else",
                     "figure": f"{shown} in {count} cells", "met": set(findings) == {name}})
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
