"""The current a module draws, by what it does (facts sheet 1.5)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cellbench.virtual.device.network import Rat
from cellbench.virtual.device.power import PowerState
from cellbench.virtual.device.sleep import DRX_OF_THE_SHEETS_S

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

_TAU_S = 0.02  # supply capacitors smooth every step
_INRUSH_S = 0.03
# where the profile names no figure; guesses between the sheet's figures
_FALLBACK = {"off": 20e-6, "boot": 0.09, "inrush": 0.35, "idle": 0.0015, "floor": 0.001, "active": 0.015,
             "active-usb": 0.03, "search": 0.11, "connected": 0.27, "transmit-peak": 0.55,
             "usb-suspended": 0.3e-3}


class Draw:
    """Supply current over time; the value between two states moves smoothly."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._typical = dict(_FALLBACK)
        self._typical.update({one.state: one.typical_a for one in module.profile.currents})
        self._from = 0.0
        self._since = 0.0
        self._target = 0.0
        self._inrush_until = 0.0
        self.transmit_until = 0.0

    def _state(self, now: float) -> str:
        module = self._module
        state = module.power.state
        if state in (PowerState.OFF, PowerState.RESET):
            return "off"
        if state is PowerState.BOOTING:
            return "inrush" if now < self._inrush_until else "boot"
        if state in (PowerState.DOWNLOAD, PowerState.UPDATE):
            return "active"
        if now < self.transmit_until and module.radio.rat is Rat.GSM:
            return "transmit-peak"  # the peak the sheets give is that of a 2G burst
        if module.radio.connected:
            return "connected"
        if module.radio.searching:
            return "search"
        if module.sleep.asleep(now):
            return "floor"
        return "active-usb" if module.sleep.usb_in_use else "active"

    def changed(self) -> None:
        """The power state changed."""
        now = self._module.pace.now()
        if self._module.power.state is PowerState.BOOTING:
            self._inrush_until = now + _INRUSH_S
        self.current_a()

    def current_a(self) -> float:
        """The current now, in ampere."""
        now = self._module.pace.now()
        if self._module.power.state is PowerState.UNSUPPLIED:
            self._from = self._target = 0.0
            return 0.0
        state = self._state(now)
        target = self._typical[state] + self._suspended_usb(state)
        present = self._target + (self._from - self._target) * math.exp(-(now - self._since) / _TAU_S)
        if target != self._target:
            self._from, self._since, self._target = present, now, target
        return max(present, 0.0) + (self._paging(now) if state == "floor" else 0.0)

    def _suspended_usb(self, state: str) -> float:
        """A suspended USB draws a little on top of an idle module."""
        return self._typical["usb-suspended"] if state == "floor" and self._module.usb_faces else 0.0

    def _paging(self, now: float) -> float:
        """A wake-up at a paging occasion, of such a height that the mean is the idle figure of the sheet."""
        if not self._module.sleep.paging(now):
            return 0.0
        wake_up_s = self._module.config.behaviour.paging_s
        return max(0.0, self._typical["idle"] - self._typical["floor"]) * DRX_OF_THE_SHEETS_S / wake_up_s
