"""Bar: the interruption matrix, every cell on a virtual rack, cut once on the way."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from pathlib import Path

SUBJECT = "firmware"
BAR = ("The interruption matrix has at least 60 cells, runs unattended in under 10 minutes on the virtual "
       "rack, all as the oracle demands; a killed matrix goes on where it stopped.")
SOAK = True

ROOT = Path(__file__).resolve().parents[2]
SLOTS = ("LENA-R8",) * 6 + ("LARA-R6",) * 5
GOAL_CELLS, GOAL_S = 60, 600.0
CUT_AFTER = 12
KEPT = ROOT / "reports" / "out" / "interruption-matrix"


def main() -> list[dict[str, object]]:
    """The cells, the time, and what the cut left."""
    sys.path.insert(0, str(ROOT))
    from cellbench.record.interruption import CellOutcome, read_matrix
    from cellbench.record.journal import verify
    from tests.acceptance.interrupting import rack

    with rack(SLOTS) as place:
        began = time.monotonic()
        told = place.cut(after=CUT_AFTER, timeout_s=GOAL_S)
        done = place.run(timeout_s=4 * GOAL_S)
        took = time.monotonic() - began
        print(done.stdout[-4000:], done.stderr[-2000:], file=sys.stderr)
        folder = place.results()
        found = read_matrix(folder)
        sound = not verify(folder / "cells.jsonl").problems
        shutil.copytree(folder, KEPT, dirs_exist_ok=True)
    ran = [record for record in found.cells.values()
           if record.outcome not in (CellOutcome.NOT_APPLICABLE, CellOutcome.NOT_POSSIBLE)]
    good = sum(record.outcome.good for record in ran)
    counted = Counter(record.outcome.value for record in ran)
    shown = ", ".join(f"{count} {word}" for word, count in counted.most_common())
    left = sum(f"/{len(ran) - told}" in line or "have a result already" in line
               for line in done.stdout.splitlines())
    return [
        {"what": "cells as the oracle demands", "goal": f"all, at least {GOAL_CELLS}",
         "figure": f"{good} of {len(ran)}: {shown}", "met": good == len(ran) >= GOAL_CELLS},
        {"what": f"time on {len(SLOTS)} slots, cut and begun again included", "goal": f"under {GOAL_S:.0f} s",
         "figure": f"{took:.0f} s", "met": took < GOAL_S},
        {"what": f"killed after {told} cells", "goal": "goes on with the rest, the chain unbroken",
         "figure": f"{'went on' if left else 'began anew'}, chain {'unbroken' if sound else 'broken'}",
         "met": bool(left) and sound},
    ]


if __name__ == "__main__":
    for row in main():
        print(row)
