"""What an update leaves of a user's data is read and compared by every method, and what it loses is named.

The module that loses certificates is one of the virtual rack's switched-on defects.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cellbench.record.attempt import Attempt
from cellbench.record.run import RunRecord, read_run
from cellbench.record.verdict import Outcome

SUBJECT = "firmware"
BAR = "Table 53 row by row, before and after each method; a module that loses certificates is found and named"

ROOT = Path(__file__).resolve().parents[2]
SLOTS = ("lena-r8-1=LENA-R8:LENA-R8001M10", "lara-r6-1=LARA-R6:LARA-R6001")
SUITE = "suites/firmware/test_preservation.py"
READY_S, LIMIT_S = 90, 600
CERTIFICATES = "certificates and keys"


@contextlib.contextmanager
def rack(directory: Path, *settings: str) -> Iterator[Path]:
    """A virtual rack with these settings of its modules; its rig file."""
    command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(directory)]
    for slot in SLOTS:
        command += ["--slot", slot]
    for setting in settings:
        command += ["--set", setting]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], READY_S)
        line = process.stdout.readline() if readable else ""
        if not line:
            process.kill()
            raise RuntimeError(f"the rack did not come up: {process.communicate()[1]}")
        yield Path(json.loads(line)["rig_file"])
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()


def run_suite(place: Path, *settings: str, only: str = "") -> RunRecord:
    """The preservation procedures on a rack of their own; the run."""
    results = place / "results"
    environment = {**os.environ, "CELLBENCH_RUNTIME_DIR": str(place / "guardian"),
                   "CELLBENCH_LOCK_DIR": str(place / "locks")}
    with rack(place / "rack", *settings) as rig:
        command = [sys.executable, "-m", "pytest", SUITE, "--rig", str(rig), "--results", str(results),
                   "-n", "auto", "--reports", "none", "--progress", "off", "-p", "no:cacheprovider"]
        done = subprocess.run(command + (["-k", only] if only else []), capture_output=True, text=True,
                              cwd=ROOT, env=environment, timeout=LIMIT_S, check=False)
    journals = list(results.glob("*/journal.jsonl"))
    if not journals:
        raise RuntimeError(f"the run did not begin: {(done.stdout + done.stderr)[-2000:]}")
    return read_run(journals[0].parent)


def outcome(attempt: Attempt) -> Outcome | None:
    """None: it was cut."""
    return attempt.verdict.outcome if attempt.verdict is not None else None


def sound(run: RunRecord) -> Iterator[dict[str, object]]:
    """Rows of the bar for a rack without defects."""
    passed = [one for one in run.attempts if outcome(one) is Outcome.PASS]
    skipped = [one for one in run.attempts if outcome(one) is Outcome.NOT_APPLICABLE]
    rest = len(run.attempts) - len(passed) - len(skipped)
    yield {"what": "procedures of 11.4: FOAT, +UFWINSTALL, flashing", "goal": "5 PASS, none other",
           "figure": f"{len(passed)} PASS, {rest} other", "met": len(passed) == 5 and rest == 0}
    for series, goal in (("LENA-R8", 4), ("LARA-R6", 6)):
        counts = [len(one.measurements) for one in passed if series.lower() in one.slot]
        yield {"what": f"rows of Table 53 that can be read, {series}", "goal": f"{goal} in each method",
               "figure": ", ".join(map(str, counts)), "met": bool(counts) and set(counts) == {goal}}


def defective(run: RunRecord) -> Iterator[dict[str, object]]:
    """Rows of the bar for a rack whose modules lose certificates."""
    for one in run.attempts:
        value = next((str(taken.value) for taken in one.measurements if taken.name == CERTIFICATES), "")
        guide = "lena" in one.slot
        wanted = Outcome.FAIL if guide else Outcome.PASS
        reason = one.verdict.reason if one.verdict is not None else "cut"
        named = "lost" in value and (not guide or CERTIFICATES in reason)
        yield {"what": f"certificates lost by an update over AT, {one.slot}",
               "goal": "FAIL that names them" if guide else "told; no guide decides",
               "figure": f"{wanted.value if outcome(one) is wanted else outcome(one)}: {reason or value}",
               "met": named and outcome(one) is wanted}


def main() -> list[dict[str, object]]:
    """A sound rack, then one with the defect."""
    with tempfile.TemporaryDirectory(prefix="cellbench-kept-") as folder:
        rows = list(sound(run_suite(Path(folder, "sound"))))
        rows += defective(run_suite(Path(folder, "defect"), "update_defect=lose-certificates", only="foat"))
    return rows


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
