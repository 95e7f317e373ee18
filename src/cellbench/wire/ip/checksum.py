"""The Internet checksum (RFC 1071) and the pseudo-headers it takes in (RFC 9293 3.1, RFC 8200 8.1)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address


def checksum(data: bytes) -> int:
    """The 16-bit one's complement of the one's complement sum; 0 over data that holds its own checksum."""
    if len(data) & 1:
        data += b"\0"
    # 2**16 is 1 modulo 2**16 - 1, so the sum of the words is the whole number's remainder
    total = int.from_bytes(data, "big") % 0xFFFF
    if total == 0 and any(data):
        total = 0xFFFF
    return total ^ 0xFFFF


def pseudo_header(source: Address, destination: Address, protocol: int, length: int) -> bytes:
    """What TCP, UDP and ICMPv6 take into their checksums beside themselves."""
    addresses = source.packed + destination.packed
    if isinstance(source, IPv4Address):
        return addresses + bytes((0, protocol)) + length.to_bytes(2, "big")
    return addresses + length.to_bytes(4, "big") + bytes((0, 0, 0, protocol))
