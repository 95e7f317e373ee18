"""What the machine tells its user: frozen events."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias


class Call(enum.Enum):
    """How update mode asks for the first block (LENA-R8 guide 11.1.1); the value is the byte."""

    CRC = 0x43
    CHECKSUM = 0x15


@dataclass(frozen=True, slots=True)
class Accepted:
    """A final result code said OK, or a prompt came: the command is taken."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A final result code said no before anything began. ``number``: of +CME ERROR, None for other texts."""

    text: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Ongoing:
    """+UFWUPD: ONGOING: update mode has begun."""


@dataclass(frozen=True, slots=True)
class Called:
    """Update mode asked for the first block."""

    call: Call


@dataclass(frozen=True, slots=True)
class Checked:
    """Progress of the package's check, in percent; ``left_s`` predicts the seconds to 100."""

    percent: int
    left_s: float | None


@dataclass(frozen=True, slots=True)
class Written:
    """Progress of the installation, in percent; ``left_s`` predicts the seconds to 100."""

    percent: int
    left_s: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """The final code of the update; ``prefix`` is the name that it was told under."""

    code: int
    prefix: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """Update mode ends because nobody sent a package."""

    text: str


@dataclass(frozen=True, slots=True)
class Greeted:
    """The module has started in normal mode."""

    text: str


@dataclass(frozen=True, slots=True)
class Noise:
    """A line that belongs to no update: an echo, another URC, bytes read at a wrong rate (``garbled``)."""

    text: str
    garbled: bool


Event: TypeAlias = (Accepted | Refused | Ongoing | Called | Checked | Written | Result | GaveUp | Greeted
                    | Noise)
