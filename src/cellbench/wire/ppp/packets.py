"""Packets of PPP's control protocols (RFC 1661 5): code, identifier, length, data; and their options."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class Protocol(enum.IntEnum):
    """Protocol field values in use here (RFC 1661 2, RFC 1332, RFC 5072, RFC 1334, RFC 1994)."""

    IP = 0x0021
    IPV6 = 0x0057
    IPCP = 0x8021
    IPV6CP = 0x8057
    LCP = 0xC021
    PAP = 0xC023
    CHAP = 0xC223


class Code(enum.IntEnum):
    """RFC 1661 5; from PROTOCOL_REJECT on LCP's alone."""

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
    """One packet of a control protocol; padding is already gone."""

    code: int
    identifier: int
    data: bytes = b""

    def encode(self) -> bytes:
        """The packet as the information field of a frame."""
        return bytes((self.code, self.identifier)) + (len(self.data) + 4).to_bytes(2, "big") + self.data


@dataclass(frozen=True, slots=True)
class Option:
    """One configuration option (RFC 1661 6)."""

    kind: int
    data: bytes = b""

    def encode(self) -> bytes:
        """Type, length, data."""
        return bytes((self.kind, len(self.data) + 2)) + self.data


def parse_packet(information: bytes) -> Packet | None:
    """The packet of an information field; None for what is none (RFC 1661 5: silently discarded)."""
    if len(information) < 4:
        return None
    length = int.from_bytes(information[2:4], "big")
    if not 4 <= length <= len(information):
        return None
    return Packet(information[0], information[1], information[4:length])


def parse_options(data: bytes) -> tuple[Option, ...] | None:
    """The options of a Configure packet; None when their lengths do not add up."""
    found = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            return None
        length = data[at + 1]
        if length < 2 or at + length > len(data):
            return None
        found.append(Option(data[at], data[at + 2:at + length]))
        at += length
    return tuple(found)


def encode_options(options: Sequence[Option]) -> bytes:
    """Options one behind the other."""
    return b"".join(option.encode() for option in options)
