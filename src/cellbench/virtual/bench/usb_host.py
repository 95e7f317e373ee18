"""The host that a rack's modules are plugged into by USB: its tree, device nodes, numbers, its hub."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .pty import make_watch
from .sysfs import HUB, SysfsTree, device_attributes, interface_attributes
from .trash import Trash

if TYPE_CHECKING:
    from .usb import UsbPlug

TTY_NUMBERS = 512
"""Numbers that Linux gives out; a rack beyond them goes on counting."""
NEW_ID_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Delays:
    """How long a host takes, in seconds: until a device is known, between two of its ports, and from the last
    traffic to the device's suspension where power/control is "auto"."""

    device_s: tuple[float, float]
    port_s: tuple[float, float]
    suspend_s: float


FAST = Delays((0.01, 0.05), (0.0, 0.01), 0.1)
REAL = Delays((0.3, 1.2), (0.005, 0.08), 2.0)  # Linux: usbcore.autosuspend=2


@dataclass(frozen=True, slots=True)
class Gadget:
    """A device that is no module of the rack, at a port of the hub."""

    position: int
    vid: int
    pid: int

    @property
    def location(self) -> str:
        """Its place on the bus."""
        return f"{HUB}.{self.position}"


class UsbHost:
    """The host of a rack: the tree, the device nodes, and the numbers it gives out."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sysfs: Path, dev: Path, delays: Delays,
                 seed: int, *, taps: bool = False) -> None:
        """``taps``: network interfaces of the modules are real ones, of the kernel (see tap.py)."""
        self.loop = loop
        self.taps = taps
        self._trash = Trash(sysfs.parent / ".trash")
        for old in (sysfs, dev):  # left by a rack that was killed
            self._trash.throw(old)
            old.mkdir(parents=True)
        self.tree = SysfsTree(sysfs, self._trash)
        self.gone = False
        self._sysfs = sysfs
        self.dev = dev
        self.delays = delays
        self.random = random.Random(seed)
        self.watch = make_watch(loop)
        self._devnum = 2
        self._used: set[int] = set()
        self._recent: list[int] = []
        self.plugs: list[UsbPlug] = []
        self.hub_present = True
        self._gadgets: dict[int, Gadget] = {}
        self._id_timer: asyncio.TimerHandle | None = None

    def set_hub(self, present: bool) -> None:
        """The hub loses its cable, with all that hangs on it, or gets it back."""
        if present == self.hub_present:
            return
        if present:
            self.tree.add_hub(self.next_devnum())
        self.hub_present = present
        for plug in self.plugs:
            plug.again()
        for gadget in self._gadgets.values():
            self._show(gadget, present)
        if not present:
            self.tree.remove_hub()

    def set_gadget(self, gadget: Gadget, plugged: bool) -> None:
        """Plug another device into a port of the hub, or pull it."""
        old = self._gadgets.pop(gadget.position, None)
        if old is not None:
            self._show(old, False)
        if plugged:
            self._gadgets[gadget.position] = gadget
            self._show(gadget, self.hub_present)

    def has_gadget(self, position: int) -> bool:
        """True while another device is in a port of the hub."""
        return position in self._gadgets

    def _show(self, gadget: Gadget, shown: bool) -> None:
        location = gadget.location
        if not shown:
            self.tree.remove_device(location)
            return
        self.tree.add_device(location, device_attributes(
            vid=gadget.vid, pid=gadget.pid, devnum=self.next_devnum(), devpath=f"1.{gadget.position}",
            manufacturer="Somebody", product="Gadget", serial="0", interfaces=1))
        self.tree.add_interface(location, 0, interface_attributes(0, 0xFF, 0, 0, "", ""), "")

    def watch_ids(self) -> None:
        """While a place has no driver, look whether somebody told the driver its id by new_id."""
        if self._id_timer is None and not self.gone:
            self._id_timer = self.loop.call_later(NEW_ID_POLL_S, self._look_at_ids)

    def _look_at_ids(self) -> None:
        self._id_timer = None
        if self.gone:
            return
        added = self.tree.added_ids()
        for plug in self.plugs:
            shown = plug.composition
            if not plug.faults.driver and shown is not None and (shown.vid, shown.pid) in added:
                plug.set_driver(True)
        if any(not plug.faults.driver for plug in self.plugs):
            self.watch_ids()

    def vanish(self) -> None:
        """The rack goes down: the whole tree and all nodes vanish in a few calls."""
        self.gone = True
        for folder in (self._sysfs, self.dev):
            self._trash.throw(folder)
            folder.mkdir()

    def throw_links(self, folder: Path) -> None:
        """Empty a slot's folder of links, in one go."""
        self._trash.throw(folder)
        folder.mkdir()

    def close(self) -> None:
        """Stop watching and deleting; the plugs close their ports themselves."""
        if self._id_timer is not None:
            self._id_timer.cancel()
        self.watch.close()
        self._trash.close()

    def next_devnum(self) -> int:
        """Device numbers go up with every enumeration and start again after 127 (USB 2.0, 9.4.6)."""
        self._devnum = self._devnum + 1 if self._devnum < 127 else 3
        return self._devnum

    def take_tty(self) -> int:
        """A ttyUSB number that is free and was not given out lately."""
        taken = self._used.union(self._recent)
        free = [n for n in range(TTY_NUMBERS) if n not in taken]
        number = self.random.choice(free) if free else max(taken) + 1
        self._used.add(number)
        return number

    def give_back(self, number: int) -> None:
        """A ttyUSB number is no longer in use; it is not handed out again for a while."""
        self._used.discard(number)
        self._recent.append(number)
        del self._recent[:-TTY_NUMBERS // 4]

    def pause(self, span: tuple[float, float]) -> float:
        """A delay out of ``span``."""
        return self.random.uniform(*span)
