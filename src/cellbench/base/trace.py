"""The trace: every byte of a port with its time and direction.

Records are made where bytes enter and leave (io.tap); they are stored only after the layer above has
marked what is secret in them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol


class Direction(enum.Enum):
    """Seen from the DTE."""

    TX = ">"
    RX = "<"
    EVENT = "!"


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """Bytes that passed a port at one instant, or an event of the port (opened, lost, rate changed)."""

    sequence: int
    monotonic_ns: int
    utc_ns: int
    port: str
    direction: Direction
    data: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """A range of records of one port: ``first`` to ``last`` sequence, both included."""

    port: str
    first: int
    last: int


class TraceSink(Protocol):
    """What takes trace records; must be fast and must never raise."""

    def record(self, record: TraceRecord) -> None:
        """Take one record."""
        ...


class Redactor(Protocol):
    """Removes secrets before anything is stored."""

    def redact(self, data: bytes) -> bytes:
        """The same bytes with every secret replaced by asterisks of equal length."""
        ...
