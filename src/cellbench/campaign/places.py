"""Where an update is interrupted: a stage and how far it is.

Percent of a stage's own scale are the module's; blocks and bytes are shares of the package. A module may skip
values, so that a place is reached by the first sign at it or beyond it.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from cellbench.host.firmware.model import Method, Stage, UpdateEvent

BLOCK = 1024  # Xmodem-1k


class Scale(enum.Enum):
    """What a place's number counts."""

    NONE = "none"
    BLOCKS = "blocks"
    BYTES = "bytes"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Place:
    """A place of an update. ``share`` is how far the stage is, 0 to 1; ``later`` waits a part of the silent
    minutes before anything is done. ``name`` goes into a cell's id, ``words`` is for people."""

    stage: Stage
    name: str
    words: str
    share: float = 0.0
    scale: Scale = Scale.NONE
    later: bool = False

    def target(self, size: int) -> int:
        """The block, byte or percent that must be reached, for a package of ``size`` bytes."""
        match self.scale:
            case Scale.NONE:
                return 0
            case Scale.PERCENT:
                return round(self.share * 100)
            case Scale.BLOCKS:
                return max(1, math.ceil(self.share * math.ceil(size / BLOCK)))
            case Scale.BYTES:
                return math.ceil(self.share * size)

    def reached(self, event: UpdateEvent, size: int) -> bool:
        """True when an event says that the update is here. A download that is complete is not half way."""
        if event.stage is not self.stage:
            return False
        if self.scale is Scale.BYTES and (event.at or 0) >= size:
            return False
        return (event.at or 0) >= self.target(size)

    def passed(self, seconds: float, whole_s: float) -> bool:
        """True when a download whose bytes nobody tells must be here by the time that it takes."""
        return self.scale is Scale.BYTES and whole_s > 0 and seconds >= self.share * whole_s


_TRANSFER = (
    Place(Stage.WAITING, "waiting", "C and NAK"),
    Place(Stage.RECEIVING, "first-block", "first block", 0.0, Scale.BLOCKS),
    Place(Stage.RECEIVING, "middle-block", "middle block", 0.5, Scale.BLOCKS),
    Place(Stage.RECEIVING, "last-block", "last block", 1.0, Scale.BLOCKS),
)
_DOWNLOAD = (
    Place(Stage.DOWNLOADING, "download-begins", "download begins", 0.0, Scale.BYTES),
    Place(Stage.DOWNLOADING, "download-50", "download 50 %", 0.5, Scale.BYTES),
)
_INSTALLATION = (
    Place(Stage.CHECKING, "check-50", "check 50 %", 0.5, Scale.PERCENT),
    Place(Stage.WRITING, "write-first", "first write", 0.01, Scale.PERCENT),
    Place(Stage.WRITING, "write-50", "write 50 %", 0.5, Scale.PERCENT),
    Place(Stage.WRITING, "write-100", "write 100 %", 1.0, Scale.PERCENT),
    Place(Stage.SILENT, "silent", "silent minutes", later=True),
)
_FLASHING = (
    Place(Stage.WRITING, "flash-first", "first write", 0.01, Scale.PERCENT),
    Place(Stage.WRITING, "flash-50", "write 50 %", 0.5, Scale.PERCENT),
    Place(Stage.WRITING, "flash-100", "write 100 %", 1.0, Scale.PERCENT),
)
WHOLE = Place(Stage.DONE, "whole", "whole update")
"""No place at all: what a cell without an interruption goes through."""

PLACES: dict[Method, tuple[Place, ...]] = {
    Method.FOAT: (*_TRANSFER, *_INSTALLATION),
    Method.FTP: (*_DOWNLOAD, *_INSTALLATION),
    Method.HTTP: (*_DOWNLOAD, *_INSTALLATION),
    Method.SERIAL: (*_DOWNLOAD, *_INSTALLATION),
    Method.FLASH: _FLASHING,
}
"""The places of each method, in the order in which an update comes by them."""
