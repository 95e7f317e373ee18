"""One end of a TCP connection (RFC 9293 3.10), without I/O and without a clock.

Segments go in with the time, events come out; ``outgoing`` gives the segments to send, ``deadline`` the
time at which ``expire`` is due. Retransmission after RFC 6298, congestion control after RFC 5681 without
selective acknowledgements. How much may come is said by ``set_room``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .segments import DEFAULT_MSS, WRAP, Flag, Segment, ahead
from .tcp_sender import PACE, Pace, Sender

_WINDOW = 65535


class State(enum.Enum):
    """RFC 9293 3.3.2; LISTEN is the owner's."""

    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"
    CLOSED = "CLOSED"


_TAKES = frozenset({State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2})


class Event(enum.Enum):
    """What happened to the connection; data is taken by ``read``."""

    OPENED = "opened"
    DATA = "data"
    ENDED = "the host sends no more"
    RESET = "the host reset it"
    LOST = "the host answers no more"
    CLOSED = "both ends have ended it"


@dataclass(frozen=True, slots=True)
class Settings:
    """``mss``: the largest segment that the way takes; times in seconds."""

    mss: int = 1460
    v6: bool = False
    pace: Pace = PACE
    time_wait_s: float = 60.0


class TcpEnd:
    """One connection, called by the SYN that it is made with; without one it calls (``ports``: own and the
    host's)."""

    def __init__(self, syn: Segment | None, iss: int, settings: Settings, now: float, *,
                 ports: tuple[int, int] = (0, 0)) -> None:
        self.state = State.SYN_SENT if syn is None else State.SYN_RECEIVED
        self._settings = settings
        self._ports = ports if syn is None else (syn.target_port, syn.source_port)
        self._first = 0 if syn is None else syn.seq
        self._next = 0 if syn is None else (syn.seq + 1) & WRAP  # RCV.NXT
        self._edge = self._next  # right edge of the window that was advertised
        self._room = _WINDOW
        self._early: dict[int, bytes] = {}
        self._data = bytearray()
        self._fin_at: int | None = None
        self._events: list[Event] = []
        self._out: list[Segment] = []
        self._wait_until: float | None = None
        self._sender = Sender(iss, settings.mss, 0, settings.pace)
        if syn is not None:
            self._met(syn)
        self._now = now
        self._transmit()

    def _met(self, syn: Segment) -> None:
        """What the host's SYN says of it."""
        offered = syn.mss if syn.mss is not None else DEFAULT_MSS[self._settings.v6]
        self._sender.limit(max(64, min(offered, self._settings.mss)), syn.window)

    # what the owner does
    @property
    def heard(self) -> bool:
        """True when the host has acknowledged all that was sent."""
        return self._sender.idle

    @property
    def room(self) -> int:
        """How many octets ``send`` takes now."""
        return self._sender.room

    @property
    def deadline(self) -> float | None:
        """When ``expire`` is due."""
        times = [time for time in (self._sender.deadline, self._wait_until) if time is not None]
        return min(times, default=None)

    def send(self, data: bytes, now: float) -> None:
        """Octets for the host; may be called before the connection is open."""
        self._now = now
        self._sender.push(data)
        self._transmit()

    def finish(self, now: float) -> None:
        """No more will be sent: CLOSE."""
        self._now = now
        if self._sender.finishing or self.state is State.CLOSED:
            return
        self._sender.finish()
        moved = {State.ESTABLISHED: State.FIN_WAIT_1, State.CLOSE_WAIT: State.LAST_ACK}
        if self.state not in (State.SYN_RECEIVED, State.SYN_SENT):
            self.state = moved[self.state]
        self._transmit()

    def abort(self) -> None:
        """Reset the connection at once: ABORT."""
        if self.state not in (State.CLOSED, State.TIME_WAIT):
            self._out.append(self._segment(Flag.RST | Flag.ACK, self._sender.next))
        self._close()

    def set_room(self, room: int, now: float) -> None:
        """How many octets the owner can take beyond those already read."""
        self._now = now
        self._room = max(0, room)
        if self.state in _TAKES and self._offer() > 0 and ahead(self._edge, self._next) < self._sender.mss:
            self._acknowledge()  # the window opens again

    def read(self) -> bytes:
        """What came in order since the last call."""
        data = bytes(self._data)
        self._data.clear()
        return data

    def outgoing(self) -> list[Segment]:
        """Segments for the host, each only once."""
        out, self._out = self._out, []
        return out

    def events(self) -> list[Event]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def expire(self, now: float) -> None:
        """Time has passed."""
        self._now = now
        if self._wait_until is not None and now >= self._wait_until:
            self._close()
        if self._sender.expire(now):
            self._transmit()
        if self._sender.given_up:
            if self.state not in (State.CLOSED, State.TIME_WAIT):
                self._events.append(Event.LOST)
            self._close()

    # a segment arrives (RFC 9293 3.10.7.4)
    def receive(self, segment: Segment, now: float) -> None:
        """One segment of the host."""
        self._now = now
        if self.state is State.CLOSED:
            return
        if self.state is State.SYN_SENT:
            self._answered(segment)
        elif self.state is State.SYN_RECEIVED and Flag.SYN in segment.flags and segment.seq == self._first:
            self._sender.rewind()  # our SYN was lost
            self._transmit()
        elif not self._acceptable(segment):
            if Flag.RST not in segment.flags:
                self._wait_again()
                self._acknowledge()
        elif Flag.RST in segment.flags:
            self._reset(segment)
        elif Flag.SYN in segment.flags:
            self._acknowledge()  # a challenge (RFC 9293 3.10.7.4, fourth)
        elif Flag.ACK in segment.flags and self._acknowledged(segment):
            self._text(segment)
            self._transmit()

    def _answered(self, segment: Segment) -> None:
        """The host's answer to our SYN (RFC 9293 3.10.7.3)."""
        if Flag.ACK in segment.flags and not self._sender.valid(segment.ack):
            if Flag.RST not in segment.flags:
                self._out.append(self._segment(Flag.RST, segment.ack))
        elif Flag.RST in segment.flags:
            if Flag.ACK in segment.flags:
                self._events.append(Event.RESET)
                self._close()
        elif Flag.SYN in segment.flags and Flag.ACK in segment.flags:
            self._first, self._next = segment.seq, (segment.seq + 1) & WRAP
            self._edge = (self._next + min(_WINDOW, self._room)) & WRAP
            self._met(segment)
            self.state = State.SYN_RECEIVED  # and at once beyond, for it is acknowledged
            self._acknowledged(segment)
            self._acknowledge()
            self._transmit()

    def _acceptable(self, segment: Segment) -> bool:
        """First: the sequence number (RFC 9293 Table 6)."""
        window = max(0, ahead(self._edge, self._next))
        begin = ahead(segment.seq, self._next)
        if segment.length == 0:
            return begin == 0 if window == 0 else 0 <= begin < window
        last = begin + segment.length - 1
        return window > 0 and (0 <= begin < window or 0 <= last < window)

    def _reset(self, segment: Segment) -> None:
        """Second: a reset counts at the very next number, elsewhere it is challenged."""
        if segment.seq != self._next:
            self._acknowledge()
            return
        if self.state is not State.TIME_WAIT:
            self._events.append(Event.RESET)
        self._close()

    def _acknowledged(self, segment: Segment) -> bool:
        """Fifth: the acknowledgement; False when the segment is not to be looked at further."""
        if self.state is State.SYN_RECEIVED:
            if not self._sender.valid(segment.ack):
                self._out.append(self._segment(Flag.RST, segment.ack))
                return False
            self.state = State.FIN_WAIT_1 if self._sender.finishing else State.ESTABLISHED
            self._events.append(Event.OPENED)
        if ahead(segment.ack, self._sender.sent) > 0:
            self._acknowledge()  # of what was never sent
            return False
        self._sender.acknowledge(segment, self._now)
        if self._sender.finished:
            self._end_heard()
        return True

    def _end_heard(self) -> None:
        """The host has our end of stream."""
        if self.state is State.FIN_WAIT_1:
            self.state = State.FIN_WAIT_2
        elif self.state is State.CLOSING:
            self._wait()
        elif self.state is State.LAST_ACK:
            self._events.append(Event.CLOSED)
            self._close()

    def _text(self, segment: Segment) -> None:
        """Seventh and eighth: data and the end, in order; what comes early is kept."""
        if segment.length == 0:
            return
        if self.state in _TAKES:
            self._keep(segment)
            if self._fin_at is not None and self._next == self._fin_at:
                self._ended()
        else:
            self._wait_again()
        self._acknowledge()

    def _keep(self, segment: Segment) -> None:
        if Flag.FIN in segment.flags:
            self._fin_at = (segment.seq + len(segment.data)) & WRAP
        if segment.data:
            held = self._early.get(segment.seq, b"")
            self._early[segment.seq] = max(held, segment.data, key=len)
        came = False
        while self._early:
            seq = min(self._early, key=lambda one: ahead(one, self._next))
            skip = -ahead(seq, self._next)
            if skip < 0:
                break
            data = self._early.pop(seq)[skip:]
            data = data[:max(0, ahead(self._edge, self._next))]
            if data:
                came = True
                self._data += data
                self._next = (self._next + len(data)) & WRAP
                self._room -= len(data)
        if came:
            self._events.append(Event.DATA)

    def _ended(self) -> None:
        self._next = (self._next + 1) & WRAP
        self._fin_at = None
        self._events.append(Event.ENDED)
        if self.state is State.ESTABLISHED:
            self.state = State.CLOSE_WAIT
        elif self.state is State.FIN_WAIT_2 or self._sender.finished:
            self._wait()
        else:
            self.state = State.CLOSING

    def _wait(self) -> None:
        """TIME-WAIT: the host may not have heard the last acknowledgement."""
        self.state = State.TIME_WAIT
        self._events.append(Event.CLOSED)
        self._wait_until = self._now + self._settings.time_wait_s

    def _wait_again(self) -> None:
        if self.state is State.TIME_WAIT:
            self._wait_until = self._now + self._settings.time_wait_s

    def _close(self) -> None:
        self.state = State.CLOSED
        self._wait_until = None
        self._sender.stop()
        self._early.clear()

    # to the host
    def _offer(self) -> int:
        """The window to advertise; its right edge never goes back and moves by whole segments (3.8.6.2)."""
        now = max(0, ahead(self._edge, self._next))
        wanted = min(_WINDOW, self._room)
        if wanted >= now + min(self._sender.mss, _WINDOW // 2) or (now == 0 and wanted >= self._sender.mss):
            return wanted
        return now

    def _segment(self, flags: Flag, seq: int, data: bytes = b"", mss: int | None = None) -> Segment:
        window = self._offer()
        self._edge = (self._next + window) & WRAP
        return Segment(*self._ports, seq, self._next, flags, window, data, mss)

    def _acknowledge(self) -> None:
        self._out.append(self._segment(Flag.ACK, self._sender.next))

    def _transmit(self) -> None:
        """Send what may be sent."""
        if self.state in (State.CLOSED, State.TIME_WAIT):
            return
        for piece in self._sender.pieces(self._now):
            if piece.syn:
                both = Flag.SYN if self.state is State.SYN_SENT else Flag.SYN | Flag.ACK
                self._out.append(self._segment(both, piece.seq, mss=self._settings.mss))
                continue
            flags = Flag.ACK | (Flag.FIN if piece.fin else Flag(0)) | (Flag.PSH if piece.data else Flag(0))
            self._out.append(self._segment(flags, piece.seq, piece.data))
