"""Bar: modules leave USB and come back at random: with other names, in another order, late, in another
composition. Never a wrong port, never a hang, each loss reported as what it was.

A rack of five modules shows every composition of both series and product grades. Each step takes a module
off USB (cable pulled, cable pulled and pushed in at once, hub gone, module reset, supply cut, boot into
download mode), asks the host what it was, and has the host follow. The truth is the rack's: which node
carries which role, and each module's IMEI, read past the host's own way of finding ports. The slots go on at
the same time, so that node names wander from module to module.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError
from cellbench.guardian.start import stop as stop_guardian
from cellbench.host.transcript import Transcript
from cellbench.io.pipe import PortLost
from cellbench.io.serial_port import SerialPort
from cellbench.rig.bench import Bench
from cellbench.rig.load import load_rig
from cellbench.rig.slot import Slot
from cellbench.rig.usb_loss import LossCause, explain_loss
from cellbench.rig.usb_view import UsbAbsent, UsbTrouble
from cellbench.roots.farside import far_side
from cellbench.virtual.bench.usb_layout import link_names
from cellbench.virtual.control.client import request

SUBJECT = "bench"
BAR = "1,000 random re-enumerations over all compositions: no wrong port, no hang, each loss as what it was"
SOAK = True

SLOTS = {"r8": "LENA-R8", "r6-00b": "LARA-R6:LARA-R6001", "r6-01b": "LARA-R6:LARA-R6801D",
         "r6-00b-2": "LARA-R6:LARA-R6001", "r6-01b-2": "LARA-R6:LARA-R6801D"}
KINDS = ("r8", "r6-00b", "r6-01b")
TWIN_PORT = {"r8": "30", "r6-00b": "29", "r6-01b": "28", "r6-00b-2": "27", "r6-01b-2": "26"}
STEP_S = 60.0  # a step that takes longer hangs
BACK_S = 30.0
EXPLAIN_S = 4.0  # modules boot within a second at the fast pace
LOST_S = 10.0
HUB_EVERY = 25
NO_UART = ("USIO 3", "USIO 4")  # compositions without the main UART
SHARES = {"r8": 24, "r6-00b": 19, "r6-01b": 19, "r6-00b-2": 19, "r6-01b-2": 19}  # percent
EVENTS = {"unplug": 30, "replug": 22, "reset": 22, "power": 3, "download": 5, "twin": 6}
CAUSES = {"unplug": LossCause.UNPLUGGED, "replug": LossCause.UNPLUGGED, "hub": LossCause.HUB_GONE,
          "reset": LossCause.MODULE_RESET, "power": LossCause.POWER_CUT, "download": LossCause.DOWNLOAD,
          "twin": LossCause.UNPLUGGED}


@dataclass(slots=True)
class Tally:
    """What came of the steps."""

    steps: Counter[str] = field(default_factory=Counter)
    shown: set[str] = field(default_factory=set)
    ports: int = 0
    wrong_ports: list[str] = field(default_factory=list)
    wrong_causes: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)

    @classmethod
    def sum(cls, tallies: list[Tally]) -> Tally:
        """Those of all slots."""
        whole = cls()
        for one in tallies:
            whole.steps.update(one.steps)
            whole.shown |= one.shown
            whole.ports += one.ports
            for name in ("wrong_ports", "wrong_causes", "hangs", "trouble", "took_s"):
                getattr(whole, name).extend(getattr(one, name))
        return whole


class Scene:
    """The rack, the host's bench on it, the truth about each module."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.draws = {name: random.Random(f"{seed} {name}") for name in SLOTS}
        self.rack = folder / "rack"
        self.runtime = folder / "run"
        os.environ["CELLBENCH_RUNTIME_DIR"] = str(self.runtime)
        os.environ["CELLBENCH_LOCK_DIR"] = str(folder / "locks")
        asked = [part for name, series in SLOTS.items() for part in ("--slot", f"{name}={series}")]
        self.program = subprocess.Popen(
            [sys.executable, "-m", "cellbench", "virtual", "up", *asked, "--dir", str(self.rack), "--timing",
             "fast", "--seed", str(seed), "--end-with", str(os.getpid())], stdout=subprocess.PIPE, text=True)
        assert self.program.stdout is not None
        json.loads(self.program.stdout.readline())
        self.rig = load_rig(self.rack / "rig.yaml")
        self.traces = {name: Transcript() for name in SLOTS}
        self.bench = Bench(
            rig=self.rig, run="usb", controller_pid=os.getpid(), trace=self.traces.__getitem__,
            events=lambda name: lambda what, detail, values: None,
            far_side_for=lambda name: far_side(self.rig, name))
        self.imei: dict[str, str] = {}
        self.compositions = {name: _selectors(self.slot(name)) for name in SLOTS}
        self.waiting = {name: list(found) for name, found in self.compositions.items()}

    def slot(self, name: str) -> Slot:
        """A slot, leased."""
        return self.bench.slot(name)

    def ctl(self, verb: str, slot: str | None = None, **values: str) -> dict[str, str]:
        """One verb of the control room; its facts."""
        answer = request(self.rack, verb, values, slot=slot)
        if not answer["ok"]:
            raise RuntimeError(f"{verb} {values}: {answer['error']}")
        return dict(line.split("=", 1) for line in str(answer.get("text") or "").splitlines())

    def truth(self, name: str) -> dict[str, str]:
        """Node of each port by its true role, when all of them are up."""
        until = time.monotonic() + BACK_S
        while (facts := self.ctl("report", name, what="usb-nodes")).get("complete") != "yes":
            if time.monotonic() > until:
                raise RuntimeError(f"{name}: the rack itself does not show all ports: {facts}")
            time.sleep(0.01)
        return facts

    def close(self) -> None:
        """End everything."""
        self.bench.close(hard=True, cause="end")
        stop_guardian(self.runtime)
        self.program.terminate()
        self.program.wait(20)


def _selectors(slot: Slot) -> list[str]:
    """All compositions that the module can be told to show."""
    return [f"{one.ordering.strip('-')}/{one.selected_by}" if one.ordering else one.selected_by
            for one in slot.profile.usb if one.selected_by != "usb_boot" and _own(slot, one.ordering)]


def _kind(name: str) -> str:
    """Which of the three kinds of modules is in a slot."""
    return name.removesuffix("-2")


def _own(slot: Slot, ordering: str) -> bool:
    """The grade that this slot's module is of: the rack's LARA-R6001 is an 00B, its LARA-R6801D an 01B."""
    return not ordering or ordering == ("-00B" if _kind(slot.name) == "r6-00b" else "-01B")


def main(steps: int = 0, seed: int = 1, *, quick: bool = False) -> list[dict[str, object]]:
    """Rows: what, goal, figure, met. ``quick`` leaves out a cable that stays out of a module without UART:
    that takes the whole time in which it might come back from a reset."""
    steps = steps or int(os.environ.get("CELLBENCH_USB_STEPS", "1000"))
    with _scene(seed) as scene:
        apart = steps - max(1, steps // HUB_EVERY)
        shares = {name: apart * share // 100 for name, share in SHARES.items()}
        shares["r6-01b"] += apart - sum(shares.values())
        with ThreadPoolExecutor(len(SLOTS)) as pool:
            tallies = list(pool.map(lambda name: _alone(scene, name, shares[name], quick), SLOTS))
        for number in range(steps - apart):  # what concerns all slots at once
            _step(scene, scene.random.choice(list(SLOTS)), number, tallies[0], "hub")
    return _rows(Tally.sum(tallies), steps)


def _alone(scene: Scene, name: str, steps: int, quick: bool) -> Tally:
    """The steps of one slot; those of the others go on meanwhile."""
    tally = Tally()
    _begin(scene, name, tally)
    events = [event for event in EVENTS if event != "download" or name == "r8"]
    draw = scene.draws[name]
    for number in range(steps):
        event = draw.choices(events, [EVENTS[one] for one in events])[0]
        without_uart = scene.slot(name).ports.view(BACK_S).composition.name in NO_UART
        if quick and without_uart and event in ("unplug", "twin"):
            event = "replug"
        _step(scene, name, number, tally, event)
    return tally


@contextmanager
def _scene(seed: int) -> Iterator[Scene]:
    before = dict(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="cellbench-usb-"))
    scene = Scene(folder, seed)
    try:
        yield scene
    finally:
        scene.close()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


def _begin(scene: Scene, name: str, tally: Tally) -> None:
    scene.slot(name).power_on()
    scene.imei[name] = _ask_imei(Path(scene.truth(name)["at0"]))
    _follow(scene, name, tally, "begin")


def _step(scene: Scene, name: str, number: int, tally: Tally, event: str) -> None:
    where = f"step {number}, {name}, {event}"
    began = time.monotonic()
    try:
        _lose_and_return(scene, name, event, tally, where)
    except (CellbenchError, RuntimeError, OSError) as error:
        tally.trouble.append(f"{where}: {type(error).__name__}: {error}")
        _say(tally.trouble[-1])
        _mend(scene, name)
    took = time.monotonic() - began
    tally.steps[event] += 1
    _say(f"{where}: {took:.2f} s")
    tally.took_s.append(took)
    if took > STEP_S:
        tally.hangs.append(f"{where}: {took:.0f} s")


def _say(text: str) -> None:
    """For people who want to watch."""
    if os.environ.get("CELLBENCH_USB_TALK"):
        print(text, file=sys.stderr, flush=True)


def _lose_and_return(scene: Scene, name: str, event: str, tally: Tally, where: str) -> None:
    _take_away(scene, name, event)
    _notice(scene, name)
    loss = explain_loss(scene.slot(name), EXPLAIN_S)
    if loss.cause is not CAUSES[event]:
        tally.wrong_causes.append(f"{where}: told as {loss.cause.value} ({loss.seen})")
    _bring_back(scene, name, event, tally, where)
    _follow_all(scene, tuple(SLOTS) if event == "hub" else (name,), tally, where)


def _follow_all(scene: Scene, names: tuple[str, ...], tally: Tally, where: str) -> None:
    """Slots that come back together are followed together."""
    apart = [Tally() for _ in names]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name, own: _follow(scene, name, own, where), names, apart))
    found = Tally.sum(apart)
    tally.ports += found.ports
    tally.shown |= found.shown
    tally.wrong_ports += found.wrong_ports


def _lateness(draw: random.Random) -> dict[str, str]:
    """How late device and nodes shall come this time."""
    return {"delay": f"{draw.choice([0, 0, 0.1, 0.3]):g}", "udev": f"{draw.choice([0, 0, 0.02, 0.05]):g}"}


def _take_away(scene: Scene, name: str, event: str) -> None:
    if event in ("unplug", "replug", "twin"):
        scene.ctl("usb", name, state="unplug", **_lateness(scene.draws[name]))
        if event == "replug":
            scene.ctl("usb", name, state="plug")
        elif event == "twin":  # the same ids elsewhere: the module's own, and the gadget that shares another
            scene.ctl("usb-gadget", place=TWIN_PORT[name], id="0525:a4a7")
    elif event == "hub":
        scene.ctl("usb-hub", state="off")
    elif event == "power":
        scene.ctl("power", name, state="off")
    else:
        if event == "download":
            scene.ctl("line", name, name="usb_boot", state="on")
        elif scene.draws[name].random() < 0.6:
            scene.ctl("usb", name, shows=_next_composition(scene, name))
        scene.ctl("reset", name)


def _next_composition(scene: Scene, name: str) -> str:
    if not scene.waiting[name]:
        scene.waiting[name] = list(scene.compositions[name])
    return scene.waiting[name].pop(scene.draws[name].randrange(len(scene.waiting[name])))


def _notice(scene: Scene, name: str) -> None:
    """The host's open port must tell that it is gone."""
    channel = scene.slot(name).channels["at0"]
    deadline = Deadline.after(LOST_S)
    while channel.lost is None:
        try:
            channel.wait_until(lambda: channel.lost is not None, 0.05)
        except PortLost:
            return
        if deadline.expired:
            raise RuntimeError("the open port does not tell that it is gone")


def _bring_back(scene: Scene, name: str, event: str, tally: Tally, where: str) -> None:
    slot = scene.slot(name)
    if event == "twin":
        try:
            view = slot.ports.view(0.2)
            tally.wrong_ports.append(f"{where}: {view.device.words} at {view.device.location} was taken")
        except (UsbAbsent, UsbTrouble):
            scene.ctl("usb-gadget", place=TWIN_PORT[name], state="unplug")
    if event in ("unplug", "twin"):
        scene.ctl("usb", name, state="plug")
    elif event == "hub":
        scene.ctl("usb-hub", state="on")
    elif event == "power":
        slot.power_off(hard=True, cause="cut by the test")
        scene.ctl("usb", name, shows="settings")  # a composition without the UART cannot be switched on by it
        slot.power_on()
    elif event == "download":
        view = slot.ports.view(BACK_S)
        nodes = scene.truth(name)
        tally.shown.add(f"{_kind(name)}: {view.composition.name}")
        tally.ports += 1
        if "at0" in slot.roles() or str(view.nodes[0]) != nodes["fw-update0"]:
            tally.wrong_ports.append(f"{where}: download mode is taken for AT ports")
        scene.ctl("line", name, name="usb_boot", state="off")
        slot.close_channels()
        slot.power_off(hard=True, cause="download mode has no orderly switch-off")
        slot.power_on()


def _follow(scene: Scene, name: str, tally: Tally, where: str) -> None:
    """Every AT port is opened anew by the host and talked to; every role's node is compared."""
    slot = scene.slot(name)
    first = slot.channel("at0")
    first.sync(BACK_S)
    slot.ports.view(BACK_S)
    roles = [role for role in slot.roles() if role.startswith("at")]
    for role in [role for role in slot.channels if role.startswith("at") and role not in roles]:
        slot.ports.drop(role)
    truth = scene.truth(name)
    view = slot.ports.view()
    tally.shown.add(f"{_kind(name)}: {view.composition.name}")
    if truth["composition"] != view.composition.name:
        tally.wrong_ports.append(f"{where}: taken for {view.composition.name}, it is {truth['composition']}")
    found = dict(zip(link_names([port.role for port in view.ports()]), view.ports(), strict=True))
    for label, port in found.items():
        tally.ports += 1
        if str(port.node) != truth.get(label):
            tally.wrong_ports.append(f"{where}: {label} is {truth.get(label)}, found {port.node}")
    for role in roles:
        channel = slot.channel(role)
        channel.sync(BACK_S)
        imei = channel.send("AT+CMEE=2;+CGSN").text
        if imei != scene.imei[name] or channel.port_name != truth[role]:
            tally.wrong_ports.append(f"{where}: {role} on {channel.port_name} says IMEI {imei}")
    if view.composition.name not in NO_UART:
        uart = slot.channel("uart")
        uart.sync(BACK_S)
        uart.send("AT+CMEE=2")


def _mend(scene: Scene, name: str) -> None:
    """After trouble: everything as at the beginning, so that one fault is counted once."""
    scene.ctl("usb-hub", state="on")
    if name == "r8":
        scene.ctl("line", name, name="usb_boot", state="off")
    scene.ctl("usb", name, state="plug", delay="0", udev="0", shows="settings")
    slot = scene.slot(name)
    slot.power_off(hard=True, cause="after trouble")
    slot.power_on()
    _follow(scene, name, Tally(), "after trouble")


def _ask_imei(node: Path) -> str:
    """AT+CGSN past the host's channels."""
    port = SerialPort(node)
    port.open()
    try:
        deadline, heard = Deadline.after(5.0), b""
        port.write(b"AT+CGSN\r", deadline)
        while b"OK\r\n" not in heard and not deadline.expired:
            heard += port.read(4096, 0.2)
    finally:
        port.close()
    return next(line.decode() for line in heard.split(b"\r\n") if line.strip().isdigit())


def _rows(tally: Tally, steps: int) -> list[dict[str, object]]:
    all_shown = sum(len(_known(name)) for name in KINDS)
    kinds = ", ".join(f"{count} {event}" for event, count in sorted(tally.steps.items()))
    return [
        _row("re-enumerations", f"{steps}", f"{sum(tally.steps.values())} ({kinds})",
             sum(tally.steps.values()) == steps),
        _row("compositions shown", f"{all_shown}", f"{len(tally.shown)}",
             len(tally.shown) == all_shown or steps < 500),
        _row("wrong ports", "0", _shown(tally.wrong_ports, tally.ports), not tally.wrong_ports),
        _row("losses told as something else", "0", _shown(tally.wrong_causes, steps), not tally.wrong_causes),
        _row("hangs", "0", f"{len(tally.hangs)}; a step took {max(tally.took_s):.1f} s at most, "
             f"{statistics.median(tally.took_s):.2f} s in the middle", not tally.hangs),
        _row("other trouble", "none", "; ".join(tally.trouble[:3]) or "none", not tally.trouble),
    ]


def _known(name: str) -> list[str]:
    """Compositions of a slot's module, download mode included."""
    from cellbench.catalogue.model import Series
    from cellbench.catalogue.modules import profile_for

    series, _, variant = SLOTS[name].partition(":")
    profile = profile_for(Series(series), variant or None)
    grade = {"r6-00b": "-00B", "r6-01b": "-01B"}.get(name, "")
    return [one.name for one in profile.usb if one.ordering == grade]


def _shown(wrong: list[str], of: int) -> str:
    return f"{len(wrong)} of {of}" + (f": {'; '.join(wrong[:3])}" if wrong else "")


def _row(what: str, goal: str, figure: str, met: bool) -> dict[str, object]:
    return {"what": what, "goal": goal, "figure": figure, "met": met}


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]  # steps, seed
    for row in main(*numbers):
        print(f"{row['what']:<32} {row['goal']:<6} {row['figure']}  {'met' if row['met'] else 'MISSED'}")
