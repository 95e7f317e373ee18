"""The retransmission timer (RFC 6298), without a clock."""

from __future__ import annotations

_FIRST_S, _LEAST_S, _MOST_S = 1.0, 1.0, 60.0
_AFTER_LOST_SYN_S = 3.0
_ALPHA, _BETA, _SPREAD = 1 / 8, 1 / 4, 4
_GRANULARITY_S = 0.1


class RetransmissionTimer:
    """``at`` is when it goes off, None while it does not run; ``rto_s`` how long it runs."""

    __slots__ = ("_deviation", "_measured", "_smoothed", "at", "rto_s")

    def __init__(self) -> None:
        self.at: float | None = None
        self.rto_s = _FIRST_S
        self._smoothed: float | None = None
        self._deviation = 0.0
        self._measured: tuple[int, float] | None = None  # sequence number whose acknowledgment is timed

    def start(self, now: float) -> None:
        """Run anew from now (5.1, 5.3)."""
        self.at = now + self.rto_s

    def start_if_idle(self, now: float) -> None:
        """Run from now unless it runs."""
        if self.at is None:
            self.start(now)

    def stop(self) -> None:
        """Everything is acknowledged (5.2)."""
        self.at = None

    def back_off(self, now: float) -> None:
        """It went off: twice as long next time (5.5, 5.6)."""
        self.rto_s = min(2 * self.rto_s, _MOST_S)
        self._measured = None
        self.start(now)

    def opened(self) -> None:
        """The handshake is done: it does not run, and a time-out of the SYN no longer counts (5.7)."""
        self.at = None
        if self._smoothed is None and self.rto_s > _FIRST_S:
            self.rto_s = _AFTER_LOST_SYN_S

    def measure(self, acknowledged_by: int, now: float) -> None:
        """Time one segment, unless another one is being timed."""
        if self._measured is None:
            self._measured = (acknowledged_by, now)

    def forget(self) -> None:
        """What is timed was sent twice, so that its time means nothing (Karn, section 3)."""
        self._measured = None

    def acknowledged(self, ack: int, now: float) -> None:
        """An acknowledgment of something new (2.2, 2.3)."""
        if self._measured is None or ack < self._measured[0]:
            return
        sample = now - self._measured[1]
        self._measured = None
        if self._smoothed is None:
            self._smoothed, self._deviation = sample, sample / 2
        else:
            self._deviation += _BETA * (abs(self._smoothed - sample) - self._deviation)
            self._smoothed += _ALPHA * (sample - self._smoothed)
        wanted = self._smoothed + max(_GRANULARITY_S, _SPREAD * self._deviation)
        self.rto_s = min(max(wanted, _LEAST_S), _MOST_S)
