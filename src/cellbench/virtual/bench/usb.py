"""The USB side of a slot: the module appears behind a hub, its serial ports as ttyUSB or ttyACM nodes.

As on a real host every enumeration brings new numbers, the ports come up in any order, each after a
delay; all of it is drawn from the rack's seed. What may be wrong with a host is in ``Faults``.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from cellbench.catalogue.modules.model import UsbComposition

from .pty import PtyPort
from .sysfs import HUB, device_attributes, interface_attributes
from .tap import Tap
from .usb_host import UsbHost
from .usb_layout import Interface, layout, link_names
from .usb_rest import UsbRest

LOG = logging.getLogger("cellbench.virtual")
REPORTED = frozenset({"at", "reserved", "cp-trace", "ap-trace", "fw-update"})
"""Roles in the words of the control vocabulary; every other one is reserved there."""


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


class EthernetEnd(Protocol):
    """The module's end of a network function."""

    transmit: Callable[[bytes], None] | None

    def receive(self, frame: bytes) -> None:
        """A frame of the host."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """What the device descriptor says besides VID and PID."""

    manufacturer: str
    product: str
    serial: str


@dataclass(slots=True)
class Faults:
    """What is wrong with the host's view of one place; the defaults are a host in order.

    ``driver`` False: no driver binds. ``nodes`` False: udev makes no nodes, else ``node_s`` seconds after
    sysfs shows the port. ``mode``: permission bits of the nodes. ``delay_s``: seconds more until the device
    is known. ``position``: the hub's port it is plugged into, in place of its own. ``order``: which serial
    function stands at each place of the descriptor, in place of the composition's order.
    """

    driver: bool = True
    nodes: bool = True
    node_s: float = 0.0
    mode: int | None = None
    delay_s: float = 0.0
    position: int | None = None
    order: tuple[int, ...] = ()


@dataclass(slots=True)
class _Port:
    """One serial port that is there now."""

    pty: PtyPort
    function: UsbFunction
    tty: int
    node: Path
    link: Path
    forced_dtr: bool | None = None


class UsbPlug:
    """One slot's place behind the hub."""

    def __init__(self, host: UsbHost, position: int, links: Path,
                 function: Callable[[int], UsbFunction], identity: Callable[[], Identity],
                 ethernet: Callable[[], EthernetEnd | None] = lambda: None) -> None:
        self._host = host
        self._ethernet = ethernet
        self._tap: Tap | None = None
        self._position = position
        self.location = f"{HUB}.{position}"
        """Where the slot's own cable is, as the rig file says it."""
        self.links = links
        self._function = function
        self._identity = identity
        self.composition: UsbComposition | None = None
        """What the module shows, or would show with the cable in."""
        self.rest: UsbRest | None = None
        """Suspend and resume of what is enumerated now."""
        self.faults = Faults()
        self._shown_at = self.location
        self._ports: dict[int, _Port] = {}
        self._task: asyncio.Task[None] | None = None
        self.plugged = True
        self._complete = asyncio.Event()
        links.mkdir(parents=True, exist_ok=True)
        for stale in links.iterdir():
            stale.unlink()
        host.plugs.append(self)

    @property
    def resumed(self) -> bool:
        """True while the host keeps the module's USB resumed, or is about to get to know it."""
        if self.composition is None or not self.plugged or not self._host.hub_present:
            return False
        return self.rest is None or self.rest.resumed

    def composition_changed(self, composition: UsbComposition | None) -> None:
        """The module shows itself in another way, or not at all (None)."""
        self.composition = composition
        self.again()

    def plug(self, plugged: bool) -> None:
        """Pull or push in the cable."""
        if plugged != self.plugged:
            self.plugged = plugged
            self.again()

    def again(self) -> None:
        """Vanish, and enumerate anew if there is something to show."""
        self._disconnect()
        if self.composition is not None and self.plugged and self._host.hub_present:
            self._start(self._enumerate(self.composition))

    def set_driver(self, bound: bool) -> None:
        """The drivers take the interfaces, or let go of them; the device stays."""
        self.faults.driver = bound
        if self.composition is None or not self.plugged or not self._host.hub_present:
            return
        self._stop_task()
        if not bound:
            self._close_ports()
            for interface in layout(self.composition):
                self._host.tree.unbind(self._shown_at, interface.number)
            self._host.watch_ids()
        elif self._host.tree.has_device(self._shown_at):
            self._start(self._bind(self.composition))
        else:
            self.again()

    def close(self) -> None:
        """The rack goes down."""
        self._disconnect()

    async def wait_complete(self) -> None:
        """Wait until all ports of the composition are up."""
        await self._complete.wait()

    def at_port(self, number: int) -> int | None:
        """Index of the AT port ``number`` among the module's serial functions; None when it is not up."""
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
        for place, index in enumerate(self._order(self.composition)):
            role = interfaces[index].role
            facts[f"port{place}"] = role if role in REPORTED else "reserved"
        return {**facts, "net": self.composition.network}

    def nodes(self) -> dict[str, str]:
        """Where it is and the node of each port by its true role; what only the module's side can know."""
        if self.composition is None:
            return {"location": "none"}
        names = link_names([interface.role for interface in self.composition.interfaces])
        found = {names[index]: str(port.node) for index, port in sorted(self._ports.items())}
        complete = "yes" if self._complete.is_set() else "no"
        return {"location": self._shown_at, "composition": self.composition.name, "complete": complete,
                **found}

    def force_dtr(self, index: int, on: bool) -> None:
        """DTR of a port, until the host next opens or closes it; KeyError when the port is not up."""
        port = self._ports[index]
        port.forced_dtr = on
        port.function.set_dtr(on)

    # -- inside ----------------------------------------------------------------------------------

    def _start(self, work: Coroutine[object, object, None]) -> None:
        self._task = self._host.loop.create_task(work)
        self._task.add_done_callback(_log_failure)

    def _stop_task(self) -> None:
        self._complete.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _disconnect(self) -> None:
        self._stop_task()
        if self.rest is not None:
            self.rest.close()
            self.rest = None
        ports = self._take_down()
        if not self._host.gone:
            self._host.tree.remove_device(self._shown_at)
        self._end(ports)

    def _close_ports(self) -> None:
        self._end(self._take_down())

    def _take_down(self) -> dict[int, _Port]:
        """Links and nodes vanish before the ports are closed: nobody finds a dead one."""
        ports, self._ports = self._ports, {}
        if self._tap is not None:
            self._tap.close()
            self._tap = None
        if self._host.gone:
            self._host.throw_links(self.links)
        else:
            for port in ports.values():
                port.link.unlink(missing_ok=True)
                port.node.unlink(missing_ok=True)
        return ports

    def _end(self, ports: dict[int, _Port]) -> None:
        for port in ports.values():
            port.function.transmit = None
            if port.pty.is_open:
                port.function.set_open(False)
            port.pty.close()
            self._host.give_back(port.tty)

    def _order(self, composition: UsbComposition) -> tuple[int, ...]:
        count = len(composition.interfaces)
        order = self.faults.order
        return order if sorted(order) == list(range(count)) else tuple(range(count))

    async def _enumerate(self, composition: UsbComposition) -> None:
        """Device and interfaces, then what drivers make of them."""
        host, faults = self._host, self.faults
        await asyncio.sleep(host.pause(host.delays.device_s) + faults.delay_s)
        identity = self._identity()
        position = faults.position or self._position
        self._shown_at = f"{HUB}.{position}"
        parts = layout(composition)
        host.tree.add_device(self._shown_at, device_attributes(
            vid=composition.vid, pid=composition.pid, devnum=host.next_devnum(), devpath=f"1.{position}",
            manufacturer=identity.manufacturer, product=identity.product, serial=identity.serial,
            interfaces=len(parts)))
        self.rest = UsbRest(host.loop, host.tree.folder(self._shown_at), host.delays.suspend_s)
        for part in parts:
            host.tree.add_interface(self._shown_at, part.number, interface_attributes(
                part.number, *part.triple, part.name, part.driver if faults.driver else ""), "")
        if faults.driver:
            await self._bind(composition)
        else:
            host.watch_ids()

    async def _bind(self, composition: UsbComposition) -> None:
        """Drivers take their interfaces; the serial ports come up in random order."""
        host = self._host
        serial: list[Interface] = []
        for part in layout(composition):
            host.tree.bind(self._shown_at, part.number, part.driver)
            if part.net:
                self._add_net(part)
            if part.port is not None:
                serial.append(part)
        functions = self._order(composition)
        names = link_names([interface.role for interface in composition.interfaces])
        host.random.shuffle(serial)
        for part in serial:
            await asyncio.sleep(host.pause(host.delays.port_s))
            assert part.port is not None
            index = functions[part.port]
            await self._add_port(index, part, names[index])
        if self.faults.nodes:
            self._complete.set()

    def _add_net(self, part: Interface) -> None:
        """The network interface: a name in the tree, or one of the kernel's."""
        name, address = f"{part.net}{self._position - 1}", bytes((2, 0, 0, 0, 0, self._position))
        end = self._ethernet()
        if self._host.taps and end is not None:
            self._tap = Tap(self._host.loop, address, end.receive)
            name, end.transmit = self._tap.name, self._tap.send
        self._host.tree.add_net(self._shown_at, part.number, name, address.hex(":"))

    async def _add_port(self, index: int, part: Interface, name: str) -> None:
        host, faults = self._host, self.faults
        function = self._function(index)
        tty = host.take_tty()
        pty = PtyPort(host.loop, host.watch, on_data=partial(self._from_host, function),
                      on_open=lambda opened: self._opened(index, opened))
        node = host.dev / f"{part.tty}{tty}"
        link = self.links / name
        self._ports[index] = _Port(pty, function, tty, node, link)
        function.transmit = partial(self._to_host, pty)
        # as on Linux: sysfs first, then the device node that udev makes
        host.tree.add_tty(self._shown_at, part.number, node.name, tty)
        if faults.node_s:
            await asyncio.sleep(faults.node_s)
        if not faults.nodes:
            return
        if faults.mode is not None:
            os.chmod(pty.path, faults.mode)
        node.unlink(missing_ok=True)
        node.symlink_to(pty.path)
        link.unlink(missing_ok=True)
        link.symlink_to(node)

    def _from_host(self, function: UsbFunction, data: bytes) -> None:
        if self.rest is not None:
            self.rest.traffic()
        function.receive(data)

    def _to_host(self, pty: PtyPort, data: bytes) -> None:
        if self.rest is not None:
            self.rest.traffic(from_device=True)
        pty.write(data)

    def _opened(self, index: int, opened: bool) -> None:
        if self.rest is not None:
            self.rest.traffic()
        port = self._ports.get(index)
        if port is not None:
            port.forced_dtr = None
            port.function.set_open(opened)


def _log_failure(task: asyncio.Task[None]) -> None:
    """An enumeration that failed must be seen: nobody waits for it."""
    if not task.cancelled() and task.exception() is not None:
        LOG.error("an enumeration failed", exc_info=task.exception())
