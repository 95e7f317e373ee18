"""One key for one piece of equipment, however a rig file writes its address.

Two users who write ``localhost`` and ``127.0.0.1``, ``TCPIP0::`` and ``TCPIP::``, or a device node and its
link below /dev/serial, mean the same thing; the locks of a host have to know.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Mapping

from cellbench.instruments.kinds import InstrumentKind

_VISA_TCP = re.compile(r"^TCPIP[0-9]*::(?P<host>\[.+\]|[^:]+)::(?P<rest>.+)$", re.IGNORECASE)
_VISA_SERIAL = re.compile(r"^ASRL(?P<path>/[^:]+)::(?P<rest>.+)$", re.IGNORECASE)
_URL = re.compile(r"^(?P<scheme>[a-z0-9]+)://(?P<host>\[.+\]|[^:/\[\]]+):(?P<port>[0-9]+)/?$", re.IGNORECASE)
_ADDRESSES = ("resource", "url", "host", "chip")
"""Settings that say where an instrument is."""


def equipment_key(kind: InstrumentKind, settings: Mapping[str, object]) -> str:
    """The key under which an instrument is locked on this host."""
    changed = {
        name: canonical(str(settings[name]), is_host=name == "host")
        for name in _ADDRESSES
        if settings.get(name) is not None
    }
    return kind.equipment({**settings, **changed})


def canonical(address: str, *, is_host: bool = False) -> str:
    """An address in the one form: links followed, names resolved, VISA's board number left out."""
    if is_host:
        return _resolved(address)
    if match := _VISA_TCP.match(address):
        return f"TCPIP::{_resolved(match['host'])}::{match['rest']}"
    if match := _VISA_SERIAL.match(address):
        return f"ASRL{os.path.realpath(match['path'])}::{match['rest']}"
    if match := _URL.match(address):
        return f"{match['scheme'].lower()}://{_resolved(match['host'])}:{match['port']}"
    return os.path.realpath(address) if address.startswith("/") else address


def _resolved(host: str) -> str:
    """The first address of a name, IPv4 before IPv6; the name itself where nothing knows it."""
    plain = host.strip("[]").lower()
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        pass
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(plain, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return plain
    return min(found, key=lambda text: (":" in text, text))
