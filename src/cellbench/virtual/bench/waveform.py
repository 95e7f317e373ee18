"""What a UART reads when the other end sends at another rate: the line's levels, sampled at its own."""

from __future__ import annotations

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
