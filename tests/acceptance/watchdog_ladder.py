"""Bar: the full-stack watchdog's ladder heals what one countermeasure alone cures, and climbs no higher.

    python tests/acceptance/watchdog_ladder.py [repetitions] [fault ...]
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from cellbench.api import CallFlow, Level, PppLink, SlotHands, SocketFlow, Watchdog, slot_watchdog  # noqa: E402
from cellbench.base.errors import CellbenchError  # noqa: E402
from cellbench.base.trace import Direction  # noqa: E402
from cellbench.catalogue.watchdog import Deed  # noqa: E402
from cellbench.guardian.start import stop as stop_guardian  # noqa: E402
from cellbench.host.transcript import Transcript  # noqa: E402
from cellbench.rig.bench import Bench  # noqa: E402
from cellbench.rig.dut import Dut  # noqa: E402
from cellbench.rig.load import load_rig  # noqa: E402
from cellbench.roots.farside import far_side  # noqa: E402
from cellbench.virtual.control.client import request  # noqa: E402

SUBJECT = "field"
BAR = ("The watchdog ladder: for each distinct action a fault that only it heals; levels that share +CFUN "
       "told apart by symptom; recovered every time in 50 repetitions, no needless higher level used.")
SOAK = True
REPETITIONS = 50
SERIES = ("LENA-R8", "LARA-R6")
PARTS = (("firmware",), ("socket", "context", "registration", "at"), ("call", "bearer", "radio"))
"""What one slot of each series does; the slots work at once."""
READY_S = 90.0
HEALED_BY: Mapping[str, Level] = {
    "socket": Level.SOCKET, "call": Level.DIAL_UP, "context": Level.CONTEXT, "bearer": Level.ATTACH,
    "registration": Level.REGISTRATION, "radio": Level.RADIO, "firmware": Level.FIRMWARE, "at": Level.AT,
}
DEEDS: Mapping[str, tuple[Deed, ...]] = {
    "socket": (Deed.REOPEN,), "call": (Deed.REDIAL,), "context": (Deed.REACTIVATE,),
    "bearer": (Deed.REATTACH,), "registration": (Deed.REATTACH,), "radio": (Deed.REATTACH,),
    "firmware": (Deed.REATTACH, Deed.REBOOT), "at": (Deed.SWITCH_OFF,),
}
CYCLES = {"bearer": 1, "registration": 1, "radio": 1, "firmware": 1}  # of the radio, as the traces show them
BOOTS = {"firmware": 1, "at": 1}  # as the module counts them
DATA_CID = 2  # on neither series the initial one


@dataclass(slots=True)
class Tally:
    """What came of the repetitions, by fault and series."""

    took_s: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    trouble: list[str] = field(default_factory=list)
    milder: list[str] = field(default_factory=list)  # faults that a milder countermeasure cured
    tried_milder: int = 0


class Scene:
    """A rack with a slot for each part of each series."""

    def __init__(self, folder: Path, slots: Mapping[str, str]) -> None:
        self.rack, self.runtime = folder / "rack", folder / "run"
        os.environ["CELLBENCH_RUNTIME_DIR"] = str(self.runtime)
        os.environ["CELLBENCH_LOCK_DIR"] = str(folder / "locks")
        asked = [word for name, series in slots.items() for word in ("--slot", f"{name}={series}")]
        self.program = subprocess.Popen(
            [sys.executable, "-m", "cellbench", "virtual", "up", *asked, "--dir", str(self.rack), "--timing",
             "fast", "--end-with", str(os.getpid())], stdout=subprocess.PIPE, text=True)
        assert self.program.stdout is not None
        json.loads(self.program.stdout.readline())
        self.rig = load_rig(self.rack / "rig.yaml")
        self.traces = {name: Transcript() for name in slots}
        self.bench = Bench(
            rig=self.rig, run="watchdog", controller_pid=os.getpid(), trace=self.traces.__getitem__,
            events=lambda name: lambda what, detail, values: None,
            far_side_for=lambda name: far_side(self.rig, name))

    def close(self) -> None:
        """End everything."""
        self.bench.close(hard=True, cause="end")
        stop_guardian(self.runtime)
        self.program.terminate()
        self.program.wait(READY_S)
        if self.program.stdout is not None:
            self.program.stdout.close()


class Patient:
    """One module with an application, and the ladder that looks after it."""

    def __init__(self, scene: Scene, name: str) -> None:
        self.scene, self.name = scene, name
        slot = scene.bench.slot(name)
        slot.power_on()
        self.dut = Dut(slot, slot.channel(slot.roles()[0]))
        self.dut.settle()
        self.dut.register()
        self.dut.activate(DATA_CID, apn=scene.rig.model.network_of(name).apn)  # type: ignore[union-attr]

    def ctl(self, verb: str, **values: str) -> dict[str, str]:
        """One verb of the control room; its facts."""
        answer = request(self.scene.rack, verb, values, slot=self.name)
        if not answer["ok"]:
            raise RuntimeError(f"{verb} {values}: {answer['error']}")
        return dict(line.split("=", 1) for line in str(answer.get("text") or "").splitlines() if "=" in line)

    def dog(self, fault: str) -> Watchdog:
        """The ladder for the application that a fault is about."""
        services = self.scene.rig.model.services
        if fault != "call":
            echo = services["echo"]
            socket = SocketFlow(lambda: self.dut.at, str(echo.host), int(echo.port or 7), cid=DATA_CID)
            return slot_watchdog(self.dut, socket, cid=DATA_CID)
        target = str(services["icmp"].host)

        def reaches(link: PppLink, timeout_s: float) -> bool:
            until = time.monotonic() + timeout_s
            while time.monotonic() < until:
                if any(ping.answered for ping in link.ping(target, timeout_s=1.0)):
                    return True
            return False

        flow = CallFlow(lambda: self.dut.ppp(DATA_CID, port="uart"), reaches)
        return slot_watchdog(self.dut, flow, hands=SlotHands(self.dut, "at0"), cid=DATA_CID)

    def flips(self) -> int:
        """How often the radio was switched off by command, as the traces show it."""
        sent = b"".join(record.data for record in self.scene.traces[self.name].records()
                        if record.direction is Direction.TX)
        return sent.count(b"AT+CFUN=0\r")

    def once(self, fault: str, tally: Tally, *, milder: bool) -> None:
        """One fault, one recovery."""
        dog = self.dog(fault)
        if self.ctl("report", what="stuck")["stuck"]:
            raise RuntimeError("something is stuck before the fault")
        dog.flow.open()
        if not dog.flow.works(dog.waits.data_s):
            raise RuntimeError("no data before the fault")
        self.scene.traces[self.name].clear()
        boots = int(self.ctl("report", what="module")["boots"])
        self.ctl("fault", stuck=fault, **({"cid": str(DATA_CID)} if fault == "context" else {}))
        if milder and fault not in ("socket", "call", "at"):
            tally.tried_milder += 1
            if self._milder_helps(dog, fault):
                tally.milder.append(f"{fault} on {self.name}")
        recovery = dog.recover()
        flips, boots = self.flips(), int(self.ctl("report", what="module")["boots"]) - boots
        dog.flow.drop()
        wrong = []
        if recovery.error is not None:
            wrong.append(f"not recovered: {recovery.error}")
        if recovery.healed_by is not HEALED_BY[fault]:
            wrong.append(f"healed by {recovery.healed_by}")
        if tuple(step.deed for step in recovery.steps) != DEEDS[fault]:
            wrong.append(f"needless: {[str(step) for step in recovery.steps]}")
        if (flips, boots) != (CYCLES.get(fault, 0), BOOTS.get(fault, 0)):
            wrong.append(f"{flips} radio cycles, {boots} boots")
        if wrong:
            raise RuntimeError("; ".join(wrong))
        tally.took_s[fault, self.dut.profile.series.value].append(recovery.steps[-1].took_s)

    def _milder_helps(self, dog: Watchdog, fault: str) -> bool:
        """Whether opening the socket anew, or what lies between it and the fault's own cure, helps."""
        with suppress(CellbenchError):
            dog.flow.open()
        if dog.flow.works(dog.waits.notice_s):
            return True
        dog.flow.drop()
        if fault == "context":
            return False
        at = self.dut.at
        at.send(f"AT+CGACT=0,{DATA_CID}", check=False)
        at.send(f"AT+CGACT=1,{DATA_CID}", check=False)
        with suppress(CellbenchError):
            dog.flow.open()
        return dog.flow.works(dog.waits.notice_s)


def _patient(scene: Scene, name: str, faults: Sequence[str], repetitions: int, tally: Tally) -> None:
    """All repetitions of one slot; what goes wrong is written down, and the module begins anew."""
    patient = Patient(scene, name)
    for number in range(repetitions):
        for fault in faults:
            began = time.monotonic()
            try:
                patient.once(fault, tally, milder=number == 0)
            except (CellbenchError, RuntimeError, OSError) as error:
                tally.trouble.append(f"{fault} on {name}, {number}: {type(error).__name__}: {error}")
                scene.bench.slot(name).power_off(hard=True, cause="trouble")
                patient = Patient(scene, name)
            _say(f"{name} {number} {fault}: {time.monotonic() - began:.1f} s {tally.trouble[-1:]}")


def _say(text: str) -> None:
    """For people who want to watch."""
    if os.environ.get("CELLBENCH_WATCHDOG_TALK"):
        print(text, file=sys.stderr, flush=True)


@contextmanager
def _scene(slots: Mapping[str, str]) -> Iterator[Scene]:
    before = dict(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="watchdog-"))
    scene = Scene(folder, slots)
    try:
        yield scene
    finally:
        scene.close()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


def main(repetitions: int = REPETITIONS, work: Mapping[str, Sequence[str]] | None = None
         ) -> list[dict[str, object]]:
    """A row for each fault, and what else the bar wants; ``work``: faults by slot, a slot's name begins with
    its series."""
    work = work or {f"{series.lower()}-{number}": part for series in SERIES
                    for number, part in enumerate(PARTS, 1)}
    slots = {name: name[:7].upper() for name in work}
    tally = Tally()
    with _scene(slots) as scene, ThreadPoolExecutor(len(slots)) as pool:
        done = [pool.submit(_patient, scene, name, faults, repetitions, tally)
                for name, faults in work.items()]
        for one in done:
            one.result()
    return _rows(tally, repetitions, work)


def _rows(tally: Tally, repetitions: int, work: Mapping[str, Sequence[str]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for fault, level in HEALED_BY.items():
        asked = {name[:7].upper(): repetitions for name, faults in work.items() if fault in faults}
        if not asked:
            continue
        figures = []
        for series, wanted in asked.items():
            took = tally.took_s[fault, series]
            times = f", median {statistics.median(took):.1f} s, at most {max(took):.1f} s" if took else ""
            figures.append(f"{series}: {len(took)} of {wanted}{times}")
        rows.append({"what": f"fault {fault}", "figure": "; ".join(figures),
                     "goal": f"healed by {level.value} alone, {repetitions} times a series",
                     "met": all(len(tally.took_s[fault, series]) == wanted
                                for series, wanted in asked.items())})
    rows.append({"what": "milder countermeasures", "goal": "cure none of these faults",
                 "figure": f"{len(tally.milder)} of {tally.tried_milder} tried" + (
                     f": {', '.join(tally.milder)}" if tally.milder else ""), "met": not tally.milder})
    rows.append({"what": "trouble", "goal": "none", "figure": " | ".join(tally.trouble[:3]) or "none",
                 "met": not tally.trouble})
    return rows


if __name__ == "__main__":
    count, names = int(sys.argv[1]) if sys.argv[1:] else 1, sys.argv[2:] or list(HEALED_BY)
    for row in main(count, {f"{series.lower()}-1": names for series in SERIES}):
        print(f"{row['what']:<24} {row['figure']}  {'met' if row['met'] else 'MISSED'}")
