"""What a line driver is to the rest of the house: contacts to close and inputs to read.

Every method raises RigError alone, with the instrument named. `drive` returns after the board's own
read-back agreed.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class LineBoard(Protocol):
    """A board of contacts (relays, open-drain outputs) and digital inputs."""

    name: str

    def identity(self) -> str:
        """What the board says it is, as read when it was opened."""
        ...

    def drive(self, pin: int, closed: bool) -> None:
        """Close or open one contact, counted from 0."""
        ...

    def is_closed(self, pin: int) -> bool:
        """True while the contact is closed."""
        ...

    def read(self, input: int) -> bool:
        """The level at one digital input, counted from 0: True is high."""
        ...

    def close(self) -> None:
        """Give the connection back; contacts stay as they are."""
        ...


@runtime_checkable
class PulsesByHand(Protocol):
    """A board whose contacts a person works: a pulse is one request, and nobody knows when it was."""

    def pulse(self, pin: int, seconds: float, closed: bool) -> None:
        """Close (or open) a contact for about ``seconds`` and put it back."""
        ...
