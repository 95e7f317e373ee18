"""IPv4 (RFC 791) and IPv6 (RFC 8200) packets: parse and build. Fragments are not put together."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from cellbench.wire.ip.checksum import Address, checksum


class IpProtocol(enum.IntEnum):
    """Payloads of IP in use here."""

    ICMP = 1
    TCP = 6
    UDP = 17
    ICMPV6 = 58


V4_HEADER, V6_HEADER = 20, 40
USUAL_TTL = 64
_DONT_FRAGMENT, _MORE_FRAGMENTS, _OFFSET = 0x4000, 0x2000, 0x1FFF
# RFC 8200 4.1: headers that may stand between; a fragment's (44) is not passed over
_HOP_BY_HOP, _ROUTING, _DESTINATION = 0, 43, 60


class BadPacket(Exception):
    """Bytes that are no packet of the kind; why in words."""


@dataclass(frozen=True, slots=True)
class IpPacket:
    """One packet; ``protocol`` is that of the payload."""

    source: Address
    destination: Address
    protocol: int
    payload: bytes
    ttl: int = USUAL_TTL
    identification: int = 0

    @property
    def is_v6(self) -> bool:
        """True for IPv6."""
        return isinstance(self.source, IPv6Address)

    def encode(self) -> bytes:
        """The packet, not to be fragmented."""
        return self._v6() if self.is_v6 else self._v4()

    def _v4(self) -> bytes:
        head = bytearray(V4_HEADER)
        head[0] = 0x45
        head[2:4] = (V4_HEADER + len(self.payload)).to_bytes(2, "big")
        head[4:6] = (self.identification & 0xFFFF).to_bytes(2, "big")
        head[6:8] = _DONT_FRAGMENT.to_bytes(2, "big")
        head[8], head[9] = self.ttl, self.protocol
        head[12:16], head[16:20] = self.source.packed, self.destination.packed
        head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
        return bytes(head) + self.payload

    def _v6(self) -> bytes:
        head = b"\x60\0\0\0" + len(self.payload).to_bytes(2, "big") + bytes((self.protocol, self.ttl))
        return head + self.source.packed + self.destination.packed + self.payload


def parse_ip(data: bytes) -> IpPacket:
    """The packet in these bytes, padding behind it dropped. Raises BadPacket."""
    return _parse(data, whole=True)


def parse_quoted(data: bytes) -> IpPacket:
    """The packet that an ICMP error quotes: its beginning, perhaps not all of its payload. Raises
    BadPacket."""
    return _parse(data, whole=False)


def _parse(data: bytes, *, whole: bool) -> IpPacket:
    version = data[0] >> 4 if data else 0
    if version == 4:
        return _parse_v4(data, whole=whole)
    if version == 6:
        return _parse_v6(data, whole=whole)
    raise BadPacket(f"IP version {version}")


def _parse_v4(data: bytes, *, whole: bool) -> IpPacket:
    if len(data) < V4_HEADER:
        raise BadPacket(f"{len(data)} bytes are no IPv4 header")
    head_length = (data[0] & 0x0F) * 4
    total = int.from_bytes(data[2:4], "big")
    if head_length < V4_HEADER or head_length > total or head_length > len(data):
        raise BadPacket(f"header of {head_length} bytes in {total}")
    if whole and total > len(data):
        raise BadPacket(f"{total} bytes announced, {len(data)} there")
    if whole and checksum(data[:head_length]):
        raise BadPacket("wrong header checksum")
    if int.from_bytes(data[6:8], "big") & (_MORE_FRAGMENTS | _OFFSET):
        raise BadPacket("a fragment")
    return IpPacket(IPv4Address(data[12:16]), IPv4Address(data[16:20]), data[9], data[head_length:total],
                    data[8], int.from_bytes(data[4:6], "big"))


def _parse_v6(data: bytes, *, whole: bool) -> IpPacket:
    if len(data) < V6_HEADER:
        raise BadPacket(f"{len(data)} bytes are no IPv6 header")
    length = int.from_bytes(data[4:6], "big")
    if whole and V6_HEADER + length > len(data):
        raise BadPacket(f"{length} bytes announced, {len(data) - V6_HEADER} there")
    payload = data[V6_HEADER:V6_HEADER + length]
    following = data[6]
    while following in (_HOP_BY_HOP, _ROUTING, _DESTINATION):
        if len(payload) < 8 or len(payload) < (payload[1] + 1) * 8:
            raise BadPacket("an extension header that does not fit")
        following, payload = payload[0], payload[(payload[1] + 1) * 8:]
    return IpPacket(IPv6Address(data[8:24]), IPv6Address(data[24:40]), following, payload, data[7])
