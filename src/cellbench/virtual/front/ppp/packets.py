"""Packets of the control protocols and their options (RFC 1661 5 and 6)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Protocol(enum.IntEnum):
    """Numbers of the protocol field (RFC 1661 2, and the protocols' own standards)."""

    IP = 0x0021
    IPV6 = 0x0057
    IPCP = 0x8021
    IPV6CP = 0x8057
    LCP = 0xC021
    PAP = 0xC023
    CHAP = 0xC223


class Code(enum.IntEnum):
    """Codes of LCP; the network control protocols know the first seven."""

    CONFIGURE_REQUEST = 1
    CONFIGURE_ACK = 2
    CONFIGURE_NAK = 3
    CONFIGURE_REJECT = 4
    TERMINATE_REQUEST = 5
    TERMINATE_ACK = 6
    CODE_REJECT = 7
    PROTOCOL_REJECT = 8
    ECHO_REQUEST = 9
    ECHO_REPLY = 10
    DISCARD_REQUEST = 11


@dataclass(frozen=True, slots=True)
class Packet:
    """A control packet without its length field; padding is taken off."""

    code: int
    identifier: int
    data: bytes = b""

    def encoded(self) -> bytes:
        """The packet as it stands in a frame's information field."""
        return bytes((self.code, self.identifier)) + (4 + len(self.data)).to_bytes(2, "big") + self.data


def parse(data: bytes) -> Packet | None:
    """A control packet; None when its length is impossible, which is discarded in silence (RFC 1661 5)."""
    if len(data) < 4:
        return None
    length = int.from_bytes(data[2:4], "big")
    if not 4 <= length <= len(data):
        return None
    return Packet(data[0], data[1], data[4:length])


@dataclass(frozen=True, slots=True)
class Option:
    """One configuration option."""

    kind: int
    value: bytes = b""

    def encoded(self) -> bytes:
        """Type, length, value (RFC 1661 6)."""
        return bytes((self.kind, 2 + len(self.value))) + self.value


def encode_options(options: Iterable[Option]) -> bytes:
    """Options one behind the other."""
    return b"".join(option.encoded() for option in options)


def parse_options(data: bytes) -> tuple[Option, ...] | None:
    """The options of a packet's data; None when a length is impossible."""
    found: list[Option] = []
    place = 0
    while place < len(data):
        length = data[place + 1] if place + 1 < len(data) else 0
        if length < 2 or place + length > len(data):
            return None
        found.append(Option(data[place], data[place + 2:place + length]))
        place += length
    return tuple(found)
