"""Bar: cells of the interruption matrix at the modules' true pace."""

from __future__ import annotations

import sys
import time
from pathlib import Path

SUBJECT = "firmware"
BAR = ("One pass of the interruption matrix at the modules' true pace: C and NAK, blocks, check, write, "
       "silent minutes, download.")
SOAK = True

ROOT = Path(__file__).resolve().parents[2]
SLOTS = ("LENA-R8",) * 4 + ("LARA-R6",) * 4
CELLS = (
    "LENA-R8/foat/waiting/host-killed", "LENA-R8/foat/write-50/supply-cut", "LENA-R8/foat/silent/supply-cut",
    "LENA-R8/fota-http/download-50/server-gone",
    "LARA-R6/foat/middle-block/supply-cut", "LARA-R6/foat/check-50/usb-pulled",
    "LARA-R6/fota-ftp/write-50/supply-cut", "LARA-R6/fota-serial/download-50/supply-cut",
)
LIMIT_S = 5000.0


def main() -> list[dict[str, object]]:
    """A row for each cell."""
    sys.path.insert(0, str(ROOT))
    from cellbench.record.interruption import read_matrix
    from tests.acceptance.interrupting import rack

    with rack(SLOTS, "--timing", "real") as place:
        began = time.monotonic()
        done = place.run(*(word for cell in CELLS for word in ("--cells", cell)), timeout_s=LIMIT_S)
        took = time.monotonic() - began
        print(done.stdout[-3000:], done.stderr[-1000:], file=sys.stderr)
        found = read_matrix(place.results())
    rows: list[dict[str, object]] = []
    for cell in CELLS:
        record = found.cells.get(cell)
        shown = "not run" if record is None else f"{record.outcome.value}, {record.seconds:.0f} s"
        if record is not None and record.recovery:
            shown += f", by {record.recovery}"
        rows.append({"what": cell, "goal": "as the oracle demands", "figure": shown,
                     "met": record is not None and record.outcome.good})
    rows.append({"what": f"{len(CELLS)} cells on {len(SLOTS)} slots, real time", "goal": "ends",
                 "figure": f"{took:.0f} s", "met": done.returncode == 0})
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
