"""Time as an argument: a clock that can be replaced, and deadlines that are passed down whole."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Where a room takes its time from."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def utc_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        ...


class SystemClock:
    """The host's own clocks."""

    __slots__ = ()

    def monotonic(self) -> float:
        """Seconds on CLOCK_MONOTONIC."""
        return time.monotonic()

    def utc_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return time.time_ns()


SYSTEM_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Deadline:
    """One instant that ends a wait, however many calls the wait goes through."""

    at: float
    clock: Clock = SYSTEM_CLOCK

    @classmethod
    def after(cls, seconds: float, clock: Clock = SYSTEM_CLOCK) -> Deadline:
        """The instant ``seconds`` from now."""
        return cls(clock.monotonic() + seconds, clock)

    @property
    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.at - self.clock.monotonic())

    @property
    def expired(self) -> bool:
        """True when the instant is past."""
        return self.clock.monotonic() >= self.at

    def earlier(self, seconds: float) -> Deadline:
        """The earlier of this deadline and ``seconds`` from now."""
        return Deadline(min(self.at, self.clock.monotonic() + seconds), self.clock)
