"""What stands at a slot's USB location, compared with the compositions that the module's profile knows.

Serial ports are taken in descriptor order among the interfaces that are no network function; interface
numbers are never relied on, since a network function shifts them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.errors import RigError, UnitError
from cellbench.catalogue.modules.model import ModuleProfile, UsbComposition
from cellbench.io.netif import hardware_address
from cellbench.io.usb import UsbDevice, UsbFunction, find_device, list_devices, missing_hub
from cellbench.rig.schema import UsbRoots
from cellbench.rig.udev import (
    CDC_DATA,
    driver_for,
    driver_remedy,
    is_network_control,
    permission_remedy,
)

ROLE = re.compile(r"([a-z-]+?)(\d*)")
"""A port's role with its number among those of the same one, none for the first."""
_PASSED_ON = ("usbfs", "vfio-pci", "usbip-host")
"""Drivers by which a program or a virtual machine takes an interface for itself."""


class UsbTrouble(RigError):
    """The bench's USB side keeps a module's ports from being used; the remedy says how to end it."""


class UsbAbsent(UnitError):
    """Nothing is at the location although hub and cable are in order as far as the host can see."""


@dataclass(frozen=True, slots=True)
class UsbPortFound:
    """One serial port: its role by the composition, its number among the serial ports, its node."""

    role: str
    index: int
    node: Path


@dataclass(frozen=True, slots=True)
class UsbView:
    """A module on USB with every serial port up. ``candidates`` are the compositions that fit what the host
    can see; where several do, only AT tells them apart."""

    device: UsbDevice
    candidates: tuple[UsbComposition, ...]
    nodes: tuple[Path, ...]
    nets: tuple[str, ...] = ()

    @property
    def composition(self) -> UsbComposition:
        """The first that fits: the one at delivery where AT has not told."""
        return self.candidates[0]

    def ports(self) -> tuple[UsbPortFound, ...]:
        """The serial ports in descriptor order."""
        faces = self.composition.interfaces
        return tuple(UsbPortFound(face.role, index, self.nodes[index]) for index, face in enumerate(faces))

    def of_role(self, role: str) -> tuple[UsbPortFound, ...]:
        """The ports of one role, in descriptor order."""
        return tuple(port for port in self.ports() if port.role == role)


@dataclass(frozen=True, slots=True)
class UsbScene:
    """A slot's place on the bus: where to look, what may be there, which places belong to other slots."""

    slot: str
    location: str
    profile: ModuleProfile
    roots: UsbRoots
    elsewhere: frozenset[str] = frozenset()

    @property
    def sysfs(self) -> Path:
        """Root of sysfs."""
        return Path(self.roots.sysfs)

    @property
    def dev(self) -> Path:
        """Directory of the device nodes."""
        return Path(self.roots.dev)

    def device(self) -> UsbDevice | None:
        """Whatever is at the location now."""
        return find_device(self.sysfs, self.dev, self.location)

    def view(self, device: UsbDevice | None = None) -> UsbView:
        """The module with all its serial ports; UsbAbsent or UsbTrouble says what is in the way.

        A trouble may pass while the host still enumerates: callers give it a moment.
        """
        device = device if device is not None else self.device()
        if device is None:
            raise self._absent()
        known = [one for one in self.profile.usb if (one.vid, one.pid) == (device.vid, device.pid)]
        if not known:
            raise self._stranger(device)
        if len(device.functions) < device.announced:
            raise UsbTrouble(
                f"slot {self.slot}: {device.words} at {self.location} shows {len(device.functions)} of its "
                f"{device.announced} interfaces", remedy="its enumeration has not ended: unplug and plug it")
        serial = serial_functions(device, known)
        fitting = tuple(one for one in known if len(one.interfaces) == len(serial))
        if not fitting:
            raise self._wrong_count(device, known, serial)
        self._all_bound(device, serial, fitting[0])
        nodes = self._all_nodes(device, serial)
        nets = tuple(name for function in device.functions for name in function.nets)
        return UsbView(device, fitting, nodes, nets)

    # -- what is in the way ----------------------------------------------------------------------

    def _absent(self) -> RigError | UnitError:
        where = f"slot {self.slot}: no module on USB at {self.location}"
        if not (self.sysfs / "bus" / "usb").is_dir():
            return UsbTrouble(f"{where}: {self.sysfs} has no USB tree",
                              remedy="in a container, pass /sys and the devices on; else usb.sysfs is wrong")
        hub = missing_hub(self.sysfs, self.location)
        if hub is not None:
            return UsbTrouble(f"{where}: the hub {hub} is not there",
                              remedy="look at its cable and its power; `lsusb -t` shows the tree")
        found = self._same_kind_elsewhere()
        if found:
            return UsbTrouble(
                f"{where}: found at {', '.join(found)}, the rig file says {self.location}",
                remedy=f"plug it where the rig file says, or set location: {found[0]}")
        return UsbAbsent(f"{where}", remedy="is it on, is VUSB_DET high at its boot, is the cable in?")

    def _same_kind_elsewhere(self) -> list[str]:
        """Places with the VID:PID of this product; an id that others share proves nothing."""
        mine = {(one.vid, one.pid) for one in self.profile.usb if not one.shared_id}
        return [device.location for device in list_devices(self.sysfs, self.dev)
                if (device.vid, device.pid) in mine and device.location not in self.elsewhere]

    def _stranger(self, device: UsbDevice) -> RigError:
        ids = dict.fromkeys(f"{one.vid:04x}:{one.pid:04x}" for one in self.profile.usb)
        found = self._same_kind_elsewhere()
        remedy = (f"a module of this kind is at {', '.join(found)}: correct location in the rig file" if found
                  else "correct location, series or variant in the rig file, or plug the module there")
        return UsbTrouble(f"slot {self.slot}: at USB location {self.location} is {device.words}, not a "
                          f"{self.profile.variant} ({', '.join(ids)})", remedy=remedy)

    def _wrong_count(self, device: UsbDevice, known: list[UsbComposition],
                     serial: tuple[UsbFunction, ...]) -> RigError:
        wanted = " or ".join(sorted({str(len(one.interfaces)) for one in known}))
        return UsbTrouble(
            f"slot {self.slot}: {device.words} at {self.location} shows {len(serial)} serial interfaces, "
            f"{wanted} are known for it",
            remedy="unplug and plug it; if it stays so, its firmware's composition is not in the catalogue")

    def _all_bound(self, device: UsbDevice, serial: tuple[UsbFunction, ...],
                   composition: UsbComposition) -> None:
        taken = [one for one in serial if one.driver in _PASSED_ON]
        if taken:
            raise UsbTrouble(
                f"slot {self.slot}: interface {self.location}:1.{taken[0].number} is held by "
                f"{taken[0].driver}: a program or a virtual machine has taken it",
                remedy="end that program, or take the device out of the virtual machine")
        wrong = [one for one in serial if one.driver and not one.ttys]
        if wrong and all(one.driver for one in serial):
            raise UsbTrouble(
                f"slot {self.slot}: interface {self.location}:1.{wrong[0].number} is bound to "
                f"{wrong[0].driver}, which gives no serial port (yet)",
                remedy=f"it wants {driver_for(wrong[0]).module}")
        unbound = [one for one in serial if not one.driver]
        if unbound:
            names = _names(self.location, unbound)
            raise UsbTrouble(
                f"slot {self.slot}: {device.words} at {self.location} is there, but no driver is bound to "
                f"its serial interfaces {names}",
                remedy=driver_remedy(device, unbound, has_network=composition.network != "none"))

    def _all_nodes(self, device: UsbDevice, serial: tuple[UsbFunction, ...]) -> tuple[Path, ...]:
        missing = [name for one in serial for name in one.ttys if self.dev / name not in one.nodes]
        if missing:
            names = ", ".join(str(self.dev / name) for name in missing)
            raise UsbTrouble(
                f"slot {self.slot}: the kernel shows {', '.join(missing)} for {device.words} at "
                f"{self.location}, but there is no {names}",
                remedy="is udev running (systemctl status systemd-udevd)? In a container, pass /dev on")
        nodes = tuple(one.nodes[0] for one in serial)
        closed = [node for node in nodes if not os.access(node, os.R_OK | os.W_OK)]
        if closed:
            raise UsbTrouble(
                f"slot {self.slot}: no permission to open {', '.join(str(node) for node in closed)}",
                remedy=permission_remedy(device.vid, os.environ.get("USER", "")))
        return nodes

    def is_ours(self, name: str) -> bool:
        """True when a network interface of this name in the tree is one of this very host."""
        try:
            address = (self.sysfs / "class" / "net" / name / "address").read_text(encoding="ascii").strip()
        except OSError:
            return False
        return bool(address) and hardware_address(name) == address.casefold()

    def network_interface(self) -> str:
        """The host's network interface of the module; UsbTrouble with the remedy when no driver made one."""
        view = self.view()
        kind = view.composition.network
        if kind == "none":
            raise UsbTrouble(f"slot {self.slot}: {view.device.words} shows no network function",
                             remedy="choose a composition that has one")
        if view.nets:
            return view.nets[0]
        control = network_functions(view.device, list(view.candidates))
        raise UsbTrouble(
            f"slot {self.slot}: the network function of {view.device.words} at {self.location} has no "
            "interface on the host",
            remedy=driver_remedy(view.device, control[:1], has_network=True, network=kind))


def _names(location: str, functions: list[UsbFunction]) -> str:
    """Interfaces as sysfs calls them; a row of them by its ends."""
    first, last = functions[0].number, functions[-1].number
    if len(functions) > 2 and last - first == len(functions) - 1:
        return f"{location}:1.{first} to {location}:1.{last}"
    return ", ".join(f"{location}:1.{one.number}" for one in functions)


def network_functions(device: UsbDevice, known: list[UsbComposition]) -> tuple[UsbFunction, ...]:
    """The interfaces of the network function: control, data; or the vendor-class one of RmNet."""
    found: list[UsbFunction] = []
    for number, function in enumerate(device.functions):
        if is_network_control(function):
            found.append(function)
            found += [one for one in device.functions[number + 1:number + 2] if one.usb_class == CDC_DATA]
    if found:
        return tuple(found)
    vendor = [one for one in device.functions if one.driver == "qmi_wwan"]
    if not vendor and known and all(one.network == "rmnet" for one in known):
        vendor = list(device.functions[-1:] if not known[0].network_first else device.functions[:1])
    return tuple(vendor)


def serial_functions(device: UsbDevice, known: list[UsbComposition]) -> tuple[UsbFunction, ...]:
    """The interfaces that are serial ports, in descriptor order; CDC data interfaces belong to another."""
    network = network_functions(device, known)
    return tuple(one for one in device.functions if one not in network and one.usb_class != CDC_DATA)


def ids_of(profiles: Collection[ModuleProfile]) -> tuple[str, ...]:
    """Every ``VID:PID`` of some profiles, once."""
    return tuple(dict.fromkeys(f"{one.vid:04x}:{one.pid:04x}" for profile in profiles for one in profile.usb))


def has_port(composition: UsbComposition, role: str) -> bool:
    """True when a module that shows itself so has the port of a role."""
    if role in ("uart", "aux_uart"):
        return composition.uart if role == "uart" else composition.aux_uart
    found = ROLE.fullmatch(role)
    same = sum(face.role == found[1] for face in composition.interfaces) if found else 0
    return found is not None and int(found[2] or 0) < same
