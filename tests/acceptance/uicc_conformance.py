"""Bar: the virtual UICC answers at least 200 exchanges as ETSI TS 102 221 prescribes; foreign tools agree.

The exchanges of tests/vectors/uicc are played twice: on the card alone, and through AT+CSIM on a tty of a
rack that runs as a program, with a new card for each session. Milenage is held against the test sets of 3GPP
TS 35.207. OpenSC and Osmocom's key generator work on the card by their tests.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import serial
import yaml

from cellbench.virtual.uicc.build import card_of
from cellbench.virtual.uicc.dispatch import transmit
from cellbench.virtual.uicc.milenage import Milenage
from cellbench.virtual.uicc.profile import CardProfile
from cellbench.virtual.uicc.toolkit import refresh

SUBJECT = "sim"
BAR = ("The virtual UICC answers at least 200 APDU exchanges, each citing the clause of ETSI TS 102 221, a "
       "foreign tool reads and writes the card through +CSIM, and Milenage passes all six test sets of 3GPP "
       "TS 35.207.")

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors" / "uicc"
GOAL = 200
CELLBENCH = (sys.executable, "-m", "cellbench", "virtual")
WAIT_S = 30.0
USIM = "A0000000871002FFFFFFFF8907090000"
AS_NEW = (f"00A4044410{USIM}", "00A4000C023F00")
"""The module selects the USIM for itself; a session begins with the MF and no application."""
ANSWER = re.compile(r'\+CSIM: \d+,"?([0-9A-F]+)"?\r\n')


def sessions() -> list[dict[str, Any]]:
    """The sessions of the vectors."""
    loaded = yaml.safe_load((VECTORS / "ts_102_221.yaml").read_text(encoding="utf-8"))
    return list(loaded["sessions"])


def alone() -> tuple[int, list[str]]:
    """Every exchange on a card by itself: how many there were, and what was wrong."""
    count, wrong = 0, []
    for session in sessions():
        card = card_of(CardProfile(pin_enabled=session.get("card") == "locked"))
        if session.get("card") == "refresh":
            card.toolkit.waiting.append(refresh(0))
        for row in session["rows"]:
            came = transmit(card, bytes.fromhex(row["send"])).hex().upper()
            count += 1
            if not re.fullmatch(row["expect"], came):
                wrong.append(f"{row['clause']}: {row['send']} > {came}")
    return count, wrong


class Rack:
    """A rack of one LENA-R8 whose +CSIM shows T=0 as it stands, and its first AT port on USB."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [*CELLBENCH, "up", "--dir", str(directory), "--slot", "a=LENA-R8", "--set", "csim_follows_t0=no",
             "--powered"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.port = serial.Serial(ready["slots"][0]["at"][0], 115_200, timeout=WAIT_S)
        self.command("ATE0")

    def command(self, line: str) -> str:
        """A command line and everything up to its final result code."""
        self.port.reset_input_buffer()
        self.port.write(line.encode("ascii") + b"\r")
        received = b""
        while not re.search(rb"\r\n(OK|ERROR|\+CME ERROR: [^\r]*)\r\n", received):
            more = self.port.read(max(1, self.port.in_waiting))
            assert more, f"{line}: nothing more came after {received!r}"
            received += more
        return received.decode("ascii")

    def csim(self, text: str) -> str:
        """One command of T=0 by +CSIM."""
        found = ANSWER.search(self.command(f'AT+CSIM={len(text)},"{text}"'))
        return found[1] if found is not None else "refused"

    def ctl(self, *words: str) -> str:
        """The program ``cellbench virtual ctl``."""
        return subprocess.run([*CELLBENCH, "ctl", "--dir", str(self.directory), *words], capture_output=True,
                              text=True, timeout=WAIT_S, check=True).stdout

    def insert(self, card: Path) -> None:
        """A new card, started by the module."""
        self.ctl("sim", f"card={card}")
        end = time.monotonic() + WAIT_S
        while "status=absent" in self.ctl("report", "what=sim"):
            assert time.monotonic() < end, "the card is not started"
        for one in AS_NEW:
            assert self.csim(one) == "9000", one

    def end(self) -> None:
        """Stop it as a user does."""
        self.port.close()
        self.process.terminate()
        self.process.communicate(timeout=WAIT_S)


def over_at(directory: Path) -> tuple[int, list[str]]:
    """The sessions through AT+CSIM, but for those that need a card the module has not started yet."""
    cards = {"locked": "pin_enabled: true\n", "open": "pin_enabled: false\n"}
    for name, text in cards.items():
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    rack = Rack(directory / "rack")
    count, wrong = 0, []
    try:
        for session in sessions():
            if session.get("card") == "refresh":
                continue
            rack.insert(directory / f"{session.get('card', 'open')}.yaml")
            for row in session["rows"]:
                came = rack.csim(row["send"])
                count += 1
                if not re.fullmatch(row["expect"], came):
                    wrong.append(f"{row['clause']}: {row['send']} > {came}")
    finally:
        rack.end()
    return count, wrong


def milenage() -> tuple[int, list[str]]:
    """How many of the six sets come out."""
    wrong = []
    sets = yaml.safe_load((VECTORS / "milenage.yaml").read_text(encoding="utf-8"))["sets"]
    for one in sets:
        value = {name: bytes.fromhex(text) for name, text in one.items() if name != "set"}
        made = Milenage.with_op(value["k"], value["op"])
        vector = made.f2345(value["rand"])
        challenge = value["rand"], value["sqn"], value["amf"]
        came = (made.opc, made.f1(*challenge), made.f1_star(*challenge), vector.res, vector.ck, vector.ik,
                vector.ak, made.f5_star(value["rand"]))
        if came != tuple(value[name] for name in ("opc", "f1", "f1s", "f2", "f3", "f4", "f5", "f5s")):
            wrong.append(f"set {one['set']}")
    return len(sets) - len(wrong), wrong


def foreign() -> str:
    """The last line of the foreign tools' tests."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/foreign/test_sim_tools.py"],
                          capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    return done.stdout.strip().splitlines()[-1]


def main() -> list[dict[str, object]]:
    """The bar's rows."""
    by_itself, wrong = alone()
    with tempfile.TemporaryDirectory() as place:
        by_at, wrong_at = over_at(Path(place))
    sets, wrong_sets = milenage()
    tools = foreign()
    return [
        row("exchanges on the card, each with its clause", f">= {GOAL}, all as prescribed",
            f"{by_itself - len(wrong)} of {by_itself}", by_itself >= GOAL and not wrong, wrong),
        row("the same through AT+CSIM on a tty", f">= {GOAL}, all as prescribed",
            f"{by_at - len(wrong_at)} of {by_at}", by_at >= GOAL and not wrong_at, wrong_at),
        row("test sets of Milenage", "6 of 6", f"{sets} of 6", sets == 6, wrong_sets),
        row("OpenSC reads, writes, verifies by +CSIM; osmo-auc-gen authenticates; both series", "4 passed",
            tools, tools.startswith("4 passed"), []),
    ]


def row(what: str, goal: str, figure: str, met: bool, wrong: list[str]) -> dict[str, object]:
    """One row; what was wrong goes to the figure."""
    return {"what": what, "goal": goal, "figure": "; ".join([figure, *wrong[:5]]), "met": met}


if __name__ == "__main__":
    for one in main():
        print(one)
