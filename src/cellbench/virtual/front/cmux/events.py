"""What the responder tells its user, and what it is told to begin with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cellbench.virtual.front.cmux.messages import Signals


@dataclass(frozen=True, slots=True)
class Opened:
    """A data channel was established."""

    dlci: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A data channel was released."""

    dlci: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Octets of a data channel."""

    dlci: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """The DTE's signals of a channel."""

    dlci: int
    signals: Signals


@dataclass(frozen=True, slots=True)
class Down:
    """The multiplexer is over; the UART goes back to AT commands."""

    cause: str


Event = Opened | Ended | Taken | Changed | Down


@dataclass(frozen=True, slots=True)
class Terms:
    """What +CMUX agreed, times in seconds, and how this responder behaves."""

    n1: int = 31
    t1_s: float = 0.1
    n2: int = 3
    t2_s: float = 0.3
    dlcis: Collection[int] = (1, 2, 3)
    sabm_wait_s: float = 5.0
    """How long the responder waits for SABM on DLCI 0."""
    frame_gap_s: float = 1.0
    """A frame that stands still for so long is given up."""
    answers_disc: bool = True
    """DISC of a data channel is answered."""
    opens_with_msc: bool = True
    """The responder sends its own signals after a channel opened."""
    checks_cr: bool = True
    """A frame with the C/R bit of the other role is discarded (5.2.1.2)."""
    silence_closes: bool = False
    """A command of the control channel without an answer, N2 times repeated, ends the multiplexer."""
    optional: frozenset[str] = frozenset()
    """Optional messages that are answered, of ``pn``, ``psc``, ``rpn``, ``rls``; NSC for the others."""
