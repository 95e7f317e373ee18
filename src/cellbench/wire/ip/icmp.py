"""ICMP (RFC 792) and ICMPv6 (RFC 4443): echoes and the errors that routers and hosts send."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.wire.ip.checksum import Address, checksum, pseudo_header
from cellbench.wire.ip.packets import BadPacket, IpPacket, IpProtocol, parse_quoted

_HEADER = 8


class IcmpKind(enum.Enum):
    """What a message is, the same for both versions."""

    ECHO_REQUEST = "echo request"
    ECHO_REPLY = "echo reply"
    UNREACHABLE = "destination unreachable"
    TOO_BIG = "packet too big"
    TIME_EXCEEDED = "time exceeded"
    ROUTER_SOLICITATION = "router solicitation"
    ROUTER_ADVERTISEMENT = "router advertisement"
    OTHER = "other"


_V4 = {0: IcmpKind.ECHO_REPLY, 3: IcmpKind.UNREACHABLE, 8: IcmpKind.ECHO_REQUEST,
       11: IcmpKind.TIME_EXCEEDED}
_V6 = {1: IcmpKind.UNREACHABLE, 2: IcmpKind.TOO_BIG, 3: IcmpKind.TIME_EXCEEDED, 128: IcmpKind.ECHO_REQUEST,
       129: IcmpKind.ECHO_REPLY, 133: IcmpKind.ROUTER_SOLICITATION, 134: IcmpKind.ROUTER_ADVERTISEMENT}
_V4_NUMBERS = {kind: number for number, kind in _V4.items()}
_V6_NUMBERS = {kind: number for number, kind in _V6.items()}
_FRAGMENTATION_NEEDED = 4  # RFC 792, code of "destination unreachable"; RFC 1191 adds the MTU


@dataclass(frozen=True, slots=True)
class IcmpMessage:
    """One message. ``rest`` are octets 5 to 8 (identifier and sequence of an echo, MTU of "too big"),
    ``data`` what follows (an echo's data, the packet that an error quotes)."""

    kind: IcmpKind
    code: int = 0
    rest: bytes = bytes(4)
    data: bytes = b""

    @property
    def identifier(self) -> int:
        """Of an echo."""
        return int.from_bytes(self.rest[:2], "big")

    @property
    def sequence(self) -> int:
        """Of an echo."""
        return int.from_bytes(self.rest[2:], "big")

    @property
    def mtu(self) -> int:
        """Of "packet too big": the longest packet that passes, 0 when the router does not say."""
        return int.from_bytes(self.rest[2:], "big")

    @property
    def is_error(self) -> bool:
        """True for a message that quotes the packet it is about."""
        return self.kind in (IcmpKind.UNREACHABLE, IcmpKind.TOO_BIG, IcmpKind.TIME_EXCEEDED)

    def quoted(self) -> IpPacket | None:
        """The packet that an error is about; None when it cannot be told."""
        try:
            return parse_quoted(self.data)
        except BadPacket:
            return None

    def encode(self, source: Address, destination: Address) -> bytes:
        """The message with its checksum. KeyError for a kind that the version lacks."""
        v6 = source.version == 6
        number = (_V6_NUMBERS if v6 else _V4_NUMBERS)[self.kind]
        body = self.rest + self.data
        head = bytes((number, self.code))
        covered = head + b"\0\0" + body
        if v6:
            covered = pseudo_header(source, destination, IpProtocol.ICMPV6, len(covered)) + covered
        return head + checksum(covered).to_bytes(2, "big") + body


def echo_request(identifier: int, sequence: int, data: bytes) -> IcmpMessage:
    """An echo request; identifier and sequence 0 to 65535."""
    rest = identifier.to_bytes(2, "big") + sequence.to_bytes(2, "big")
    return IcmpMessage(IcmpKind.ECHO_REQUEST, 0, rest, data)


def parse_icmp(packet: IpPacket) -> IcmpMessage:
    """The message in a packet. Raises BadPacket."""
    data = packet.payload
    if len(data) < _HEADER:
        raise BadPacket(f"{len(data)} bytes are no ICMP")
    covered = data
    if packet.is_v6:
        covered = pseudo_header(packet.source, packet.destination, IpProtocol.ICMPV6, len(data)) + data
    if checksum(covered):
        raise BadPacket("wrong ICMP checksum")
    kind = (_V6 if packet.is_v6 else _V4).get(data[0], IcmpKind.OTHER)
    if kind is IcmpKind.UNREACHABLE and not packet.is_v6 and data[1] == _FRAGMENTATION_NEEDED:
        kind = IcmpKind.TOO_BIG
    return IcmpMessage(kind, data[1], data[4:8], data[8:])
