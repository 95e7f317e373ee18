"""When the escape sequence may be sent: behind a silence, never inside a stream (LENA-R8 guide 5.8.2).

The module takes +++ for the escape only when nothing was sent for its guard time; the guide wants nothing
received either for PPP. No clock inside.
"""

from __future__ import annotations

SEQUENCE = b"+++"
MARGIN_S = 0.2
"""What the silence is longer than it must be: bytes may still be on their way when they count as sent."""


class EscapeGuard:
    """Keeps the silence of ``guard_s`` seconds. ``both_ways``: what is received breaks it too."""

    __slots__ = ("_both_ways", "_last", "guard_s")

    def __init__(self, guard_s: float, now: float, *, both_ways: bool = False) -> None:
        """``now``: the command that led into data mode counts as sent."""
        self.guard_s = guard_s
        self._last = now
        self._both_ways = both_ways

    @property
    def due(self) -> float:
        """The instant from which on the escape may go out, if the line stays silent."""
        return self._last + self.guard_s + MARGIN_S

    def silent_s(self, now: float) -> float:
        """How long the silence has lasted, in seconds."""
        return max(0.0, now - self._last)

    def sent(self, now: float) -> None:
        """Bytes went out."""
        self._last = max(self._last, now)

    def received(self, now: float) -> None:
        """Bytes came in."""
        if self._both_ways:
            self._last = max(self._last, now)

    def allows(self, now: float) -> bool:
        """True when the escape may go out now."""
        return now >= self.due
