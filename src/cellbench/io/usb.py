"""USB devices found by hub location in a sysfs tree (Linux Documentation/ABI/stable/sysfs-bus-usb)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.clock import Deadline

_DEVICE = re.compile(r"\d+-\d+(\.\d+)*\Z")
_TRIES = 5


@dataclass(frozen=True, slots=True)
class UsbFunction:
    """One interface of a device's active configuration.

    ``driver`` is "" while none is bound. ``ttys`` are the serial ports that sysfs shows (``ttyUSB3``, also
    before udev has made their nodes), ``nodes`` the device nodes that exist, ``nets`` the network interfaces.
    """

    number: int
    usb_class: int
    subclass: int
    protocol: int
    driver: str
    ttys: tuple[str, ...] = ()
    nodes: tuple[Path, ...] = ()
    nets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A device at one place of the bus (``1-1.4``). ``ttys`` are its serial device nodes (``/dev/ttyUSB3``)
    in descriptor order, ``interfaces`` their bInterfaceNumbers; ``functions`` are all interfaces in
    descriptor order, of ``announced`` that the configuration has. ``devnum`` changes with each
    enumeration."""

    location: str
    vid: int
    pid: int
    ttys: tuple[Path, ...]
    interfaces: tuple[int, ...] = ()
    functions: tuple[UsbFunction, ...] = ()
    announced: int = 0
    devnum: int = 0
    manufacturer: str = ""
    product: str = ""
    serial: str = ""

    @property
    def id(self) -> str:
        """``VID:PID`` as lsusb writes it."""
        return f"{self.vid:04x}:{self.pid:04x}"

    @property
    def words(self) -> str:
        """``VID:PID`` with what the device calls itself."""
        name = " ".join(part for part in (self.manufacturer, self.product) if part)
        return f"{self.id} ({name})" if name else self.id


def find_device(sysfs: Path, dev: Path, location: str) -> UsbDevice | None:
    """The device at ``location`` with its ttys in descriptor order, or None when nothing is plugged there.

    A tty counts only when its device node exists under ``dev``: sysfs is a little earlier than udev. A tree
    that changes while it is read gives what was still there, never parts of two enumerations.
    """
    home = _devices(sysfs) / location
    for _ in range(_TRIES):
        devnum = _number(home / "devnum")
        device = _read_device(home, dev, location, devnum)
        if device is None or _number(home / "devnum") == devnum:
            return device
    return None


def list_devices(sysfs: Path, dev: Path) -> tuple[UsbDevice, ...]:
    """Every device on the bus, root hubs left out, by location."""
    names = sorted(place.name for place in _children(_devices(sysfs)) if _DEVICE.match(place.name))
    found = (find_device(sysfs, dev, name) for name in names)
    return tuple(device for device in found if device is not None)


def hub_of(location: str) -> str:
    """What a location hangs on: ``1-4`` for ``1-4.2``, the root hub ``usb1`` for ``1-4``."""
    hub, dot, _ = location.rpartition(".")
    return hub if dot else f"usb{location.partition('-')[0]}"


def is_present(sysfs: Path, name: str) -> bool:
    """True when a device or hub (``1-4``, ``usb1``) is on the bus."""
    return (_devices(sysfs) / name).exists()


def missing_hub(sysfs: Path, location: str) -> str | None:
    """The hub nearest to the host that should carry ``location`` and is not there; None when all are."""
    chain = [location]
    while not chain[-1].startswith("usb"):
        chain.append(hub_of(chain[-1]))
    return next((hub for hub in reversed(chain[1:]) if not is_present(sysfs, hub)), None)


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


def _devices(sysfs: Path) -> Path:
    return sysfs / "bus" / "usb" / "devices"


def _read_device(home: Path, dev: Path, location: str, devnum: int) -> UsbDevice | None:
    vid, pid = _hex(home / "idVendor"), _hex(home / "idProduct")
    if vid is None or pid is None:
        return None
    functions = [
        function for place in _children(home.parent) if place.name.startswith(f"{location}:")
        and (function := _read_function(place, dev)) is not None
    ]
    functions.sort(key=lambda function: function.number)
    ttys = [(node, function.number) for function in functions for node in function.nodes]
    return UsbDevice(
        location, vid, pid, tuple(node for node, _ in ttys), tuple(number for _, number in ttys),
        tuple(functions), _number(home / "bNumInterfaces"), devnum, _text(home / "manufacturer"),
        _text(home / "product"), _text(home / "serial"))


def _read_function(place: Path, dev: Path) -> UsbFunction | None:
    number = _hex(place / "bInterfaceNumber")
    if number is None:
        return None
    ttys = tuple(_tty_names(place))
    return UsbFunction(
        number, _hex(place / "bInterfaceClass") or 0, _hex(place / "bInterfaceSubClass") or 0,
        _hex(place / "bInterfaceProtocol") or 0, _driver(place), ttys,
        tuple(node for name in ttys if (node := dev / name).exists()),
        tuple(sorted(entry.name for entry in _children(place / "net"))))


def _driver(place: Path) -> str:
    try:
        return (place / "driver").readlink().name
    except OSError:
        return ""


def _children(place: Path) -> list[Path]:
    try:
        return list(place.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _hex(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").strip(), 16)
    except (OSError, ValueError):
        return None


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _tty_names(interface: Path) -> list[str]:
    """``ttyUSB3/`` of a usb-serial driver, or ``tty/ttyACM0/`` of cdc_acm and usb-serial's own subfolder."""
    names = {entry.name for entry in _children(interface) if re.match(r"tty[A-Z]+\d+\Z", entry.name)}
    return sorted(names | {entry.name for entry in _children(interface / "tty")})
