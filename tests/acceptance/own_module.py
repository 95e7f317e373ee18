"""Bar: no exchanged wire lets an update meet another module than the slot's own."""

from __future__ import annotations

import copy
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from cellbench.base.errors import CellbenchError, UnitError
from cellbench.guardian.start import stop
from cellbench.host.errors import AtTimeout
from cellbench.host.transcript import Transcript
from cellbench.rig import destructive
from cellbench.rig.bench import Bench
from cellbench.rig.destructive import NotOurUnit, own_unit
from cellbench.rig.dut import Dut
from cellbench.rig.load import load_rig
from cellbench.rig.slot import PowerState, Slot
from cellbench.roots.farside import far_side

SUBJECT = "firmware"
BAR = ("The identity interlock with every set of wires exchanged between two slots, the neighbour on and "
       "off: never a proof; never a refusal where all is right, though the neighbour restarts all the time.")
SOAK = True

WIRES: dict[str, tuple[str, ...]] = {
    "USB": ("ports", "usb"), "UART": ("ports", "uart"), "V_INT": ("lines", "v_int"),
    "PWR_ON": ("lines", "pwr_on"), "supply": ("power", "channel")}
PROOFS = 20
BOOT_S = 5.0
SHORT = {"_GONE_S": 1.0, "_LATE_S": 1.0, "_NO_USB_S": 3.0, "_BESIDE_S": 2.0, "_TRIES": 2}
"""What never comes is not waited for long."""
_PULSE_S = 0.2


@contextmanager
def rack() -> Iterator[tuple[Path, dict[str, Any]]]:
    """A rack of two slots with a guardian of its own: its folder and its rig file."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["CELLBENCH_RUNTIME_DIR"] = str(folder / "run")
        os.environ["CELLBENCH_LOCK_DIR"] = str(folder / "locks")
        virtual = subprocess.Popen(
            [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "a=LARA-R6", "--slot",
             "b=LARA-R6", "--dir", str(folder / "rack"), "--end-with", str(os.getpid())],
            stdout=subprocess.PIPE, text=True)
        assert virtual.stdout is not None
        try:
            ready = json.loads(virtual.stdout.readline())
            yield folder, yaml.safe_load(Path(ready["rig_file"]).read_text())
            stop(folder / "run")
        finally:
            virtual.terminate()
            virtual.wait(20)
            virtual.stdout.close()


@contextmanager
def bench_of(folder: Path, model: dict[str, Any], wires: tuple[str, ...]) -> Iterator[Bench]:
    """A bench of the rig file in which these wires of both slots are exchanged."""
    changed = copy.deepcopy(model)
    for wire in wires:
        one, other = changed["slots"]["a"], changed["slots"]["b"]
        *path, last = WIRES[wire]
        for key in path:
            one, other = one[key], other[key]
        one[last], other[last] = other[last], one[last]
    file = folder / "rack" / "changed.yaml"
    file.write_text(yaml.safe_dump(changed, sort_keys=False))
    rig = load_rig(file)
    bench = Bench(rig, "own-module", os.getpid(), trace=lambda name: Transcript(),
                  events=lambda name: lambda *said: None, far_side_for=lambda name: far_side(rig, name))
    try:
        yield bench
    finally:
        bench.close(hard=True)


def outcome(bench: Bench, wires: tuple[str, ...], *, beside: bool) -> str:
    """What the interlock of slot a says; the module that is really in slot a is on."""
    slots = {name: bench.slot(name) for name in "ab"}
    for slot in slots.values():
        slot.supply_only()
        slot.drive("vusb_det", True)
        slot.timing.boot_max_s, slot.timing.power_off_max_s = BOOT_S, 1.0
        slot.state = PowerState.ON
    crossed = "PWR_ON" in wires
    for really, wanted in (("a", True), ("b", beside)):
        if wanted:
            slots[("b" if really == "a" else "a") if crossed else really].pulse("pwr_on", _PULSE_S)
    slot = slots["a"]
    for role in ("uart", "at0"):
        try:
            channel = slot.channel(role)
            channel.sync(BOOT_S)
            dut = Dut(slot, channel)
            dut.settle()
            own_unit(slot, dut)
        except NotOurUnit:
            return "another module named"
        except AtTimeout:
            continue
        except UnitError:
            return "the module does not start"
        except CellbenchError as error:
            return type(error).__name__
        return "proven"
    return "nothing answers"


def every_set(folder: Path, model: dict[str, Any]) -> dict[tuple[tuple[str, ...], bool], str]:
    """What is said of every set of exchanged wires."""
    found, began = {}, time.monotonic()
    for count in range(len(WIRES) + 1):
        for wires in itertools.combinations(WIRES, count):
            for beside in (False, True):
                with bench_of(folder, model, wires) as bench:
                    found[wires, beside] = outcome(bench, wires, beside=beside)
                print(f"{time.monotonic() - began:5.0f} s, {'+'.join(wires) or 'all right'}, neighbour "
                      f"{'on' if beside else 'off'}: {found[wires, beside]}", file=sys.stderr)
    return found


def beside_restarts(folder: Path, model: dict[str, Any]) -> int:
    """How many proofs of slot a succeed while slot b's module restarts without a pause."""
    good = 0
    with bench_of(folder, model, ()) as bench:
        one, other = _on(bench.slot("a")), _on(bench.slot("b"))
        done = threading.Event()

        def restart() -> None:
            while not done.is_set():
                other.reboot_only()

        thread = threading.Thread(target=restart)
        thread.start()
        try:
            for _ in range(PROOFS):
                one.slot.unit.proof = None
                try:
                    own_unit(one.slot, one)
                    good += 1
                except CellbenchError as error:
                    print(error, file=sys.stderr)
        finally:
            done.set()
            thread.join(60)
    return good


def _on(slot: Slot) -> Dut:
    slot.power_on()
    return Dut(slot, slot.channel("uart"))


def main() -> list[dict[str, object]]:
    """The figures of the bar."""
    for name, value in SHORT.items():
        setattr(destructive, name, value)
    with rack() as (folder, model):
        found = every_set(folder, model)
        good = beside_restarts(folder, model)
    every = tuple(WIRES)  # with all exchanged the slots have only exchanged their names
    wrong = [said for (wires, _), said in found.items() if wires not in ((), every)]
    right = [found[(), False], found[(), True], found[every, True]]
    told = ", ".join(f"{count} {said}" for said, count in Counter(wrong).most_common())
    return [
        {"what": "sets of exchanged wires, neighbour on and off", "goal": f"none of {len(wrong)} proven",
         "figure": told, "met": "proven" not in wrong and len(wrong) == 60},
        {"what": "no wire exchanged, or all of them", "goal": f"all of {len(right)} proven",
         "figure": f"{right.count('proven')} proven", "met": set(right) == {"proven"}},
        {"what": "proofs while the neighbour restarts all the time", "goal": f"all of {PROOFS}",
         "figure": str(good), "met": good == PROOFS},
    ]


if __name__ == "__main__":
    for row in main():
        print(row)
