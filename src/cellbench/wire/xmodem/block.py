"""Blocks on the wire and how data is cut into them (7.2 Figure 9, 8 Figure 11, 4.3)."""

from __future__ import annotations

import enum
from binascii import crc_hqx

SOH, STX, EOT, ACK, NAK, CAN, SUB, CRC_WANTED = 0x01, 0x02, 0x04, 0x06, 0x15, 0x18, 0x1A, 0x43
SHORT, LONG = 128, 1024
HEAD = 3
CANCEL = bytes((CAN,)) * 8
"""4.1: two in a row cancel, eight are sent."""

_FILLS_LONG = LONG - SHORT  # of more than that, short blocks would need as much padding


class Check(enum.Enum):
    """What guards a block; the receiver chooses. The value is its length in bytes."""

    CHECKSUM = 1
    CRC = 2


class Mode(enum.Enum):
    """The longest block of a sender."""

    XMODEM = "Xmodem"
    XMODEM_1K = "Xmodem-1k"


def check_of(payload: bytes, check: Check) -> bytes:
    """7.2: the sum of the data bytes, without carry; 8.1: CRC-16 of x^16 + x^12 + x^5 + 1, high byte
    first."""
    if check is Check.CRC:
        return crc_hqx(payload, 0).to_bytes(2, "big")
    return bytes((sum(payload) & 0xFF,))


def length_at(left: int, mode: Mode, check: Check) -> int:
    """The length of the next block when ``left`` bytes are left. 1k blocks go with CRC alone (4.3); the end
    goes in short blocks where these need less padding (4.3, Figure 2)."""
    return LONG if mode is Mode.XMODEM_1K and check is Check.CRC and left > _FILLS_LONG else SHORT


def encode(number: int, payload: bytes, length: int, check: Check) -> bytes:
    """A block; what is missing to ``length`` bytes is filled with SUB (7.2)."""
    if len(payload) < length:
        payload = payload.ljust(length, b"\x1a")
    low = number & 0xFF
    return bytes((STX if length == LONG else SOH, low, 0xFF - low)) + payload + check_of(payload, check)


def size_on_wire(length: int, check: Check) -> int:
    """Bytes of a block with so much data."""
    return HEAD + length + check.value


def number_of(block: bytes, check: Check) -> int | None:
    """The number of a whole block, None when it is damaged."""
    if block[1] + block[2] != 0xFF or check_of(block[HEAD:-check.value], check) != block[-check.value:]:
        return None
    return block[1]


def predicted_s(size: int, mode: Mode, bit_s: int, *, check: Check = Check.CRC, turnaround_s: float = 0.0
                ) -> float:
    """Seconds that ``size`` bytes need at ``bit_s`` bit/s (8N1), from the first block to the ACK of EOT, when
    nothing is damaged. ``turnaround_s``: how long the receiver takes for its reply to a block."""
    octets = replies = 0
    left = size
    while left > 0:
        length = length_at(left, mode, check)
        many = max(1, (left - _FILLS_LONG - 1) // LONG) if length == LONG else 1
        octets += many * size_on_wire(length, check)
        replies += many
        left -= many * length
    return (octets + 1 + replies + 1) * 10 / bit_s + (replies + 1) * turnaround_s
