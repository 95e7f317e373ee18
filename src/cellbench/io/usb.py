"""USB devices found by hub location in a sysfs tree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class UsbTty:
    """One serial interface: its bInterfaceNumber and its device node (``/dev/ttyUSB3``)."""

    interface: int
    path: Path


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A device at one place of the bus (``1-1.4``)."""

    location: str
    vid: int
    pid: int
    ttys: tuple[UsbTty, ...]  # in descriptor order


def find_device(sysfs: Path, dev: Path, location: str) -> UsbDevice | None:
    """The device at ``location`` with its ttys in descriptor order, or None when nothing is plugged there."""
    raise NotImplementedError
