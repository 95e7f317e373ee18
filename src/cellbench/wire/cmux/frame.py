"""Frames of the basic option (3GPP TS 27.010 5.2.1, 5.3): flag, address, control, length, information, FCS,
flag.

Nothing is stuffed: the length says where a frame ends, so a byte of information may look like a flag. The FCS
of UIH covers address, control and length, that of every other frame the information too: in UIH damaged
information passes unseen (5.2.1.6).
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from cellbench.wire.cmux.errors import WrongUse

FLAG = b"\xf9"
POLL = 0x10  # P of a command, F of a response (5.2.1.3)
EXTENSION = 0x01  # 1 in the last octet of a field that can be extended (5.2.1.2)
COMMAND = 0x02  # the C/R bit of the address field
LAST_DLCI = 61  # 62 and 63 are reserved: their addresses look like a flag (5.6)
LONGEST = 32767  # what 15 bits of length can say


class FrameKind(enum.IntEnum):
    """Control fields without P/F (5.2.1.3, Table 2)."""

    SABM = 0x2F
    UA = 0x63
    DM = 0x0F
    DISC = 0x43
    UIH = 0xEF
    UI = 0x03


class Frame(NamedTuple):
    """One frame. ``command`` is the C/R bit as it stands on the line: 1 in the initiator's commands and the
    responder's responses."""

    dlci: int
    command: bool
    kind: int
    final: bool
    info: bytes


def _table() -> bytes:
    """CRC-8 by x^8 + x^2 + x + 1, least significant bit first (5.2.1.6, annex B)."""
    rows = bytearray()
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xE0 if value & 1 else 0)
        rows.append(value)
    return bytes(rows)


_CRC = _table()


def fcs_of(data: bytes) -> int:
    """The frame check sequence: the CRC of ``data``, begun with ones, in ones' complement."""
    crc = 0xFF
    for byte in data:
        crc = _CRC[crc ^ byte]
    return 0xFF - crc


def length_field(size: int) -> bytes:
    """The length indicator: one octet up to 127, else two (5.2.1.5)."""
    if size < 0x80:
        return bytes((size << 1 | EXTENSION,))
    if size > LONGEST:
        raise WrongUse(f"{size} bytes of information: the length indicator ends at {LONGEST}")
    return bytes((size << 1 & 0xFE, size >> 7))


def encode(frame: Frame) -> bytes:
    """A frame as it goes over the line. Raises WrongUse for a DLCI or a length that cannot be said."""
    if not 0 <= frame.dlci <= LAST_DLCI:
        raise WrongUse(f"DLCI {frame.dlci}: 0 to {LAST_DLCI} can be used")
    address = frame.dlci << 2 | (COMMAND if frame.command else 0) | EXTENSION
    control = frame.kind | (POLL if frame.final else 0)
    head = bytes((address, control)) + length_field(len(frame.info))
    covered = head if frame.kind == FrameKind.UIH else head + frame.info
    return b"".join((FLAG, head, frame.info, bytes((fcs_of(covered),)), FLAG))


class Framer:
    """UIH frames of one DLC, with what is the same in all of them computed once."""

    __slots__ = ("_dlci", "_frames", "_initiator")

    def __init__(self, dlci: int, *, initiator: bool) -> None:
        self._dlci = dlci
        self._initiator = initiator
        self._frames: dict[int, tuple[bytes, bytes]] = {}  # by length: what stands before and behind

    def frames(self, data: bytes, n1: int) -> bytes:
        """The frames that carry ``data``, each with at most ``n1`` bytes of it (N1, 5.7.2)."""
        size = len(data)
        if size <= n1:
            head, tail = self._frames.get(size) or self._ends(size)
            return head + data + tail
        head, tail = self._frames.get(n1) or self._ends(n1)
        cut = size - size % n1
        whole = head + (tail + head).join([data[at:at + n1] for at in range(0, cut, n1)]) + tail
        return whole if cut == size else whole + self.frames(data[cut:], n1)

    def _ends(self, size: int) -> tuple[bytes, bytes]:
        # by an empty frame's place in a whole one: the FCS of UIH does not depend on the information
        whole = encode(Frame(self._dlci, self._initiator, FrameKind.UIH, False, bytes(size)))
        ends = self._frames[size] = whole[:-size - 2] if size else whole[:-2], whole[-2:]
        return ends
