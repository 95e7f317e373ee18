"""URCs of one port: they wait while it is busy and while a line is being typed, but not for ever."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from cellbench.virtual.device.pace import Pace


class UrcQueue:
    """What waits to be printed. ``free`` says whether the port takes commands now, ``typing`` whether a line
    has begun; it holds URCs back for ``hold_s`` seconds behind its last character. The oldest of more than
    ``length`` URCs are dropped."""

    __slots__ = ("_free", "_hold_s", "_pace", "_print", "_timer", "_typed_at", "_typing", "_waiting")

    def __init__(self, pace: Pace, length: int, hold_s: float, *, free: Callable[[], bool],
                 typing: Callable[[], bool], show: Callable[[str], None]) -> None:
        self._pace = pace
        self._hold_s = hold_s
        self._free = free
        self._typing = typing
        self._print = show
        self._waiting: deque[str] = deque(maxlen=length)
        self._timer: asyncio.TimerHandle | None = None
        self._typed_at = 0.0

    def put(self, text: str, *, keep: bool) -> None:
        """Print a URC now, or when the port is free, or never (``keep`` false and busy)."""
        may_print = self._may_print()
        if may_print and not self._waiting:
            self._print(text)
        elif keep or may_print:
            self._waiting.append(text)
            if self._free():
                self._arm()

    def taken(self, wanted: Callable[[str], bool]) -> str | None:
        """Take the first waiting URC that is wanted out; None when there is none."""
        found = next((text for text in self._waiting if wanted(text)), None)
        if found is not None:
            self._waiting.remove(found)
        return found

    def typed(self) -> None:
        """A character of a line has come."""
        self._typed_at = self._pace.now()
        if self._waiting and self._typing():
            self._arm()

    def flush(self) -> None:
        """Print what waits, as far as it may."""
        while self._waiting and self._may_print():
            self._print(self._waiting.popleft())

    def clear(self) -> None:
        """The port ceases to exist."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _may_print(self) -> bool:
        if not self._free():
            return False
        return not self._typing() or self._pace.now() - self._typed_at >= self._hold_s

    def _arm(self) -> None:
        if self._timer is None:
            left = self._typed_at + self._hold_s - self._pace.now()
            self._timer = self._pace.later_true(max(left, 0.01), self._stale)

    def _stale(self) -> None:
        self._timer = None
        if not self._waiting or not self._free():
            return
        if self._may_print():
            self.flush()
        else:
            self._arm()
