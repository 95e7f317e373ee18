"""The USB tree as a check needs it: hubs, what stands where, which interface has no driver."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for, variants_of

_DEVICE = re.compile(r"\d+-\d+(\.\d+)*\Z")
_ROOT_HUB = re.compile(r"usb\d+\Z")
_SERIAL_CLASS = "ff"  # vendor specific: what both series' serial interfaces are


@dataclass(frozen=True, slots=True)
class Place:
    """A device of the tree; ids as four hexadecimal digits."""

    location: str
    vid: str
    pid: str
    manufacturer: str
    product: str
    serial: str
    ports: int  # of a hub; 0 for everything else

    def describe(self) -> str:
        """For a message."""
        named = " ".join(word for word in (self.manufacturer, self.product) if word)
        return f"{self.vid}:{self.pid}{f' ({named})' if named else ''} at {self.location}"


def places(sysfs: Path) -> tuple[Place, ...]:
    """Every device behind a root hub, hubs included, by location."""
    found = (place(sysfs, name) for name in _names(sysfs) if _DEVICE.match(name))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.location))


def place(sysfs: Path, location: str) -> Place | None:
    """The device at a location; None when nothing is there."""
    home = sysfs / "bus/usb/devices" / location
    vid, pid = _read(home / "idVendor"), _read(home / "idProduct")
    if not vid or not pid:
        return None
    ports = _read(home / "maxchild")
    return Place(
        location,
        vid.lower(),
        pid.lower(),
        _read(home / "manufacturer"),
        _read(home / "product"),
        _read(home / "serial"),
        int(ports) if ports.isdecimal() else 0,
    )


def parent_of(location: str) -> str:
    """The hub that a location is a port of: ``1-1`` for ``1-1.4``, ``usb1`` for ``1-1``."""
    head, dot, _ = location.rpartition(".")
    return head if dot else f"usb{location.partition('-')[0]}"


def port_of(location: str) -> int:
    """The number of the hub's port."""
    return int(re.split(r"[-.]", location)[-1])


def hub_ports(sysfs: Path, hub: str) -> int | None:
    """How many ports a hub has; None when it is not there."""
    ports = _read(sysfs / "bus/usb/devices" / hub / "maxchild")
    return int(ports) if ports.isdecimal() and int(ports) else None


def hubs(sysfs: Path) -> tuple[str, ...]:
    """Names of all hubs with their ports, for a message."""
    names = sorted(name for name in _names(sysfs) if _DEVICE.match(name) or _ROOT_HUB.match(name))
    found = ((name, hub_ports(sysfs, name)) for name in names)
    return tuple(f"{name} ({count} ports)" for name, count in found if count)


def unbound(sysfs: Path, location: str) -> tuple[str, ...]:
    """Names of serial interfaces of a device that no driver has taken."""
    bus = sysfs / "bus/usb/devices"
    return tuple(
        name
        for name in _names(sysfs)
        if name.startswith(f"{location}:")
        and _read(bus / name / "bInterfaceClass") == _SERIAL_CLASS
        and not (bus / name / "driver").exists()
    )


def module_series(vid: str, pid: str, *, boot: bool = True) -> Series | None:
    """The series whose module shows itself with these ids; None when it is something else.

    With ``boot``, ids of a boot mode count as well; any Linux gadget shares one of them (0525:A4A7), so that
    only the location tells then.
    """
    for series in Series:
        for variant in variants_of(series):
            for one in profile_for(series, variant).usb:
                if (f"{one.vid:04x}", f"{one.pid:04x}") == (vid, pid) and (boot or not one.shared_id):
                    return series
    return None


def tty_owner(node: Path, sysfs: Path) -> Place | None:
    """The USB device that a serial node belongs to; None for ports that are not on USB."""
    home = sysfs / "class/tty" / node.name / "device"
    try:
        path = home.resolve(strict=True)
    except OSError:
        return None
    for folder in (path, *path.parents):
        if _DEVICE.match(folder.name) and (folder / "idVendor").exists():
            return place(sysfs, folder.name)
    return None


def _names(sysfs: Path) -> Iterator[str]:
    try:
        return iter(sorted(entry.name for entry in (sysfs / "bus/usb/devices").iterdir()))
    except OSError:
        return iter(())


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
