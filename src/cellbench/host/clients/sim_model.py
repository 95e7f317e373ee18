"""What the SIM client gives and raises."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.base.errors import OperatorError, UnitError
from cellbench.wire.uicc.status import Status

FLOOR = 2
"""Tries of a PIN that a bench leaves alone: what would go below is not sent."""


class SimState(enum.Enum):
    """<code> of +CPIN? (3GPP TS 27.007 8.3)."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    PIN2 = "SIM PIN2"
    PUK2 = "SIM PUK2"
    ABSENT = "no card"  # +CME ERROR: 10
    BUSY = "busy"  # +CME ERROR: 14
    FAILED = "failure"  # +CME ERROR: 13, 15
    OTHER = "another code"


@dataclass(frozen=True, slots=True)
class PinTries:
    """Tries left; None where they are not told."""

    pin: int | None
    puk: int | None = None
    pin2: int | None = None
    puk2: int | None = None


class SimRefused(UnitError):
    """The card ended a command otherwise than normally."""

    def __init__(self, what: str, status: Status) -> None:
        super().__init__(f"{what}: {status}")
        self.status = status


class PinAtRisk(OperatorError):
    """A PIN was not sent: too few tries are left, or how many is not known. Nothing was used up."""
