"""Bar: what a virtual module is after its power is cut at any write of an update."""

from __future__ import annotations

import asyncio
import collections
import sys
import tempfile
from pathlib import Path
from typing import Any

from cellbench.catalogue.model import Series

SUBJECT = "firmware"
BAR = ("The power cut before and after every write of an update by +UFWUPD and +UFWINSTALL: the virtual "
       "module runs the old firmware or the new one, or waits in update mode for a package that then brings "
       "the new one.")

ROOT = Path(__file__).resolve().parents[2]
METHODS = {"foat": "+UFWUPD", "fota": "+UFWINSTALL"}
MOST_WRITES = 200


def one_cut(series: Series, method: str, place: int, after: bool) -> str:
    """How the module came back; AssertionError when it did not."""
    from tests.virtual.conftest import Driven, JumpingLoop, Timing
    from tests.virtual.device.test_update import QUICK, cut_at_a_write

    loop: Any = JumpingLoop()
    asyncio.set_event_loop(loop)
    with tempfile.TemporaryDirectory() as folder:
        one = Driven(loop, series, Path(folder), variant=None, timing=Timing.REAL, behaviour=dict(QUICK))
        try:
            return cut_at_a_write(one, method, place, after=after)
        finally:
            one.close()
            pending = asyncio.all_tasks(loop)
            for task in pending:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            loop.close()
            asyncio.set_event_loop(None)


def every_cut(series: Series, method: str) -> tuple[int, collections.Counter[str]]:
    """How many cuts there were, and how often each way back was taken."""
    ways: collections.Counter[str] = collections.Counter()
    for place in range(MOST_WRITES):
        for after in (False, True):
            try:
                way = one_cut(series, method, place, after)
            except AssertionError as error:
                print(f"{series.value} {method} write {place}, after={after}: {error}", file=sys.stderr)
                way = "lost"
            if way == "not cut":
                return sum(ways.values()), ways
            ways[way] += 1
    return sum(ways.values()), ways


def main() -> list[dict[str, object]]:
    """A row for each series and method."""
    sys.path.insert(0, str(ROOT))
    rows: list[dict[str, object]] = []
    for series in Series:
        for method, command in METHODS.items():
            count, ways = every_cut(series, method)
            shown = ", ".join(f"{number} {way}" for way, number in sorted(ways.items()))
            rows.append({"what": f"power cuts at every write, {series.value} {command}",
                         "goal": f"all {count}", "figure": shown, "met": count > 0 and not ways["lost"]})
    return rows


if __name__ == "__main__":
    for row in main():
        print(row)
