"""What a UART reads when the other end sends at another rate, or characters of another format: the line's
levels, sampled at its own."""

from __future__ import annotations

from dataclasses import dataclass

TOLERANCE = 0.03
"""Rates this close are the same to an asynchronous receiver (half a bit in ten is 5 %, shared by both)."""


def same_rate(sent: int, sampled: int) -> bool:
    """True when a receiver at ``sampled`` bit/s reads what is sent at ``sent`` bit/s."""
    return abs(sent - sampled) <= TOLERANCE * sampled


def resample(data: bytes, sent: int, sampled: int) -> bytes:
    """The bytes that an 8N1 receiver at ``sampled`` bit/s makes of ``data`` sent at ``sent`` bit/s.

    Start bit at a falling edge, bits sampled in their middle, after a missing stop bit the receiver waits
    for the line to idle. Equal rates give the data back.
    """
    if same_rate(sent, sampled):
        return data
    levels = bytearray()
    for byte in data:
        levels.append(0)
        levels += bytes(byte >> bit & 1 for bit in range(8))
        levels.append(1)
    step = sent / sampled
    count = len(levels)
    received = bytearray()
    index = 0
    while index < count:
        if levels[index]:
            index += 1
            continue
        middle = int(index + 0.5 * step)
        if middle < count and levels[middle]:
            index += 1  # shorter than half a start bit: a glitch
            continue
        value = 0
        for bit in range(8):
            at = int(index + (1.5 + bit) * step)
            value |= (levels[at] if at < count else 1) << bit
        received.append(value)
        index = max(int(index + 9.5 * step), index + 1)
        while index < count and not levels[index]:
            index += 1
    return bytes(received)


@dataclass(frozen=True, slots=True)
class Format:
    """Data bits and parity (1 none, 2 odd, 3 even, 4 mark, 5 space, as in RFC 2217). A second stop bit is
    idle line, which no receiver minds."""

    size: int = 8
    parity: int = 1

    def parity_bit(self, byte: int) -> int | None:
        """The bit behind the data bits of a character; None without parity."""
        odd = byte.bit_count() & 1
        return {2: 1 - odd, 3: odd, 4: 1, 5: 0}.get(self.parity)


EIGHT_BITS = Format()


def reframe(data: bytes, sent: Format, taken: Format) -> bytes:
    """The bytes that a receiver set to ``taken`` makes of ``data`` sent as ``sent``, at one rate.

    A character with the wrong parity or without its stop bit is dropped; the receiver goes on at the next
    start bit.
    """
    if sent == taken:
        return data
    levels = bytearray()
    for byte in data:
        value = byte & ((1 << sent.size) - 1)
        parity = sent.parity_bit(value)
        levels.append(0)
        levels += bytes(value >> bit & 1 for bit in range(sent.size))
        levels += b"" if parity is None else bytes((parity,))
        levels.append(1)
    levels += b"\1" * 12  # idle behind the last one
    length = 1 + taken.size + (taken.parity != 1)
    received, place = bytearray(), 0
    while (place := levels.find(b"\0", place)) >= 0 and place + length < len(levels):
        value = sum(levels[place + 1 + bit] << bit for bit in range(taken.size))
        parity = taken.parity_bit(value)
        stop = levels[place + length]
        if stop and parity in (None, levels[place + 1 + taken.size]):
            received.append(value)
        place += length
        while not stop and place < len(levels) and not levels[place]:
            place += 1
    return bytes(received)
