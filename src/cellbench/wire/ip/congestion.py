"""How much of a connection's data may be on its way: slow start, congestion avoidance, fast retransmission
(RFC 5681) and its recovery (RFC 6582), in bytes."""

from __future__ import annotations

_FIRST_WINDOW = 4  # segments (RFC 5681 3.1, for usual segment sizes 3 to 4)
_DUPLICATES = 3
_BOUNDLESS = 1 << 32


class Congestion:
    """``window`` is what may be unacknowledged; ``mss`` the size of a full segment."""

    __slots__ = ("_duplicates", "_recover", "_threshold", "mss", "window")

    def __init__(self, mss: int) -> None:
        self.mss = mss
        self.window = _FIRST_WINDOW * mss
        self._threshold = _BOUNDLESS
        self._duplicates = 0
        self._recover: int | None = None  # what must be acknowledged for a loss to be made up for

    def acknowledged(self, ack: int, size: int) -> bool:
        """An acknowledgment of ``size`` new bytes up to ``ack``; True when the segment behind it is lost,
        too, and has to go again."""
        self._duplicates = 0
        if self._recover is not None and ack < self._recover:
            self.window = max(self.window - size + self.mss, self.mss)
            return True
        if self._recover is not None:
            self._recover = None
            self.window = self._threshold
        elif self.window < self._threshold:
            self.window += min(size, self.mss)
        else:
            self.window += max(1, self.mss * self.mss // self.window)
        return False

    def duplicate(self, highest: int, in_flight: int) -> bool:
        """An acknowledgment that says nothing new; True when it shows that the first segment is lost.
        ``highest``: the next sequence number behind everything sent."""
        self._duplicates += 1
        if self._recover is not None:
            self.window += self.mss
            return False
        if self._duplicates != _DUPLICATES:
            return False
        self._halve(in_flight)
        self._recover = highest
        self.window = self._threshold + _DUPLICATES * self.mss
        return True

    def timed_out(self, in_flight: int) -> None:
        """Nothing came back in time."""
        self._halve(in_flight)
        self.restart()

    def restart(self) -> None:
        """Begin again with one segment."""
        self.window = self.mss
        self._recover = None
        self._duplicates = 0

    def _halve(self, in_flight: int) -> None:
        """RFC 5681 3.1, equation 4."""
        self._threshold = max(in_flight // 2, 2 * self.mss)
