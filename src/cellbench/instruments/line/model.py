"""What a line driver is to the rest of the house: contacts to close and inputs to read.

Every method raises RigError alone, with the instrument named. `drive` returns after the board's own
read-back agreed, on boards that have one (Ability.READ_BACK); `is_closed` is NotPossible on the others.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Contacts(Protocol):
    """What can be closed and opened: relays, open-drain outputs, the power of a hub's ports."""

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

    def close(self) -> None:
        """Give the connection back; contacts stay as they are, unless the hardware lets go with its owner."""
        ...


class LineBoard(Contacts, Protocol):
    """A board of contacts and digital inputs."""

    def read(self, input: int) -> bool:
        """The level at one digital input, counted from 0: True is high."""
        ...


@runtime_checkable
class PulsesByHand(Protocol):
    """A board whose contacts a person works: a pulse is one request, and nobody knows when it was."""

    def pulse(self, pin: int, seconds: float, closed: bool) -> None:
        """Close (or open) a contact for about ``seconds`` and put it back."""
        ...
