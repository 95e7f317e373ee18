"""Bar: Xmodem between our sender, lrzsz's programs and the virtual module's receiver."""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

SUBJECT = "firmware"
BAR = ("lrzsz's sender delivers the image to the virtual module in both modes; our sender delivers to "
       "lrzsz's receiver and to the module's; with 1 % damaged bytes all still succeed.")

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
Trial = Callable[[Path], str]


def row(what: str, trials: dict[str, Trial], folder: Path) -> dict[str, object]:
    """One row: how many of the trials brought the image; the others are named."""
    failed = {}
    for place, (name, trial) in enumerate(trials.items()):
        home = folder / f"{len(what)}-{place}"
        try:
            wrong = trial(home)
        except (AssertionError, TimeoutError, OSError, RuntimeError) as error:
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            failed[name] = wrong
            print(f"{what}, {name}: {wrong}", file=sys.stderr)
    shown = f"{len(trials) - len(failed)} of {len(trials)}"
    if failed:
        shown += f", not {', '.join(failed)}"
    return {"what": what, "goal": f"all {len(trials)}", "figure": shown, "met": not failed}


def lrzsz_to_module(damaged: bool) -> dict[str, Trial]:
    """Both lengths of block with both checks."""
    from cellbench.catalogue.model import Series
    from cellbench.catalogue.releases import newest
    from tests.foreign.test_lrzsz_module import WITH_CRC, WITH_SUM, deliver

    starts: dict[str, tuple[dict[str, object], bytes]] = {
        "CRC": (dict(WITH_CRC), b"ONGOING\r\nC"), "checksum": (dict(WITH_SUM), b"\x15")}

    def trial(options: list[str], facts: dict[str, object], call: bytes) -> Trial:
        def run(home: Path) -> str:
            home.mkdir()
            version, told = asyncio.run(
                deliver(home, ["-X", *options], facts, call, SEED if damaged else None))
            wanted = newest(Series.LENA_R8).version
            return "" if version == wanted and "Transfer complete" in told else f"{version}, {told[-100:]}"
        return run

    return {f"{length} {check}": trial(options, *starts[check])
            for (length, options), check in itertools.product((("128", []), ("1k", ["-k"])), starts)}


def ours_to_module(damaged: bool) -> dict[str, Trial]:
    """As lrzsz's; the line damages the replies as well."""
    from cellbench.catalogue.model import Series
    from cellbench.catalogue.releases import newest
    from cellbench.host.xmodem import Check, Mode
    from tests.foreign.test_our_sender_module import deliver_ours

    def trial(mode: Mode, check: Check) -> Trial:
        def run(home: Path) -> str:
            home.mkdir()
            version, sent, _ = asyncio.run(deliver_ours(home, mode, check, SEED if damaged else None))
            right = version == newest(Series.LENA_R8).version and sent.check is check
            return "" if right else f"{version}, {sent}"
        return run

    return {f"{mode.value} {check.name}": trial(mode, check)
            for mode, check in itertools.product(Mode, Check)}


def ours_to_lrzsz(damaged: bool) -> dict[str, Trial]:
    """To rx with its own options; all that there are."""
    from tests.foreign.test_lrzsz import CASES, Case, trial

    def bound(case: Case) -> Trial:
        return lambda home: trial(case, home)

    return {f"{case.mode.value} {case.check.name}": bound(case) for case in CASES
            if case.program == "rx" and case.damaged is damaged}


def main() -> list[dict[str, object]]:
    """A row for each pair of peers, clean and damaged."""
    sys.path.insert(0, str(ROOT))
    rows: list[dict[str, object]] = []
    pairs = {"lrzsz's sender to the module": lrzsz_to_module, "our sender to the module": ours_to_module,
             "our sender to lrzsz's receiver": ours_to_lrzsz}
    with tempfile.TemporaryDirectory() as folder:
        for (what, trials), damaged in itertools.product(pairs.items(), (False, True)):
            line = "1 % of the bytes damaged" if damaged else "clean line"
            home = Path(folder) / str(len(rows))
            home.mkdir()
            rows.append(row(f"{what}, {line}", trials(damaged), home))
    return rows


if __name__ == "__main__":
    for found in main():
        print(found)
