"""What an analyser or a power meter is to the rest of the house: frequency in, power out.

Every method raises RigError with the instrument named, or NotPossible for what the model cannot do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest signal of a sweep."""

    frequency_hz: float
    power_dbm: float


class Analyser(Protocol):
    """A spectrum analyser or a power meter."""

    name: str

    def identity(self) -> str:
        """The answer to its identification query, as read when it was opened."""
        ...

    def set_frequency_hz(self, hertz: float) -> None:
        """Set the centre frequency, or the frequency for which a power meter corrects its sensor."""
        ...

    def frequency_hz(self) -> float:
        """The frequency that is set, in hertz."""
        ...

    def set_span_hz(self, hertz: float) -> None:
        """Set the span, in hertz; NotPossible for a power meter."""
        ...

    def span_hz(self) -> float:
        """The span, in hertz; NotPossible for a power meter."""
        ...

    def peak(self) -> Peak:
        """One sweep, and the marker at its highest point; NotPossible for a power meter."""
        ...

    def power_dbm(self) -> float:
        """One measurement, in dBm: a power meter's reading, an analyser's highest point of one sweep."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...
