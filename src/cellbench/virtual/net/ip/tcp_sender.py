"""The sending half of a TCP end: what is not acknowledged, the windows, the retransmission timer.

RFC 9293 3.8 (data communication, zero windows), RFC 6298 (timer), RFC 5681 (slow start, congestion
avoidance, fast retransmit).
"""

from __future__ import annotations

from dataclasses import dataclass

from .segments import WRAP, Segment, ahead

QUEUE = 65536
"""Octets that wait for the host before no more are taken."""
_DUPLICATES = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """Retransmission: first time-out, least and most, in seconds; tries until the host counts as gone."""

    first_s: float = 1.0
    least_s: float = 0.5
    most_s: float = 60.0
    tries: int = 8


PACE = Pace()


@dataclass(frozen=True, slots=True)
class Piece:
    """One segment's worth of the stream."""

    seq: int
    data: bytes = b""
    syn: bool = False
    fin: bool = False

    @property
    def after(self) -> int:
        """The number behind it."""
        return (self.seq + len(self.data) + self.syn + self.fin) & WRAP


class Sender:
    """The stream is SYN, what was pushed, FIN. ``una``: the oldest number not acknowledged, ``next`` the next
    to send, ``sent`` the first that was never sent."""

    def __init__(self, iss: int, mss: int, window: int, pace: Pace) -> None:
        self.mss = mss
        self.una = self.next = self.sent = iss & WRAP
        self.deadline: float | None = None
        self.given_up = False
        self.finishing = False
        self.finished = False
        self._pace = pace
        self._opening = True  # the SYN is not acknowledged
        self._queue = bytearray()  # not acknowledged, from ``una`` on, behind the SYN
        self._window = window
        self._window_at: tuple[int, int] | None = None  # SND.WL1, SND.WL2
        self._congestion = 2 * mss
        self._threshold = 1 << 20
        self._duplicates = 0
        self._once_more = False  # the oldest segment is to be sent again
        self._probing = False
        self._tries = 0
        self._timeout = pace.first_s
        self._smooth: float | None = None
        self._varies = 0.0
        self._timed: tuple[int, float] | None = None

    @property
    def room(self) -> int:
        """Octets that ``push`` should be given at most."""
        return max(0, QUEUE - len(self._queue))

    @property
    def _under_way(self) -> int:
        return ahead(self.next, self.una)

    @property
    def idle(self) -> bool:
        """True when nothing waits for an acknowledgement."""
        return not self._opening and not self._queue

    def limit(self, mss: int, window: int) -> None:
        """What the host's SYN allows."""
        self.mss, self._window = mss, window
        self._congestion = min(4 * mss, max(2 * mss, 4380))  # RFC 5681 3.1

    def push(self, data: bytes) -> None:
        """More octets."""
        self._queue += data

    def finish(self) -> None:
        """The stream ends behind what was pushed."""
        self.finishing = True

    def stop(self) -> None:
        """Nothing will be sent any more."""
        self.deadline = None
        self._queue.clear()

    def rewind(self) -> None:
        """Begin again at the oldest number."""
        self.next = self.una

    def valid(self, ack: int) -> bool:
        """True for an acknowledgement of something that is under way."""
        return ahead(ack, self.una) > 0 and ahead(ack, self.sent) <= 0

    # what the host says
    def acknowledge(self, segment: Segment, now: float) -> None:
        """Take acknowledgement and window of a segment."""
        forward = ahead(segment.ack, self.una)
        if forward < 0:
            return
        if forward > 0:
            self._advance(segment.ack, forward, now)
        elif self.sent != self.una and not segment.data and segment.window == self._window:
            self._duplicate()
        seq, last = self._window_at or (segment.seq, segment.ack)
        if (ahead(segment.seq, seq), ahead(segment.ack, last)) >= (0, 0):
            if segment.window and not self._window:
                self.rewind()  # what probed a closed window was not taken
            self._window, self._window_at = segment.window, (segment.seq, segment.ack)
            if not self._window:
                self._tries = 0  # it answers: only its window is closed

    def _advance(self, ack: int, forward: int, now: float) -> None:
        if self._timed is not None and ahead(ack, self._timed[0]) >= 0:
            self._measure(now - self._timed[1])
            self._timed = None
        if self._opening:
            self._opening = False
            forward -= 1
        size = min(forward, len(self._queue))
        del self._queue[:size]
        if forward > size:
            self.finished = True
        self.una = ack
        if ahead(self.next, ack) < 0:
            self.next = ack
        self._tries = self._duplicates = 0
        self.deadline = None if self.una == self.sent else now + self._timeout
        slow = self._congestion < self._threshold
        grown = min(size, self.mss) if slow else max(1, self.mss * self.mss // self._congestion)
        self._congestion = min(self._congestion + grown, 1 << 20)

    def _measure(self, seconds: float) -> None:
        """RFC 6298 2."""
        if self._smooth is None:
            self._smooth, self._varies = seconds, seconds / 2
        else:
            self._varies = 0.75 * self._varies + 0.25 * abs(self._smooth - seconds)
            self._smooth = 0.875 * self._smooth + 0.125 * seconds
        wanted = self._smooth + 4 * self._varies
        self._timeout = min(max(wanted, self._pace.least_s), self._pace.most_s)

    def _duplicate(self) -> None:
        """Three in a row tell of a lost segment (RFC 5681 3.2)."""
        self._duplicates += 1
        if self._duplicates == _DUPLICATES:
            self._threshold = max(ahead(self.sent, self.una) // 2, 2 * self.mss)
            self._congestion = self._threshold
            self._once_more = True

    # time
    def expire(self, now: float) -> bool:
        """True when the timer has run out and something is to be sent again."""
        if self.deadline is None or now < self.deadline:
            return False
        self.deadline = None
        self._tries += 1
        if self._tries > self._pace.tries:
            self.given_up = True
            return False
        self._timeout = min(self._timeout * 2, self._pace.most_s)
        self._timed = None
        if self._window:
            self._threshold = max(self._under_way // 2, 2 * self.mss)
            self._congestion = self.mss
        else:
            self._probing = True
        self.rewind()
        return True

    # to the host
    def pieces(self, now: float) -> list[Piece]:
        """What is to be sent now, as far as the windows let it."""
        pieces: list[Piece] = []
        if self._opening:
            if self.next == self.una:
                pieces.append(Piece(self.una, syn=True))
        else:
            if self._once_more and self._queue:
                pieces.append(self._piece(self.una, min(self.mss, len(self._queue))))
            pieces += self._new()
        self._once_more = self._probing = False
        for piece in pieces:
            fresh = ahead(piece.after, self.sent) > 0
            if fresh and self._timed is None and ahead(piece.seq, self.sent) >= 0:
                self._timed = piece.after, now
            self.next = piece.after if ahead(piece.after, self.next) > 0 else self.next
            self.sent = piece.after if fresh else self.sent
        if self.deadline is None and (self.next != self.una or self._waits):
            self.deadline = now + self._timeout
        return pieces

    @property
    def _waits(self) -> bool:
        """True when there is something to send and the host's window is closed."""
        fin = self.finishing and not self.finished
        return not self._opening and not self._window and (bool(self._queue) or fin)

    def _new(self) -> list[Piece]:
        window = min(self._window, self._congestion)
        if self._probing:
            window = max(window, 1)
        pieces: list[Piece] = []
        place = self.next
        while True:
            under_way = ahead(place, self.una)
            left = len(self._queue) - under_way
            size = min(left, self.mss, window - under_way)
            if left < 0 or (left > 0 and size <= 0):
                return pieces
            if size < min(left, self.mss) and under_way:
                return pieces  # wait for more window rather than send crumbs (RFC 9293 3.8.6.2.1)
            piece = self._piece(place, max(size, 0), fin_fits=window - under_way > size)
            if piece.after == place:
                return pieces
            pieces.append(piece)
            place = piece.after

    def _piece(self, seq: int, size: int, *, fin_fits: bool = False) -> Piece:
        begin = ahead(seq, self.una)
        fin = fin_fits and self.finishing and not self.finished and begin + size == len(self._queue)
        return Piece(seq, bytes(self._queue[begin:begin + size]), fin=fin)
