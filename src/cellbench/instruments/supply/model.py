"""What a supply is to the rest of the house: identified outputs that are set, read back and switched.

Every method raises RigError alone, with the instrument named. A setter returns after the instrument's
own read-back agreed with what was asked for and its error queue was empty.
"""

from __future__ import annotations

from typing import Protocol


class LogReader(Protocol):
    """A current log under way."""

    def start_hz(self, rate_hz: float) -> float:
        """Begin; the true rate in hertz."""
        ...

    def read(self) -> tuple[float, ...]:
        """What came since, in ampere."""
        ...

    def stop(self) -> None:
        """End it."""
        ...


class SupplyOutput(Protocol):
    """One channel of a supply."""

    channel: int

    def set_voltage_v(self, volts: float) -> None:
        """Set the output voltage, in volt."""
        ...

    def set_current_limit_a(self, amperes: float) -> None:
        """Set the current limit, in ampere."""
        ...

    def set_over_voltage_v(self, volts: float) -> None:
        """Set the over-voltage protection, in volt; NotPossible when the model has none."""
        ...

    def set_over_current_a(self, amperes: float) -> None:
        """Enable the over-current protection at a level in ampere; NotPossible when the model has none."""
        ...

    def voltage_setting_v(self) -> float:
        """The voltage that is set, in volt."""
        ...

    def current_limit_setting_a(self) -> float:
        """The current limit that is set, in ampere."""
        ...

    def enable(self, on: bool) -> None:
        """Switch the output."""
        ...

    def is_enabled(self) -> bool:
        """True while the output is on."""
        ...

    def measure_voltage_v(self) -> float:
        """The voltage at the output, in volt; NotPossible when nothing measures it."""
        ...

    def measure_current_a(self) -> float:
        """The current drawn, in ampere; NotPossible when the model cannot measure."""
        ...

    def tripped(self) -> str | None:
        """Which protection has switched the output off ("over-current", "over-voltage"), or None."""
        ...

    def clear_trip(self) -> None:
        """Clear a tripped protection; the output stays off."""
        ...

    def start_current_log_hz(self, rate_hz: float) -> float:
        """Begin a fast log of the current; the true rate in hertz.

        NotPossible when the model has none.
        """
        ...

    def read_current_log(self) -> tuple[float, ...]:
        """What was logged since the last reading, in ampere."""
        ...

    def stop_current_log(self) -> None:
        """End the fast log; harmless when none runs."""
        ...


class Supply(Protocol):
    """A supply with one or more outputs, taken by one owner at a time."""

    name: str

    def identity(self) -> str:
        """The answer to its identification query, as read when it was opened."""
        ...

    def output(self, channel: int) -> SupplyOutput:
        """One channel, from 1; RigError when the model has no such channel."""
        ...

    def close(self) -> None:
        """Give the connection back; outputs stay as they are."""
        ...
