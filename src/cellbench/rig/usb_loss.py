"""Why a module vanished from USB: asked of the supply, the hub, V_INT, the module's UART, the bus.

A port's end looks the same from the port whatever ended it. What tells: an output that is off; a hub that is
gone with all that hung on it; V_INT low; a UART that was silent and then answers with volatile settings
forgotten (+CMEE), or its greeting; a UART that answers as if nothing had been, while the device is away.
"""

from __future__ import annotations

import enum
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, NotPossible, RigError, UnitError
from cellbench.base.trace import Direction
from cellbench.host.channel import Channel
from cellbench.host.death import DeathKind
from cellbench.host.errors import AtError, AtTimeout, UnexpectedReset
from cellbench.io.pipe import PortLost, PortMissing
from cellbench.io.usb import missing_hub
from cellbench.rig.slot import Slot
from cellbench.rig.usb_view import UsbTrouble
from cellbench.wire.at.session import GREETING

_POLL_S = 0.02
# +CFUN restarts (3GPP TS 27.007 8.2 and the application guides), switch-off, firmware installs and updates
_RESTARTS = re.compile(rb"\+CFUN=(1,1|15|16)|\+CPWROFF|\+UFWINSTALL|\+UFWUPD")
_ALIVE_S = 0.5
_ANSWER_S = 10.0  # from a module's return on USB to its first answer: 2 to 5 s are remembered
_LOOKS = 2  # a device that is just enumerating anew is looked for so many times before the UART is asked


class LossCause(enum.Enum):
    """What took a module off USB."""

    POWER_CUT = "power cut"
    HUB_GONE = "hub gone"
    MODULE_OFF = "module switched off"
    MODULE_RESET = "module reset"
    UNPLUGGED = "unplugged"
    DOWNLOAD = "boot into download mode"
    SILENT = "module silent"


_OWNED_BY_UNIT = (LossCause.MODULE_OFF, LossCause.MODULE_RESET, LossCause.SILENT)
_REMEDIES = {
    LossCause.POWER_CUT: "find what switched the supply off, or what tripped it",
    LossCause.HUB_GONE: "look at the hub's cable and its power",
    LossCause.UNPLUGGED: "look at the module's USB cable and plug",
    LossCause.MODULE_OFF: "nothing at the bench switched it off: look at PWR_ON and the supply's voltage",
    LossCause.MODULE_RESET: "nothing at the bench asked for it: see the trace of the moments before",
    LossCause.DOWNLOAD: "USB_BOOT must be low while it boots: look at that line and its wiring",
    LossCause.SILENT: "power-cycle it; if it stays silent, look at its supply and its firmware",
}


class UsbLoss(RigError):
    """The bench took the module off USB: supply, hub or cable."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a module vanished from USB. ``seen`` is the evidence; ``returned``: it is back."""

    slot: str
    location: str
    cause: LossCause
    seen: str
    returned: bool = False

    def error(self) -> CellbenchError:
        """The loss as an error of whoever has to act on it."""
        back = "; it is back" if self.returned else ""
        message = (f"slot {self.slot}: the module vanished from USB at {self.location}: {self.cause.value} "
                   f"({self.seen}{back})")
        if self.cause is LossCause.MODULE_RESET:
            return UnexpectedReset(message, remedy=_REMEDIES[self.cause])
        if self.cause in _OWNED_BY_UNIT:
            return UnitError(message, remedy=_REMEDIES[self.cause])
        return UsbLoss(message, remedy=_REMEDIES[self.cause])


def explain_loss(slot: Slot, timeout_s: float | None = None) -> Loss:
    """Why the module of ``slot`` vanished from USB just now; call it soon after the loss.

    Takes at most ``timeout_s`` seconds (default: the longest boot): a module that reset itself comes back.
    NotPossible when the slot has no USB.
    """
    usb = slot.model.ports.usb
    if usb is None:
        raise NotPossible(f"slot {slot.name} has no USB")
    deadline = Deadline.after(slot.timing.boot_max_s if timeout_s is None else timeout_s)
    inquiry = _Inquiry(slot, usb.location, deadline)
    loss = inquiry.bench() or inquiry.module()
    return replace(loss, returned=loss.returned or slot.usb_appears(0.0))


def was_asked_for(slot: Slot, since_ns: int) -> bool:
    """True when, since that instant (monotonic nanoseconds), a line of the slot was driven or a command was
    sent that restarts the module or switches it off: then its end on USB was no surprise."""
    if slot.touched_ns >= since_ns:
        return True
    sent = b"".join(record.data for record in slot.trace.records(since_ns)
                    if record.direction is Direction.TX)
    return _RESTARTS.search(sent.upper()) is not None


@dataclass(slots=True)
class _Inquiry:
    """One loss under inquiry."""

    slot: Slot
    location: str
    deadline: Deadline

    def loss(self, cause: LossCause, seen: str, *, returned: bool = False) -> Loss:
        return Loss(self.slot.name, self.location, cause, seen, returned)

    def bench(self) -> Loss | None:
        """What the bench itself can see: supply, hub."""
        slot = self.slot
        if slot.lease is not None and slot.model.power is not None:
            reading = slot.reading()
            if reading.tripped:
                tripped = f"the supply's {reading.tripped} protection has tripped"
                return self.loss(LossCause.POWER_CUT, tripped)
            if not reading.enabled:
                return self.loss(LossCause.POWER_CUT, "the supply's output is off")
        hub = missing_hub(slot.ports.scene().sysfs, self.location)
        if hub is not None:
            return self.loss(LossCause.HUB_GONE, f"the hub {hub} is not there")
        return None

    def module(self) -> Loss:
        """Supply and hub are in order: the module itself, or its cable."""
        v_int = self._v_int()
        if v_int is False:
            return self._after_v_int_low()
        uart = self._uart()
        if uart is None:
            return self._by_usb_alone(v_int)
        with uart.declare_reboot(self.deadline.remaining + _ALIVE_S):
            heard = self._was_heard_on_uart()
            if not uart.silent(_ALIVE_S) or (heard and not uart.silent(_ALIVE_S)):
                return self._answering_on_uart(uart)
            if heard:
                return self._silent_on_uart(uart)
        return self._by_usb_alone(v_int)

    def _v_int(self) -> bool | None:
        slot = self.slot
        if slot.lease is None or "v_int" not in slot.model.lines.read():
            return None
        return slot.lease.sense("v_int")

    def _after_v_int_low(self) -> Loss:
        if self._wait(lambda: self._v_int() is True):
            return self._reset("V_INT fell and rose again")
        late = self.bench()
        return late or self.loss(LossCause.MODULE_OFF, "V_INT is low, the supply is on")

    def _uart(self) -> Channel | None:
        try:
            return self.slot.channel("uart") if self.slot.model.ports.uart is not None else None
        except CellbenchError:
            return None

    def _was_heard_on_uart(self) -> bool:
        """True when the module spoke on the UART after it had come up on USB: else its silence says nothing
        (a module can be set to have no UART)."""
        since, port = self.slot.ports.up_since_ns, f"{self.slot.name}.uart"
        return any(record.port == port and record.direction is Direction.RX
                   for record in self.slot.trace.records(since))

    def _lost_at(self) -> float:
        """When a port on USB was lost, in monotonic seconds; the present when none was open."""
        signs = [sign.monotonic_s for role, channel in self.slot.channels.items() if role.startswith("at")
                 for sign in channel.deaths.signs if sign.kind is DeathKind.PORT_LOST]
        return max(signs, default=time.monotonic())

    def _answering_on_uart(self, uart: Channel) -> Loss:
        lost_at, told = self._lost_at(), uart.settings.cmee
        if any(urc.prefix == GREETING and urc.monotonic_s >= lost_at for urc in uart.urcs.since(0)):
            return self._reset("its greeting came on the UART")
        if told is not None and _cmee(uart) not in (told, None):
            return self._reset("it has forgotten what it was told on the UART")
        return self._alive("it goes on answering on the UART")

    def _reset(self, seen: str) -> Loss:
        for channel in self.slot.channels.values():
            channel.resume_at_sync()
        returned = self._returns()
        return self._download() or self.loss(LossCause.MODULE_RESET, seen, returned=returned)

    def _silent_on_uart(self, uart: Channel) -> Loss:
        """It was on the UART and is not now: it boots, or hangs, or comes back without its UART."""
        while not self.deadline.expired:
            if not uart.silent(_ALIVE_S):
                return self._reset("it was silent on the UART and then answered again")
            download = self._download()
            if download is not None:
                return download
            if self.slot.usb_appears(0.0) and self._answers_on_usb():
                return self._by_usb_alone(None)
            time.sleep(_POLL_S)
        late = self.bench()
        return late or self.loss(LossCause.SILENT, "it does not answer on the UART either")

    def _download(self) -> Loss | None:
        """Back in download mode: by its id at this place, whether or not a driver is bound."""
        device = self.slot.ports.scene().device()
        if device is None:
            return None
        shown = [one for one in self.slot.profile.usb if (one.vid, one.pid) == (device.vid, device.pid)]
        if not any(face.role == "fw-update" for one in shown for face in one.interfaces):
            return None
        return self.loss(LossCause.DOWNLOAD, f"it is back as {device.words}", returned=True)

    def _answers_on_usb(self) -> bool:
        channel = next((one for role, one in self.slot.channels.items() if role.startswith("at")), None)
        try:
            if channel is None:
                return False
            if channel.lost is not None:
                channel.reopen()
            return not channel.silent(_ALIVE_S)
        except (PortMissing, PortLost):
            return False

    def _alive(self, seen: str) -> Loss:
        """The module is well; a moment later the supply or hub may turn out to be what went."""
        for _ in range(_LOOKS):
            late = self.bench()
            if late is not None:
                return late
            time.sleep(_POLL_S)
        return self.loss(LossCause.UNPLUGGED, seen)

    def _by_usb_alone(self, v_int: bool | None) -> Loss:
        """Without a UART: it comes back, and remembers what it was told or not; or it stays away."""
        open_at = [channel for role, channel in self.slot.channels.items() if role.startswith("at")]
        if not self._returns() or not open_at:
            late = self.bench()
            seen = "V_INT says that it is on" if v_int else "nothing but USB reaches it, and it stays away"
            return late or self._download() or self.loss(LossCause.UNPLUGGED, seen)
        if (download := self._download()) is not None:
            return download
        channel, told = open_at[0], open_at[0].settings.cmee
        settings = channel.settings
        try:
            channel.settings.cmee = None  # ask before anything is told anew
            channel.sync(max(_ANSWER_S, self.deadline.remaining))
            now = _cmee(channel)
        except (AtTimeout, PortLost, PortMissing, UsbTrouble):
            return self.loss(LossCause.SILENT, "it is back on USB and does not answer AT", returned=True)
        finally:
            settings.cmee = told
        channel.resume()
        if told is not None and now is not None and now != told:
            return self._reset("it has forgotten what it was told")
        return self.loss(LossCause.UNPLUGGED, "it still knows what it was told", returned=True)

    def _returns(self) -> bool:
        return self._wait(lambda: self.slot.usb_appears(0.0))

    def _wait(self, ready: Callable[[], bool]) -> bool:
        while not ready():
            if self.deadline.expired:
                return False
            time.sleep(_POLL_S)
        return True


def _cmee(channel: Channel) -> int | None:
    """What +CMEE is set to on a port; None when it does not say."""
    try:
        fields = channel.send("AT+CMEE?", timeout_s=2.0).value("+CMEE")
    except (AtError, AtTimeout):
        return None
    return fields[0] if fields and isinstance(fields[0], int) else None
