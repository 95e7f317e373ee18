"""How time passes for a virtual module: its own durations, scaled; the rules toward the DTE, never."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable


class Timing(enum.Enum):
    """How fast the module's own durations pass."""

    FAST = "fast"  # seconds become tens of milliseconds
    REAL = "real"  # as the facts sheets give them


FAST_FACTOR = 0.02
LEAST_PATIENCE_S = 4.0
LEAST_TRIES_S = 2.0
"""A server on this machine is as busy as the module: nobody gives it up sooner, however fast time passes."""


class Pace:
    """Time of one module, taken from the running loop (so that a loop with its own time tests it)."""

    __slots__ = ("_loop", "factor", "timing")

    def __init__(self, timing: Timing, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.timing = timing
        self.factor = FAST_FACTOR if timing is Timing.FAST else 1.0
        self._loop = loop if loop is not None else asyncio.get_running_loop()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop everything of the module runs in."""
        return self._loop

    def now(self) -> float:
        """Seconds on the loop's clock."""
        return self._loop.time()

    def own(self, seconds: float) -> float:
        """How long one of the module's own durations of ``seconds`` takes at this pace."""
        return seconds * self.factor

    def patience(self, seconds: float, tries: int = 1) -> float:
        """How long the module waits for somebody else, ``seconds`` at its own pace; ``tries``: how many such
        waits follow each other until it gives up."""
        least = LEAST_PATIENCE_S if tries == 1 else LEAST_TRIES_S / tries
        return max(self.own(seconds), min(seconds, least))

    async def take(self, seconds: float) -> None:
        """Spend one of the module's own durations."""
        await asyncio.sleep(seconds * self.factor)

    async def wait(self, seconds: float) -> None:
        """Wait true seconds: a rule toward the DTE."""
        await asyncio.sleep(seconds)

    def later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Do ``action`` after one of the module's own durations."""
        return self._loop.call_later(seconds * self.factor, action)

    def later_true(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Do ``action`` after true seconds."""
        return self._loop.call_later(seconds, action)
