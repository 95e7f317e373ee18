"""Captures and conform: 40 planted differences named, 20 of them learnt; no person in a whole capture."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cellbench.cli import main as cellbench
from cellbench.guardian.start import stop as stop_guardian
from cellbench.virtual.world.world import load_world

SUBJECT = "field"
BAR = "40 changes in a capture are all named, after --learn of 20 the other 20; no person or secret in clear"

Row = dict[str, Any]
Planted = tuple[int, str]
"""Number of the command and kind of the difference."""

SEED = 8
RIGS = {"LENA-R8": "internet.wind.biz", "LARA-R6": "apn_name"}
CARD = {"imsi": "222017305518294", "iccid": "8939017305518294735", "number": "+393487305518", "pin": "7305",
        "name": "Rossi Anna"}
# values of the moment, the card and the network are no differences; +CMEE changes how codes are printed
MOMENTS = re.compile(r"AT\+(CSQ|CESQ|CCLK|C?E?G?REG|CEREG|COPS|CIND|CSCON|CGDCONT|CGCONTRDP|CGPADDR|CRSM|CNUM"
                     r"|CSCA|CPMS|CPOL|CEER|UCGED|ULSTFILE|CMGR|UDNSRN|UPING|CMEE|CFUN)")
FOUND = re.compile(r"^ *(\d+)  (missing|other \w+) +.*\[command (\d+)\]$", re.MULTILINE)


def main() -> list[dict[str, object]]:
    """Both series; every grade."""
    rows: list[dict[str, object]] = []
    with own_guardian() as folder:
        for at, series in enumerate(RIGS):
            taken = folder / f"{series}.jsonl"
            capture(folder, series, taken, "--grade", "3")
            rows += differences(folder, taken, series, 40, SEED + at)
            rows += persons(folder, series)
    return rows


@contextlib.contextmanager
def own_guardian() -> Any:
    """A folder, and a guardian of its own in it."""
    with tempfile.TemporaryDirectory(prefix="cellbench-conform-") as name:
        before = {key: os.environ.get(key) for key in ("CELLBENCH_RUNTIME_DIR", "CELLBENCH_LOCK_DIR")}
        os.environ |= {"CELLBENCH_RUNTIME_DIR": f"{name}/run", "CELLBENCH_LOCK_DIR": f"{name}/locks"}
        try:
            yield Path(name)
        finally:
            stop_guardian(Path(name) / "run")
            for key, value in before.items():
                os.environ.pop(key, None)
                if value is not None:
                    os.environ[key] = value


def capture(folder: Path, series: str, out: Path, *more: str, rack: str = "", sim: str = "") -> str:
    """Take a capture from a virtual rack; what the command said."""
    rig = folder / "rig.yaml"
    rig.write_text(f"rig: field\nevidence: simulated\nlaunch: cellbench virtual up --slot a={series} {rack}\n"
                   f"slots:\n  a: {{series: {series}, sim: {{ref: a{sim}}}, "
                   f"network: {{apn: {RIGS[series]}}}}}\n")
    return run("capture", str(rig), "--yes", "--out", str(out), *more)[1]


def run(*words: str) -> tuple[int, str]:
    """A command of cellbench: its status, and what it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = cellbench(list(words))
    return status, said.getvalue()


# -- 40 differences --------------------------------------------------------------------------------


def differences(folder: Path, taken: Path, series: str, count: int, seed: int) -> list[dict[str, object]]:
    """Nothing before; all that was planted; after learning half of it, the other half."""
    clean, said = run("conform", str(taken))
    changed, overlay = folder / f"{series}.changed.jsonl", folder / f"{series}.overlay.yaml"
    overlay.unlink(missing_ok=True)
    planted = plant(taken, changed, count, random.Random(seed))
    status, told = run("conform", str(changed))
    named = found(told)
    rows = sorted(random.Random(seed).sample(range(1, len(named) + 1), len(named) // 2))
    learnt_status, again = run("conform", str(changed), "--overlay", str(overlay), "--learn",
                               ",".join(map(str, rows)))
    left = [one for row, one in enumerate(named, 1) if row not in rows]
    _, rest = run("conform", str(changed), "--overlay", str(overlay))
    others = found(rest)
    kinds = {kind: sum(one[1] == kind for one in planted) for kind in sorted({kind for _, kind in planted})}
    return [
        row(f"{series}: an unchanged capture", "no difference", f"{len(found(said))}", clean == 0),
        row(f"{series}: changed in {count} places ({', '.join(f'{kinds[kind]} {kind}' for kind in kinds)})",
            f"these {count} and nothing else", says(planted, named),
            status == 1 and sorted(planted) == sorted(named)),
        row(f"{series}: {len(rows)} learnt", f"the other {len(left)} and nothing else", says(left, others),
            learnt_status == 1 and sorted(others) == sorted(left) and "not learnt" not in again),
    ]


def found(said: str) -> list[Planted]:
    """The differences that conform named."""
    return [(int(number), kind) for _, kind, number in FOUND.findall(said)]


def says(wanted: list[Planted], given: list[Planted]) -> str:
    """Both in a few words."""
    missed = [one for one in wanted if one not in given]
    more = [one for one in given if one not in wanted]
    tail = (f": {more}" if more else "") + (f"; missed {missed}" if missed else "")
    return f"{len(wanted) - len(missed)} of {len(wanted)}, {len(more)} more{tail}"


def row(what: str, goal: str, figure: str, met: bool) -> dict[str, object]:
    """A row of the acceptance table."""
    return {"what": what, "goal": goal, "figure": figure, "met": met}


def plant(taken: Path, changed: Path, count: int, dice: random.Random) -> list[Planted]:
    """Change a capture in so many places of all kinds; which commands, and how each will be called."""
    header, *exchanges = [json.loads(line) for line in taken.read_text().splitlines()]
    stand_ins = [one["value"] for one in header["stand_ins"]]
    by_number = {one["n"]: one for one in exchanges}
    planted: list[Planted] = []
    used: set[int] = set()
    evenly = sorted(((at + 0.5) / KINDS[kind], kind) for kind in KINDS for at in range(KINDS[kind]))
    kinds = [kind for _, kind in evenly]
    while len(planted) < count:
        kind = kinds[len(planted) % len(kinds)]
        free = [one for one in exchanges if one["n"] not in used and fits(kind, one, stand_ins)]
        if not free:
            kinds = [other for other in kinds if other != kind]
            continue
        one = dice.choice(free)
        planted.append((one["n"], CHANGES[kind](one, dice)))
        used.add(one["n"])
        if kind == "gone":
            del by_number[one["n"]]
    rest = [one for one in exchanges if one["n"] in by_number]
    changed.write_text("".join(json.dumps(one) + "\n" for one in (header, *rest)))
    return planted


def fits(kind: str, one: Row, stand_ins: list[str]) -> bool:
    """Whether a change of this kind can be made in an exchange."""
    lines = one.get("lines", [])
    told = bool(lines) and not any(value in line for value in stand_ins for line in lines)
    if one["send"] == "AT+COPS=?" or (MOMENTS.match(one["send"]) and not one["send"].endswith("=?")):
        return False
    if kind in ("swapped",):
        return told and len(set(lines)) == len(lines) > 1
    if kind in ("letter", "digit", "removed"):
        return told and not one.get("binds")
    if kind in ("added", "gone", "slower"):
        return not one.get("binds") and not one["send"].startswith("AT+COPS")
    if kind in ("urc text", "urc gone"):
        return bool(one.get("urcs"))
    return "CME" in one["final"] if kind == "other error" else one["final"] == "OK"


def _letter(one: Row, dice: random.Random) -> str:
    return _changed(one, dice, str.isalpha, "QZ")


def _digit(one: Row, dice: random.Random) -> str:
    return _changed(one, dice, str.isdigit, "58")


def _changed(one: Row, dice: random.Random, wanted: Callable[[str], bool], other: str) -> str:
    places = [(at, place) for at, line in enumerate(one["lines"]) for place, char in enumerate(line)
              if wanted(char)]
    at, place = dice.choice(places) if places else (0, len(one["lines"][0]))
    line = one["lines"][at]
    one["lines"][at] = line[:place] + other[line[place:place + 1] == other[0]] + line[place + 1:]
    return "other text"


def _removed(one: Row, dice: random.Random) -> str:
    one["lines"].pop(dice.randrange(len(one["lines"])))
    return "missing"


def _added(one: Row, dice: random.Random) -> str:
    lines = one.setdefault("lines", [])
    lines.insert(dice.randint(0, len(lines)), f"+XCELL: {dice.randint(1, 99)}")
    return "missing"


def _gone(one: Row, dice: random.Random) -> str:
    return "missing"


def _refused(one: Row, dice: random.Random) -> str:
    one["final"] = dice.choice(["ERROR", "+CME ERROR: operation not allowed", "+CME ERROR: SIM busy"])
    return "other code"


def _other_error(one: Row, dice: random.Random) -> str:
    one["final"] = "OK" if dice.random() < 0.5 else "+CME ERROR: memory full"
    return "other code"


def _swapped(one: Row, dice: random.Random) -> str:
    at = dice.randrange(len(one["lines"]) - 1)
    one["lines"][at:at + 2] = reversed(one["lines"][at:at + 2])
    return "other order"


def _slower(one: Row, dice: random.Random) -> str:
    longer = round(dice.uniform(1.8, 2.6), 3)
    if dice.random() < 0.5 and one.get("first_s") is not None:
        one["first_s"] += longer
    one["final_s"] += longer
    return "other time"


def _urc_text(one: Row, dice: random.Random) -> str:
    one["urcs"][0]["text"] += ",7"
    return "other text"


def _urc_gone(one: Row, dice: random.Random) -> str:
    one["urcs"] = []
    return "missing"


CHANGES: dict[str, Callable[[Row, random.Random], str]] = {
    "letter": _letter, "digit": _digit, "removed": _removed, "added": _added, "gone": _gone,
    "refused": _refused, "other error": _other_error, "swapped": _swapped, "slower": _slower,
    "urc text": _urc_text, "urc gone": _urc_gone,
}
KINDS = {"urc text": 1, "urc gone": 1, "letter": 6, "digit": 6, "removed": 4, "added": 4, "gone": 2,
         "refused": 6, "other error": 3, "swapped": 3, "slower": 4}


# -- persons ---------------------------------------------------------------------------------------


def persons(folder: Path, series: str, *more: str) -> list[dict[str, object]]:
    """A whole capture of a card whose identities are known: where they are still found."""
    card, out, pin = folder / "card.yaml", folder / f"{series}.persons.jsonl", folder / "pin"
    card.write_text(
        f'imsi: "{CARD["imsi"]}"\niccid: "{CARD["iccid"]}"\npin_enabled: true\npin: "{CARD["pin"]}"\n'
        f'numbers:\n  - {{name: "{CARD["name"]}", number: "{CARD["number"]}"}}\n')
    pin.write_text(CARD["pin"] + "\n")
    capture(folder, series, out, *(more or ("--grade", "3")), rack=f"--set sim_card={card}",
            sim=f", pin: {{file: {pin}}}")
    text = out.read_text()
    header = json.loads(text.splitlines()[0])
    imei = imei_of(series)
    known = {**{key: CARD[key] for key in ("imsi", "iccid", "number", "name")}, "imei": imei,
             "PIN": CARD["pin"]}
    seen = [f"{what} {form}" for what, value in known.items() for form, shown in forms(value).items()
            if re.search(shown, text, re.IGNORECASE)]
    ready = header["conditions"] == {"sim": "ready", "registered": True}
    return [row(f"{series}: a whole capture of a known card ({len(text.splitlines()) - 1} commands)",
                "IMEI, IMSI, ICCID, number, name, PIN nowhere: clear, swapped nibbles, hexadecimal",
                ", ".join(seen) or "nowhere", ready and not seen and bool(imei))]


def imei_of(series: str) -> str:
    """The IMEI of a virtual rack's first module, by the world file."""
    told = load_world().raw["module"][series.partition("-")[2]]["imei"]
    return str(told[0] if isinstance(told, list) else told)


def forms(value: str) -> dict[str, str]:
    """Patterns of a value in each form that an answer may give it."""
    digits = value.lstrip("+")
    if not digits.isdigit():
        return {"clear": re.escape(value), "hex": value.encode().hex()}
    if len(digits) < 6:
        return {"clear": rf"(?<![0-9A-F]){digits}(?![0-9A-F])", "hex": digits.encode().hex()}
    core = digits[-9:] if value.startswith("+") else digits[:14] if len(digits) == 15 else digits[:18]
    shifted = [core[at:] for at in (0, 1)]
    swapped = "|".join("".join(one[at + 1] + one[at] for at in range(0, len(one) - 1, 2)) for one in shifted)
    return {"clear": core, "swapped": swapped, "hex": core.encode().hex(),
            "UCS2": core.encode("utf-16-be").hex()}


if __name__ == "__main__":
    for one in main():
        print(one)
