"""A slot: one place for a module, its power, its lines, its ports.

A slot leases its equipment from the guardian and is the only one that switches the module on and off.
Power is cut as silicon wants it: +CPWROFF, V_INT low or its deadline, then the supply; a hard cut only
when asked for, and recorded as such (docs/architecture.md, "Decisions made").
"""

from __future__ import annotations

import contextlib
import enum
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible, RigError, UnitError
from cellbench.base.protocols import AttachBudget
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.guardian.client import Lease, Reading, Sample
from cellbench.guardian.plan import USB_POWER
from cellbench.host.channel import Channel
from cellbench.host.errors import AtTimeout
from cellbench.host.facts import NOT_SLOWER, Slower
from cellbench.host.transcript import Transcript
from cellbench.io.usb import UsbDevice
from cellbench.rig.build import usb_rests_on
from cellbench.rig.flasher import FlasherAccess
from cellbench.rig.host_turn import HostTurn
from cellbench.rig.identity import KnownUnit
from cellbench.rig.schema import Slot as SlotModel
from cellbench.rig.schema import UsbRoots
from cellbench.rig.slot_ports import SlotPorts

log = logging.getLogger(__name__)

EventSink = Callable[[str, str, dict[str, str]], None]

_POLL_S = 0.02
_SUPPLY_SETTLE_S = 5.0
_BOOT_TURN_S = 1800.0  # another slot's flashing is waited for
_SURE_MARGIN_S = 0.05  # a pulse is held this much longer than the shortest the module must take


class PowerState(enum.Enum):
    """What the bench knows of the module's power."""

    OFF = "off"
    BOOTING = "booting"
    ON = "on"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Boot:
    """One switch-on, timed from the end of the PWR_ON pulse, in seconds; None where it was not seen."""

    v_int_s: float | None
    uart_s: float | None
    usb_s: float | None
    greeting: str | None
    inrush_peak_a: float | None


@dataclass(slots=True)
class SlotTiming:
    """Times of the bench side, in seconds."""

    minimum_on_s: float
    boot_max_s: float
    power_off_max_s: float
    update_silence_s: float | None = None  # unset: as the series' facts have it
    watchdog_scale: float = 1.0  # of the watchdog ladder's waits


@dataclass(slots=True)
class Slot:
    """One place for a module; see the module's docstring."""

    name: str
    model: SlotModel
    profile: ModuleProfile
    roots: UsbRoots
    lease: Lease | None
    trace: Transcript
    timing: SlotTiming
    budget: AttachBudget
    events: EventSink
    state: PowerState = PowerState.UNKNOWN
    on_since: float | None = None
    touched_ns: int = 0  # monotonic: when a line was last driven, or the USB port's power switched
    settled_ns: int = 0  # monotonic: when the module last was as a procedure wants to begin with it
    updating: bool = False  # an update began, and the module has not answered AT since
    usb_elsewhere: Mapping[str, str] = field(default_factory=dict)  # USB location → the other slot there
    flasher: FlasherAccess | None = None
    unit: KnownUnit = field(default_factory=KnownUnit)
    slower: Slower = field(default_factory=lambda: NOT_SLOWER)  # response times that its firmware needs
    ports: SlotPorts = field(init=False)
    boot_turn: HostTurn = field(init=False)  # held while USB_BOOT is asserted: one module of a host at a time

    def __post_init__(self) -> None:
        self.ports = SlotPorts(
            self.name, self.model, self.profile, self.roots, self.trace, self.timing.boot_max_s,
            frozenset(self.usb_elsewhere), slower=self.slower,
        )
        tree = os.path.realpath(self.roots.sysfs)
        self.boot_turn = HostTurn(f"usb-boot:{tree}", "the boot mode of this host's modules", _BOOT_TURN_S)

    # -- power -----------------------------------------------------------------------------------

    def power_on(self, *, usb_boot: bool = False, vusb_det: bool = True, uart_rate: int | None = None,
                 sync: bool = True, record_inrush_s: float | None = None) -> Boot:
        """Supply on, PWR_ON pulse, wait for the module; UnitError when it does not come up.

        ``usb_boot`` and ``vusb_det`` are the levels during the boot. ``uart_rate`` is the host's rate in
        bit/s (unset: as the rig file or the profile says). Without ``sync`` nothing is sent and nothing but
        V_INT is waited for. ``record_inrush_s`` samples the current for that many seconds from the supply's
        switching on.
        """
        self.close_channels()
        self.ports.wear.forget()
        self._take_boot_turn(usb_boot)
        inrush = self._supply_on(record_inrush_s)
        self.budget.spend("power-on")
        self.state = PowerState.BOOTING
        if "usb_boot" in self.model.lines.driven():
            self.drive("usb_boot", usb_boot)
        if "vusb_det" in self.model.lines.driven():
            self.drive("vusb_det", vusb_det)
        if self.model.usb_power is not None:
            self.usb_power(vusb_det)
        uart = self.channel("uart") if self.model.ports.uart is not None else None
        if uart is not None and uart_rate is not None:
            uart.set_rate(uart_rate)
        wait = self.timing.boot_max_s
        expected = uart.declare_reboot(wait) if uart is not None else contextlib.nullcontext()
        with expected:
            timed = self.pulse("pwr_on", self.profile.power.pwr_on_pulse_s.value[0] + _SURE_MARGIN_S)
            began, peak = time.monotonic(), max(inrush, default=None)
            if sync:
                boot = self._await_boot(uart, began, peak, usb=vusb_det)
            else:
                boot = Boot(self._v_int_rises(), None, None, None, peak)
        self.state = PowerState.ON
        return boot if timed else Boot(None, None, None, boot.greeting, peak)

    def supply_only(self) -> None:
        """Supply on and nothing else: the module must stay off until PWR_ON is pulsed."""
        self.close_channels()
        self._supply_on(None)

    def shut_down(self) -> float | None:
        """+CPWROFF and V_INT low, the supply stays on; seconds it took, None when V_INT is not read."""
        self.wait_minimum_on()
        took = self._graceful_off()
        self.close_channels()
        return took

    def power_off(self, *, hard: bool = False, cause: str = "procedure") -> float | None:
        """Switch off; returns seconds from +CPWROFF's OK to V_INT low, None when it was not seen.

        ``hard`` cuts the supply at once. Without a supply the module is switched off by command only.
        """
        took: float | None = None
        if not hard and self._may_be_on():
            self.wait_minimum_on()
            took = self._graceful_off()
        self.close_channels()
        if self.lease is not None and self.model.power is not None:
            self.lease.power_off(hard=hard, cause=cause)
            self.events("power", f"supply off, {'hard' if hard else 'orderly'}: {cause}", {"state": "off"})
            self.boot_turn.leave()
        self.state = PowerState.OFF
        self.on_since = None
        return took

    def is_powered(self) -> bool:
        """True when V_INT (or, without it, the supply's output) says that the module is on."""
        if "v_int" in self.model.lines.read() and self.lease is not None:
            return self.lease.sense("v_int")
        return self.state in (PowerState.ON, PowerState.BOOTING)

    def reading(self) -> Reading:
        """What the supply measures now; NotPossible without a supply."""
        return self._powered_lease().reading()

    # -- lines -----------------------------------------------------------------------------------

    def pulse(self, line: str, seconds: float) -> bool:
        """Assert a driven line for ``seconds``; NotPossible when it is not wired.

        False when a person did it, so that nobody knows when it ended.
        """
        self.touched_ns = time.monotonic_ns()
        return self._wired(line).pulse(line, seconds).shortest_s >= seconds

    def drive(self, line: str, asserted: bool) -> None:
        """Assert or release a driven line; NotPossible when it is not wired."""
        self.touched_ns = time.monotonic_ns()
        self._wired(line).drive(line, asserted)

    def usb_power(self, on: bool) -> None:
        """Switch the power of the slot's USB port; NotPossible without one that can be switched.

        What was open on USB is lost with the power: open it anew after wait_usb.
        """
        if self.lease is None or self.model.usb_power is None:
            raise NotPossible(
                f"slot {self.name} has no USB port whose power the bench can switch",
                remedy="name a hub port under usb_power in the rig file",
            )
        self.touched_ns = time.monotonic_ns()
        self.lease.drive(USB_POWER, on is not usb_rests_on(self.model))
        self.events("power", f"USB port power {'on' if on else 'off'}", {"usb": "on" if on else "off"})

    def wait_v_int(self, high: bool, timeout_s: float) -> float:
        """Seconds until V_INT has the level; UnitError when it does not in ``timeout_s``."""
        if "v_int" not in self.model.lines.read() or self.lease is None:
            raise NotPossible(f"slot {self.name} does not read V_INT",
                              remedy="wire it and name it under lines")
        began = time.monotonic()
        deadline = Deadline.after(timeout_s)
        while self.lease.sense("v_int") is not high:
            if deadline.expired:
                raise UnitError(
                    f"V_INT of slot {self.name} is not {'high' if high else 'low'} after {timeout_s:g} s"
                )
            time.sleep(_POLL_S)
        return time.monotonic() - began

    def rises(self, line: str, seconds: float) -> bool:
        """True when a read line becomes asserted within ``seconds``; NotPossible when it is not read."""
        if line not in self.model.lines.read() or self.lease is None:
            raise NotPossible(f"slot {self.name} does not read {line}",
                              remedy="wire it and name it under lines")
        deadline = Deadline.after(seconds)
        while not deadline.expired:
            if self.lease.sense(line):
                return True
            time.sleep(_POLL_S)
        return False

    def wait_minimum_on(self) -> None:
        """Wait until the module has been on as long as it must before a power-off."""
        if self.on_since is not None:
            left = self.on_since + self.timing.minimum_on_s - time.monotonic()
            if left > 0:
                threading.Event().wait(left)

    # -- current ---------------------------------------------------------------------------------

    def mean_current_a(self, seconds: float) -> float:
        """The mean supply current over ``seconds``, in ampere; NotPossible when the supply measures none."""
        samples = [sample.current_a for sample in self._powered_lease().record_current(seconds)]
        if not samples:
            raise NotPossible(f"the supply of slot {self.name} measures no current")
        return sum(samples) / len(samples)

    def sample_current(
        self, seconds: float, rate_hz: float | None = None, every_s: float = 0.0
    ) -> tuple[Sample, ...]:
        """The current for some seconds, as fast as the supply answers, at most once in ``every_s``; with
        ``rate_hz`` as log_current."""
        return self._powered_lease().record_current(seconds, rate_hz, every_s=every_s)

    def log_current(self, seconds: float, rate_hz: float) -> tuple[Sample, ...]:
        """The current by the supply's own fast log, at ``rate_hz`` or the nearest rate that it has; at_s is
        counted from the log's beginning. NotPossible when the supply has no fast log."""
        return self._powered_lease().record_current(seconds, rate_hz)

    def settle_current(self, window_s: float, *, within: float = 0.2, at_most_s: float = 15.0) -> float:
        """Seconds until two windows in a row have the same mean (20 %). UnitError when there are none."""
        began, before = time.monotonic(), self.mean_current_a(window_s)
        while time.monotonic() - began < at_most_s:
            now = self.mean_current_a(window_s)
            if abs(now - before) <= within * max(now, before, 1e-4):
                return time.monotonic() - began
            before = now
        raise UnitError(f"the supply current of slot {self.name} is not steady after {at_most_s:g} s")

    # -- ports -----------------------------------------------------------------------------------

    @property
    def channels(self) -> dict[str, Channel]:
        """The channels that are open, by role."""
        return self.ports.channels

    @property
    def uart_rate(self) -> int:
        """The host's usual rate on the UART, in bit/s."""
        return self.ports.uart_rate

    def channel(self, role: str) -> Channel:
        """The AT channel of a role: ``uart``, ``aux_uart``, or ``at0``, ``at1`` ... on USB."""
        return self.ports.channel(role)

    def roles(self) -> tuple[str, ...]:
        """Roles that this slot has ports for now, the main one first."""
        return self.ports.roles()

    def wait_usb(self, timeout_s: float) -> UsbDevice:
        """The module on USB at this slot's location; UnitError when it stays away."""
        return self.ports.wait_usb(timeout_s)

    def usb_appears(self, seconds: float) -> bool:
        """True when anything shows at the slot's USB location within ``seconds``."""
        return self.ports.usb_appears(seconds)

    def close_channels(self) -> None:
        """Close every port of this slot."""
        self.ports.close()

    def close(self) -> None:
        """Give the lease back; the guardian makes the slot safe."""
        self.close_channels()
        if self.lease is not None:
            self.lease.close()
        self.boot_turn.leave()

    # -- inside ----------------------------------------------------------------------------------

    def _take_boot_turn(self, usb_boot: bool) -> None:
        if not usb_boot:
            self.boot_turn.leave()
        elif "usb_boot" in self.model.lines.driven() and self.model.ports.usb is not None:
            self.boot_turn.enter(f"slot {self.name}")

    def _powered_lease(self) -> Lease:
        if self.lease is None or self.model.power is None:
            raise NotPossible(
                f"slot {self.name} has no supply that the bench can switch",
                remedy="name one under power in the rig file",
            )
        return self.lease

    def _wired(self, line: str) -> Lease:
        if self.lease is None or line not in self.model.lines.driven():
            raise NotPossible(f"slot {self.name} does not drive {line}",
                              remedy="wire it and name it under lines")
        return self.lease

    def _supply_on(self, record_inrush_s: float | None) -> Sequence[float]:
        lease = self._powered_lease()
        inrush: Sequence[float] = ()
        if record_inrush_s is not None:
            inrush = lease.record_inrush(record_inrush_s)
        else:
            lease.power_on()
        self.events("power", "supply on", {"state": "on"})
        self.on_since = time.monotonic()
        self.state = PowerState.UNKNOWN
        return inrush

    def _v_int_rises(self) -> float | None:
        return self.wait_v_int(True, _SUPPLY_SETTLE_S) if "v_int" in self.model.lines.read() else None

    def _await_boot(self, uart: Channel | None, began: float, inrush: float | None, *, usb: bool) -> Boot:
        v_int = self._v_int_rises()
        uart_s = usb_s = greeting = None
        if uart is not None:
            mark = uart.urcs.mark()
            if self.ports.sync("uart", self.timing.boot_max_s):
                uart_s = time.monotonic() - began
            else:
                self.ports.drop("uart")  # +USIO has given it away
            greeting = next((urc.text for urc in uart.urcs.since(mark) if urc.prefix == "greeting"), None)
        if usb and self.model.ports.usb is not None:
            self.wait_usb(self.timing.boot_max_s)
            if uart_s is None:
                self.channel("at0").sync(self.timing.boot_max_s)
            usb_s = time.monotonic() - began
        return Boot(v_int, uart_s, usb_s, greeting, inrush)

    def _may_be_on(self) -> bool:
        """False when state, supply or V_INT say that there is nothing to switch off in order."""
        if self.state is PowerState.OFF:
            return False
        if self.lease is None:
            return True
        if self.model.power is not None and not self.lease.reading().enabled:
            return False
        return "v_int" not in self.model.lines.read() or self.lease.sense("v_int")

    def _fresh_channel(self) -> Channel:
        """The main port, opened and answering: in autobauding a first command would be swallowed, and a
        module that is still booting hears none."""
        role = self.roles()[0]
        channel = self.channel(role)
        with channel.declare_reboot(self.timing.boot_max_s):
            self.ports.sync(role, self.timing.boot_max_s)
        return channel

    def _commanding_channel(self) -> Channel:
        """A port that takes commands; UnitError when each carries data or a multiplexer."""
        if not self.channels:
            return self._fresh_channel()
        for channel in self.channels.values():
            if not channel.in_data_mode and not channel.is_lent:
                return channel
        for role in self.roles():
            if role not in self.channels:
                return self.channel(role)
        raise UnitError(f"no port of slot {self.name} takes commands: {', '.join(self.channels)} carry data")

    def _graceful_off(self) -> float | None:
        try:
            channel = self._commanding_channel()
            with channel.declare_reboot(self.timing.power_off_max_s):
                channel.send("AT+CPWROFF", timeout_s=self.timing.power_off_max_s, check=False)
                if "v_int" in self.model.lines.read():
                    return self.wait_v_int(False, self.timing.power_off_max_s)
        except (AtTimeout, UnitError) as error:
            log.warning("slot %s: no orderly switch-off: %s", self.name, error)
            self.events("power", f"no orderly switch-off: {error}", {})
        except (RigError, IndexError) as error:
            log.warning("slot %s: no port for an orderly switch-off: %s", self.name, error)
        return None
