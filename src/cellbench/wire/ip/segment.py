"""TCP segments (RFC 9293 3.1)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.wire.ip.checksum import Address, checksum, pseudo_header
from cellbench.wire.ip.packets import BadPacket, IpPacket, IpProtocol

HEADER = 20
_END, _NOTHING, _MSS = 0, 1, 2


class Flag(enum.IntFlag):
    """Control bits."""

    NONE = 0
    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; ``mss`` is the option's value, None without it."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: Flag
    window: int
    data: bytes = b""
    mss: int | None = None

    @property
    def length(self) -> int:
        """Sequence numbers that it takes: its data, SYN and FIN."""
        return len(self.data) + bool(self.flags & Flag.SYN) + bool(self.flags & Flag.FIN)

    def encode(self, source: Address, destination: Address) -> bytes:
        """The segment with its checksum."""
        options = b"" if self.mss is None else bytes((_MSS, 4)) + self.mss.to_bytes(2, "big")
        head = bytearray(HEADER)
        head[0:2], head[2:4] = self.source_port.to_bytes(2, "big"), self.destination_port.to_bytes(2, "big")
        head[4:8] = (self.sequence & 0xFFFF_FFFF).to_bytes(4, "big")
        head[8:12] = (self.acknowledgment & 0xFFFF_FFFF).to_bytes(4, "big")
        head[12] = (HEADER + len(options)) // 4 << 4
        head[13] = self.flags
        head[14:16] = self.window.to_bytes(2, "big")
        rest = options + self.data
        length = HEADER + len(rest)
        covered = pseudo_header(source, destination, IpProtocol.TCP, length) + head + rest
        head[16:18] = checksum(covered).to_bytes(2, "big")
        return bytes(head) + rest


def parse_segment(packet: IpPacket) -> Segment:
    """The segment in a packet. Raises BadPacket."""
    data = packet.payload
    if len(data) < HEADER:
        raise BadPacket(f"{len(data)} bytes are no TCP header")
    offset = (data[12] >> 4) * 4
    if not HEADER <= offset <= len(data):
        raise BadPacket(f"a TCP header of {offset} bytes in {len(data)}")
    if checksum(pseudo_header(packet.source, packet.destination, IpProtocol.TCP, len(data)) + data):
        raise BadPacket("wrong TCP checksum")
    return Segment(
        int.from_bytes(data[0:2], "big"), int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big"),
        int.from_bytes(data[8:12], "big"), Flag(data[13] & 0x1F), int.from_bytes(data[14:16], "big"),
        data[offset:], _mss_of(data[HEADER:offset]))


def _mss_of(options: bytes) -> int | None:
    at = 0
    while at < len(options) and options[at] != _END:
        if options[at] == _NOTHING:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2 or at + length > len(options):
            raise BadPacket("a TCP option that does not fit")
        if options[at] == _MSS and length == 4:
            return int.from_bytes(options[at + 2:at + 4], "big")
        at += length
    return None
