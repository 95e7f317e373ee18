"""The server's side of DHCP (RFC 2131, options by RFC 2132): requests in, answers out, without a clock."""

from __future__ import annotations

import enum
import ipaddress
from dataclasses import dataclass

SERVER_PORT, CLIENT_PORT = 67, 68
_COOKIE = bytes((99, 130, 83, 99))
_REQUEST, _REPLY = 1, 2
_HEADER = 236
_SHORTEST = 300  # BOOTP (RFC 951) has no shorter packet, and some clients insist
_PAD, _END = 0, 255
_MASK, _ROUTER, _DNS, _WANTED, _LEASE, _KIND, _SERVER, _MTU = 1, 3, 6, 50, 51, 53, 54, 26


class Kind(enum.IntEnum):
    """DHCP message types."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


@dataclass(frozen=True, slots=True)
class Lease:
    """What a client gets: addresses, prefix length, resolvers, largest packet, seconds."""

    address: str
    router: str
    prefix: int
    dns: tuple[str, ...]
    mtu: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A client's message."""

    kind: Kind
    transaction: bytes
    hardware: bytes  # 16 octets, as in the header
    flags: bytes
    held: str  # ciaddr, "0.0.0.0" when it holds none
    wanted: str | None
    server: str | None


def parse(data: bytes) -> Asked | None:
    """A client's message; None for anything else."""
    if len(data) < _HEADER + 4 or data[0] != _REQUEST or data[_HEADER:_HEADER + 4] != _COOKIE:
        return None
    options = _options(data[_HEADER + 4:])
    kind = options.get(_KIND, b"")
    if len(kind) != 1 or kind[0] not in list(Kind):
        return None
    return Asked(Kind(kind[0]), data[4:8], data[28:44], data[10:12], str(ipaddress.IPv4Address(data[12:16])),
                 _address(options.get(_WANTED)), _address(options.get(_SERVER)))


def answer(asked: Asked, lease: Lease | None) -> bytes | None:
    """What the server says to a message; None for nothing (4.3). Without a lease to give it is silent, but
    for a client that holds one: NAK."""
    if asked.kind is Kind.DISCOVER:
        return None if lease is None else _reply(Kind.OFFER, asked, lease)
    if asked.kind is Kind.INFORM:
        return None if lease is None else _reply(Kind.ACK, asked, lease, gives=False)
    if asked.kind is not Kind.REQUEST or (asked.server is not None and lease is not None
                                          and asked.server != lease.router):
        return None
    asks_for = asked.wanted or asked.held
    if lease is None or asks_for != lease.address:
        return _reply(Kind.NAK, asked, lease)
    return _reply(Kind.ACK, asked, lease)


def _reply(kind: Kind, asked: Asked, lease: Lease | None, *, gives: bool = True) -> bytes:
    granted = lease is not None and gives and kind is not Kind.NAK
    head = bytearray(_HEADER)
    head[0:3] = bytes((_REPLY, 1, 6))  # Ethernet, 6 octets (RFC 1700)
    head[4:8], head[10:12], head[28:44] = asked.transaction, asked.flags, asked.hardware
    if kind is Kind.ACK:
        head[12:16] = ipaddress.IPv4Address(asked.held).packed
    if granted and lease is not None:
        head[16:20] = ipaddress.IPv4Address(lease.address).packed
    options = [(_KIND, bytes((kind,)))]
    if lease is not None:
        options.append((_SERVER, ipaddress.IPv4Address(lease.router).packed))
    if lease is not None and kind is not Kind.NAK:
        network = ipaddress.IPv4Network((lease.address, lease.prefix), strict=False)
        options += [(_MASK, network.netmask.packed), (_ROUTER, ipaddress.IPv4Address(lease.router).packed),
                    (_DNS, b"".join(ipaddress.IPv4Address(one).packed for one in lease.dns)),
                    (_MTU, lease.mtu.to_bytes(2, "big"))]
        if gives:
            options.append((_LEASE, lease.seconds.to_bytes(4, "big")))
    told = b"".join(bytes((code, len(value))) + value for code, value in options if value)
    return (bytes(head) + _COOKIE + told + bytes((_END,))).ljust(_SHORTEST, b"\0")


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place = 0
    while place < len(data) and data[place] != _END:
        code = data[place]
        if code == _PAD:
            place += 1
            continue
        length = data[place + 1] if place + 1 < len(data) else 0
        value = data[place + 2:place + 2 + length]
        if len(value) < length:
            break  # cut: what came before counts
        found[code] = found.get(code, b"") + value  # RFC 3396
        place += 2 + length
    return found


def _address(value: bytes | None) -> str | None:
    return str(ipaddress.IPv4Address(value)) if value is not None and len(value) == 4 else None
