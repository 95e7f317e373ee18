"""IPv4 (RFC 791), IPv6 (RFC 8200) and UDP (RFC 768) packets, read and made, with the Internet checksum."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _NO_NEXT, _DESTINATION = 0, 43, 44, 59, 60
_V4 = struct.Struct("!BBHHHBBH4s4s")
_V6 = struct.Struct("!IHBB16s16s")
_UDP = struct.Struct("!HHHH")
HOPS = 64
_DONT_FRAGMENT, _MORE = 0x4000, 0x2000


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071): a sum of 16-bit words is a remainder modulo 0xFFFF."""
    if len(data) & 1:
        data += b"\0"
    number = int.from_bytes(data, "big")
    left = number % 0xFFFF
    return 0 if number and not left else left ^ 0xFFFF


@dataclass(frozen=True, slots=True)
class Packet:
    """An IP packet, or a piece of one; addresses are packed, four octets or sixteen."""

    source: bytes
    target: bytes
    protocol: int
    payload: bytes
    hops: int = HOPS
    identifier: int = 0
    offset: int = 0  # in octets
    more: bool = False
    whole: bool = False  # must not be cut (IPv4's DF)

    @property
    def v6(self) -> bool:
        """True for IPv6."""
        return len(self.source) == 16

    @property
    def piece(self) -> bool:
        """True for a fragment."""
        return self.more or self.offset > 0

    def pseudo(self, length: int) -> bytes:
        """The pseudo-header for the checksums of UDP, TCP and ICMPv6 (RFC 9293 3.1, RFC 8200 8.1)."""
        if self.v6:
            return self.source + self.target + struct.pack("!II", length, self.protocol)
        return self.source + self.target + struct.pack("!BBH", 0, self.protocol, length)

    def sum_over(self, payload: bytes) -> int:
        """The checksum of a payload under the pseudo-header; 0 when it holds a right one."""
        return checksum(self.pseudo(len(payload)) + payload)


def text(address: bytes) -> str:
    """An address as people write it."""
    return str(IPv4Address(address) if len(address) == 4 else IPv6Address(address))


def packed(address: str) -> bytes:
    """An address in octets."""
    return IPv6Address(address).packed if ":" in address else IPv4Address(address).packed


def parse(data: bytes) -> Packet | None:
    """A packet of either version; None when it is damaged or none."""
    version = data[0] >> 4 if data else 0
    if version == 4:
        return _parse4(data)
    return _parse6(data) if version == 6 else None


def _parse4(data: bytes) -> Packet | None:
    if len(data) < _V4.size:
        return None
    first, _, total, identifier, field, hops, protocol, _, source, target = _V4.unpack_from(data)
    size = (first & 15) * 4
    if size < _V4.size or not size <= total <= len(data) or checksum(data[:size]):
        return None
    return Packet(source, target, protocol, data[size:total], hops, identifier, (field & 0x1FFF) * 8,
                  bool(field & _MORE), bool(field & _DONT_FRAGMENT))


def _parse6(data: bytes) -> Packet | None:
    if len(data) < _V6.size:
        return None
    _, length, following, hops, source, target = _V6.unpack_from(data)
    if len(data) < _V6.size + length:
        return None
    rest = data[_V6.size:_V6.size + length]
    identifier, offset, more = 0, 0, False
    while following in (_HOP_BY_HOP, _ROUTING, _DESTINATION, _FRAGMENT):
        size = 8 if following == _FRAGMENT else (rest[1] + 1) * 8 if len(rest) > 1 else 8
        if len(rest) < size:
            return None
        if following == _FRAGMENT:
            field, identifier = struct.unpack_from("!HI", rest, 2)
            offset, more = field & 0xFFF8, bool(field & 1)
        following, rest = rest[0], rest[size:]
        if offset:
            break  # only the first piece holds what follows
    if following == _NO_NEXT:
        return None
    return Packet(source, target, following, rest, hops, identifier, offset, more)


def build(packet: Packet) -> bytes:
    """The octets of a packet."""
    if packet.v6:
        rest, following = packet.payload, packet.protocol
        if packet.piece:
            rest = struct.pack("!BBHI", following, 0, packet.offset | packet.more, packet.identifier) + rest
            following = _FRAGMENT
        return _V6.pack(6 << 28, len(rest), following, packet.hops, packet.source, packet.target) + rest
    field = packet.offset // 8 | (_MORE if packet.more else 0) | (_DONT_FRAGMENT if packet.whole else 0)
    parts = (0x45, 0, _V4.size + len(packet.payload), packet.identifier & 0xFFFF, field, packet.hops,
             packet.protocol)
    head = _V4.pack(*parts, 0, packet.source, packet.target)
    return _V4.pack(*parts, checksum(head), packet.source, packet.target) + packet.payload


@dataclass(frozen=True, slots=True)
class Datagram:
    """The content of a UDP packet."""

    source_port: int
    target_port: int
    data: bytes


def parse_udp(packet: Packet) -> Datagram | None:
    """A UDP datagram; None when it is damaged. IPv6 demands a checksum (RFC 8200 8.1)."""
    if len(packet.payload) < _UDP.size:
        return None
    source, target, length, check = _UDP.unpack_from(packet.payload)
    if not _UDP.size <= length <= len(packet.payload):
        return None
    body = packet.payload[:length]
    if (check or packet.v6) and (not check or packet.sum_over(body)):
        return None
    return Datagram(source, target, body[_UDP.size:])


def udp(source: tuple[bytes, int], target: tuple[bytes, int], data: bytes) -> Packet:
    """A UDP packet from an address and port to another."""
    length = _UDP.size + len(data)
    bare = Packet(source[0], target[0], UDP, b"")
    body = _UDP.pack(source[1], target[1], length, 0) + data
    check = checksum(bare.pseudo(length) + body) or 0xFFFF
    return Packet(source[0], target[0], UDP, _UDP.pack(source[1], target[1], length, check) + data)
