"""The USB side of a slot: the module appears behind a hub, its serial ports as ttyUSB nodes.

As on a real host every enumeration brings new numbers, the ports come up in any order, each after a
delay; all of it is drawn from the rack's seed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cellbench.catalogue.modules.model import UsbComposition

from .pty import PtyPort, make_watch
from .sysfs import HUB, SysfsTree, device_attributes, interface_attributes
from .trash import Trash

LOG = logging.getLogger("cellbench.virtual")
TTY_NUMBERS = 512
"""Numbers that Linux gives out; a rack beyond them goes on counting."""
REPORTED = frozenset({"at", "reserved", "cp-trace", "ap-trace", "fw-update"})
"""Roles in the words of the control vocabulary; every other one is reserved there."""
NETWORK_FIRST = {"rndis": "rndis_host", "ecm": "cdc_ether"}
"""Network functions that take interfaces 0 and 1, with their Linux driver."""


class UsbFunction(Protocol):
    """One serial port of the module."""

    transmit: Callable[[bytes], None] | None

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        ...

    def set_open(self, opened: bool) -> None:
        """A host opened or closed the port."""
        ...

    def set_dtr(self, on: bool) -> None:
        """DTR of the port, apart from opening."""
        ...


@dataclass(frozen=True, slots=True)
class Delays:
    """How long a host takes, in seconds: until a device is known, and between two of its ports."""

    device_s: tuple[float, float]
    port_s: tuple[float, float]


FAST = Delays((0.01, 0.05), (0.0, 0.01))
REAL = Delays((0.3, 1.2), (0.005, 0.08))


@dataclass(frozen=True, slots=True)
class Identity:
    """What the device descriptor says besides VID and PID."""

    manufacturer: str
    product: str
    serial: str


class UsbHost:
    """The host of a rack: the tree, the device nodes, and the numbers it gives out."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sysfs: Path, dev: Path, delays: Delays,
                 seed: int) -> None:
        self.loop = loop
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


@dataclass(slots=True)
class _Port:
    """One serial port that is there now."""

    pty: PtyPort
    function: UsbFunction
    tty: int
    link: Path
    forced_dtr: bool | None = None


class UsbPlug:
    """One slot's place behind the hub."""

    def __init__(self, host: UsbHost, position: int, links: Path,
                 function: Callable[[int], UsbFunction], identity: Callable[[], Identity]) -> None:
        self._host = host
        self.location = f"{HUB}.{position}"
        self._position = position
        self.links = links
        self._function = function
        self._identity = identity
        self.composition: UsbComposition | None = None
        """What the module shows, or would show with the cable in."""
        self._ports: dict[int, _Port] = {}
        self._task: asyncio.Task[None] | None = None
        self.plugged = True
        self._complete = asyncio.Event()
        links.mkdir(parents=True, exist_ok=True)
        for stale in links.iterdir():
            stale.unlink()

    def composition_changed(self, composition: UsbComposition | None) -> None:
        """The module shows itself in another way, or not at all (None)."""
        self.composition = composition
        self._disconnect()
        self._connect()

    def plug(self, plugged: bool) -> None:
        """Pull or push in the cable."""
        if plugged != self.plugged:
            self.plugged = plugged
            self._disconnect()
            self._connect()

    def close(self) -> None:
        """The rack goes down."""
        self._disconnect()

    async def wait_complete(self) -> None:
        """Wait until all ports of the composition are up."""
        await self._complete.wait()

    def at_port(self, number: int) -> int | None:
        """Index in descriptor order of the AT port ``number``; None when it is not up."""
        interfaces = () if self.composition is None else self.composition.interfaces
        at = [index for index, interface in enumerate(interfaces) if interface.role == "at"]
        return at[number] if number < len(at) and at[number] in self._ports else None

    def describe(self) -> dict[str, str]:
        """VID, PID, the role of each serial port, the network function: what a host sees now."""
        if not self._ports or self.composition is None:
            return {"serial_ports": "0", "net": "none"}
        interfaces = self.composition.interfaces
        facts = {"vid": f"{self.composition.vid:04x}", "pid": f"{self.composition.pid:04x}",
                 "serial_ports": str(len(interfaces))}
        facts |= {f"port{index}": interface.role if interface.role in REPORTED else "reserved"
                  for index, interface in enumerate(interfaces)}
        return {**facts, "net": self.composition.network}

    def force_dtr(self, index: int, on: bool) -> None:
        """DTR of a port, until the host next opens or closes it; KeyError when the port is not up."""
        port = self._ports[index]
        port.forced_dtr = on
        port.function.set_dtr(on)

    def _connect(self) -> None:
        composition = self.composition
        if composition is not None and self.plugged:
            self._task = self._host.loop.create_task(self._enumerate(composition))
            self._task.add_done_callback(_log_failure)

    def _disconnect(self) -> None:
        self._complete.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None
        ports, self._ports = self._ports, {}
        if self._host.gone:
            self._host.throw_links(self.links)
        else:
            for port in ports.values():
                port.link.unlink(missing_ok=True)
                (self._host.dev / f"ttyUSB{port.tty}").unlink(missing_ok=True)
            self._host.tree.remove_device(self.location)
        for port in ports.values():
            port.function.transmit = None
            if port.pty.is_open:
                port.function.set_open(False)
            port.pty.close()
            self._host.give_back(port.tty)

    async def _enumerate(self, composition: UsbComposition) -> None:
        """Device, interfaces, then the serial ports in random order."""
        host = self._host
        await asyncio.sleep(host.pause(host.delays.device_s))
        identity = self._identity()
        network = NETWORK_FIRST.get(composition.network, "")
        first = 2 if network else 0
        host.tree.add_device(self.location, device_attributes(
            vid=composition.vid, pid=composition.pid, devnum=host.next_devnum(),
            devpath=f"1.{self._position}", manufacturer=identity.manufacturer, product=identity.product,
            serial=identity.serial, interfaces=first + len(composition.interfaces)))
        if network:
            self._add_network(composition.network, network)
        for index, interface in enumerate(composition.interfaces):
            host.tree.add_interface(self.location, first + index, interface_attributes(
                first + index, 0xFF, 0, 0, interface.name, "option"), "option")
        order = list(range(len(composition.interfaces)))
        host.random.shuffle(order)
        names = link_names([interface.role for interface in composition.interfaces])
        for index in order:
            await asyncio.sleep(host.pause(host.delays.port_s))
            self._add_port(index, first + index, names[index])
        self._complete.set()

    def _add_network(self, kind: str, driver: str) -> None:
        """Communication and data interface of the network function (USB CDC 1.2, 4; RNDIS is wireless)."""
        control = (0xE0, 1, 3) if kind == "rndis" else (2, 6, 0)
        tree = self._host.tree
        tree.add_interface(self.location, 0, interface_attributes(0, *control, "", driver), driver)
        tree.add_interface(self.location, 1, interface_attributes(1, 0x0A, 0, 0, "", driver), driver)

    def _add_port(self, index: int, interface: int, name: str) -> None:
        host = self._host
        function = self._function(index)
        tty = host.take_tty()
        pty = PtyPort(host.loop, host.watch, on_data=function.receive,
                      on_open=lambda opened: self._opened(index, opened))
        node = host.dev / f"ttyUSB{tty}"
        # as on Linux: sysfs first, then the device node that udev makes
        host.tree.add_tty(self.location, interface, node.name, tty)
        node.unlink(missing_ok=True)
        node.symlink_to(pty.path)
        link = self.links / name
        link.unlink(missing_ok=True)
        link.symlink_to(node)
        self._ports[index] = _Port(pty, function, tty, link)
        function.transmit = pty.write

    def _opened(self, index: int, opened: bool) -> None:
        port = self._ports.get(index)
        if port is not None:
            port.forced_dtr = None
            port.function.set_open(opened)


def _log_failure(task: asyncio.Task[None]) -> None:
    """An enumeration that failed must be seen: nobody waits for it."""
    if not task.cancelled() and task.exception() is not None:
        LOG.error("an enumeration failed", exc_info=task.exception())


def link_names(roles: Sequence[str]) -> list[str]:
    """Names for the ports of a composition: the role with a number in descriptor order (at0, diag0 ...)."""
    counts: dict[str, int] = {}
    names = []
    for role in roles:
        counts[role] = counts.get(role, -1) + 1
        names.append(f"{role}{counts[role]}")
    return names
