"""What a DHCP server would give, asked as a client does: DISCOVER out, OFFER in (RFC 2131 4.3.1, RFC 2132).

Nothing is requested, so nothing is taken: the offer lapses by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from cellbench.wire.ip.packets import BadPacket, IpPacket, IpProtocol, parse_ip
from cellbench.wire.ip.udp import UdpDatagram, parse_udp

SERVER_PORT, CLIENT_PORT = 67, 68
NOBODY, EVERYBODY = IPv4Address("0.0.0.0"), IPv4Address("255.255.255.255")
_BOOTREQUEST, _BOOTREPLY, _ETHERNET, _HARDWARE_BYTES = 1, 2, 1, 6
_FIXED = 236
_COOKIE = b"\x63\x82\x53\x63"
_MESSAGE_TYPE, _PARAMETERS, _CLIENT_ID, _NETMASK, _ROUTERS, _RESOLVERS, _END = 53, 55, 61, 1, 3, 6, 255
_DISCOVER, _OFFER = 1, 2
_BROADCAST = 0x8000  # the answer must not go to an address that nobody has yet (4.1)


@dataclass(frozen=True, slots=True)
class Offer:
    """An address and what goes with it."""

    address: IPv4Address
    netmask: IPv4Address | None
    routers: tuple[IPv4Address, ...]
    resolvers: tuple[IPv4Address, ...]


def discover(hardware: bytes, transaction: int) -> bytes:
    """The IP packet of a DISCOVER; ``hardware`` is the client's Ethernet address."""
    fixed = bytearray(_FIXED)
    fixed[0], fixed[1], fixed[2] = _BOOTREQUEST, _ETHERNET, _HARDWARE_BYTES
    fixed[4:8] = transaction.to_bytes(4, "big")
    fixed[10:12] = _BROADCAST.to_bytes(2, "big")
    fixed[28:28 + _HARDWARE_BYTES] = hardware
    options = (bytes((_MESSAGE_TYPE, 1, _DISCOVER)) + bytes((_CLIENT_ID, 7, _ETHERNET)) + hardware
               + bytes((_PARAMETERS, 3, _NETMASK, _ROUTERS, _RESOLVERS)) + bytes((_END,)))
    datagram = UdpDatagram(CLIENT_PORT, SERVER_PORT, bytes(fixed) + _COOKIE + options)
    return IpPacket(NOBODY, EVERYBODY, IpProtocol.UDP, datagram.encode(NOBODY, EVERYBODY)).encode()


def offer_in(packet: bytes, hardware: bytes, transaction: int) -> Offer | None:
    """The offer in an IP packet; None for everything else."""
    try:
        whole = parse_ip(packet)
        datagram = parse_udp(whole) if whole.protocol == IpProtocol.UDP else None
    except BadPacket:
        return None
    if datagram is None or (datagram.source_port, datagram.destination_port) != (SERVER_PORT, CLIENT_PORT):
        return None
    data = datagram.data
    head, cookie = data[:_FIXED], data[_FIXED:_FIXED + len(_COOKIE)]
    ours = head[4:8] == transaction.to_bytes(4, "big") and head[28:28 + _HARDWARE_BYTES] == hardware
    if head[:1] != bytes((_BOOTREPLY,)) or cookie != _COOKIE or not ours:
        return None
    options = _options(data[_FIXED + len(_COOKIE):])
    if options.get(_MESSAGE_TYPE) != bytes((_OFFER,)):
        return None
    masks = _addresses(options.get(_NETMASK, b""))
    return Offer(IPv4Address(head[16:20]), masks[0] if masks else None,
                 _addresses(options.get(_ROUTERS, b"")), _addresses(options.get(_RESOLVERS, b"")))


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    rest = data
    while rest and rest[0] != _END:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        length = rest[1] if len(rest) > 1 else len(rest)
        if len(rest) < 2 + length:
            break
        found[rest[0]] = rest[2:2 + length]
        rest = rest[2 + length:]
    return found


def _addresses(data: bytes) -> tuple[IPv4Address, ...]:
    return tuple(IPv4Address(data[place:place + 4]) for place in range(0, len(data) - 3, 4))
