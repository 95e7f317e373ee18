"""Bar: power cycles, mode switches and pulled cables in random order, with commands in between.

The rack, its truth about ports and the way a host follows are those of usb_reenumeration.py; here the host
itself switches: off by command, by PWR_ON and by cutting the supply, into another USB composition by command
and reboot, and the cable is pulled. After each step every AT port answers a few commands. At the end, as at
the beginning with everything off, the host, the guardian and the rack hold as many file descriptors and
threads, and the same locks.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from cellbench.base.errors import CellbenchError
from cellbench.host.channel import Channel
from cellbench.rig.dut import Dut

SUBJECT = "connectivity"
BAR = "300 power cycles, mode switches and pulled cables between: nothing leaked, each loss as what it was"
SOAK = True

EVENTS = {"off by command": 16, "off by pulse": 10, "supply cut": 14, "mode": 24, "unplug": 14, "replug": 14,
          "reset": 8}
POWER_SHARE = 0.4  # of the steps, at least
POWER_CYCLES = ("off by command", "off by pulse", "supply cut")
LOST_AS = {"supply cut": "power", "unplug": "unplug", "replug": "replug", "reset": "reset"}
MODES = {"r8": ('AT+SYSNV=1,"usbmode",2', 'AT+SYSNV=1,"usbmode",3', 'AT+SYSNV=1,"usbmode",5'),
         "r6": ("AT+USIO=0", "AT+USIO=1", "AT+USIO=2")}
COMMANDS = ("AT", "AT+CMEE=2", "AT+CGMM", "AT+CSQ", "AT+CPIN?", "AT+UPSV?", "AT+CGDCONT?", "AT+CCLK?")


@dataclass(slots=True)
class Held:
    """What the three processes hold."""

    descriptors: dict[str, int]
    threads: int
    locks: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What came of the steps of one slot."""

    steps: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    trouble: list[str] = field(default_factory=list)


def usb() -> ModuleType:
    """usb_reenumeration.py as a module."""
    name = "cellbench_usb_reenumeration"
    if name not in sys.modules:
        path = Path(__file__).with_name("usb_reenumeration.py")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # its dataclasses look themselves up there
        spec.loader.exec_module(module)
    return sys.modules[name]


def main(steps: int = 0, seed: int = 7) -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    steps = steps or int(os.environ.get("CELLBENCH_POWER_STEPS", "750"))
    ports = usb()
    scenes = ports._scene(seed)
    with scenes as scene:
        names = list(ports.SLOTS)
        found = [ports.Tally() for _ in names]
        for name in names:  # what is opened once and kept is open from here on
            ports._begin(scene, name, ports.Tally())
        _all_off(scene, names)
        before = _held(scene)
        shares = [steps // len(names) + (index < steps % len(names)) for index in range(len(names))]
        with ThreadPoolExecutor(len(names)) as pool:
            tallies = list(pool.map(lambda name, tally, share: _alone(scene, name, tally, share, seed),
                                    names, found, shares))
        _all_off(scene, names)
        after = _settled(scene, before)
    return _rows(ports.Tally.sum(found), tallies, steps, before, after)


def _all_off(scene: object, names: list[str]) -> None:
    for name in names:
        scene.slot(name).power_off(hard=True, cause="all off")  # type: ignore[attr-defined]
        scene.slot(name).close_channels()  # type: ignore[attr-defined]


def _alone(scene, name: str, tally, steps: int, seed: int) -> Tally:  # type: ignore[no-untyped-def]
    """The steps of one slot; those of the others go on meanwhile."""
    own, draw = Tally(), random.Random(f"{seed} {name}")
    for number, event in enumerate(_order(steps, draw)):
        where = f"step {number}, {name}, {event}"
        try:
            _step(scene, name, event, tally, own, draw, where)
        except (CellbenchError, RuntimeError, OSError) as error:
            own.trouble.append(f"{where}: {type(error).__name__}: {error}")
            usb()._mend(scene, name)
        own.steps[event] += 1
    return own


def _order(steps: int, draw: random.Random) -> list[str]:
    """Events in their shares, in random order."""
    apart = [event for event in EVENTS if event not in POWER_CYCLES]
    cycles = -int(-steps * POWER_SHARE // 1)
    found = draw.choices(POWER_CYCLES, [EVENTS[event] for event in POWER_CYCLES], k=cycles)
    found += draw.choices(apart, [EVENTS[event] for event in apart], k=steps - cycles)
    draw.shuffle(found)
    return found


def _step(scene, name, event, tally, own, draw, where) -> None:  # type: ignore[no-untyped-def]
    ports, slot = usb(), scene.slot(name)
    if not slot.is_powered():
        slot.power_on()
        ports._follow(scene, name, tally, where)
    dut = Dut(slot, slot.channel("at0"))
    if event in LOST_AS:
        if event == "reset":  # compositions are chosen by command here
            scene.ctl("reset", name)
        else:
            ports._take_away(scene, name, LOST_AS[event])
        ports._notice(scene, name)
        loss = ports.explain_loss(slot, ports.EXPLAIN_S)
        if loss.cause is not ports.CAUSES[LOST_AS[event]]:
            tally.wrong_causes.append(f"{where}: told as {loss.cause.value} ({loss.seen})")
        ports._bring_back(scene, name, LOST_AS[event], tally, where)
    elif event == "mode":
        dut.ensure(draw.choice(MODES[name.split("-")[0]]))
        dut.reboot()
    else:
        slot.power_off(cause=event) if event == "off by command" else _off_by_pulse(dut)
        slot.power_on()
    ports._follow(scene, name, tally, where)
    for role in draw.sample([role for role in slot.channels if role.startswith("at")], 1):
        own.commands += _talk(slot.channel(role), draw)


def _off_by_pulse(dut: Dut) -> None:
    """PWR_ON held low; then the supply, when V_INT has fallen."""
    slot = dut.slot
    slot.wait_minimum_on()
    slot.pulse("pwr_on", slot.profile.power.pwr_off_pulse_s.value + 0.1)
    slot.wait_v_int(False, slot.timing.power_off_max_s)
    slot.power_off(hard=True, cause="the module has switched itself off")


def _talk(channel: Channel, draw: random.Random) -> int:
    lines = draw.sample(COMMANDS, 4)
    for line in lines:
        channel.send(line)
    return len(lines)


def _held(scene) -> Held:  # type: ignore[no-untyped-def]
    processes = {"host": os.getpid(), "rack": scene.program.pid,
                 "guardian": scene.bench.guardian().guardian_pid}
    return Held({name: len(list(Path(f"/proc/{pid}/fd").iterdir())) for name, pid in processes.items()},
                threading.active_count(),
                tuple(sorted(path.name for path in Path(os.environ["CELLBENCH_LOCK_DIR"]).iterdir())))


def _settled(scene, wanted: Held) -> Held:  # type: ignore[no-untyped-def]
    """What is held when nothing more is let go; a reader's thread takes a moment to end."""
    until = time.monotonic() + 10.0
    found = _held(scene)
    while found != wanted and time.monotonic() < until:
        time.sleep(0.05)
        found = _held(scene)
    return found


def _rows(found, tallies: list[Tally], steps: int, before: Held, after: Held) -> list[dict[str, object]]:  # type: ignore[no-untyped-def]
    counted: Counter[str] = sum((tally.steps for tally in tallies), Counter())
    cycles = sum(counted[name] for name in POWER_CYCLES)
    trouble = [one for tally in tallies for one in tally.trouble] + found.trouble
    row = usb()._row
    leaks = [f"{name}: {count} before, {after.descriptors[name]} after"
             for name, count in before.descriptors.items() if after.descriptors[name] > count]
    return [
        row("power cycles", f"{steps * POWER_SHARE:.0f}", f"{cycles}, of {sum(counted.values())} steps ("
            + ", ".join(f"{count} {name}" for name, count in sorted(counted.items())) + "), with "
            f"{sum(tally.commands for tally in tallies)} commands in between",
            sum(counted.values()) == steps and cycles >= int(steps * POWER_SHARE)),
        row("wrong ports", "0", usb()._shown(found.wrong_ports, found.ports), not found.wrong_ports),
        row("losses told as something else", "0",
            usb()._shown(found.wrong_causes, sum(counted[name] for name in LOST_AS)), not found.wrong_causes),
        row("file descriptors leaked", "0", "; ".join(leaks) or "0", not leaks),
        row("threads leaked", "0", f"{max(0, after.threads - before.threads)}",
            after.threads <= before.threads),
        row("locks left", "none", ", ".join(sorted(set(after.locks) - set(before.locks))) or "none",
            not set(after.locks) - set(before.locks)),
        row("other trouble", "none", "; ".join(trouble[:3]) or "none", not trouble),
    ]


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]  # steps, seed
    for line in main(*numbers):
        print(f"{line['what']:<32} {line['goal']:<6} {line['figure']}  {'met' if line['met'] else 'MISSED'}")
