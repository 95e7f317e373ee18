"""The UARTs of a rig, looked at without opening a serial port: opening one raises DTR and RTS."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from cellbench.base.errors import CellbenchError
from cellbench.io.tcp import connect
from cellbench.io.usb import UsbDevice, find_device, list_devices
from cellbench.rig.schema import Slot, UartPort
from cellbench.session.check.holders import eviction, holders
from cellbench.session.check.model import KeyPath, Look, Scene, Trouble
from cellbench.session.check.rights import missing_right
from cellbench.session.check.tree import module_series, place_of, tty_owner

_TURNED_AWAY_S = 0.1  # a server with one client at a time says so at once, or hangs up
_FLEETING = ("ttyUSB", "ttyACM")


def look_at_uarts(scene: Scene, slot: str) -> Iterator[Look]:
    """One look for each UART of a slot."""
    for role, uart in uarts(scene.rig.model.slots[slot]):
        place: KeyPath = ("slots", slot, "ports", role)
        what = f"{slot}: {role}"
        if uart.location is not None:
            yield _adapter(scene, what, place, uart)
        elif uart.url is not None and uart.url.startswith("/"):
            yield _node(scene, what, (*place, "url"), Path(uart.url))
        elif uart.url is not None:
            yield _remote(scene, what, (*place, "url"), uart.url)


def uarts(slot: Slot) -> Iterator[tuple[str, UartPort]]:
    """The UARTs that a slot has, by role."""
    for role, uart in (("uart", slot.ports.uart), ("aux_uart", slot.ports.aux_uart)):
        if uart is not None:
            yield role, uart


def look_at_node(scene: Scene, place: KeyPath, node: Path) -> list[Trouble]:
    """Everything wrong with one device node: absent, no terminal, no permission, in use."""
    owner = tty_owner(Path(os.path.realpath(node)), scene.sysfs, scene.dev)
    try:
        facts = node.stat()
    except OSError as error:
        return [scene.error(place, f"{node}: {error.strerror or error}", _what_there_is(scene))]
    if not stat.S_ISCHR(facts.st_mode):
        return [scene.error(place, f"{node} is no serial port", _what_there_is(scene))]
    troubles = [
        scene.error(
            place,
            f"{node} is used by another program: {holder.describe()}",
            eviction(holder, Path(os.path.realpath(node)), owner),
        )
        for holder in holders(node, scene.host)
    ]
    missing = missing_right(node, owner)
    if missing is not None:
        troubles.append(scene.error(place, *missing))
    return troubles


def _node(scene: Scene, what: str, place: KeyPath, node: Path) -> Look:
    troubles = look_at_node(scene, place, node)
    stable = _stable_name(node)
    if node.name.startswith(_FLEETING) and node.parent == Path("/dev") and not troubles:
        named = f"write url: {stable}" if stable else "take its name below /dev/serial/by-id or by-path"
        troubles.append(
            scene.warning(place, f"{node} may be another port after the next plugging or reboot", named)
        )
    if os.path.basename(os.path.realpath(node)) in _console(scene):
        troubles.append(
            scene.error(
                place,
                f"the kernel writes its console to {node}",
                f"take console={os.path.basename(os.path.realpath(node))} out of the "
                "kernel's command line, then reboot",
            )
        )
    return Look(what, f"{node}, not opened" if not troubles else str(node), tuple(troubles))


def _remote(scene: Scene, what: str, place: KeyPath, url: str) -> Look:
    """Connect and leave: nothing is sent. A server raises DTR for as long as that lasts."""
    host, _, port = url.partition("://")[2].rstrip("/").rpartition(":")
    try:
        link = connect(url, (host.strip("[]"), int(port)))
    except CellbenchError as error:
        return Look(
            what,
            url,
            (scene.error(place, error.message, "is the server running, and are host and port right?"),),
        )
    with link:
        link.settimeout(_TURNED_AWAY_S)
        try:
            said = link.recv(200)
        except (TimeoutError, BlockingIOError):
            return Look(what, f"{url} takes connections")
        except OSError:
            said = b""
        _hang_up(link)
    if said and (said[0] == 255 or b"in use" not in said.lower()):
        return Look(what, f"{url} takes connections")
    told = said.decode(errors="replace").strip() or "it hangs up at once"
    return Look(
        what,
        url,
        (
            scene.error(
                place, f"{url} turns us away: {told}", "another client has the port: end it at the server"
            ),
        ),
    )


def _hang_up(link: socket.socket) -> None:
    try:
        link.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was quicker


def _adapter(scene: Scene, what: str, place: KeyPath, uart: UartPort) -> Look:
    """A serial adapter by its USB location."""
    location = str(uart.location)
    device = find_device(scene.sysfs, scene.dev, location)
    if device is None:
        return Look(
            what,
            location,
            (
                scene.error(
                    (*place, "location"),
                    f"no serial adapter at USB location {location}",
                    _what_there_is(scene),
                ),
            ),
        )
    number = uart.interface or 0
    if number >= len(device.ttys):
        count = len(device.ttys)
        remedy = (
            f"it has interface {'0' if count == 1 else f'0 to {count - 1}'}"
            if count
            else f"load its driver (`sudo modprobe ftdi_sio`, `cp210x`, `ch341`, `pl2303`), see `dmesg`; "
            f"it is {device.words}"
        )
        leaf = "interface" if uart.interface is not None else "location"
        return Look(
            what,
            location,
            (scene.error((*place, leaf), f"the adapter at {location} has no serial port {number}", remedy),),
        )
    node = device.ttys[number]
    troubles = look_at_node(scene, (*place, "location"), node)
    return Look(what, f"{location} is {node}, not opened" if not troubles else location, tuple(troubles))


def _what_there_is(scene: Scene) -> str:
    """The serial ports that could be meant."""
    named = sorted(map(str, _by_id()))
    adapters = [f"{place_of(one)} ({', '.join(map(str, one.ttys))})" for one in adapters_of(scene)]
    there = named + adapters
    return f"there are: {'; '.join(there)}" if there else "plug the serial adapter in; `dmesg` tells why not"


def adapters_of(scene: Scene) -> tuple[UsbDevice, ...]:
    """Devices on USB with serial ports that are no modules."""
    found = list_devices(scene.sysfs, scene.dev)
    return tuple(one for one in found if one.ttys and module_series(one) is None)


def _by_id() -> Iterator[Path]:
    try:
        yield from Path("/dev/serial/by-id").iterdir()
    except OSError:
        return


def _stable_name(node: Path) -> str:
    return next((str(link) for link in _by_id() if link.resolve() == node.resolve()), "")


def _console(scene: Scene) -> tuple[str, ...]:
    """Names of the kernel's consoles (proc(5), /proc/consoles)."""
    try:
        rows = (scene.host.proc / "consoles").read_text().splitlines()
    except OSError:
        return ()
    return tuple(row.split()[0] for row in rows if row.split())
