"""What a flashing tool is to the rest of the house: a program, or a person, that writes an image to a module.

A flasher is no equipment that the guardian holds: it is a run of a program for one slot, ends with whoever
started it, and switches nothing. Power and lines are the slot's business.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cellbench.base.errors import Owner


class Entry(enum.Enum):
    """How a module comes to take an image."""

    USB_BOOT = "usb-boot"  # USB_BOOT is high at its start (LENA-R8 guide 11.3)
    RUNNING = "running"  # it runs, and the tool sends it there
    POWER_ON = "power-on"  # the tool waits already when it is switched on


@dataclass(frozen=True, slots=True)
class FlashJob:
    """One image for one slot's module.

    ``port``: where the module takes it, as the tool's host calls it, "" when nobody knows. ``location``: its
    USB location on this host, "" when it is on another. ``tool_first``: the module is switched on only when
    the tool has begun.
    """

    slot: str
    image: Path
    sha256: str
    version: str
    port: str = ""
    location: str = ""
    rate_bit_s: int | None = None
    tool_first: bool = False


@dataclass(frozen=True, slots=True)
class Began:
    """The tool runs and waits for the module or writes already; ``command`` as it was run, for the trace."""

    command: str


@dataclass(frozen=True, slots=True)
class Said:
    """Bytes that the tool wrote, standard output and standard error as they came."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """Percent of the whole, as the tool counts it: 0 to 100."""

    percent: int


FlashEvent = Began | Said | Progress
Tell = Callable[[FlashEvent], None]


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended. ``owner`` is None when it passed, else who has to act; ``words`` is what decided."""

    owner: Owner | None
    words: str
    exit_code: int | None = None
    remedy: str = ""

    @property
    def passed(self) -> bool:
        """True when the image is written, by all that was declared."""
        return self.owner is None


class Flasher(Protocol):
    """Opening it reaches the tool: RigError when it, or its host, is not there."""

    name: str
    is_here: bool
    """True when the tool runs on this host and so needs the module's USB here."""
    is_told_the_place: bool
    """True when the tool is told where the module is; else it takes whatever it finds."""

    def identity(self) -> str:
        """The tool and where it runs."""
        ...

    def flash(self, job: FlashJob, tell: Tell) -> Ending:
        """Run the tool to its end; what ``tell`` raises ends the tool and comes out of here.

        Raises RigError when the tool cannot be run, OperatorError when a person does not answer.
        """
        ...

    def close(self) -> None:
        """Nothing is held open."""
        ...
