"""What a machine tells its user: frozen events."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias


class Reason(enum.Enum):
    """Why a transfer failed."""

    NO_RECEIVER = "the receiver never asked for the first block"
    NO_SENDER = "no block came in answer to all start characters"
    CANCELLED_BY_FAR_SIDE = "the far side cancelled (CAN CAN)"
    CANCELLED = "we cancelled"
    REFUSED = "the receiver refused one block, or the end, too often"
    SILENT = "the far side stopped answering"
    DAMAGED = "one block came damaged too often"
    OUT_OF_STEP = "a block number that is neither the next nor the last one"


@dataclass(frozen=True, slots=True)
class Repeated:
    """A block, or EOT (None), was sent again; ``why`` is the sender's input."""

    block: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A block came whole, with its padding."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """The transfer is complete. ``confirmed``: the ACK of EOT came too; without it all blocks are
    acknowledged all the same. ``rest``: bytes that came after the blocks and are no part of the protocol."""

    confirmed: bool = True
    rest: bytes = b""


@dataclass(frozen=True, slots=True)
class Failed:
    """The transfer has ended without success."""

    reason: Reason


Event: TypeAlias = Repeated | Taken | Finished | Failed
