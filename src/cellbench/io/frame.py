"""The character format of a serial port: data bits, parity, stop bits."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class Parity(enum.Enum):
    """The parity bit behind the data bits."""

    NONE = "N"
    ODD = "O"
    EVEN = "E"


@dataclass(frozen=True, slots=True)
class Frame:
    """5 to 8 data bits, 1 or 2 stop bits; ports open with 8N1."""

    data_bits: int = 8
    parity: Parity = Parity.NONE
    stop_bits: int = 1

    def __str__(self) -> str:
        """As people write it: 8N1."""
        return f"{self.data_bits}{self.parity.value}{self.stop_bits}"

    @classmethod
    def of(cls, text: str) -> Frame:
        """From such a text. Raises ValueError for one that is none."""
        if len(text) != 3 or text[0] not in "5678" or text[2] not in "12":
            raise ValueError(f"{text!r} is no character format; write it as 8N1")
        return cls(int(text[0]), Parity(text[1].upper()), int(text[2]))


@runtime_checkable
class FramedPort(Protocol):
    """A port whose character format can be set."""

    def set_frame(self, frame: Frame) -> None:
        """Characters have that format from now on, until the port is opened anew. Raises NotPossible."""
        ...
