"""The ports of a slot: which roles it has now, where each is, the channels that are open.

USB ports are found anew at every opening, by the slot's location, VID:PID and descriptor order: their names
change with each enumeration.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible, RigError, UnitError
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.host.channel import Channel
from cellbench.host.portgroup import PortGroup
from cellbench.host.transcript import Transcript
from cellbench.io.ports import open_pipe
from cellbench.io.usb import UsbDevice, find_device
from cellbench.rig.schema import Slot as SlotModel
from cellbench.rig.schema import UsbRoots

_POLL_S = 0.02
_AUTOBAUD_RATE = 115_200


@dataclass(slots=True)
class SlotPorts:
    """The serial endpoints of one slot; ``boot_max_s`` is the longest a USB port may take to appear."""

    name: str
    model: SlotModel
    profile: ModuleProfile
    roots: UsbRoots
    trace: Transcript
    boot_max_s: float
    channels: dict[str, Channel] = field(default_factory=dict)
    group: PortGroup = field(default_factory=PortGroup)  # the module serves its ports in turn
    next_record: dict[str, int] = field(default_factory=dict)  # a trace goes on at each opening

    def channel(self, role: str) -> Channel:
        """The AT channel of a role: ``uart``, ``aux_uart``, or ``at0``, ``at1`` ... on USB."""
        if role not in self.channels:
            self.channels[role] = self._open_channel(role)
        return self.channels[role]

    def roles(self) -> tuple[str, ...]:
        """Roles that the rig file gives this slot ports for, the main one first."""
        roles = []
        if self.model.ports.uart is not None:
            roles.append("uart")
        if self.model.ports.usb is not None:
            device = self._usb_device()
            composition = self._composition(device)
            count = sum(face.role == "at" for face in composition) if composition else 0
            roles += [f"at{number}" for number in range(count)]
        if self.model.ports.aux_uart is not None:
            roles.append("aux_uart")
        return tuple(roles)

    def wait_usb(self, timeout_s: float) -> UsbDevice:
        """The module on USB at this slot's location; UnitError when it stays away."""
        if self.model.ports.usb is None:
            raise NotPossible(f"slot {self.name} has no USB", remedy="name its location under ports.usb")
        deadline = Deadline.after(timeout_s)
        while True:
            device = self._usb_device()
            composition = self._composition(device)
            if device is not None and composition and len(device.ttys) >= len(composition):
                return device
            if deadline.expired:
                raise UnitError(
                    f"slot {self.name}: no module on USB at {self.model.ports.usb.location} "
                    f"after {timeout_s:g} s"
                )
            time.sleep(_POLL_S)

    def usb_appears(self, seconds: float) -> bool:
        """True when anything shows at the slot's USB location within ``seconds``."""
        deadline = Deadline.after(seconds)
        while self._usb_device() is None:
            if deadline.expired:
                return False
            time.sleep(_POLL_S)
        return True

    @property
    def uart_rate(self) -> int:
        """The host's rate on the UART, in bit/s: the rig file's, else the profile's, else 115200."""
        uart = self.model.ports.uart
        asked = uart.rate_bit_s if uart is not None else None
        return asked or self.profile.serial.factory_rate.value or _AUTOBAUD_RATE

    def close(self) -> None:
        """Close every port of this slot."""
        for role in tuple(self.channels):
            self.drop(role)

    def drop(self, role: str) -> None:
        """Close one port."""
        channel = self.channels.pop(role)
        channel.stop()
        self.next_record[role] = channel.next_record

    def move(self, role: str, timeout_s: float) -> None:
        """Open the port of an open channel anew, wherever it is now; the channel stays the same object.

        Waits for a port on USB, ``timeout_s`` seconds at most. Raises UnitError, PortMissing.
        """
        if role.startswith("at"):
            self.wait_usb(timeout_s)
        self.channels[role].move(open_pipe(self._url(role)))

    def _usb_device(self) -> UsbDevice | None:
        if self.model.ports.usb is None:
            return None
        return find_device(Path(self.roots.sysfs), Path(self.roots.dev), self.model.ports.usb.location)

    def _composition(self, device: UsbDevice | None) -> tuple[_Face, ...]:
        if device is None:
            return ()
        for composition in self.profile.usb:
            if (composition.vid, composition.pid) == (device.vid, device.pid):
                return tuple(_Face(face.role, number) for number, face in enumerate(composition.interfaces))
        return ()

    def _open_channel(self, role: str) -> Channel:
        url = self._url(role)
        channel = Channel(
            open_pipe(url), self.profile, trace=self.trace, name=f"{self.name}.{role}", group=self.group
        )
        channel.start(self.next_record.get(role, 0))
        if role == "uart":
            # a UART behind a plain TCP bridge has its rate set on the bridge
            with contextlib.suppress(NotPossible):
                channel.set_rate(self.uart_rate)
        return channel

    def _url(self, role: str) -> str:
        uart = {"uart": self.model.ports.uart, "aux_uart": self.model.ports.aux_uart}.get(role)
        if uart is not None and uart.url is not None:
            return uart.url
        if uart is not None and uart.location is not None:
            device = find_device(Path(self.roots.sysfs), Path(self.roots.dev), uart.location)
            if device is None:
                raise RigError(
                    f"slot {self.name}: no serial adapter at USB location {uart.location}",
                    remedy="run `cellbench check` to see what is there",
                )
            return str(device.ttys[uart.interface or 0])
        if role.startswith("at"):
            device = self.wait_usb(self.boot_max_s)
            faces = [face for face in self._composition(device) if face.role == "at"]
            number = int(role[2:])
            if number < len(faces):
                return str(device.ttys[faces[number].index])
        raise NotPossible(
            f"slot {self.name} has no port {role}", remedy="name it under ports in the rig file"
        )


@dataclass(frozen=True, slots=True)
class _Face:
    """One serial interface of the composition, in descriptor order."""

    role: str
    index: int
