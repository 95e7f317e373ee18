"""What the multiplexer tells its user: frozen events."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from cellbench.wire.cmux.control import Signals
from cellbench.wire.cmux.decoder import Outside


class Received(NamedTuple):
    """Information of a connected DLC."""

    dlci: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A DLC is in connected mode."""

    dlci: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The far side answered DM to our SABM."""

    dlci: int


@dataclass(frozen=True, slots=True)
class Closed:
    """A DLC left connected mode."""

    dlci: int


@dataclass(frozen=True, slots=True)
class Silent:
    """N2 repeats of a SABM or DISC stayed without an answer."""

    dlci: int


@dataclass(frozen=True, slots=True)
class SignalsHeard:
    """The far side's MSC: its signals of a DLC."""

    dlci: int
    signals: Signals


@dataclass(frozen=True, slots=True)
class Answered:
    """The far side answered a message of ours; ``body`` are the answer's value octets."""

    kind: int
    body: bytes


@dataclass(frozen=True, slots=True)
class NotSupported:
    """The far side answered NSC: it does not know that message."""

    kind: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A message of ours stayed without an answer, N2 repeats included."""

    kind: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """The far side sent a command that the machine has answered: RLS, RPN, PN, PSC."""

    kind: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ClosedDown:
    """Multiplexer mode is over: both sides speak AT commands again (5.4.6.3.3)."""

    by_far_side: bool


class Breach(enum.Enum):
    """What the far side may not do."""

    NOT_CONNECTED = "information on a DLC, or its signals, that is not connected"
    WRONG_DIRECTION = "a command with the C/R bit of a response, or the other way round"
    MALFORMED = "a control message that cannot be read"


@dataclass(frozen=True, slots=True)
class FarSideBroke:
    """The far side broke a rule (or its frame was damaged so that it looks like one that is right)."""

    breach: Breach
    dlci: int


Event: TypeAlias = (Received | Opened | Refused | Closed | Silent | SignalsHeard | Answered | NotSupported |
                    Unanswered | Asked | ClosedDown | FarSideBroke | Outside)
