"""Calls and messages: procedures by both far sides, the printed rows, a foreign codec against ours."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from cellbench.record.run import read_run
from cellbench.record.verdict import Outcome

SUBJECT = "telephone"
BAR = "calls and messages: procedures pass by a control room and by another slot, Table 18 as printed"

ROOT = Path(__file__).resolve().parents[2]
SUITES = ("suites/network/test_voice.py", "suites/network/test_sms.py")
LIMIT_S = 600
SLOTS = "--slot a=LENA-R8:LENA-R8001M10 --slot b=LARA-R6:LARA-R6001"
RIG = """\
rig: telephones
evidence: simulated
launch: cellbench virtual up {slots}
slots:
  a:
    series: LENA-R8
    variant: LENA-R8001M10
    sim: {{ref: a, number: "+393850018994"}}
    network: {{apn: internet.wind.biz}}
    {a}
  b:
    series: LARA-R6
    variant: LARA-R6001
    sim: {{ref: b, number: "+393650018994"}}
    network: {{apn: apn_name}}
    {b}
services:
  echo: {{host: 195.34.89.241, name: echo.u-blox.com, port: 7}}
far_side: {{kind: virtual}}
"""


def main() -> list[dict[str, object]]:
    """Two runs of the suites, and the tests of rows and PDUs."""
    by_room = _run("", "")
    by_slot = _run("far_side: {kind: second-slot, slot: b}", "far_side: {kind: second-slot, slot: a}")
    return [
        _row("procedures by the control room", by_room, ()),
        _row("procedures by another slot's module", by_slot, (Outcome.NOT_POSSIBLE,)),
        _tests("rows of 6.2, 7.3.1 and 13.1 as printed", "tests/vectors/test_guide_rows.py", "-k",
               "SMS or Voice_call or call_hang_up"),
        _tests("PDUs, septets, addresses, times of foreign programs",
               "tests/virtual/telephone/test_codec.py"),
        _tests("python-gsmmodem-new sends and reads on both series", "tests/foreign/test_gsmmodem.py"),
    ]


def _run(a: str, b: str) -> list[Outcome]:
    with tempfile.TemporaryDirectory(prefix="cellbench-telephone-") as folder:
        rig = Path(folder) / "rig.yaml"
        rig.write_text(RIG.format(slots=SLOTS, a=a, b=b), encoding="utf-8")
        subprocess.run(
            [sys.executable, "-m", "pytest", *SUITES, "-q", "--rig", str(rig), "--timing", "fast",
             "--results", folder, "--reports", "none", "--progress", "off"],
            cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        run = read_run(next(Path(folder).glob("*/journal.jsonl")).parent)
    return [one.verdict.outcome if one.verdict else Outcome.ABORTED for one in run.attempts]


def _row(what: str, outcomes: list[Outcome], also: tuple[Outcome, ...]) -> dict[str, object]:
    passed = outcomes.count(Outcome.PASS)
    allowed = (Outcome.PASS, Outcome.NOT_APPLICABLE, *also)
    other = [one for one in outcomes if one not in allowed]
    without = ", ".join(f"{outcomes.count(one)} {one.value}" for one in allowed[1:] if one in outcomes)
    figure = ", ".join(filter(None, (f"{passed} pass", without, str(other) if other else "")))
    return {"what": what, "goal": "all pass that apply and are possible", "figure": figure,
            "met": passed > 0 and not other}


def _tests(what: str, *arguments: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
                          cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "nothing"
    figure = last.partition(" in ")[0].partition(",")[0]
    return {"what": what, "goal": "all pass", "figure": figure, "met": done.returncode == 0}


if __name__ == "__main__":
    for row in main():
        print(row)
