"""One output of the virtual supply: regulation against the module's current, protections, its log."""

from __future__ import annotations

import asyncio
import enum
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MAX_VOLTAGE_V = 20.0
MAX_CURRENT_A = 5.0
RESET_CURRENT_A = 1.0
OCP_DELAY_S = 0.02
INRUSH_A = 0.35
"""Charging current of the board's capacitors at switch-on, above what the module draws."""
INRUSH_TAU_S = 0.02


class Load(Protocol):
    """What hangs on an output."""

    def set_supply(self, volts: float) -> None:
        """The voltage at the module's VCC is now this."""
        ...

    def current_a(self) -> float:
        """What the module wants to draw now, in ampere."""
        ...


class Trip(enum.Enum):
    """Why an output switched itself off."""

    OVER_VOLTAGE = "ovp-trip"
    OVER_CURRENT = "ocp-trip"
    FORCED = "forced-trip"


class Mode(enum.Enum):
    """How an output regulates."""

    OFF = "off"
    CONSTANT_VOLTAGE = "cv"
    CONSTANT_CURRENT = "cc"


@dataclass(frozen=True, slots=True)
class Settings:
    """What *RST sets on an output; volts, amperes, seconds.

    ``ocp_level_a`` None: over-current protection acts where the current limit acts; a family whose
    protection has a level of its own states it here.
    """

    voltage_v: float = 0.0
    current_limit_a: float = RESET_CURRENT_A
    ovp_v: float = MAX_VOLTAGE_V * 1.1
    ovp_enabled: bool = True
    ocp_enabled: bool = False
    ocp_level_a: float | None = None
    ocp_delay_s: float = OCP_DELAY_S


@dataclass(slots=True)
class OutputFaults:
    """What the control room has broken in an output: settings and meters that are off by a part of their
    value, and a protection that trips so long after switch-on."""

    set_error: float = 0.0
    meter_error: float = 0.0
    trip_after_s: float | None = None
    trip_kind: Trip = Trip.OVER_CURRENT


class SupplyOutput:
    """One output with its settings and its protections; volts, amperes, seconds."""

    def __init__(self, load: Load | None, log: Path | None, seed: int,
                 on_off: Callable[[], None] | None = None) -> None:
        self._load = load
        self._on_off = on_off
        self._log = None if log is None else log.open("a", encoding="ascii", buffering=1)
        self._random = random.Random(seed)
        self.enabled = False
        self.tripped: Trip | None = None
        self.mode = Mode.OFF
        self._applied_v = 0.0
        self._switched_at = -math.inf
        self._limiting_since: float | None = None
        self._dip_v: float | None = None
        self._interrupted = False
        self.faults = OutputFaults()
        self.adopt(Settings())

    def adopt(self, settings: Settings) -> None:
        """Take the settings of a family at its reset; *RST comes back to them."""
        self._reset_to = settings
        self.voltage_v = settings.voltage_v
        self.current_limit_a = settings.current_limit_a
        self.ovp_v = settings.ovp_v
        self.ovp_enabled = settings.ovp_enabled
        self.ocp_enabled = settings.ocp_enabled
        self.ocp_level_a = settings.ocp_level_a
        self.ocp_delay_s = settings.ocp_delay_s

    def reset(self) -> None:
        """*RST: output off, 0 V, protections at their defaults."""
        self.switch(False, "scpi-reset")
        self.tripped = None
        self.adopt(self._reset_to)

    @property
    def shown_voltage_v(self) -> float:
        """What the supply answers when its voltage setting is asked for."""
        return self.voltage_v * (1 + self.faults.set_error)

    @property
    def shown_current_limit_a(self) -> float:
        """What the supply answers when its current limit is asked for."""
        return self.current_limit_a * (1 + self.faults.set_error)

    def switch(self, on: bool, cause: str) -> None:
        """Switch the output; a tripped one stays off until its trip is cleared."""
        if on and self.tripped is not None:
            return
        if on != self.enabled:
            self.enabled = on
            self._switched_at = time.monotonic()
            self._write_log(on, cause)
        self._interrupted = False
        self.regulate()
        if not on and self._on_off is not None:
            self._on_off()

    def trip(self, why: Trip) -> None:
        """Switch off and stay off until ``clear_trip``."""
        was_on = self.enabled
        self.tripped = why
        self.switch(False, why.value)
        self._interrupted = was_on

    def clear_trip(self, *, restore: bool = False) -> None:
        """Forget a trip; the output stays off, or with ``restore`` goes back to what it was before it."""
        interrupted, self._interrupted = self._interrupted and self.tripped is not None, False
        self.tripped = None
        if restore and interrupted:
            self.switch(True, "scpi")

    async def dip(self, volts: float, seconds: float) -> None:
        """Let the voltage fall to ``volts`` for ``seconds`` while the output stays on."""
        self._dip_v = volts
        self.regulate()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._dip_v = None
            self.regulate()

    def regulate(self) -> None:
        """Bring the voltage at the load in line with settings, limit and what the load draws."""
        now = time.monotonic()
        if not self.enabled:
            self._limiting_since = None
            self._apply(0.0, Mode.OFF)
            return
        if self.ovp_enabled and self.voltage_v > self.ovp_v:
            self.trip(Trip.OVER_VOLTAGE)
            return
        faults = self.faults
        if faults.trip_after_s is not None and now - self._switched_at >= faults.trip_after_s:
            self.trip(faults.trip_kind)
            return
        target = self.voltage_v if self._dip_v is None else min(self._dip_v, self.voltage_v)
        demand = self._demand()
        level, limit = self.ocp_level_a, self.current_limit_a
        if not (demand > limit if level is None else min(demand, limit) >= level):
            self._limiting_since = None
        elif self._limiting_since is None:
            self._limiting_since = now
        since = self._limiting_since
        if self.ocp_enabled and since is not None and now - since >= self.ocp_delay_s:
            self.trip(Trip.OVER_CURRENT)
            return
        if demand <= self.current_limit_a:
            self._apply(target, Mode.CONSTANT_VOLTAGE)
            return
        # The load is taken as a resistance: at the limit the voltage falls in proportion.
        self._apply(target * self.current_limit_a / demand, Mode.CONSTANT_CURRENT)

    def measured_voltage_v(self) -> float:
        """What the supply's own meter reads, with its noise."""
        self.regulate()
        return max(0.0, self._applied_v * (1 + self.faults.meter_error) + self._random.gauss(0.0, 0.0004))

    def measured_current_a(self) -> float:
        """What the supply's own meter reads, with its noise."""
        self.regulate()
        if not self.enabled:
            return abs(self._random.gauss(0.0, 2e-6))
        surge = INRUSH_A * math.exp(-(time.monotonic() - self._switched_at) / INRUSH_TAU_S)
        current = min(self._demand() + surge, self.current_limit_a) * (1 + self.faults.meter_error)
        return max(0.0, current * (1 + self._random.gauss(0.0, 2e-4)) + self._random.gauss(0.0, 5e-6))

    def close(self, cause: str) -> None:
        """Switch off for good and close the log."""
        self.switch(False, cause)
        if self._log is not None:
            self._log.close()
            self._log = None

    def _demand(self) -> float:
        return 0.0 if self._load is None else self._load.current_a()

    def _apply(self, volts: float, mode: Mode) -> None:
        self.mode = mode
        if abs(volts - self._applied_v) > 1e-6:
            self._applied_v = volts
            if self._load is not None:
                self._load.set_supply(volts)

    def _write_log(self, on: bool, cause: str) -> None:
        if self._log is not None:
            state = "on" if on else "off"
            self._log.write(f"{time.time_ns()} {time.monotonic_ns()} output {state} {cause}\n")
            self._log.flush()
