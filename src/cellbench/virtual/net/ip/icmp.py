"""ICMP (RFC 792) and ICMPv6 (RFC 4443) messages; routers' and neighbours' messages of IPv6 (RFC 4861)."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from .packets import ICMP, ICMP6, Packet, build, checksum

ALL_NODES = bytes.fromhex("ff020000000000000000000000000001")
ALL_ROUTERS = bytes.fromhex("ff020000000000000000000000000002")
ANYBODY = bytes(16)
_QUOTED6 = 1232  # an error fits the smallest MTU of IPv6 (RFC 4443 2.4 c)
_NEIGHBOUR_HOPS = 255  # proof that no router has passed it on (RFC 4861 6.1, 7.1)


class Trouble(enum.Enum):
    """Why a packet cannot go on: type and code of ICMP and of ICMPv6."""

    NO_ROUTE = (3, 0), (1, 0)
    NO_PORT = (3, 3), (1, 4)
    TOO_BIG = (3, 4), (2, 0)


@dataclass(frozen=True, slots=True)
class Message:
    """An ICMP message of either version; ``rest``: the four octets behind the checksum."""

    kind: int
    code: int
    rest: bytes
    body: bytes = b""


def parse(packet: Packet) -> Message | None:
    """The message of a packet; None when it is damaged."""
    data = packet.payload
    if len(data) < 8 or (packet.sum_over(data) if packet.v6 else checksum(data)):
        return None
    return Message(data[0], data[1], data[4:8], data[8:])


def packet(source: bytes, target: bytes, message: Message, hops: int = 64) -> Packet:
    """A packet with a message."""
    protocol = ICMP6 if len(source) == 16 else ICMP
    bare = Packet(source, target, protocol, b"", hops)
    body = bytes((message.kind, message.code, 0, 0)) + message.rest + message.body
    check = bare.sum_over(body) if bare.v6 else checksum(body)
    return Packet(source, target, protocol, body[:2] + check.to_bytes(2, "big") + body[4:], hops)


ECHO = {False: (8, 0), True: (128, 129)}
"""Types of echo request and reply: ICMP, ICMPv6."""


def echo_reply(request: Packet, message: Message, source: bytes | None = None) -> Packet:
    """The answer to an echo request."""
    answer = Message(ECHO[request.v6][1], 0, message.rest, message.body)
    return packet(request.target if source is None else source, request.source, answer)


def trouble(about: Packet, why: Trouble, router: bytes, mtu: int = 0) -> Packet:
    """What a router sends back for a packet that cannot go on."""
    kind, code = why.value[about.v6]
    quoted = build(about)
    quoted = quoted[:_QUOTED6] if about.v6 else quoted[:28]
    return packet(router, about.source, Message(kind, code, mtu.to_bytes(4, "big"), quoted))


class Router:
    """The network's router on an IPv6 link: advertises the prefix, answers for its own address."""

    SOLICITATION, ADVERTISEMENT, NEIGHBOUR, NEIGHBOUR_HERE = 133, 134, 135, 136
    LIFETIME_S = 9000  # the largest (RFC 4861 6.2.1)

    def __init__(self, address: bytes, prefix: bytes, mtu: int) -> None:
        self.address = address
        self.prefix = prefix[:8] + bytes(8)
        self._mtu = mtu

    def answer(self, asked: Packet, message: Message) -> Packet | None:
        """The answer to a solicitation, None when there is none."""
        if asked.hops != _NEIGHBOUR_HOPS or message.code != 0:
            return None
        if message.kind == self.SOLICITATION and asked.target in (ALL_ROUTERS, self.address):
            target = ALL_NODES if asked.source == ANYBODY else asked.source
            return packet(self.address, target, self._advertisement(), _NEIGHBOUR_HOPS)
        if message.kind == self.NEIGHBOUR and message.body[:16] == self.address:
            nobody = asked.source == ANYBODY
            flags = 0xA0000000 if nobody else 0xE0000000  # router, solicited, override
            here = Message(self.NEIGHBOUR_HERE, 0, flags.to_bytes(4, "big"), self.address)
            return packet(self.address, ALL_NODES if nobody else asked.source, here, _NEIGHBOUR_HOPS)
        return None

    def _advertisement(self) -> Message:
        """One /64 prefix for autonomous addresses, not on-link, for ever (3GPP TS 23.401 5.3.1.2.2)."""
        prefix = struct.pack("!BBBBIII", 3, 4, 64, 0x40, 0xFFFFFFFF, 0xFFFFFFFF, 0) + self.prefix
        mtu = struct.pack("!BBHI", 5, 1, 0, self._mtu)
        head = struct.pack("!BBH", 64, 0, self.LIFETIME_S)
        return Message(self.ADVERTISEMENT, 0, head, bytes(8) + prefix + mtu)
