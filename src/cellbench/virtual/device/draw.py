"""The current a module draws, by what it does (facts sheet 1.5)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cellbench.virtual.device.network import Rat
from cellbench.virtual.device.power import PowerState

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

_TAU_S = 0.02  # supply capacitors smooth every step
_INRUSH_S = 0.03
# where the profile names no figure; guesses between the sheet's figures
_FALLBACK = {"off": 20e-6, "boot": 0.09, "inrush": 0.35, "idle": 0.0015, "active": 0.025, "search": 0.11,
             "connected": 0.27, "transmit-peak": 0.55}


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
        if state is PowerState.DOWNLOAD:
            return "active"
        if now < self.transmit_until and module.radio.rat is Rat.GSM:
            return "transmit-peak"  # the peak the sheets give is that of a 2G burst
        if module.radio.connected:
            return "connected"
        if module.radio.searching:
            return "search"
        return "idle" if module.sleep.asleep(now) else "active"

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
        target = self._typical[self._state(now)]
        present = self._target + (self._from - self._target) * math.exp(-(now - self._since) / _TAU_S)
        if target != self._target:
            self._from, self._since, self._target = present, now, target
        return max(present, 0.0)
