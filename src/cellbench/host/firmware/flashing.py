"""A flashing as an update: the tool's progress as events, its failure as an error of whoever has to act.

LENA-R8 guide 11.3: download, validation and installation are the tool's and the module's own business; the
host sees percentages and an end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cellbench.base.errors import CellbenchError, OperatorError, Owner, RigError
from cellbench.catalogue.model import Series
from cellbench.host.firmware.model import Package, PackageKind, Stage, UpdateError, UpdateEvent
from cellbench.instruments.flasher.model import Ending

__all__ = ["FlashCourse", "FlashFailed", "flash_error", "must_be_image"]

Report = Callable[[UpdateEvent], None]
_WHOLE = 100


class FlashFailed(UpdateError):
    """The module refused an image, or did not take it; ``words`` are the tool's."""

    def __init__(self, message: str, words: str, exit_code: int | None, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.words = words
        self.exit_code = exit_code


@dataclass(slots=True)
class FlashCourse:
    """The events of one flashing, with the time that is left by the pace so far."""

    report: Report | None
    began: float = field(default_factory=time.monotonic)
    events: list[UpdateEvent] = field(default_factory=list)
    _first: tuple[float, int] | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def tell(self, stage: Stage, at: int | None = None, left_s: float | None = None) -> None:
        """One event; what the report raises passes on."""
        event = UpdateEvent(stage, at, self.elapsed_s, left_s)
        self.events.append(event)
        if self.report is not None:
            self.report(event)

    def wrote(self, percent: int) -> None:
        """The tool has come so far."""
        now = self.elapsed_s
        if self._first is None:
            self._first = now, percent
        began, start = self._first
        pace = (now - began) / (percent - start) if percent > start else None
        self.tell(Stage.WRITING, percent, None if pace is None else pace * (_WHOLE - percent))


def must_be_image(package: Package, series: Series, slot: str) -> None:
    """OperatorError for what no tool must be given: a delta, another series' image, a damaged file."""
    if package.kind is not PackageKind.FULL:
        raise OperatorError(f"{package.path.name} is a {package.kind.value} package; flashing takes an image",
                            remedy="take a package of kind full")
    if package.series is not series:
        raise OperatorError(f"{package.path.name} is for {package.series.value}, slot {slot} holds a "
                            f"{series.value}", remedy="take an image of the slot's series")
    package.data()


def flash_error(ending: Ending, tool: str, slot: str, image: str) -> CellbenchError:
    """A flashing that did not pass, as an error of its owner."""
    message = f"slot {slot}: flashing {image} with {tool} failed: {ending.words}"
    if ending.owner is Owner.UNIT:
        return FlashFailed(message, ending.words, ending.exit_code, remedy=ending.remedy)
    if ending.owner is Owner.OPERATOR:
        return OperatorError(message, remedy=ending.remedy)
    return RigError(message, remedy=ending.remedy)
