"""A line that corrupts and loses bytes, as the control room wants it."""

from __future__ import annotations

import random


class NoisyLine:
    """Faults of a serial line, the same in both directions."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.noise = 0.0
        """Probability that a byte is corrupted, in either direction."""
        self.drop = 0.0
        """Probability that a byte is lost, in either direction."""
        self.lost = 0
        """Bytes lost that way."""

    def _faults(self, data: bytes) -> bytes:
        if not self.noise and not self.drop:
            return data
        hit = bytearray()
        for byte in data:
            if self._random.random() < self.drop:
                self.lost += 1
                continue
            if self._random.random() < self.noise:
                byte ^= 1 << self._random.randrange(8)
            hit.append(byte)
        return bytes(hit)
