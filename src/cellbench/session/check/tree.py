"""The USB tree as a check needs it: hubs and their ports, whose module an id is, whose a serial port is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for, variants_of
from cellbench.io.usb import UsbDevice, find_device

_DEVICE = re.compile(r"\d+-\d+(\.\d+)*\Z")
_ROOT_HUB = re.compile(r"usb\d+\Z")


def place_of(device: UsbDevice) -> str:
    """A device with its location, for a message."""
    return f"{device.words} at {device.location}"


def port_of(location: str) -> int:
    """The number of the hub's port that a location ends with."""
    return int(re.split(r"[-.]", location)[-1])


def hub_ports(sysfs: Path, hub: str) -> int | None:
    """How many ports a hub has; None when it is not there or no hub."""
    try:
        ports = int((sysfs / "bus/usb/devices" / hub / "maxchild").read_text())
    except (OSError, ValueError):
        return None
    return ports or None


def hubs(sysfs: Path) -> tuple[str, ...]:
    """All hubs with how many ports they have, for a message."""
    names = sorted(name for name in _names(sysfs) if _DEVICE.match(name) or _ROOT_HUB.match(name))
    found = ((name, hub_ports(sysfs, name)) for name in names)
    return tuple(f"{name} ({count} ports)" for name, count in found if count)


def module_series(device: UsbDevice) -> Series | None:
    """The series whose module shows itself with a device's ids; None when it is something else.

    Ids that other devices share count for nothing: only the location could tell then.
    """
    for series in Series:
        for variant in variants_of(series):
            for one in profile_for(series, variant).usb:
                if (one.vid, one.pid) == (device.vid, device.pid) and not one.shared_id:
                    return series
    return None


def tty_owner(node: Path, sysfs: Path, dev: Path) -> UsbDevice | None:
    """The USB device that a serial node belongs to; None for ports that are not on USB."""
    try:
        path = (sysfs / "class/tty" / node.name / "device").resolve(strict=True)
    except OSError:
        return None
    owner = next((folder for folder in (path, *path.parents) if _DEVICE.match(folder.name)), None)
    return find_device(sysfs, dev, owner.name) if owner is not None else None


def _names(sysfs: Path) -> Iterator[str]:
    try:
        return iter(sorted(entry.name for entry in (sysfs / "bus/usb/devices").iterdir()))
    except OSError:
        return iter(())
