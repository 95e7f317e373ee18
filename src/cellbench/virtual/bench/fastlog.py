"""A supply's fast log: voltage and current of one output at a steady rate, until somebody fetches them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

from .output import SupplyOutput

TICK_S = 0.02
MAX_SAMPLES = 65_536
"""What is kept; older samples are lost, as in an instrument whose client does not keep up."""
FRESH = 64
"""At most so many readings a tick are taken anew; faster rates repeat them."""


class FastLog:
    """Between ``start`` and ``stop`` samples grow; ``take`` removes them."""

    def __init__(self, output: SupplyOutput) -> None:
        self._output = output
        self._samples: list[tuple[float, float]] = []
        self._rate_hz = 0.0
        self._began = 0.0
        self._made = 0
        self._limit: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """True while it logs."""
        return self._timer is not None

    def waiting(self) -> int:
        """How many samples are there to be taken."""
        if self._timer is not None:
            self._grow(asyncio.get_running_loop().time())
        return len(self._samples)

    def start(self, rate_hz: float, limit: int | None = None) -> None:
        """Begin anew; ``limit``: end by itself after so many samples."""
        self.stop()
        self._samples.clear()
        loop = asyncio.get_running_loop()
        self._rate_hz, self._limit, self._made, self._began = rate_hz, limit, 0, loop.time()
        self._timer = loop.call_later(TICK_S, self._tick, loop)

    def stop(self) -> None:
        """End; what is there stays."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def take(self, most: int | None = None) -> list[tuple[float, float]]:
        """Voltage and current of the oldest samples, at most ``most``."""
        if self._timer is not None:
            self._grow(asyncio.get_running_loop().time())
        taken = self._samples[:most]
        del self._samples[:len(taken)]
        return taken

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(TICK_S, self._tick, loop)
        self._grow(loop.time())

    def _grow(self, now: float) -> None:
        due = int((now - self._began) * self._rate_hz)
        if self._limit is not None:
            due = min(due, self._limit)
        missing = due - self._made
        self._made = due
        if missing > 0:
            repeat = -(-missing // FRESH)
            fresh: list[tuple[float, float]] = []
            while len(fresh) < missing:
                fresh += [(self._output.measured_voltage_v(), self._output.measured_current_a())] * repeat
            self._samples += fresh[:missing]
            del self._samples[:-MAX_SAMPLES]
        if self._limit is not None and self._made >= self._limit:
            self.stop()


def block(values: Sequence[float], order: str = "<") -> str:
    """A definite length block (IEEE 488.2 8.7.9) of 4-byte floats, one character a byte."""
    data = struct.pack(f"{order}{len(values)}f", *values)
    length = str(len(data))
    return f"#{len(length)}{length}" + data.decode("latin-1")
