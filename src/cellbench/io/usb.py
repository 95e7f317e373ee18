"""USB devices found by hub location in a sysfs tree (Linux Documentation/ABI/stable/sysfs-bus-usb)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.clock import Deadline

_DEVICE = re.compile(r"\d+-\d+(\.\d+)*\Z")


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A device at one place of the bus (``1-1.4``). ``ttys`` are its serial device nodes (``/dev/ttyUSB3``)
    in descriptor order, ``interfaces`` their bInterfaceNumbers."""

    location: str
    vid: int
    pid: int
    ttys: tuple[Path, ...]
    interfaces: tuple[int, ...] = ()


def find_device(sysfs: Path, dev: Path, location: str) -> UsbDevice | None:
    """The device at ``location`` with its ttys in descriptor order, or None when nothing is plugged there.

    A tty counts only when its device node exists under ``dev``: sysfs is a little earlier than udev. A tree
    that changes while it is read gives what was still there.
    """
    home = sysfs / "bus" / "usb" / "devices" / location
    vid, pid = _hex(home / "idVendor"), _hex(home / "idProduct")
    if vid is None or pid is None:
        return None
    found: list[tuple[int, Path]] = []
    for interface_dir in _children(home.parent):
        if not interface_dir.name.startswith(f"{location}:"):
            continue
        number = _hex(interface_dir / "bInterfaceNumber")
        if number is None:
            continue
        nodes = [dev / name for name in _tty_names(interface_dir)]
        found += [(number, node) for node in nodes if node.exists()]
    found.sort()
    ttys = tuple(path for _, path in found)
    return UsbDevice(location, vid, pid, ttys, tuple(number for number, _ in found))


def list_devices(sysfs: Path, dev: Path) -> tuple[UsbDevice, ...]:
    """Every device on the bus, root hubs left out, by location."""
    places = _children(sysfs / "bus" / "usb" / "devices")
    names = sorted(place.name for place in places if _DEVICE.match(place.name))
    found = (find_device(sysfs, dev, name) for name in names)
    return tuple(device for device in found if device is not None)


def wait_device(sysfs: Path, dev: Path, location: str, deadline: Deadline, *, ttys: int = 0,
                poll_s: float = 0.02) -> UsbDevice | None:
    """The device at ``location`` as soon as it has at least ``ttys`` ttys; what is there at the deadline."""
    while True:
        device = find_device(sysfs, dev, location)
        if device is not None and len(device.ttys) >= ttys:
            return device
        if deadline.expired:
            return device
        time.sleep(min(poll_s, deadline.remaining))


def wait_gone(sysfs: Path, dev: Path, location: str, deadline: Deadline, *, poll_s: float = 0.02) -> bool:
    """True as soon as nothing is plugged at ``location``; False when something still is at the deadline."""
    while find_device(sysfs, dev, location) is not None:
        if deadline.expired:
            return False
        time.sleep(min(poll_s, deadline.remaining))
    return True


def _children(place: Path) -> list[Path]:
    try:
        return list(place.iterdir())
    except OSError:
        return []


def _hex(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").strip(), 16)
    except (OSError, ValueError):
        return None


def _tty_names(interface: Path) -> list[str]:
    """``ttyUSB3/`` of a usb-serial driver, or ``tty/ttyACM0/`` of cdc_acm and usb-serial's own subfolder."""
    names = {entry.name for entry in _children(interface) if re.match(r"tty[A-Z]+\d+\Z", entry.name)}
    return sorted(names | {entry.name for entry in _children(interface / "tty")})
