"""A USB tree in a directory, laid out as Linux's sysfs shows one host controller with a hub.

Devices live below ``devices/``; ``bus/usb/devices``, ``bus/usb-serial/devices`` and ``class/tty`` hold
links into it, as on a real machine (Documentation/ABI/stable/sysfs-bus-usb, .../testing/sysfs-bus-usb).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .trash import Trash

CONTROLLER = "devices/pci0000:00/0000:00:14.0/usb1"
HUB = "1-1"
BUS = 1
TTY_MAJOR = {"ttyUSB": 188, "ttyACM": 166}  # Documentation/admin-guide/devices.txt
NEW_ID = "bus/usb-serial/drivers/option1/new_id"
"""Where a host is told of ids that its serial driver does not list."""
USB_MAJOR = 189


class SysfsTree:
    """The tree of one rack; names of devices are those of Linux (``1-1.3``, ``1-1.3:1.0``)."""

    def __init__(self, root: Path, trash: Trash) -> None:
        self._root = root
        self._trash = trash
        drivers = ("usb", "option", "rndis_host", "cdc_ether", "qmi_wwan", "cdc_acm")
        for folder in ("bus/usb/devices", *(f"bus/usb/drivers/{name}" for name in drivers),
                       "bus/usb-serial/devices", "bus/usb-serial/drivers/option1", "class/tty", "class/net",
                       CONTROLLER):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / NEW_ID).write_text("")
        self._device("usb1", self._root / CONTROLLER, hub_attributes(1, "0", "xHCI Host Controller", ports=2))
        self.add_hub(2)

    def add_hub(self, devnum: int) -> None:
        """The hub that all modules hang on."""
        self._device(HUB, self._folder(HUB), hub_attributes(devnum, "1", "USB2.0 Hub", ports=31))

    def remove_hub(self) -> None:
        """The hub goes; what hung on it must have been removed before."""
        (self._root / "bus/usb/devices" / HUB).unlink(missing_ok=True)
        self._trash.throw(self._folder(HUB))

    def added_ids(self) -> set[tuple[int, int]]:
        """VID and PID of what somebody wrote to new_id."""
        found = set()
        for line in (self._root / NEW_ID).read_text(encoding="ascii", errors="replace").splitlines():
            fields = line.split()
            try:
                found.add((int(fields[0], 16), int(fields[1], 16)))
            except (IndexError, ValueError):
                continue  # the kernel refuses such a line
        return found

    def folder(self, device: str) -> Path:
        """Where a device's own directory is."""
        return self._folder(device)

    def _folder(self, device: str) -> Path:
        hub = self._root / CONTROLLER / HUB
        return hub if device == HUB else hub / device

    def _device(self, name: str, folder: Path, attributes: Mapping[str, str]) -> None:
        folder.mkdir(exist_ok=True)
        _write(folder, attributes)
        _link(folder / "subsystem", self._root / "bus/usb")
        _link(folder / "driver", self._root / "bus/usb/drivers/usb")
        _link(self._root / "bus/usb/devices" / name, folder)

    def add_device(self, name: str, attributes: Mapping[str, str]) -> None:
        """A device at its place behind the hub, complete before its link on the bus appears."""
        self._device(name, self._folder(name), attributes)

    def has_device(self, name: str) -> bool:
        """True while a device is on the bus."""
        return (self._root / "bus/usb/devices" / name).exists()

    def add_interface(self, device: str, number: int, attributes: Mapping[str, str], driver: str) -> None:
        """Interface ``number`` of the first configuration, bound to ``driver`` (empty: to none)."""
        name = f"{device}:1.{number}"
        folder = self._folder(device) / name
        folder.mkdir()
        _write(folder, attributes)
        _link(folder / "subsystem", self._root / "bus/usb")
        if driver:
            _link(folder / "driver", self._root / "bus/usb/drivers" / driver)
        _link(self._root / "bus/usb/devices" / name, folder)

    def add_tty(self, device: str, interface: int, tty: str, minor: int) -> None:
        """A serial port of an interface, as usb-serial (``ttyUSB3``) and cdc_acm (``ttyACM3``) make them."""
        home = self._folder(device) / f"{device}:1.{interface}"
        major = TTY_MAJOR[tty.rstrip("0123456789")]
        port = home / tty if tty.startswith("ttyUSB") else home
        node = port / "tty" / tty
        node.mkdir(parents=True)
        if port is not home:
            _write(port, {"port_number": "0"})
            _link(port / "subsystem", self._root / "bus/usb-serial")
            _link(port / "driver", self._root / "bus/usb-serial/drivers/option1")
            _link(self._root / "bus/usb-serial/devices" / tty, port)
        _write(node, {"dev": f"{major}:{minor}", "uevent": f"MAJOR={major}\nMINOR={minor}\nDEVNAME={tty}"})
        _link(node / "device", port)
        _link(node / "subsystem", self._root / "class/tty")
        _link(self._root / "class/tty" / tty, node)

    def add_net(self, device: str, interface: int, name: str, address: str) -> None:
        """A network interface of the host (``usb0``, ``wwan0``) on an interface of the device."""
        home = self._folder(device) / f"{device}:1.{interface}"
        net = home / "net" / name
        net.mkdir(parents=True)
        _write(net, {"address": address, "operstate": "down", "uevent": f"INTERFACE={name}\nIFINDEX=9"})
        _link(net / "device", home)
        _link(net / "subsystem", self._root / "class/net")
        _link(self._root / "class/net" / name, net)

    def bind(self, device: str, interface: int, driver: str) -> None:
        """A driver takes an interface."""
        _link(self._folder(device) / f"{device}:1.{interface}" / "driver",
              self._root / "bus/usb/drivers" / driver)

    def unbind(self, device: str, interface: int) -> None:
        """The driver lets go of an interface; its serial ports and network interfaces vanish."""
        home = self._folder(device) / f"{device}:1.{interface}"
        self._forget_children(home)
        for name in ("driver", "tty", "net"):
            if (home / name).is_symlink():
                (home / name).unlink()
            self._trash.throw(home / name)
        for port in home.glob("ttyUSB*"):
            self._trash.throw(port)

    def remove_device(self, name: str) -> None:
        """Everything of a device: ports, interfaces, itself."""
        folder = self._folder(name)
        if not folder.exists():
            return
        for interface in folder.glob(f"{name}:*"):
            self._forget_children(interface)
            (self._root / "bus/usb/devices" / interface.name).unlink(missing_ok=True)
        (self._root / "bus/usb/devices" / name).unlink(missing_ok=True)
        self._trash.throw(folder)

    def _forget_children(self, interface: Path) -> None:
        """The links to an interface's ports and network interfaces from the classes."""
        for tty in (*interface.glob("ttyUSB*"), *interface.glob("tty/ttyACM*")):
            (self._root / "class/tty" / tty.name).unlink(missing_ok=True)
            (self._root / "bus/usb-serial/devices" / tty.name).unlink(missing_ok=True)
        for net in interface.glob("net/*"):
            (self._root / "class/net" / net.name).unlink(missing_ok=True)


def hub_attributes(devnum: int, devpath: str, product: str, ports: int) -> dict[str, str]:
    """Attributes of a hub."""
    return {"idVendor": "1d6b", "idProduct": "0002", "bcdDevice": "0618", "manufacturer": "Cellbench",
            "product": product, "busnum": str(BUS), "devnum": str(devnum), "devpath": devpath,
            "speed": "480", "version": " 2.00", "maxchild": str(ports), "bDeviceClass": "09",
            "bDeviceSubClass": "00", "bDeviceProtocol": "01", "bNumConfigurations": "1",
            "bConfigurationValue": "1", "bNumInterfaces": " 1", "bmAttributes": "e0", "bMaxPower": "0mA"}


def device_attributes(*, vid: int, pid: int, devnum: int, devpath: str, manufacturer: str, product: str,
                      serial: str, interfaces: int) -> dict[str, str]:
    """Attributes of a module."""
    minor = (BUS - 1) * 128 + devnum - 1
    return {"idVendor": f"{vid:04x}", "idProduct": f"{pid:04x}", "bcdDevice": "0404",
            "manufacturer": manufacturer, "product": product, "serial": serial, "busnum": str(BUS),
            "devnum": str(devnum), "devpath": devpath, "speed": "480", "version": " 2.00", "maxchild": "0",
            "bDeviceClass": "ef", "bDeviceSubClass": "02", "bDeviceProtocol": "01",
            "bNumConfigurations": "1", "bConfigurationValue": "1", "bNumInterfaces": f"{interfaces:2d}",
            "bmAttributes": "a0", "bMaxPower": "500mA", "removable": "removable", "authorized": "1",
            "dev": f"{USB_MAJOR}:{minor}",
            "uevent": f"MAJOR={USB_MAJOR}\nMINOR={minor}\nDEVNAME=bus/usb/{BUS:03d}/{devnum:03d}\n"
                      f"DEVTYPE=usb_device\nDRIVER=usb\nPRODUCT={vid:x}/{pid:x}/404\nBUSNUM={BUS:03d}\n"
                      f"DEVNUM={devnum:03d}"}


def interface_attributes(number: int, usb_class: int, subclass: int, protocol: int, name: str,
                         driver: str) -> dict[str, str]:
    """Attributes of an interface."""
    attributes = {"bInterfaceNumber": f"{number:02x}", "bAlternateSetting": " 0", "bNumEndpoints": "03",
                  "bInterfaceClass": f"{usb_class:02x}", "bInterfaceSubClass": f"{subclass:02x}",
                  "bInterfaceProtocol": f"{protocol:02x}", "interface": name, "authorized": "1",
                  "uevent": f"DEVTYPE=usb_interface\nDRIVER={driver}\n"
                            f"INTERFACE={usb_class}/{subclass}/{protocol}"}
    return {key: value for key, value in attributes.items() if value}


def _write(folder: Path, attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        (folder / name).write_text(value + "\n", encoding="ascii")


def _link(link: Path, target: Path) -> None:
    """A relative link, as sysfs has them; one left by a rack that was killed is replaced."""
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent))
