"""The identity interlock before a step that may harm a module: is it the one that this slot is about?

From switched off in order, this slot alone is switched on: its own USB path must appear and no other, its own
V_INT must rise, its own supply channel must give the current, and every port must tell the IMEI that is
expected. Meanwhile no other slot of this bench switches anything. It holds until the supply is switched off.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, RigError, UnitError
from cellbench.host.errors import AtTimeout
from cellbench.io.usb import list_devices
from cellbench.rig.dut import Dut
from cellbench.rig.identity import OwnUnit
from cellbench.rig.interlock_signs import RISE_A
from cellbench.rig.slot import PowerState, Slot

__all__ = ["NotOurUnit", "OwnUnit", "must_be_stated", "own_unit"]

_TRIES = 3  # what somebody plugs in meanwhile shows once, a wrong wire each time
_HOLD_S = 30.0
_GONE_S = 10.0
_SETTLE_S = 0.5  # nothing else may appear so shortly after
_LATE_S = 2.0  # a sign of one's own may come so much later than the first that is seen
_NO_USB_S = 10.0  # a module that was not on USB before may show there within this
_LOOK_S = 0.05
_MARGIN_S = 0.05
_ANSWER_S = 10.0
_BESIDE_S = 4.0  # a further port of a module that answers already


class NotOurUnit(RigError):
    """What would be harmed is not the module that the slot is about; the message names both."""


@dataclass(slots=True)
class _Seen:
    """What one switching on showed. ``others``: USB locations that nothing but this slot explains;
    ``beside``: those of neighbours that have supply. ``idle_a`` and ``peak_a`` are None where no current is
    measured; ``v_int`` is None where it is not read. ``trouble``: why it did not go as it should."""

    own_path: bool = False
    others: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    idle_a: float | None = None
    peak_a: float | None = None
    v_int: bool | None = None
    trouble: UnitError | None = None

    @property
    def rose(self) -> bool | None:
        """True when this slot's own supply gives the current; None where it measures none."""
        if self.peak_a is None:
            return None
        return self.peak_a - (self.idle_a or 0.0) >= RISE_A


def own_unit(slot: Slot, dut: Dut) -> OwnUnit:
    """Prove that the module in ``slot`` is its own, once in each power session; the proof.

    The module is switched off in order and on again, and is afterwards as after a boot: ``dut.at`` is a new
    channel, volatile settings and contexts are gone. Where the bench can neither switch the supply nor press
    PWR_ON, the IMEI alone is asked, on every port. Raises NotOurUnit naming both modules, UnitError for a
    module that does not start, AtTimeout for one that does not answer to begin with.
    """
    known = slot.unit.proof
    if known is not None and slot.on_since is not None and known.since == slot.on_since:
        return known
    proof = _Interlock(slot, dut).prove()
    slot.unit.proof = proof
    slot.events("identity", f"slot {slot.name} holds IMEI {proof.imei}: {', '.join(proof.signs)}",
                {"imei": proof.imei})
    return proof


def must_be_stated(slot: Slot, imei: str) -> None:
    """NotOurUnit when the rig file states another IMEI for the slot than the one its module has told."""
    stated = slot.model.imei
    if stated is not None and stated != imei:
        raise NotOurUnit(
            f"slot {slot.name} holds the module with IMEI {imei}, the rig file says {stated}",
            remedy="put the right unit in, or correct imei of the slot in the rig file",
        )


class _Interlock:
    """One proof."""

    def __init__(self, slot: Slot, dut: Dut) -> None:
        self._slot, self._dut = slot, dut
        usb = slot.model.ports.usb
        self._path = usb.location if usb is not None else ""
        self._role = next((role for role, channel in slot.channels.items() if channel is dut.at), "")
        self._expected, self._whence = "", ""
        self._signs: list[str] = []

    def prove(self) -> OwnUnit:
        self._expect()
        shown = self._path in self._locations()
        if self._slot.model.power is not None or "pwr_on" in self._slot.model.lines.driven():
            seen = self._switched(shown)
            self._judge(seen, shown)
            shown = seen.own_path
        else:
            self._signs.append("nothing switches it: no USB path, V_INT or current was looked at")
        self._compare(shown)
        return OwnUnit(self._slot.name, self._expected, tuple(self._signs), self._slot.on_since)

    # -- what is expected --------------------------------------------------------------------------

    def _expect(self) -> None:
        """The IMEI of the rig file, else of the run, else the one that the module tells now."""
        told = self._dut.send("AT+CGSN", timeout_s=_ANSWER_S).text.strip().strip('"')
        stated, recorded = self._slot.model.imei, self._slot.unit.imei
        self._expected, self._whence = told, "told before it was switched off"
        if stated:
            self._expected, self._whence = stated, "in the rig file"
        elif recorded:
            self._expected, self._whence = recorded, "recorded by this run"
        if told != self._expected:
            raise self._other_imei(self._dut.at.name, told)
        if "v_int" in self._slot.model.lines.read() and not self._slot.is_powered():
            raise NotOurUnit(
                f"slot {self._slot.name}: the module with IMEI {told} answers on {self._dut.at.name} while "
                "V_INT of the slot says that its module is off",
                remedy="run `cellbench rig interlock`: V_INT or the port leads to another module",
            )

    def _other_imei(self, port: str, told: str) -> NotOurUnit:
        return NotOurUnit(
            f"slot {self._slot.name}: the module with IMEI {self._expected} ({self._whence}) is expected, "
            f"and {port} leads to the one with IMEI {told}",
            remedy="see which unit is in the slot, then run `cellbench rig interlock` for its wires",
        )

    # -- off and on --------------------------------------------------------------------------------

    def _switched(self, shown: bool) -> _Seen:
        seen = _Seen()
        for left in reversed(range(_TRIES)):
            self._off()
            seen = self._on(shown)
            if not left or not self._elsewhere(seen):
                break
        return seen

    def _elsewhere(self, seen: _Seen) -> list[str]:
        """Where a module appeared that may be this slot's: a neighbour's restart excuses only a path that
        appeared beside the slot's own."""
        return seen.others if seen.own_path or not self._path else [*seen.others, *seen.beside]

    def _off(self) -> None:
        slot = self._slot
        if slot.model.power is not None:
            slot.power_off(cause="identity interlock begins from off")
        else:
            slot.shut_down()
            slot.state = PowerState.OFF
        deadline = Deadline.after(_GONE_S)
        while alive := self._alive():
            if deadline.expired:
                raise NotOurUnit(
                    f"slot {slot.name} was switched off, and {alive}: that is another module than the one "
                    f"with IMEI {self._expected} that was told to switch off, or something else feeds it",
                    remedy="run `cellbench rig interlock`: supply, USB or V_INT of two slots are exchanged",
                )
            time.sleep(_LOOK_S)

    def _alive(self) -> str:
        """What says that a module is on, "" when nothing does."""
        if self._path and self._path in self._locations():
            return f"a device stays at its USB location {self._path}"
        if "v_int" in self._slot.model.lines.read() and self._slot.is_powered():
            return "its V_INT stays high"
        return ""

    def _on(self, shown: bool) -> _Seen:
        slot, seen = self._slot, _Seen()
        before = self._locations()
        if slot.model.power is not None:
            seen.idle_a = slot.reading().current_a
        with slot.lease.hold_still(_HOLD_S) if slot.lease is not None else contextlib.nullcontext():
            try:
                self._start()
            except UnitError as trouble:  # V_INT does not rise: what starts instead shows in a moment
                seen.trouble = trouble
            slot.close_channels()
            self._watch(seen, before, shown)
        return seen

    def _start(self) -> None:
        slot = self._slot
        if slot.model.power is not None:
            slot.power_on(sync=False)
            return
        slot.close_channels()
        slot.pulse("pwr_on", slot.profile.power.pwr_on_pulse_s.value[0] + _MARGIN_S)
        slot.state = PowerState.ON

    def _watch(self, seen: _Seen, before: set[str], shown: bool) -> None:
        """Look until the module's signs are there, and a moment longer."""
        began, first_at, whole_at = time.monotonic(), 0.0, 0.0
        usual = self._slot.timing.boot_max_s if shown else _NO_USB_S if self._path else _SETTLE_S
        longest = Deadline.after(usual if seen.trouble is None else max(_LATE_S, _SETTLE_S))
        while not longest.expired:
            self._look(seen, before)
            now = time.monotonic()
            if seen.own_path and seen.rose is not False and seen.v_int is not False:
                whole_at = whole_at or now
                if now - whole_at >= _SETTLE_S:
                    return
            if seen.own_path or seen.others:
                first_at = first_at or now
                if now - first_at >= max(_LATE_S, first_at - began):
                    return
            time.sleep(_LOOK_S)

    def _look(self, seen: _Seen, before: set[str]) -> None:
        for location in sorted(self._locations() - before):
            if location == self._path:
                seen.own_path = True
            elif location not in (*seen.others, *seen.beside):
                (seen.beside if self._explained(location) else seen.others).append(location)
        if self._slot.model.power is not None:
            amperes = self._slot.reading().current_a
            if amperes is not None:
                seen.peak_a = max(amperes, seen.peak_a or 0.0)
        if "v_int" in self._slot.model.lines.read() and self._slot.lease is not None:
            seen.v_int = self._slot.lease.sense("v_int")

    def _explained(self, location: str) -> bool:
        """True for a path that appears without this slot's doing: of a neighbour that has supply and restarts
        by itself, or of this slot's own module where the file names no USB for it."""
        other = self._slot.usb_elsewhere.get(location)
        if other is None:
            return not self._path
        return self._slot.lease is not None and other in self._slot.lease.powered_beside()

    def _locations(self) -> set[str]:
        roots = self._slot.roots
        return {device.location for device in list_devices(Path(roots.sysfs), Path(roots.dev))}

    # -- judgement ---------------------------------------------------------------------------------

    def _judge(self, seen: _Seen, shown: bool) -> None:
        """Raise when what was seen belongs to another module than this slot's; else note the signs."""
        if wrong := self._wrong(seen, shown):
            raise NotOurUnit(
                f"slot {self._slot.name}, where the module with IMEI {self._expected} ({self._whence}) is "
                f"expected, was switched on alone: {wrong}",
                remedy="run `cellbench rig interlock` and put the wires right before anything is updated",
            )
        if seen.trouble is not None:
            raise seen.trouble
        if shown and not seen.own_path:
            self._slot.wait_usb(0.0)  # raises what keeps it away
        self._signs.append(f"USB path {self._path} alone appeared" if seen.own_path
                           else "no USB path was there to look at")
        if seen.v_int is not None:
            self._signs.append("V_INT rose")
        if seen.peak_a is not None:
            self._signs.append(f"its supply channel gives {seen.peak_a:.3f} A")

    def _wrong(self, seen: _Seen, shown: bool) -> str:
        if elsewhere := self._elsewhere(seen):
            named = ", ".join(self._named(location) for location in elsewhere)
            return f"{named} appeared on USB, {'beside' if seen.own_path else 'and not'} {self._path or 'it'}"
        running = seen.own_path or seen.v_int is True
        if running and seen.rose is False:
            return (f"its module starts and its supply channel gives {seen.peak_a or 0.0:.3f} A, so that "
                    "another supply feeds it")
        if seen.own_path and seen.v_int is False:
            return f"a module appeared at its USB location {self._path} and its V_INT stays low"
        return ""

    def _named(self, location: str) -> str:
        other = self._slot.usb_elsewhere.get(location)
        return f"{location} (slot {other})" if other else f"{location} (no slot's)"

    # -- who it is ---------------------------------------------------------------------------------

    def _compare(self, shown: bool) -> None:
        """Ask the IMEI on every port: one module must answer on all that it has."""
        slot = self._slot
        answering: list[str] = []
        silent: list[str] = []
        for role in self._roles(shown):
            told = self._imei(role, _BESIDE_S if answering else slot.timing.boot_max_s)
            if told is None:
                silent.append(role)
            elif told:
                answering.append(role)
                if told != self._expected:
                    raise self._other_imei(f"{slot.name}.{role}", told)
                self._signs.append(f"IMEI {told} on {role}")
        if not answering:
            raise AtTimeout("AT+CGSN", slot.timing.boot_max_s)
        if silent:
            raise NotOurUnit(
                f"slot {slot.name}: the module with IMEI {self._expected} was switched on alone and answers "
                f"on {answering[0]}, but not on {silent[0]}: that may lead to another module",
                remedy=f"run `cellbench rig interlock`: {silent[0]} of two slots may be exchanged, or its "
                "rate is another than in the rig file",
            )
        self._dut.at = slot.channel(self._role if self._role in answering else answering[0])
        self._dut.settle()

    def _roles(self, shown: bool) -> list[str]:
        """USB first: when the module answers there, a UART that stays silent need not be waited for long."""
        roles = ["at0"] if shown else []
        if self._slot.model.ports.uart is not None:
            roles.append("uart")
        if self._role and self._role not in roles:
            roles.append(self._role)
        return roles or list(self._slot.roles()[:1])

    def _imei(self, role: str, patience_s: float) -> str | None:
        """The IMEI at a port; None when nothing answers, "" where the module has no such port now."""
        try:
            channel = self._slot.channel(role)
            if not self._slot.ports.sync(role, patience_s):
                self._slot.ports.drop(role)
                return ""
            return channel.send("AT+CGSN", timeout_s=_ANSWER_S).text.strip().strip('"')
        except AtTimeout:
            self._slot.ports.drop(role)
            return None
        except CellbenchError as error:
            if role == self._role:
                raise
            self._signs.append(f"{role} cannot be asked: {error.message}")
            return ""
