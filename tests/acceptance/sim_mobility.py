"""SIM, refusals and mobility: every section's procedures pass, rows byte for byte, no PIN in clear."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from cellbench.catalogue.guide import SECTIONS, SectionKind
from cellbench.record.run import read_run
from cellbench.record.verdict import Outcome
from cellbench.wire.uicc.apdu import pin_octets

SUBJECT = "field"
BAR = "SIM (10), refusals and mobility (7.4): procedures pass on the virtual rack, Tables 45, 46 as printed"

ROOT = Path(__file__).resolve().parents[2]
SUITES = tuple(f"suites/network/{name}.py" for name in ("test_sim", "test_sim_pins", "test_sim_profiles",
                                                         "test_mobility"))
LIMIT_S = 900
PIN = "1234"  # of the rack's cards
UNSEEN = {"R8:10.1.2"}  # remote provisioning and BIP: nothing of them shows


def sections() -> set[str]:
    """What of chapter 10 and of 7.4 is to be tested."""
    return {one.id for one in SECTIONS if one.kind is not SectionKind.REFERENCE
            and (one.id == "R8:7.4" or one.id.startswith(("R8:10.1", "R8:10.2")))}


def main() -> list[dict[str, object]]:
    """One run of the suites on both series, and the rows of the tables."""
    with tempfile.TemporaryDirectory(prefix="cellbench-sim-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *SUITES, "-q", "--rig", "rigs/virtual.yaml", "--timing", "fast",
             "--results", folder, "--progress", "off", "--nvm-writes", "refuse"],
            cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        run = read_run(next(Path(folder).glob("*/journal.jsonl")).parent)
        told = _told(Path(folder))
    good, odd = set[str](), list[str]()
    for attempt in run.attempts:
        outcome = attempt.verdict.outcome if attempt.verdict else Outcome.ABORTED
        if outcome is Outcome.PASS:
            good.update(attempt.sections)
        elif not (outcome is Outcome.NOT_POSSIBLE and set(attempt.sections) <= UNSEEN):
            odd.append(f"{attempt.procedure}: {attempt.verdict.reason[:200] if attempt.verdict else ''}")
    missing = sorted(sections() - good)
    return [
        {"what": "sections with passing procedures", "goal": f"all {len(sections())}",
         "figure": f"{len(sections()) - len(missing)}, without {', '.join(missing) or 'none'}",
         "met": not missing},
        {"what": "results that are not PASS, but for what nothing can show", "goal": "0",
         "figure": "; ".join((f"{len(odd)} of {len(run.attempts)}, status {done.returncode}", *odd)),
         "met": not odd and done.returncode == 0},
        {"what": "places in results and reports with a PIN in clear", "goal": "0", "figure": f"{told}",
         "met": told == 0},
        _rows(),
    ]


def _told(folder: Path) -> int:
    """Files with the rack's PIN or one that a procedure tries, quoted or as a command to the card has it."""
    pins = (PIN, "1235", "2234")
    wanted = [f'{quote}{pin}{quote}'.encode() for pin in pins for quote in ('"', '\\"', "&quot;", "&#34;")]
    wanted += [pin_octets(pin).hex().upper().encode() for pin in pins]
    return sum(any(text in content for text in wanted)
               for content in (path.read_bytes() for path in folder.rglob("*") if path.is_file()))


def _rows() -> dict[str, object]:
    """The tables of the guide, line by line."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/vectors/test_guide_rows.py", "-q", "-k", "CRSM or CSIM"],
        cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    return {"what": "Tables 45 and 46 byte for byte", "goal": "passed",
            "figure": (done.stdout.strip().splitlines() or ["nothing"])[-1].strip("= "),
            "met": done.returncode == 0}


if __name__ == "__main__":
    for row in main():
        print(row)
