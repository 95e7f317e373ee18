"""What the receiver and the session say: frozen events.

The receiver's tokens are plain tuples ``(Token, bytes)``: a dataclass for every line would cost ten times
the line's own parsing. What the session says is one object for each command or URC.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias


class Token(enum.Enum):
    """Kinds of what the receiver cuts out of the stream."""

    LINE = "line"  # echo, information text or URC: the session knows which
    FINAL = "final"  # a final result code (V.250 5.7.1)
    CONNECT = "connect"  # the intermediate result code that begins data mode
    PROMPT = "prompt"  # ">" or "@": the module wants a payload
    DATA = "data"  # bytes of data mode
    GARBAGE = "garbage"  # more bytes without a line end than any line may have


@dataclass(frozen=True, slots=True)
class Final:
    """A final result code.

    ``text`` is the code as the module sent it ("OK", "+CME ERROR: 3"); ``number`` is the error's number for
    +CME and +CMS (None when unknown), the code's own number for the others; ``detail`` the error's text.
    """

    text: str
    number: int | None
    success: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UrcHeard:
    """An unsolicited result code."""

    prefix: str
    text: str


@dataclass(frozen=True, slots=True)
class PromptHeard:
    """The module waits for the payload; ``mark`` is ``>`` or ``@``."""

    mark: str


class Finished(NamedTuple):
    """The command under way has its final result code; ``info`` are its information text responses."""

    info: tuple[str, ...]
    final: Final


@dataclass(frozen=True, slots=True)
class Connected:
    """Data mode begins; ``text`` is the CONNECT line."""

    text: str
    info: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataHeard:
    """Bytes of data mode."""

    data: bytes


class StrayKind(enum.Enum):
    """Why something is nobody's."""

    LATE = "late"  # an answer to a command that was given up
    UNASKED = "unasked"  # a final result code with no command under way
    UNKNOWN = "unknown"  # a line that is no URC, with no command under way
    GARBAGE = "garbage"  # bytes that make no line


@dataclass(frozen=True, slots=True)
class Stray:
    """What belongs to no command and is no URC."""

    kind: StrayKind
    text: str


SessionEvent: TypeAlias = UrcHeard | PromptHeard | Finished | Connected | DataHeard | Stray
