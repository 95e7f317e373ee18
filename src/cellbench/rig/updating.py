"""Firmware updates of a DUT, and its way back after an interrupted one.

    updater = Updater(dut, report=show)
    update = updater.foat(package)
    update.before, update.after

Each way ends with the module answering AT under its firmware, which is compared with what the package leads
to: what the module says of its success is not enough.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cellbench.base.errors import NotPossible
from cellbench.catalogue.firmware_codes import SUCCESS, install_refusal, update_meaning
from cellbench.catalogue.results import cme_number
from cellbench.catalogue.updates import update_facts
from cellbench.host.channel import Channel
from cellbench.host.errors import AtTimeout
from cellbench.host.firmware import foat, install
from cellbench.host.firmware.course import Course, Ending, Patience
from cellbench.host.firmware.foat import Waits
from cellbench.host.firmware.model import (
    Method,
    Package,
    Recovery,
    Stage,
    Told,
    Unserved,
    Update,
    UpdateError,
    UpdateEvent,
    UpdateNotApplied,
    UpdateRefused,
    UpdateSilent,
)
from cellbench.host.xmodem import Check, Mode, Sent
from cellbench.rig.destructive import own_unit
from cellbench.rig.dut import Dut
from cellbench.rig.flashing import flash
from cellbench.rig.recovering import Recoverer
from cellbench.rig.update_ports import UARTS, composition_of, line_of, rejoin, role_of
from cellbench.wire.firmware.events import Call, Refused
from cellbench.wire.firmware.machine import UpdateMachine

Report = Callable[[UpdateEvent], None]

__all__ = ["Report", "Updater"]

_UPD, _INSTALL = "+UFWUPD", "+UFWINSTALL"
_IN_UPDATE = frozenset({Stage.WAITING, Stage.CHECKING, Stage.WRITING, Stage.SILENT})
_TRIES = 2
_BLOCKS_S = 3600.0  # the longest transfer that a declared reboot covers


@dataclass(slots=True)
class Begun:
    """An update under way: its course, the version that it began from, the role of its port."""

    course: Course
    before: str
    role: str
    method: Method
    sent: Sent | None = None

    @property
    def has_sent(self) -> bool:
        """True when the module has taken a block."""
        return any(event.stage is Stage.RECEIVING for event in self.course.events)


class Updater:
    """Updates one DUT. ``report`` is called in the updating thread at every event; what it raises ends the
    update at that place, and the module is left as it is: see ``recover``.

    Before its first step in a power session the module proves to be the slot's own (own_unit), for which it
    is switched off and on: ``dut.at`` is a new channel afterwards.
    """

    def __init__(self, dut: Dut, *, report: Report | None = None) -> None:
        self.dut = dut
        self.report = report
        self.facts = update_facts(dut.profile.series)
        self.before = ""  # the version that the last update began from
        self.last: tuple[str, int] | None = None  # role and rate of the last update

    @property
    def patience(self) -> Patience:
        """How long this bench waits for a module that updates itself."""
        return Patience.of(self.facts, self.dut.slot.timing.update_silence_s)

    def foat(self, package: Package, *, port: str | None = None, rate: int = 115200,
             mode: Mode = Mode.XMODEM_1K, check: Check | None = None) -> Update:
        """Update over AT (+UFWUPD, Xmodem) on the port of a role (default: the main one) at ``rate`` bit/s.

        ``check``: begin on the first C (CRC), or on the first NAK (CHECKSUM); unset: on whatever comes.
        Update mode that ends before it has taken a block is begun once more: this host, or its USB, was late.
        Raises UpdateRefused, UpdateSilent, UpdateNotApplied; XmodemError when the transfer failed and the
        module does not say why; NotOurUnit, OperatorError (a package that is not what it says); what keeps
        a port away.
        """
        data = package.data()
        tries = 0
        while True:
            with self._begun(Method.FOAT, port, rate) as begun:
                ending = self._offered(begun, data, rate, mode, check)
                tries += 1
                if tries < _TRIES and ending in (Ending.GAVE_UP, Ending.STARTED) and not begun.has_sent:
                    self._settled(begun)
                    continue
                return self._ended(begun, ending, package)

    def install(self, package: Package, *, method: Method, port: str | None = None,
                rate: int = 115200) -> Update:
        """Install the package that is stored in the module (+UFWINSTALL), with its words on the port of a
        role at ``rate`` bit/s; ``method``: how it came there. Raises as ``foat``."""
        with self._begun(method, port, rate) as begun:
            line = install.command(_INSTALL, self._number(begun.role), rate, self.facts.tail.value)
            with begun.course.line:
                ending = install.install(begun.course, line, rate, self.facts.answer_max_s.value)
            return self._ended(begun, ending, package)

    def unserved(self, *, port: str | None = None, rate: int = 115200) -> Unserved:
        """Begin an update over AT and send nothing: what update mode says until it gives up, and the module
        back at AT. UpdateError when it does anything else."""
        with self._begun(Method.FOAT, port, rate) as begun:
            course = begun.course
            line = install.command(_UPD, self._number(begun.role), rate, self.facts.tail.value)
            with course.line:
                install.begin(course, line, rate, self.facts.answer_max_s.value)
                ending = course.follow()
                seconds = time.monotonic() - course.began
            after = self._settled(begun)
        if ending not in (Ending.GAVE_UP, Ending.STARTED):
            raise UpdateError(f"update mode without a sender ended with {ending.value}, not with a time-out")
        text = course.refusal.text if course.refusal is not None else ""
        calls = tuple((at, Check.CRC if call is Call.CRC else Check.CHECKSUM) for at, call in course.calls)
        return Unserved(calls, text, seconds, begun.before, after)

    def flash(self, package: Package) -> Update:
        """Write a full image with the rig's flashing tool; see rig.flashing.flash."""
        self.dut.slot.updating = True
        update = flash(self.dut, package, self.report)
        self.dut.slot.updating = False
        return update

    def recover(self, package: Package | None) -> Recovery:
        """Bring the module back to AT after an interruption, whatever it does: ``package`` is the one that
        was under way.

        The supply is switched on where it is off; a module that is on is neither reset nor cut off as long
        as it may be writing. Raises UpdateRefused when update mode wants another package, UpdateError when
        boot mode wants an image and none is given; what keeps the bench from looking.
        """
        return Recoverer(self, package).run()

    # -- inside ----------------------------------------------------------------------------------

    def _offered(self, begun: Begun, data: bytes, rate: int, mode: Mode, check: Check | None) -> Ending:
        """Update mode begun and given the package; how it ended."""
        course = begun.course
        line = install.command(_UPD, self._number(begun.role), rate, self.facts.tail.value)
        with course.line:
            ending = foat.start(course, line, rate, self._waits(), check)
            if ending is None:
                ending, begun.sent = foat.offer(course, data, mode)
        return ending

    def _waits(self) -> Waits:
        return Waits(self.facts.answer_max_s.value + self.dut.slot.timing.boot_max_s,
                          self.facts.window_s.value)

    def _number(self, role: str) -> int:
        """<port> of the commands."""
        if role == "aux_uart":
            raise NotPossible("no document at hand says that the auxiliary UART takes a firmware update",
                              remedy="update over the main UART or USB")
        return self.facts.uart.value if role in UARTS else self.facts.usb.value

    @contextlib.contextmanager
    def _begun(self, method: Method, port: str | None, rate: int) -> Iterator[Begun]:
        """An update that is about to begin; reboots are declared on every port meanwhile."""
        slot = self.dut.slot
        own_unit(slot, self.dut)
        channel = self.dut.at if port is None else slot.channel(port)
        role = role_of(slot, channel)
        self._number(role)
        self.before, self.last = _version(channel), (role, rate)
        slot.budget.spend("firmware update")
        slot.updating = True
        with contextlib.ExitStack() as stack:
            for one in slot.channels.values():
                stack.enter_context(one.declare_reboot(_BLOCKS_S + 3 * self.patience.silence_s))
                one.settings.forget()
            slot.ports.wear.forget()
            line = line_of(slot, role, composition_of(slot))
            if role not in UARTS:
                line.home_rate = line.rate = rate  # USB has none
            machine = UpdateMachine(channel.settings.greeting)
            course = Course(line, machine, self.patience, self.report)
            yield Begun(course, self.before, role, method)

    def _ended(self, begun: Begun, ending: Ending, package: Package) -> Update:
        """The module back at AT, and what became of the update."""
        course = begun.course
        refusal = course.refusal
        if ending is Ending.SILENT:
            raise UpdateSilent(f"slot {self.dut.slot.name}: the module said nothing for "
                               f"{self.patience.silence_s:g} s, last it was {course.stage.value}",
                               course.stage, remedy="recover brings it back")
        after = self._settled(begun, stuck=ending is Ending.CODE)
        if ending is Ending.REFUSED:
            text = refusal.text if refusal is not None else ""
            number = self._number_of(refusal) if isinstance(refusal, Refused) else None
            raise UpdateRefused(f"the module refused the command: {text}", number,
                                install_refusal(number) or text)
        code = course.machine.code
        if code is not None and code != SUCCESS:
            raise self._by_code(code, begun.before, after)
        if after == package.end and (ending is not Ending.GAVE_UP or after != begun.before):
            return self._done(begun, after, code)
        if ending is Ending.GAVE_UP:
            text = refusal.text if refusal is not None else ""
            raise UpdateRefused(f"update mode ended without the package: {text}", None, text)
        if not any(one.stage in _IN_UPDATE for one in course.events):
            raise UpdateRefused("the module took the command, and update mode did not begin", None,
                                "no update mode", remedy="look for another use of the port in its trace")
        told = "said 128" if code is not None else "told no result"
        raise UpdateNotApplied(
            f"the module {told} and runs {after}; it ran {begun.before} and the package leads to "
            f"{package.end}", begun.before, after)

    def _number_of(self, refusal: Refused) -> int | None:
        """The number of a +CME ERROR that may have been told as text (+CMEE=2)."""
        if refusal.number is not None:
            return refusal.number
        return cme_number(refusal.text.partition(": ")[2], self.dut.profile.series)

    def _by_code(self, code: int, before: str, after: str) -> UpdateError:
        meaning = update_meaning(code).text
        if after and after != before:
            return UpdateNotApplied(f"the module ended the update with {code} ({meaning}) and yet runs "
                                    f"{after} in place of {before}", before, after)
        state = f"it still runs {before}" if after else "it does not answer AT: recover brings it back"
        return UpdateRefused(f"the module ended the update with {code}: {meaning}; {state}", code, meaning)

    def _done(self, begun: Begun, after: str, code: int | None) -> Update:
        course = begun.course
        told = Told.ASKED
        if code is not None:
            told = Told.AFTER_BOOT if course.booted else Told.BEFORE_BOOT
        course.tell(Stage.DONE)
        seconds = time.monotonic() - course.began
        return Update(begun.method, begun.before, after, code, seconds, tuple(course.events), told,
                      begun.sent)

    def _settled(self, begun: Begun, *, stuck: bool = False) -> str:
        """Wait until the module answers AT on its ports again; its version. With ``stuck`` it may also stay
        in update mode: "" then."""
        slot, dut = self.dut.slot, self.dut
        channel = slot.channels[begun.role]
        boot_s = slot.timing.boot_max_s
        try:
            back_at_at(dut, begun.role, boot_s if stuck else boot_s + self.patience.silent_s)
        except AtTimeout:
            if not stuck:
                raise
            return ""
        after = _version(channel)
        rejoin(slot, [role for role in slot.channels if role != begun.role], dut.at, boot_s)
        dut.settle()
        if begun.course.machine.code is None:
            dut.send("AT+UFWINSTALL?", check=False)  # no document shows an answer; what comes is in the trace
        return after


def back_at_at(dut: Dut, role: str, limit_s: float) -> None:
    """Wait until a port answers AT, at the rate it had, or at the one at delivery: an update may restore
    that. Raises AtTimeout and what keeps the port away."""
    slot = dut.slot
    try:
        slot.ports.sync(role, limit_s)
        return
    except AtTimeout:
        factory = slot.profile.serial.factory_rate.value or slot.profile.serial.greeting_rate.value
        if role not in UARTS or factory == slot.uart_rate:
            raise
    slot.channels[role].set_rate(factory)
    slot.ports.sync(role, limit_s)


def _version(channel: Channel) -> str:
    """The firmware by ATI9."""
    return channel.send("ATI9").text.strip()

