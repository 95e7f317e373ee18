"""The way back of a module after an interrupted update: look what it does, help it on, bring it to AT.

A module that writes is left alone: nothing resets it or cuts its supply while it says anything, or for as
long as the series may be silent. Its words may come on any port, and in update mode at any rate, so all ports
are listened on at once; AT is asked only where nothing is heard.
"""

from __future__ import annotations

import contextlib
import enum
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cellbench.base.errors import CellbenchError, UnitError
from cellbench.host.firmware import foat
from cellbench.host.firmware.course import Course, Ending, Patience
from cellbench.host.firmware.line import UpdateLine
from cellbench.host.firmware.model import (
    Package,
    Recovery,
    RecoveryPath,
    UpdateError,
    UpdateRefused,
)
from cellbench.host.xmodem import Mode, XmodemError
from cellbench.io.pipe import PortLost, PortMissing
from cellbench.rig.flashing import in_boot_mode
from cellbench.rig.slot import PowerState, Slot
from cellbench.rig.update_ports import UARTS, listen, rejoin, reopener
from cellbench.rig.usb_view import UsbAbsent, UsbTrouble
from cellbench.wire.firmware import events as words
from cellbench.wire.firmware.machine import UpdateMachine
from cellbench.wire.firmware.transitions import UpdateState

if TYPE_CHECKING:
    from cellbench.rig.updating import Updater

_ROUNDS = 12  # looks at what the module does, each followed by a deed
_REFUSALS = 2
_SLICE_S = 0.02
_QUIET_S = 1.5  # before AT is asked, and between two questions
_LONE_C_S = 0.3  # a C with nothing behind it for so long is a call
_LIKELY_RATES = (115_200, 460_800, 921_600, 230_400)  # of updates over AT
_V_INT_S = 2.0  # a restart may make V_INT fall for a moment


class Doing(enum.Enum):
    """What a module was found to do."""

    AT = "answers AT"
    WAITS = "waits for a package by Xmodem"
    INSTALLS = "checks or writes"
    ENDED = "told an end"
    BOOT_MODE = "waits in boot mode"
    NOTHING = "says nothing"


@dataclass(slots=True)
class Ear:
    """One port that is listened on."""

    role: str
    course: Course
    rates: list[int]  # the one that is listened at comes first
    unreadable: int = 0
    called_at: float | None = None


@dataclass(slots=True)
class Found:
    """What was found, and on which port (None where none told it)."""

    doing: Doing
    ear: Ear | None = None

    @property
    def at_normal_mode(self) -> bool:
        """True when the module runs in normal mode now."""
        return self.ear is not None and self.ear.course.machine.state in (UpdateState.STARTED,
                                                                          UpdateState.DONE)


@dataclass(slots=True)
class Recoverer:
    """One recovery of the module that ``updater`` updates."""

    updater: Updater
    package: Package | None
    began: float = field(default_factory=time.monotonic)
    path: RecoveryPath | None = None
    switched: bool = False  # the module began anew by us
    refusals: int = 0

    @property
    def slot(self) -> Slot:
        """The slot of the module."""
        return self.updater.dut.slot

    @property
    def patience(self) -> Patience:
        """How long the module may be silent."""
        return self.updater.patience

    def run(self) -> Recovery:
        """Until the module answers AT, or is DEAD. Raises UpdateError when only another package helps; what
        keeps the bench from looking."""
        try:
            self._power()
        except UnitError:
            return self._ended(RecoveryPath.DEAD, "")
        for _ in range(_ROUNDS):
            with contextlib.ExitStack() as stack:
                found = self._look(stack)
                if found.doing not in (Doing.AT, Doing.BOOT_MODE, Doing.NOTHING):
                    self._help(found)
                    if not found.at_normal_mode:
                        continue
            if found.doing is Doing.AT or found.at_normal_mode:
                return self._back(found)
            if found.doing is Doing.BOOT_MODE:
                return self._flash()
            if self.switched or self.slot.model.power is None:
                return self._ended(RecoveryPath.DEAD, "")
            self._cycle("it said nothing for as long as an update may")
        raise UpdateError(f"slot {self.slot.name}: the module did not come to AT in {_ROUNDS} tries",
                          remedy="its transcript shows what it did")

    # -- power -----------------------------------------------------------------------------------

    def _power(self) -> None:
        """Switch on what is off; what is on stays as it is."""
        slot = self.slot
        if slot.model.power is None:
            return
        on = slot.reading().enabled
        if on and "v_int" in slot.model.lines.read():
            with contextlib.suppress(UnitError):
                slot.wait_v_int(True, _V_INT_S)
            on = slot.is_powered()
        if on:
            slot.state = PowerState.ON
            return
        if slot.reading().enabled:
            self._cycle("recovery of an interrupted update: the module is off")
        else:
            self.switched = True
            slot.power_on(sync=False)

    def _cycle(self, cause: str) -> None:
        self.slot.power_off(hard=True, cause=cause)
        self.switched = True
        self.slot.power_on(sync=False)

    # -- look ------------------------------------------------------------------------------------

    def _look(self, stack: contextlib.ExitStack) -> Found:
        """Until the module shows what it does."""
        ears: dict[str, Ear] = {}
        last_sign = asked = time.monotonic()
        while time.monotonic() - last_sign < self.patience.silence_s:
            self._join(ears, stack)
            if in_boot_mode(self.slot):
                return Found(Doing.BOOT_MODE)
            for ear in ears.values():
                if self._hear(ear):
                    last_sign = asked = time.monotonic()
                doing = self._doing(ear)
                if doing is not None:
                    return Found(doing, ear)
            if time.monotonic() - asked > _QUIET_S:
                answered = next((ear for ear in ears.values() if self._asks(ear)), None)
                if answered is not None:
                    return Found(Doing.AT, answered)
                asked = time.monotonic()
            if not ears:
                time.sleep(_SLICE_S)
        return Found(Doing.NOTHING)

    def _join(self, ears: dict[str, Ear], stack: contextlib.ExitStack) -> None:
        """Open what is there and not open yet, without a word to the module."""
        for role in self._roles():
            ear = ears.get(role)
            if ear is not None and ear.course.line.is_up:
                continue
            try:
                if ear is not None:
                    ear.course.line.reopen(0.0)
                    ear.course.machine.cut()
                else:
                    ears[role] = self._ear(role, stack)
            except (PortMissing, PortLost, UsbAbsent, UsbTrouble):
                continue

    def _roles(self) -> list[str]:
        """The port of the last update and the UART; without one every AT port that the module shows."""
        roles = ["uart"] if self.slot.model.ports.uart is not None else []
        last = self.updater.last[0] if self.updater.last is not None else None
        if last is not None:
            return list(dict.fromkeys([*roles, last]))
        with contextlib.suppress(CellbenchError):
            view = self.slot.ports.scene().view()
            roles += [f"at{number}" for number in range(len(view.of_role("at")))]
        return roles

    def _ear(self, role: str, stack: contextlib.ExitStack) -> Ear:
        slot = self.slot
        channel = listen(slot, role, None)
        stack.enter_context(channel.declare_reboot(_ROUNDS * self.patience.silence_s))
        home = slot.uart_rate
        line = UpdateLine(channel, home, reopener(slot, role, channel, None))
        stack.enter_context(line)
        rates = [home]
        if role in UARTS:
            used = self.updater.last[1] if self.updater.last is not None else home
            rates = list(dict.fromkeys([used, home, *_LIKELY_RATES, *slot.profile.serial.rates.value[::-1]]))
        course = Course(line, UpdateMachine(channel.settings.greeting), self.patience, self.updater.report)
        with contextlib.suppress(PortLost):
            course.set_rate(rates[0])
        return Ear(role, course, rates)

    def _hear(self, ear: Ear) -> bool:
        """Read once; True when the module said a word of an update."""
        course = ear.course
        try:
            heard = course.hear(_SLICE_S)
            if course.machine.unreadable != ear.unreadable:
                self._another_rate(ear)
        except PortLost:
            return False
        now = time.monotonic()
        if any(not isinstance(one, words.Noise) for one in heard):
            self.updater.last = ear.role, ear.rates[0]  # the next look begins there
        if any(isinstance(one, words.Called) for one in heard):
            ear.called_at = now
        elif heard:
            ear.called_at = None
        return any(not isinstance(one, words.Noise) for one in heard)

    def _another_rate(self, ear: Ear) -> None:
        """What came is no text: it is listened at the next rate. Normal mode is found by asking AT, which is
        done at home."""
        ear.unreadable = ear.course.machine.unreadable
        if len(ear.rates) > 1:
            ear.rates.append(ear.rates.pop(0))
            ear.course.set_rate(ear.rates[0])

    def _doing(self, ear: Ear) -> Doing | None:
        course = ear.course
        ending = course.ended()
        if ending is not None:
            return Doing.AT if ending is Ending.STARTED else Doing.ENDED
        state = course.machine.state
        if state in (UpdateState.CHECKING, UpdateState.WRITING, UpdateState.SILENT):
            return Doing.INSTALLS
        if state is not UpdateState.WAITING or not course.calls:
            return None
        sure = course.calls[-1][1] is words.Call.CHECKSUM or len(course.calls) > 1
        lone = ear.called_at is not None and time.monotonic() - ear.called_at > _LONE_C_S
        return Doing.WAITS if sure or lone else None

    def _asks(self, ear: Ear) -> bool:
        with contextlib.suppress(PortLost):
            return ear.course.ask()
        return False

    # -- help ------------------------------------------------------------------------------------

    def _help(self, found: Found) -> None:
        """What the module needs now. Raises UpdateError when it is another package."""
        assert found.ear is not None
        course = found.ear.course
        if found.doing is Doing.INSTALLS:
            if self.switched:
                self.path = self.path or RecoveryPath.INSTALL_AGAIN
            with contextlib.suppress(PortLost, PortMissing):
                course.follow()
        elif found.doing is Doing.WAITS:
            self._offer(course)

    def _offer(self, course: Course) -> None:
        """Give update mode the package; without one it is waited for until it gives up."""
        if self.package is None:
            if course.follow() is not Ending.STARTED:
                self._refused("update mode waits for a package, and none is given", None)
            return
        ending: Ending | None = None
        with contextlib.suppress(XmodemError, PortLost, PortMissing):
            ending, sent = foat.offer(course, self.package.data(), Mode.XMODEM_1K)
            if sent is not None and ending in (Ending.SUCCESS, Ending.STARTED):
                self.path = RecoveryPath.XMODEM_AGAIN
                return
        if course.machine.state is UpdateState.SILENT:
            self.path = RecoveryPath.XMODEM_AGAIN
        elif ending is Ending.CODE:
            self._refused(f"update mode refused the package with {course.machine.code}", course.machine.code)

    def _refused(self, message: str, code: int | None) -> None:
        """Once it may have been the interrupted transfer's own end."""
        self.refusals += 1
        if self.refusals >= _REFUSALS:
            raise UpdateRefused(f"slot {self.slot.name}: {message}", code, message,
                                remedy="recover with the package that was under way")

    def _flash(self) -> Recovery:
        if self.package is None:
            raise UpdateError(f"slot {self.slot.name}: the module is in boot mode",
                              remedy="recover with the full image to flash")
        update = self.updater.flash(self.package)
        return self._ended(RecoveryPath.BOOT_MODE, update.after)

    # -- back ------------------------------------------------------------------------------------

    def _back(self, found: Found) -> Recovery:
        """The module at AT on its main port, as a procedure finds it after a boot."""
        assert found.ear is not None
        slot, dut, limit = self.slot, self.updater.dut, self.slot.timing.boot_max_s
        slot.ports.wear.forget()
        for channel in slot.channels.values():
            channel.settings.forget()
        role = found.ear.role
        slot.ports.sync(role, limit)
        main = "uart" if slot.model.ports.uart is not None else role
        if main not in slot.roles():
            main = role
        dut.at = slot.channel(main)
        for one in [other for other in slot.channels if other not in (main, role)]:
            slot.ports.drop(one)
        rejoin(slot, [one for one in slot.channels if one != role], dut.at, limit)
        slot.state = PowerState.ON
        dut.settle()
        version = dut.send("ATI9").text.strip()
        new = version == self.package.end if self.package is not None else version != self.updater.before
        plain = RecoveryPath.NEW_FIRMWARE if new and (self.package or self.updater.before) else (
            RecoveryPath.OLD_FIRMWARE)
        return self._ended(self.path or plain, version)

    def _ended(self, path: RecoveryPath, version: str) -> Recovery:
        known = self.package is not None or bool(self.updater.before)  # else nothing tells old from new
        way = path.value if known or path is not RecoveryPath.OLD_FIRMWARE else "it answers AT"
        self.slot.events("update", f"recovery: {way}, {version or 'no version'}", {})
        return Recovery(path, version, time.monotonic() - self.began)

