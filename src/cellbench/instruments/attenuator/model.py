"""What a step attenuator is to the rest of the house: decibels in the antenna's path.

Every method raises RigError alone, with the instrument named. Setting returns after the instrument's own
read-back agreed.
"""

from __future__ import annotations

from typing import Protocol


class Attenuator(Protocol):
    """An attenuator with one or more channels."""

    name: str

    def identity(self) -> str:
        """What it says it is, as read when it was opened."""
        ...

    def set_attenuation_db(self, channel: int, decibel: float) -> None:
        """Set one channel, from 1, to the attenuation in decibel, at least 0."""
        ...

    def attenuation_db(self, channel: int) -> float:
        """The attenuation of one channel, in decibel."""
        ...

    def close(self) -> None:
        """Give the connection back; the attenuation stays."""
        ...
