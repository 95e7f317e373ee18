"""What the host can see by itself: modules and adapters on USB, instruments over VISA and on given hosts."""

from __future__ import annotations

import re
import socket
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import variants_of
from cellbench.guardian.keys import canonical
from cellbench.instruments.supply.scpi import DIALECTS, GENERIC
from cellbench.instruments.visa import Link, VisaSession
from cellbench.io.usb import UsbDevice, list_devices
from cellbench.session.check.tree import module_series

SCPI_PORTS = (5025, 5555, 9221, 1026)  # Keysight, Rohde & Schwarz, Siglent; Rigol; TTi; GW Instek
BOARD_PORTS = (23,)
_CONNECT_S = 1.0
_BANNER_S = 0.5  # a relay board greets at once, a supply never does
_ANSWER_S = 2.0


@dataclass(frozen=True, slots=True)
class FoundModule:
    """A module on USB; ``variant`` is "" where the device does not say it."""

    location: str
    series: Series
    variant: str
    words: str


@dataclass(frozen=True, slots=True)
class FoundInstrument:
    """An instrument with the settings that the rig file needs; ``comment`` says where they come from.

    ``channels`` is how many the model has, None where nothing tells.
    """

    name: str
    kind: str
    settings: dict[str, object]
    comment: str
    channels: int | None = None


@dataclass(slots=True)
class Survey:
    """All that was found; ``notes`` are addresses that did not answer as an instrument."""

    modules: tuple[FoundModule, ...] = ()
    adapters: tuple[UsbDevice, ...] = ()
    supplies: list[FoundInstrument] = field(default_factory=list)
    boards: list[FoundInstrument] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def survey(sysfs: Path, dev: Path, hosts: Sequence[str], resources: Sequence[str]) -> Survey:
    """Look at USB, at VISA's USB instruments, and at the hosts and resources that were named.

    No network is searched, no serial port opened: a module could be behind it. ``hosts`` are HOST or
    HOST:PORT.
    """
    found = Survey()
    devices = list_devices(sysfs, dev)
    found.modules = tuple(
        _module(one, series) for one in devices if (series := module_series(one)) is not None
    )
    found.adapters = tuple(one for one in devices if one.ttys and module_series(one) is None)
    for resource in dict.fromkeys((*resources, *_usb_resources())):
        _ask_visa(found, resource)
    for host in hosts:
        _ask_host(found, host)
    return found


def _module(device: UsbDevice, series: Series) -> FoundModule:
    words = device.product.upper()
    fitting = [one for one in variants_of(series) if words.startswith(one)]
    return FoundModule(device.location, series, max(fitting, key=len, default=""), device.words)


def _usb_resources() -> tuple[str, ...]:
    """Test and measurement devices on USB; none where the library for it is missing.

    Asked of the USB part alone: VISA's own list would search the network as well.
    """
    from pyvisa.constants import InterfaceType
    from pyvisa_py import highlevel, sessions

    assert highlevel  # importing it registers the kinds of sessions
    found: list[str] = []
    with warnings.catch_warnings(action="ignore"):  # of libraries for other interfaces
        for (interface, _), kind in sessions.Session.iter_valid_session_classes():
            if interface is InterfaceType.usb:
                try:
                    found += kind.list_resources()
                except Exception:  # backends raise whatever their libraries do
                    continue
    return tuple(found)


def _ask_visa(found: Survey, resource: str) -> None:
    session = VisaSession("discover", resource, Link(timeout_s=_ANSWER_S), greet=lambda opened: None)
    try:
        session.open()
        identity = session.query("*IDN?")
    except CellbenchError as error:
        found.notes.append(f"{resource}: {error.message}")
        return
    finally:
        session.close()
    _add_supply(found, resource, identity)


def _ask_host(found: Survey, text: str) -> None:
    host, colon, port = text.rpartition(":")
    asked: Iterable[int] = (int(port),) if colon and port.isdecimal() else (*SCPI_PORTS, *BOARD_PORTS)
    host = host if colon and port.isdecimal() else text
    answered = False
    for number in asked:
        said = _talk(host, number)
        if said is None:
            continue
        answered = True
        if re.search(r"user ?name|numato|password", said, re.IGNORECASE):
            _add_board(found, host, number, said)
        elif said.count(",") >= 1:
            _add_supply(found, f"TCPIP::{host}::{number}::SOCKET", said)
        else:
            found.notes.append(
                f"{host}:{number} answers, but not as an instrument that is known: {said[:60]!r}"
            )
    if not answered:
        found.notes.append(f"{text}: nothing answers at port {', '.join(map(str, asked))}")


def _talk(host: str, port: int) -> str | None:
    """What a host says by itself, else its answer to *IDN?; None when nothing listens."""
    try:
        link = socket.create_connection((host, port), _CONNECT_S)
    except OSError:
        return None
    with link:
        said = _hear(link, _BANNER_S)
        if not said:
            try:
                link.sendall(b"*IDN?\n")
            except OSError:
                return ""
            said = _hear(link, _ANSWER_S)
        return said


def _hear(link: socket.socket, seconds: float) -> str:
    """Text up to a line's end or a prompt, for as long as ``seconds``."""
    deadline, heard = Deadline.after(seconds), b""
    while not deadline.expired:
        link.settimeout(max(deadline.remaining, 0.01))
        try:
            data = link.recv(1024)
        except OSError:
            break
        heard += data
        if not data or (heard.strip() and heard.rstrip(b" ").endswith((b"\n", b":", b">"))):
            break
    return re.sub(rb"\xff[\xfb-\xfe].", b"", heard).decode("ascii", "replace").strip()


def _add_supply(found: Survey, resource: str, identity: str) -> None:
    if any(
        one.settings["identity"] == identity
        and canonical(str(one.settings["resource"])) == canonical(resource)
        for one in found.supplies
    ):
        return  # named twice
    dialect = next(
        (one for one in DIALECTS if one is not GENERIC and re.fullmatch(one.identity, identity)), GENERIC
    )
    counts = (count for pattern, count in dialect.counts.items() if re.search(pattern, identity))
    channels = next(counts, dialect.channels)
    named = f"psu{len(found.supplies) + 1}"
    known = f"{dialect.kind}: {dialect.models}" if dialect is not GENERIC else "no family of its own is known"
    settings: dict[str, object] = {"resource": resource, "identity": identity}
    found.supplies.append(FoundInstrument(named, dialect.kind, settings, known, channels))


def _add_board(found: Survey, host: str, port: int, said: str) -> None:
    settings: dict[str, object] = {"host": host, "port": port, "user": "admin"}
    first = " ".join(said.split())[:40]
    found.boards.append(
        FoundInstrument(
            f"relays{len(found.boards) + 1}",
            "line.numato-ethernet",
            settings,
            f"it greets with {first!r}, as Numato's Ethernet relay modules do",
        )
    )
