"""The watchdog's ladder for a module in a slot: hardware off by PWR_ON, RESET_N or the supply, the mildest
first, and never while an update may be under way."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from cellbench.base.errors import CellbenchError, NotPossible, UnitError
from cellbench.catalogue.watchdog import BETWEEN_FLIPS_S, ladder_for
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import Probe
from cellbench.host.firmware.line import UpdateLine
from cellbench.host.watchdog.ladder import Watchdog
from cellbench.host.watchdog.model import Flow, Report, Waits
from cellbench.io.pipe import PortLost
from cellbench.rig.dut import Dut
from cellbench.rig.flashing import in_boot_mode
from cellbench.rig.reboot import await_reboot
from cellbench.rig.slot import PowerState, Slot
from cellbench.rig.update_ports import UARTS, listen, reopener
from cellbench.wire.firmware import events as words
from cellbench.wire.firmware.machine import UpdateMachine

_MARGIN_S = 0.05
_SLICE_S = 0.05
_PROGRESS = ("+UFWUPD", "+UUFWINSTALL", "+UFWPREVAL")
_DONE = 100  # numbers above are results
_READ = 4096


class SlotHands:
    """What a slot can do to its module; ``dut.at`` follows when ports are opened anew."""

    def __init__(self, dut: Dut, role: str | None = None) -> None:
        """``role``: the port that AT is asked on (default: the module's main one)."""
        self.dut = dut
        self._role = role

    @property
    def slot(self) -> Slot:
        """The slot."""
        return self.dut.slot

    @property
    def at(self) -> Channel:
        """The channel that AT is asked on."""
        return self.dut.at if self._role is None else self.dut.port(self._role)

    def reattach(self, lines: tuple[str, ...]) -> None:
        """See Hands; 1 s lies between two commands."""
        self.slot.budget.spend("watchdog: radio off and on")
        for number, line in enumerate(lines):
            if number:
                time.sleep(BETWEEN_FLIPS_S.value)
            self.at.send(line)

    def reboot(self, line: str) -> None:
        """See Hands."""
        slot, at, main = self.slot, self.at, self._main_role()
        slot.budget.spend("watchdog: restart by command")
        self._forget()
        wait, before, roles = slot.timing.boot_max_s, slot.ports.enumeration, list(slot.channels)
        with contextlib.ExitStack() as declared:
            for channel in slot.channels.values():
                declared.enter_context(channel.declare_reboot(wait))
            at.send(line)
            await_reboot(slot, at, wait, before)
        self._rejoin(roles, main, at)

    def switch_off(self) -> None:
        """Off by a long PWR_ON pulse, else anew by RESET_N, else off by the supply, then on. Raises
        NotPossible where the slot has none of them; UnitError when the module stays silent."""
        slot, main, roles = self.slot, self._main_role(), list(self.slot.channels)
        driven, ways = slot.model.lines.driven(), list[Callable[[], bool]]()
        if "pwr_on" in driven:
            ways.append(self._off_by_pwr_on)
        if "reset_n" in driven:
            ways.append(self._anew_by_reset)
        if slot.model.power is not None:
            ways.append(self._off_by_supply)
        if not ways:
            raise NotPossible(f"slot {slot.name} drives neither PWR_ON nor RESET_N and switches no supply",
                              remedy="wire one and name it in the rig file")
        self._forget()
        slot.wait_minimum_on()
        if not any(way() for way in ways):
            raise UnitError(f"slot {slot.name}: the module answers after none of PWR_ON, RESET_N, supply")
        self._rejoin(roles, main, None)

    def update_signs(self, listen_s: float) -> str:
        """See Hands: boot mode on USB, progress that was told without an end, words or calls or bytes of
        another rate on any port."""
        slot = self.slot
        if slot.updating:
            return "an update of this module began, and it has not answered AT since"
        if in_boot_mode(slot):
            return "it shows the port of its boot mode"
        for channel in slot.channels.values():
            told = [urc for urc in channel.urcs.since(0) if urc.prefix in _PROGRESS
                    and urc.monotonic_s * 1e9 > slot.settled_ns]
            last = told[-1].fields[-1:] if told else ()
            if last and isinstance(last[0], int) and last[0] <= _DONE:
                return f"it told {told[-1].text} and no end"
        return self._listened(listen_s)

    # -- inside ----------------------------------------------------------------------------------

    def _main_role(self) -> str:
        return next((role for role, one in self.slot.channels.items() if one is self.dut.at), "uart")

    def _forget(self) -> None:
        self.slot.ports.wear.forget()
        for channel in self.slot.channels.values():
            channel.settings.forget()

    def _rejoin(self, roles: list[str], main: str, keep: Channel | None) -> None:
        """All ports that were open answer again, ``keep`` under the same channel; the main one is dut.at."""
        slot, wait = self.slot, self.slot.timing.boot_max_s
        if any(role not in UARTS for role in roles):
            slot.wait_usb(wait)
        for role in roles:
            held = slot.channels.get(role)
            if held is not None and held is not keep:
                slot.ports.drop(role)
            if role in slot.roles():
                slot.channel(role).sync(wait)
        self.dut.at = slot.channel(main if main in slot.roles() else slot.roles()[0])
        slot.state = PowerState.ON
        self.dut.settle()

    def _off_by_pwr_on(self) -> bool:
        """A long pulse; True when the module was seen off and answers after the next start."""
        slot, power = self.slot, self.slot.profile.power
        slot.budget.spend("watchdog: off by PWR_ON")
        slot.pulse("pwr_on", power.pwr_off_pulse_s.value + _MARGIN_S)
        if "v_int" in slot.model.lines.read():
            try:
                slot.wait_v_int(False, slot.timing.power_off_max_s)
            except UnitError:
                return False
        else:  # nothing tells that it is off: as long as it may take, it is waited for
            time.sleep(slot.timing.power_off_max_s)
        slot.events("watchdog", "module off by PWR_ON", {})
        return self._started(lambda: slot.pulse("pwr_on", power.pwr_on_pulse_s.value[0] + _MARGIN_S))

    def _anew_by_reset(self) -> bool:
        slot = self.slot
        slot.budget.spend("watchdog: RESET_N")
        began = self._started(
            lambda: slot.pulse("reset_n", slot.profile.power.reset_pulse_s.value + _MARGIN_S))
        slot.events("watchdog", f"RESET_N: {'it answers' if began else 'no answer'}", {})
        return began

    def _off_by_supply(self) -> bool:
        slot = self.slot
        slot.budget.spend("watchdog: supply off")
        slot.power_off(hard=True, cause="watchdog: the module obeys neither AT nor its lines")
        try:
            slot.power_on()
        except UnitError:
            return False
        return True

    def _started(self, pulse: Callable[[], object]) -> bool:
        """Whether the module answers AT after a pulse, within the longest boot."""
        slot = self.slot
        slot.close_channels()
        pulse()
        until = time.monotonic() + slot.timing.boot_max_s
        while (left := until - time.monotonic()) > 0:
            try:
                slot.channel(slot.roles()[0]).sync(left)
                slot.on_since = time.monotonic()
                return True
            except (CellbenchError, IndexError):
                slot.close_channels()
                time.sleep(_SLICE_S)
        return False

    def _listened(self, listen_s: float) -> str:
        slot = self.slot
        roles = list(slot.channels) or (["uart"] if slot.model.ports.uart is not None else [])
        with contextlib.ExitStack() as stack:
            ears: dict[str, tuple[UpdateLine, UpdateMachine]] = {}
            for role in roles:
                with contextlib.suppress(CellbenchError):
                    channel = listen(slot, role, None)
                    line = UpdateLine(channel, slot.uart_rate, reopener(slot, role, channel, None))
                    ears[role] = stack.enter_context(line), UpdateMachine(channel.settings.greeting)
            until = time.monotonic() + listen_s
            while time.monotonic() < until:
                for role, (line, machine) in ears.items():
                    with contextlib.suppress(PortLost):
                        heard = machine.receive(line.read(_READ, _SLICE_S), time.monotonic())
                        if machine.unreadable or any(not isinstance(one, words.Noise) for one in heard):
                            return f"{role} carries words of an update, or bytes of another rate"
                if not ears:
                    return ""
        return ""


def slot_watchdog(dut: Dut, flow: Flow, *, hands: SlotHands | None = None, cid: int | None = None,
                  waits: Waits | None = None, service: Probe | None = None,
                  report: Report | None = None) -> Watchdog:
    """The ladder of the module's series with the slot's hands, its attach budget and its pace.

    ``cid``: the application's context (default: the user's first); ``hands``: on another port than the main
    one, which a data call holds; see Watchdog for the rest.
    """
    bearers = dut.profile.bearers
    scale = dut.slot.timing.watchdog_scale
    return Watchdog(hands or SlotHands(dut), flow, ladder_for(dut.profile.series),
                    cid=dut.cid if cid is None else cid, initial_cid=bearers.default_cid.value,
                    waits=waits or Waits().scaled(scale), service=service, report=report)
