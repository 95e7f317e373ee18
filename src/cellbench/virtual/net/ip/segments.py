"""TCP segments (RFC 9293 3.1), and arithmetic with sequence numbers."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from .packets import TCP, Packet, checksum

_HEAD = struct.Struct("!HHIIHHHH")
WRAP = 0xFFFFFFFF
DEFAULT_MSS = {False: 536, True: 1220}
"""What holds without the option (RFC 9293 3.7.1): IPv4, IPv6."""
_END, _NOTHING, _MSS = 0, 1, 2


class Flag(enum.IntFlag):
    """Control bits."""

    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; ``mss``: the option, None when it is not there."""

    source_port: int
    target_port: int
    seq: int
    ack: int
    flags: Flag
    window: int = 0
    data: bytes = b""
    mss: int | None = None

    @property
    def length(self) -> int:
        """Sequence numbers that it takes (SEG.LEN)."""
        return len(self.data) + (Flag.SYN in self.flags) + (Flag.FIN in self.flags)


def ahead(one: int, other: int) -> int:
    """How far ``one`` is ahead of ``other``, negative when behind (RFC 9293 3.4)."""
    distance = (one - other) & WRAP
    return distance - (WRAP + 1) if distance > WRAP >> 1 else distance


def parse(packet: Packet) -> Segment | None:
    """The segment of a packet; None when it is damaged."""
    data = packet.payload
    if len(data) < _HEAD.size or packet.sum_over(data):
        return None
    source, target, seq, ack, field, window, _, _ = _HEAD.unpack_from(data)
    size = (field >> 12) * 4
    if not _HEAD.size <= size <= len(data):
        return None
    return Segment(source, target, seq, ack, Flag(field & 0x1F), window, data[size:],
                   _mss(data[_HEAD.size:size]))


def _mss(options: bytes) -> int | None:
    place = 0
    while place < len(options) and options[place] != _END:
        if options[place] == _NOTHING:
            place += 1
            continue
        size = options[place + 1] if place + 1 < len(options) else 0
        if size < 2 or place + size > len(options):
            return None
        if options[place] == _MSS and size == 4:
            return int.from_bytes(options[place + 2:place + 4], "big")
        place += size
    return None


def packet(source: bytes, target: bytes, segment: Segment) -> Packet:
    """A packet with a segment; it is not to be cut on the way."""
    options = b"" if segment.mss is None else struct.pack("!BBH", _MSS, 4, segment.mss)
    field = (_HEAD.size + len(options)) // 4 << 12 | segment.flags
    head = (segment.source_port, segment.target_port, segment.seq, segment.ack, field, segment.window)
    bare = Packet(source, target, TCP, b"")
    body = _HEAD.pack(*head, 0, 0) + options + segment.data
    check = checksum(bare.pseudo(len(body)) + body)
    return Packet(source, target, TCP, body[:16] + check.to_bytes(2, "big") + body[18:], whole=True)
