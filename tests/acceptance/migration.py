"""Bar: one command shows what moving from LARA-R6 to LENA-R8 changes, every row of Table 54 seen on both."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cellbench.catalogue.migration import MIGRATION
from cellbench.catalogue.model import Series
from cellbench.record.run import RunRecord, read_run
from cellbench.record.verdict import Outcome
from cellbench.session.migration import migration_view

SUBJECT = "field"
BAR = "LENA-R8 chapter 13: every row of Table 54 is checked on both series, and one command prints the report"

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 300
CODE = 'send("AT+UMNOPROF=%d", profile);\nsend("AT+UPSV=1,2000");\nsend("AT+CMEE=2");\n'


def main() -> list[dict[str, object]]:
    """Run the command as a user would, with a host's code of two lines that are concerned."""
    with tempfile.TemporaryDirectory(prefix="cellbench-migration-") as folder:
        results, code = Path(folder, "out"), Path(folder, "code")
        code.mkdir()
        (code / "modem.c").write_text(CODE)
        done = subprocess.run(
            [sys.executable, "-m", "cellbench", "migration", "rigs/virtual.yaml", "--timing", "fast",
             "--results", str(results), "--code", str(code)],
            cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        page = next(results.glob("*/migration.html"))
        return [*checked(read_run(page.parent), done.returncode), *told(done.stdout, page.read_text())]


def checked(run: RunRecord, status: int) -> list[dict[str, object]]:
    """Rows and sides by outcome; what cannot be seen has its reason."""
    view = migration_view([run])
    empty = sum(not row.side(series).printed for row in MIGRATION for series in Series)
    good = sum(side.outcome == Outcome.PASS.value for side in view.sides)
    unseen = [side for side in view.sides if side.outcome == Outcome.NOT_POSSIBLE.value]
    wanted = 2 * len(MIGRATION) - empty - 2  # the 3GPP release shows on neither side
    return [
        {"what": "cells of Table 54 seen as printed, of both series", "goal": str(wanted),
         "figure": f"{good}, status {status}", "met": good == wanted and status == 0},
        {"what": "cells that no command shows, each with its reason", "goal": "2",
         "figure": str(len(unseen)), "met": len(unseen) == 2 and all(side.reason for side in unseen)}]


def told(text: str, page: str) -> list[dict[str, object]]:
    """What terminal and page say: every row, and the lines of code that are concerned."""
    rows = sum(row.topic in text and f'id="{row.id}"' in page for row in MIGRATION)
    lines = re.findall(r"modem\.c:\d+", text)
    return [
        {"what": "rows in the terminal and in the page", "goal": str(len(MIGRATION)), "figure": str(rows),
         "met": rows == len(MIGRATION)},
        {"what": "lines of a host's code named, of two that are concerned and one that is not", "goal": "2",
         "figure": str(len(lines)), "met": lines == ["modem.c:1", "modem.c:2"]}]


if __name__ == "__main__":
    for one in main():
        print(one)
