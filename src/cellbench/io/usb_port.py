"""A serial port of a USB device that is found anew at every opening: its name changes with each enumeration.

Between finding a node and opening it the device may vanish and another one be given the same name. So the
place is looked up again after the opening: only when device, enumeration and node are still the same is it
the port that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cellbench.io.pipe import PortMissing
from cellbench.io.serial_port import SerialPort

_TRIES = 5


@dataclass(frozen=True, slots=True)
class PortPlace:
    """Where a port is now: its node, and the enumeration (location and device number) that it belongs to."""

    node: Path
    location: str
    devnum: int


class UsbSerialPort(SerialPort):
    """``find`` says where the port is now, or raises what keeps it from being there."""

    __slots__ = ("_find", "place")

    def __init__(self, name: str, find: Callable[[], PortPlace]) -> None:
        super().__init__(name)
        self._find = find
        self.place: PortPlace | None = None

    def open(self) -> None:
        """Find the port and open it; raises what ``find`` raises, PortMissing when it never stays."""
        self.close()
        for _ in range(_TRIES):
            place = self._find()
            self._path = self.name = str(place.node)
            try:
                super().open()
            except PortMissing:
                continue  # gone between finding and opening
            if self._still(place):
                self.place = place
                return
            self.close()
        raise PortMissing(f"{self.name}: the port vanished as often as it was opened")

    def _still(self, place: PortPlace) -> bool:
        try:
            return self._find() == place
        except BaseException:
            self.close()
            raise
