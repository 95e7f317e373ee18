"""Power of the module: supply, PWR_ON, RESET_N, boot, switch-off, restart (facts sheet 1.1 to 1.4).

The bench calls ``set_supply`` and ``line``; AT commands call ``shut_down`` and ``restart``. What runs
over time is one task, the script, which an abrupt loss of power cancels.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from cellbench.virtual.device.faces import Input, Output
from cellbench.virtual.device.update_state import Begin

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module


class PowerState(enum.Enum):
    """Where the module is between no supply and running."""

    UNSUPPLIED = "no supply"
    OFF = "off"  # supplied, waiting for PWR_ON
    BOOTING = "booting"
    RUNNING = "running"
    UPDATE = "update"  # update mode in place of a boot: no AT anywhere
    DOWNLOAD = "download"  # USB_BOOT was high at the boot: no AT anywhere
    STOPPING = "stopping"
    RESET = "reset"  # RESET_N held


class Power:
    """The power state machine of one module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self.state = PowerState.UNSUPPLIED
        self.volts = 0.0
        self.boots = 0
        self._script: asyncio.Task[None] | None = None
        self._press: asyncio.TimerHandle | None = None
        self._reset_timers: list[asyncio.TimerHandle] = []
        self._reset_since: float | None = None

    @property
    def on(self) -> bool:
        """True from V_INT up to V_INT down."""
        return self._module.output(Output.V_INT)

    @property
    def running(self) -> bool:
        """True while AT commands are answered."""
        return self.state is PowerState.RUNNING

    def set_supply(self, volts: float) -> None:
        """The voltage at VCC; below the extended range the module dies at once, above it comes to life
        by PWR_ON only (facts sheet 1.1: VCC alone starts nothing)."""
        self.volts = volts
        lowest = self._module.profile.power.vcc_extended_v.value[0]
        if volts < lowest:
            if self.state is not PowerState.UNSUPPLIED:
                self._drop(PowerState.OFF if volts > lowest / 2 else PowerState.UNSUPPLIED)
        elif self.state is PowerState.UNSUPPLIED:
            self._to(PowerState.OFF)
            if self._module.input(Input.PWR_ON):
                self._pressed()

    def line(self, pin: Input, active: bool) -> None:
        """PWR_ON or RESET_N changed."""
        if self._module.stuck.ignores(pin):
            return
        if pin is Input.PWR_ON:
            press, self._press = self._press, None
            if press is not None and not press.cancelled():
                press.cancel()
                if self._module.pace.now() >= press.when():
                    self._long_enough()  # the loop saw the release before its own timer
            if active:
                self._pressed()
        elif pin is Input.RESET_N:
            self._reset_line(active)

    def _pressed(self) -> None:
        """PWR_ON goes low: what happens once it stayed so for long enough (never scaled)."""
        facts = self._module.profile.power
        later = self._module.pace.later_true
        if self.state is PowerState.OFF:
            self._press = later(facts.pwr_on_pulse_s.value[0], self._long_enough)
        elif self.state in (PowerState.RUNNING, PowerState.BOOTING, PowerState.DOWNLOAD):
            self._press = later(facts.pwr_off_pulse_s.value, self._long_enough)

    def _long_enough(self) -> None:
        """PWR_ON was low for as long as it takes to switch on, or off."""
        self._press = None
        if self.state is PowerState.OFF:
            self._run(self._boot())
        elif self.state in (PowerState.RUNNING, PowerState.DOWNLOAD):
            self.shut_down(detach=True)

    def _reset_line(self, active: bool) -> None:
        pace, facts = self._module.pace, self._module.profile.power
        for timer in self._reset_timers:
            timer.cancel()
        self._reset_timers.clear()
        if active:
            self._reset_since = pace.now()
            self._reset_timers.append(pace.later_true(facts.reset_pulse_s.value, self._reset_taken))
            if facts.reset_off_s is not None:
                self._reset_timers.append(pace.later_true(facts.reset_off_s.value, self._reset_to_off))
            return
        since, self._reset_since = self._reset_since, None
        if since is None or pace.now() - since < facts.reset_pulse_s.value - 1e-6:
            return
        if self.state is PowerState.RESET:
            self._run(self._boot())
        elif self.state in (PowerState.RUNNING, PowerState.BOOTING, PowerState.DOWNLOAD,
                            PowerState.UPDATE):
            self.restart(detach=True)

    def _reset_taken(self) -> None:
        """An abrupt reset holds the module down until the line is released."""
        graceful = self._module.config.behaviour.reset_pin_graceful
        if not graceful and self.state in (PowerState.RUNNING, PowerState.BOOTING, PowerState.DOWNLOAD,
                                           PowerState.STOPPING, PowerState.UPDATE):
            self._drop(PowerState.RESET)

    def _reset_to_off(self) -> None:
        if self.state not in (PowerState.UNSUPPLIED, PowerState.OFF):
            self._reset_since = None
            self._drop(PowerState.OFF)

    def shut_down(self, *, detach: bool) -> None:
        """Switch off in order: detach, save, then V_INT low."""
        if self.state in (PowerState.RUNNING, PowerState.BOOTING, PowerState.DOWNLOAD):
            self._run(self._stop(detach))

    def restart(self, *, detach: bool) -> None:
        """Restart in order (+CFUN=16, +CFUN=15, RESET_N where it is graceful)."""
        if self.state in (PowerState.RUNNING, PowerState.BOOTING, PowerState.DOWNLOAD, PowerState.UPDATE):
            self._run(self._restart(detach))

    def watchdog(self) -> None:
        """The module restarts by itself: nothing is saved or said."""
        self._drop(PowerState.RESET)
        self._run(self._boot())

    def hang_up_all(self) -> None:
        """End the script (the rack goes down)."""
        self._drop(PowerState.UNSUPPLIED)
        if self._press is not None:
            self._press.cancel()
        for timer in self._reset_timers:
            timer.cancel()

    # the script
    def _run(self, script: Coroutine[object, object, None]) -> None:
        if self._script is not None:
            self._script.cancel()
        self._script = self._module.pace.loop.create_task(script)

    def _to(self, state: PowerState) -> None:
        self.state = state
        self._module.draw.changed()

    def _drop(self, state: PowerState) -> None:
        """Power is gone in the middle of everything: nothing is saved, nothing is said."""
        if self._script is not None:
            self._script.cancel()
            self._script = None
        if self._press is not None:
            self._press.cancel()
            self._press = None
        self._module.leave(usb=True)
        self._module.set_output(Output.V_INT, False)
        self._to(state)

    async def _boot(self) -> None:
        module = self._module
        behaviour, pace = module.config.behaviour, module.pace
        self.boots += 1
        self._to(PowerState.BOOTING)
        await pace.take(behaviour.vint_rise_s)
        usb_boot = module.profile.power.has_usb_boot and module.input(Input.USB_BOOT)
        vusb = module.input(Input.VUSB_DET)
        module.set_output(Output.V_INT, True)
        begin = Begin.DOWNLOAD if usb_boot else module.updater.state.at_start()
        if begin is Begin.DOWNLOAD:
            await pace.take(behaviour.usb_up_s / 2)
            module.enter_download(vusb)
            self._to(PowerState.DOWNLOAD)
            return
        if begin is not Begin.FIRMWARE:
            await self._update(begin, vusb)
            return
        restore = module.restore_pending()
        if restore:
            await pace.take(behaviour.restore_s)
        await pace.take(behaviour.usb_up_s)
        module.enter_usb(vusb)
        await pace.take(max(0.0, behaviour.boot_s - behaviour.usb_up_s))
        self._to(PowerState.RUNNING)
        self._script = None
        module.enter()

    async def _update(self, begin: Begin, vusb: bool) -> None:
        """Update mode, then the boot that follows it."""
        module = self._module
        if module.updater.on_usb:
            await module.pace.take(module.config.behaviour.usb_up_s)
            module.enter_usb(vusb)
        self._to(PowerState.UPDATE)
        await module.updater.run(begin)
        self._to(PowerState.STOPPING)
        await self._last_words()
        module.leave(usb=True)
        await module.pace.take(module.config.behaviour.reboot_gap_s)
        await self._boot()

    async def _stop(self, detach: bool) -> None:
        module = self._module
        behaviour, pace = module.config.behaviour, module.pace
        if detach and self.state is PowerState.RUNNING:
            module.radio.detach_quietly()
            await pace.take(behaviour.detach_s)
        self._to(PowerState.STOPPING)
        await self._last_words()
        module.leave(usb=True)
        await pace.take(behaviour.vint_fall_s)
        module.set_output(Output.V_INT, False)
        self._to(PowerState.OFF)
        self._script = None
        if module.input(Input.PWR_ON):
            self._pressed()

    async def _restart(self, detach: bool) -> None:
        module = self._module
        if detach and self.state is PowerState.RUNNING:
            module.radio.detach_quietly()
            await module.pace.take(module.config.behaviour.detach_s)
        self._to(PowerState.STOPPING)
        await self._last_words()
        module.leave(usb=True)
        await module.pace.take(module.config.behaviour.reboot_gap_s)
        await self._boot()

    async def _last_words(self) -> None:
        """Leave a host on USB the time to read the last result code: unread data ends with the device."""
        if any(face.opened for face in self._module.usb_faces):
            await self._module.pace.wait(self._module.config.behaviour.usb_last_words_s)
