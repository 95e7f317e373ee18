"""The identity interlock: one slot after the other is switched on alone, and only its own wires tell of it.

Everything off first. Then one slot's supply and PWR_ON, all others held still: its own current rises, its own
V_INT, its own USB path appears, its own UART answers. Anything else is a wire at the wrong place; the others'
PWR_ON lines are then tried with the same supply, until something starts, so that the sentence can name both
ends.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, NotPossible
from cellbench.host.channel import Channel
from cellbench.instruments.kinds import Ability, find_kind
from cellbench.io.usb import list_devices
from cellbench.rig.bench import Bench
from cellbench.rig.interlock_signs import RISE_A, Mistake, Signs, misplaced
from cellbench.rig.slot import Slot

_START_S = 4.0  # V_INT and the supply current rise within this after PWR_ON, or the module has not started
_SETTLE_S = 0.5  # nothing else may appear so shortly after
_HOLD_S = 30.0
_LOOK_S = 0.05
_MARGIN_S = 0.05
_UART_S = 2.0
_GONE_S = 10.0
_ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one slot; without mistakes it is what the file says."""

    slot: str
    told: str
    mistakes: tuple[Mistake, ...] = ()


class Interlock:
    """Works on an open bench; ``only`` limits which slots are switched on, all are held."""

    def __init__(self, bench: Bench, only: tuple[str, ...] = ()) -> None:
        self._bench = bench
        self._names = tuple(bench.rig.model.slots)
        self._tried = only or self._names
        self._imeis: dict[str, str] = {}

    def verdicts(self) -> Iterator[Verdict]:
        """One slot after the other; NotPossible, before anything is switched, where a slot cannot be told."""
        for name in self._tried:
            refuse(self._bench, name)
        slots = {
            name: self._bench.slot(name) for name in self._names
        }  # all leased: nobody else switches them
        for slot in slots.values():
            if slot.model.power is not None:
                slot.power_off(cause="interlock begins from off")
        yield from self._quiet(slots)
        for name in self._tried:
            yield self._try(slots, name)

    # -- all off -----------------------------------------------------------------------------------

    def _quiet(self, slots: dict[str, Slot]) -> Iterator[Verdict]:
        """With every supply off, nothing may look alive."""
        for name, slot in slots.items():
            usb = slot.model.ports.usb
            if slot.model.power is None or (usb is None and "v_int" not in slot.model.lines.read()):
                continue
            deadline = Deadline.after(_GONE_S)
            while (alive := self._alive(slot)) and not deadline.expired:
                time.sleep(_LOOK_S)
            if alive:
                yield Verdict(
                    name,
                    "alive with its supply off",
                    (
                        Mistake(
                            ("slots", name, alive[0]),
                            f"every supply is off, and {alive[1]}",
                            "something else feeds it (a supply, its USB cable), or the wire is another's",
                        ),
                    ),
                )

    def _alive(self, slot: Slot) -> tuple[str, str] | None:
        usb = slot.model.ports.usb
        if usb is not None and usb.location in self._locations():
            return "ports", f"a device is at {usb.location}, the USB location of slot {slot.name}"
        if "v_int" in slot.model.lines.read() and slot.is_powered():
            return "lines", f"V_INT of slot {slot.name} says that its module is on"
        return None

    # -- one slot ----------------------------------------------------------------------------------

    def _try(self, slots: dict[str, Slot], name: str) -> Verdict:
        slot = slots[name]
        before = self._locations()
        slot.budget.spend("interlock")
        signs = Signs(name)
        try:
            slot.supply_only()
            signs.idle_a = slot.reading().current_a
            with slot.lease.hold_still(_HOLD_S) if slot.lease is not None else contextlib.nullcontext():
                self._press(slots, name, name, signs, before)
            if not signs.started:
                self._search(slots, name, signs, before)
            self._ask(slots, signs)
            return self._judge(slots, signs)
        finally:
            self._off(slots, signs)

    def _press(self, slots: dict[str, Slot], name: str, line_of: str, signs: Signs, before: set[str]) -> None:
        """Pulse a PWR_ON and watch until the module is there, or has shown nothing for long enough."""
        slot = slots[name]
        if "vusb_det" in slots[line_of].model.lines.driven():  # a module looks at it when it boots
            slots[line_of].drive("vusb_det", True)
        slots[line_of].pulse("pwr_on", slots[line_of].profile.power.pwr_on_pulse_s.value[0] + _MARGIN_S)
        began = time.monotonic()
        patient = any("v_int" in one.model.lines.read() for one in slots.values()) or signs.idle_a is not None
        longest = Deadline.after(slot.timing.boot_max_s)
        found_at: float | None = None
        while not longest.expired:
            self._look(slots, name, signs, before)
            complete = bool(signs.usb) or all(one.model.ports.usb is None for one in slots.values())
            if complete and (signs.v_int or not _reads_v_int(slots)) and (signs.usb or signs.current_rose):
                found_at = found_at or time.monotonic()
                if time.monotonic() - found_at >= _SETTLE_S:
                    break
            nothing = not (signs.usb or signs.v_int or signs.current_rose)
            if nothing and patient and time.monotonic() - began > _START_S:
                return
            time.sleep(_LOOK_S)
        if signs.usb or signs.v_int or signs.current_rose:
            signs.pwr_on = line_of

    def _look(self, slots: dict[str, Slot], name: str, signs: Signs, before: set[str]) -> None:
        labels = {
            one.model.ports.usb.location: label
            for label, one in slots.items()
            if one.model.ports.usb is not None
        }
        for location in sorted(self._locations() - before):
            label = labels.get(location, location)
            if label not in signs.usb:
                signs.usb.append(label)
        for label, one in slots.items():
            if label not in signs.v_int and "v_int" in one.model.lines.read() and one.is_powered():
                signs.v_int.append(label)
        amperes = slots[name].reading().current_a
        if amperes is not None:
            signs.peak_a = max(amperes, signs.peak_a or 0.0)

    def _search(self, slots: dict[str, Slot], name: str, signs: Signs, before: set[str]) -> None:
        """Nothing started: try the other slots' PWR_ON with this slot's supply."""
        for other, slot in slots.items():
            if other != name and "pwr_on" in slot.model.lines.driven():
                self._press(slots, name, other, signs, before)
                if signs.pwr_on:
                    return

    def _ask(self, slots: dict[str, Slot], signs: Signs) -> None:
        """Which UART answers, and whether it is the module that shows on USB."""
        if not (signs.usb or signs.v_int or signs.current_rose):
            return
        order = sorted(slots, key=lambda label: label != signs.supply)
        for label in order:
            if slots[label].model.ports.uart is None:
                continue
            patience = slots[label].timing.boot_max_s if label == signs.supply and not signs.usb else _UART_S
            imei = _imei(slots[label], "uart", patience)
            if imei is not None:
                signs.uart, signs.imei = label, imei
                break
        for label in signs.usb:
            if label in slots:
                signs.usb_imei = _imei(slots[label], "at0", _UART_S) or ""

    def _off(self, slots: dict[str, Slot], signs: Signs) -> None:
        """Off in order by whichever port leads to the module, then the supply."""
        slot = slots[signs.supply]
        label = signs.uart or next((one for one in signs.usb if one in slots), "")
        if label and label != signs.supply:
            slot.wait_minimum_on()
            _switch_off(
                slots[label],
                "uart" if signs.uart else "at0",
                slot.timing.power_off_max_s,
                lambda: any(one.is_powered() for one in slots.values() if "v_int" in one.model.lines.read()),
            )
        for one in slots.values():
            one.close_channels()
            if one is not slot and "vusb_det" in one.model.lines.driven():
                one.drive("vusb_det", False)
        slot.power_off(hard=not label or label != signs.supply, cause="interlock")

    # -- judgement ---------------------------------------------------------------------------------

    def _judge(self, slots: dict[str, Slot], signs: Signs) -> Verdict:
        name = signs.supply
        if not signs.started:
            return Verdict(name, "nothing started", (self._silence(signs),))
        mistakes = [*misplaced(signs, slots), *self._own(signs)]
        parts = [
            f"USB {', '.join(signs.usb)}" if signs.usb else "",
            f"UART {signs.uart}" if signs.uart else "",
            f"V_INT {', '.join(signs.v_int)}" if signs.v_int else "",
            f"{signs.peak_a:.3f} A" if signs.peak_a is not None else "",
            f"IMEI {signs.imei or signs.usb_imei}" if signs.imei or signs.usb_imei else "",
        ]
        told = "its own wires tell of it" if not mistakes else f"started by PWR_ON of {signs.pwr_on}"
        return Verdict(name, f"{told}: {', '.join(part for part in parts if part)}", tuple(mistakes))

    def _own(self, signs: Signs) -> Iterator[Mistake]:
        """What a slot by itself must show: a current of its own, one IMEI, no other slot's."""
        name = signs.supply
        if signs.peak_a is not None and not signs.current_rose:
            yield Mistake(
                ("slots", name, "power"),
                f"the module of slot {name} runs and the current of its supply channel does not rise",
                "something else feeds the module: look for a second supply or a USB cable with power",
            )
        if signs.imei and signs.usb_imei and signs.imei != signs.usb_imei:
            yield Mistake(
                ("slots", name, "ports", "uart"),
                f"UART and USB lead to different modules ({signs.imei}, {signs.usb_imei})",
                "a second module is on: look which, and what feeds it",
            )
        imei = signs.imei or signs.usb_imei
        other = self._imeis.get(imei) if imei else None
        if other is not None:
            yield Mistake(
                ("slots", name),
                f"slots {name} and {other} start the same module (IMEI {imei})",
                "their supplies and lines are joined: look at the wiring of both",
            )
        elif imei:
            self._imeis[imei] = name

    def _silence(self, signs: Signs) -> Mistake:
        drawn = (
            "and its channel gives no current: no module in it, or its supply wire is open"
            if signs.peak_a is not None and signs.peak_a < RISE_A
            else f"and its channel gives {signs.peak_a:.3f} A all the time: a short, or no module but a load"
            if signs.peak_a is not None and not signs.current_rose
            else "though its channel's current rises: its USB cable, UART and V_INT are not connected"
        )
        return Mistake(
            ("slots", signs.supply),
            f"no PWR_ON line starts a module with slot {signs.supply}'s supply, {drawn}",
            "put a module in, check the supply's wires, then PWR_ON's with a meter",
        )

    def _locations(self) -> set[str]:
        roots = self._bench.rig.model.usb
        return {device.location for device in list_devices(Path(roots.sysfs), Path(roots.dev))}


def refuse(bench: Bench, name: str) -> None:
    """NotPossible when a slot has no way to be told from its neighbours."""
    slot = bench.rig.model.slots[name]
    if slot.power is None or slot.lines.pwr_on is None:
        lacking = "supply" if slot.power is None else "PWR_ON line"
        raise NotPossible(
            f"slot {name} has no {lacking} that the bench switches, so nothing can start its module alone",
            remedy="name it in the rig file, or choose other slots with --slot",
        )
    if slot.ports.usb is None and slot.ports.uart is None:
        raise NotPossible(f"slot {name} has neither USB nor UART", remedy="name one under ports")
    if slot.ports.usb is None:
        supply = slot.power.supply
        if Ability.MEASURE_CURRENT not in find_kind(bench.rig.model.instruments[supply].kind).abilities:
            raise NotPossible(
                f"slot {name} has a UART alone, and its supply {supply} measures no current: nothing proves "
                "that the answer is its own module's",
                remedy="give the slot its USB, or a supply that measures current",
            )


def _reads_v_int(slots: dict[str, Slot]) -> bool:
    return any("v_int" in one.model.lines.read() for one in slots.values())


def _imei(slot: Slot, role: str, timeout_s: float) -> str | None:
    """The IMEI of what answers at a port; None when nothing does."""
    try:
        channel = slot.channel(role)
        channel.sync(timeout_s)
        return channel.send("AT+CGSN", timeout_s=_ANSWER_S).text.strip().strip('"')
    except CellbenchError:
        return None


def _switch_off(slot: Slot, role: str, timeout_s: float, alive: Callable[[], bool]) -> None:
    try:
        channel: Channel = slot.channel(role)
        with channel.declare_reboot(timeout_s):
            channel.send("AT+CPWROFF", timeout_s=timeout_s, check=False)
            deadline = Deadline.after(timeout_s)
            while alive() and not deadline.expired:
                time.sleep(_LOOK_S)
    except CellbenchError:
        return  # it does not answer: the supply is cut, which the caller records as hard
