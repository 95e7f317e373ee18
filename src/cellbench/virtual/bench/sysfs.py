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
TTY_MAJOR = 188  # ttyUSB, Documentation/admin-guide/devices.txt
USB_MAJOR = 189


class SysfsTree:
    """The tree of one rack; names of devices are those of Linux (``1-1.3``, ``1-1.3:1.0``)."""

    def __init__(self, root: Path, trash: Trash) -> None:
        self._root = root
        self._trash = trash
        for folder in ("bus/usb/devices", "bus/usb/drivers/usb", "bus/usb/drivers/option",
                       "bus/usb/drivers/rndis_host", "bus/usb/drivers/cdc_ether", "bus/usb-serial/devices",
                       "bus/usb-serial/drivers/option1", "class/tty", CONTROLLER):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self._device("usb1", self._root / CONTROLLER, hub_attributes(1, "0", "xHCI Host Controller", ports=2))
        self._device(HUB, self._folder(HUB), hub_attributes(2, "1", "USB2.0 Hub", ports=31))

    def _folder(self, device: str) -> Path:
        """Where a device's own directory is."""
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
        """A serial port of an interface, as usb-serial makes them."""
        port = self._folder(device) / f"{device}:1.{interface}" / tty
        node = port / "tty" / tty
        node.mkdir(parents=True)
        _write(port, {"port_number": "0"})
        _link(port / "subsystem", self._root / "bus/usb-serial")
        _link(port / "driver", self._root / "bus/usb-serial/drivers/option1")
        _write(node, {"dev": f"{TTY_MAJOR}:{minor}",
                      "uevent": f"MAJOR={TTY_MAJOR}\nMINOR={minor}\nDEVNAME={tty}"})
        _link(node / "device", port)
        _link(node / "subsystem", self._root / "class/tty")
        _link(self._root / "bus/usb-serial/devices" / tty, port)
        _link(self._root / "class/tty" / tty, node)

    def remove_device(self, name: str) -> None:
        """Everything of a device: ports, interfaces, itself."""
        folder = self._folder(name)
        if not folder.exists():
            return
        for interface in folder.glob(f"{name}:*"):
            for port in interface.glob("ttyUSB*"):
                (self._root / "class/tty" / port.name).unlink(missing_ok=True)
                (self._root / "bus/usb-serial/devices" / port.name).unlink(missing_ok=True)
            (self._root / "bus/usb/devices" / interface.name).unlink(missing_ok=True)
        (self._root / "bus/usb/devices" / name).unlink(missing_ok=True)
        self._trash.throw(folder)


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
