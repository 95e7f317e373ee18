"""A TCP client's end of one connection (RFC 9293), without I/O and without a clock.

What it has: active open, windows both ways with probes of a closed one, retransmission (RFC 6298), fast
retransmission and slow start (RFC 5681, partial acknowledgments by RFC 6582), data out of order, orderly and
abrupt ends, a short TIME-WAIT. Not there: passive and simultaneous open, window scaling, selective
acknowledgment, urgent data. Sequence numbers count on without wrapping inside; segments carry 32 bits.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.wire.ip.congestion import Congestion
from cellbench.wire.ip.reassembly import Reassembly
from cellbench.wire.ip.rto import RetransmissionTimer
from cellbench.wire.ip.segment import Flag, Segment

_WRAP = 1 << 32


class TcpState(enum.Enum):
    """RFC 9293 3.3.2, without the passive ones."""

    SYN_SENT = "SYN-SENT"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"
    CLOSED = "CLOSED"


class Failure(enum.Enum):
    """Why a connection ended out of order."""

    REFUSED = "refused the connection"
    RESET = "reset the connection"
    TIMED_OUT = "did not answer"
    UNREACHABLE = "cannot be reached"
    ABORTED = "was given up by this end"


@dataclass(frozen=True, slots=True)
class TcpSettings:
    """Times in seconds, sizes in bytes. ``give_up_s``: how long the far end may leave everything
    unacknowledged (RFC 9293 3.8.3: at least 100 s); ``linger_s``: how long it may take to end its side of a
    connection that nobody reads any more."""

    receive_buffer: int = 65_535
    send_buffer: int = 65_536
    give_up_s: float = 100.0
    time_wait_s: float = 1.0
    linger_s: float = 10.0


_OPEN = frozenset({TcpState.ESTABLISHED, TcpState.FIN_WAIT_1, TcpState.FIN_WAIT_2, TcpState.CLOSE_WAIT,
                   TcpState.CLOSING, TcpState.LAST_ACK, TcpState.TIME_WAIT})
_RECEIVES = frozenset({TcpState.ESTABLISHED, TcpState.FIN_WAIT_1, TcpState.FIN_WAIT_2})
_S = TcpState


class Connection:
    """One connection; ``mss`` is what fits into a packet on our side of the path."""

    def __init__(self, local_port: int, remote_port: int, mss: int, first_sequence: int, *,
                 default_mss: int = 536, settings: TcpSettings | None = None) -> None:
        self.state = TcpState.CLOSED
        self.failure: Failure | None = None
        self.why = ""
        self.retransmitted = 0
        self.local_port, self.remote_port = local_port, remote_port
        self._settings = settings or TcpSettings()
        self._own_mss = mss
        self._default_mss = default_mss
        self._out: list[Segment] = []
        self._timer = RetransmissionTimer()
        # sending: what is unacknowledged, what goes next, the highest that went (RFC 9293 3.3.1)
        self._first = self._una = self._next = self._highest = first_sequence % _WRAP
        self._buffer = bytearray()  # data from _una on (from _first + 1 at first)
        self._fin: int | None = None  # sequence number of our FIN
        self._window = self._window_by = self._window_at = 0
        self._congestion = Congestion(mss)
        self._persist_at: float | None = None
        self._progress_at = 0.0  # when something new was acknowledged, or first sent
        self._heard_at = 0.0
        # receiving
        self._in: Reassembly | None = None
        self._discards = False
        self._unacknowledged = 0
        self._ack_due = False
        self._over_at: float | None = None  # the end of TIME-WAIT, or of lingering

    # -- the user's side ---------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """True when nothing more will happen."""
        return self.state is _S.CLOSED

    @property
    def is_established(self) -> bool:
        """True once the handshake is done, until the end."""
        return self.state in _OPEN

    @property
    def readable(self) -> int:
        """Bytes that can be read now."""
        return len(self._in.ready) if self._in is not None else 0

    @property
    def at_end(self) -> bool:
        """True when the far end has finished and everything was read."""
        return self._in is not None and self._in.finished and not self._in.ready

    @property
    def room(self) -> int:
        """Bytes that ``write`` takes now."""
        return max(0, self._settings.send_buffer - len(self._buffer))

    @property
    def unsent(self) -> int:
        """Bytes, the end included, that the far end has not acknowledged."""
        return len(self._buffer) + (self._fin is not None and self._una <= self._fin)

    @property
    def deadline(self) -> float | None:
        """When ``tick`` wants to be called; None for never."""
        due = (self._timer.at, self._persist_at, self._over_at)
        return min((at for at in due if at is not None), default=None)

    def open(self, now: float) -> None:
        """Send SYN."""
        self.state = _S.SYN_SENT
        self._next = self._highest = self._first + 1
        self._progress_at = now
        self._timer.start(now)
        self._timer.measure(self._next, now)
        self._emit(Flag.SYN, self._first, mss=self._own_mss)

    def write(self, data: bytes, now: float) -> int:
        """Take as much of the data as there is room for; how much that was. Nothing after ``finish``."""
        if self._fin is not None or self.state not in (_S.ESTABLISHED, _S.CLOSE_WAIT):
            return 0
        taken = data[:self.room]
        self._buffer += taken
        self._push(now)
        return len(taken)

    def read(self, limit: int) -> bytes:
        """At most ``limit`` bytes of what has come."""
        if self._in is None:
            return b""
        before = self._in.window
        data = self._in.take(limit)
        grown = self._in.window - before
        # RFC 9293 3.8.6.2.2: a window that was nearly shut is told about when it is worth it
        if grown and before < self._own_mss * 2 <= self._in.window and self.state in _RECEIVES:
            self._ack()
        return data

    def finish(self, now: float) -> None:
        """No more data from this end: FIN behind what was written. Data may still be read."""
        if self._fin is not None or self.state not in (_S.ESTABLISHED, _S.CLOSE_WAIT):
            if self.state is _S.SYN_SENT:
                self._end(Failure.ABORTED)
            return
        self._fin = self._data_end
        self.state = _S.FIN_WAIT_1 if self.state is _S.ESTABLISHED else _S.LAST_ACK
        self._push(now)

    def discard(self, now: float) -> None:
        """Nobody reads any more: ``finish``, and data that still comes resets the connection (RFC 9293
        3.6.1)."""
        self._discards = True
        if self.readable:
            self.abort()
            return
        self.finish(now)
        if self.state is _S.FIN_WAIT_2:
            self._over_at = now + self._settings.linger_s

    def abort(self) -> None:
        """End at once: RST."""
        if self.state in _OPEN and self.state is not _S.TIME_WAIT:
            self._emit(Flag.RST | Flag.ACK, self._next)
        self._end(Failure.ABORTED)

    def unreachable(self, why: str) -> None:
        """A router or host said so. It ends a connection that is not yet established; an established one
        outlives it (RFC 9293 3.9.2.2)."""
        self.why = why
        if self.state is _S.SYN_SENT:
            self._end(Failure.UNREACHABLE)

    def limit(self, mss: int, now: float) -> None:
        """A router on the way takes only smaller packets (RFC 1191)."""
        if 0 < mss < self._congestion.mss:
            self._congestion.mss = mss
            self._congestion.restart()
            self._go_back(now)

    def segments(self) -> list[Segment]:
        """What is to be sent, each once."""
        if self._ack_due:
            self._ack()
        out, self._out = self._out, []
        return out

    def tick(self, now: float) -> None:
        """Let the timers whose time has come act."""
        if self._over_at is not None and now >= self._over_at:
            self._end(None)
            return
        if self._timer.at is not None and now >= self._timer.at:
            self._retransmit(now)
        elif self._persist_at is not None and now >= self._persist_at:
            self._probe(now)

    # -- the far end's side ------------------------------------------------------------------------------

    def receive(self, segment: Segment, now: float) -> None:
        """One segment of this connection (RFC 9293 3.10.7)."""
        self._heard_at = now
        if self.state is _S.SYN_SENT:
            self._in_syn_sent(segment, now)
        elif self.state in _OPEN:
            self._in_open(segment, now)

    def _in_syn_sent(self, segment: Segment, now: float) -> None:
        flags = segment.flags
        acceptable = bool(flags & Flag.ACK) and segment.acknowledgment == self._next % _WRAP
        if flags & Flag.ACK and not acceptable:
            if not flags & Flag.RST:
                self._emit(Flag.RST, segment.acknowledgment)
            return
        if flags & Flag.RST:
            if acceptable:
                self._end(Failure.REFUSED)
            return
        if not flags & Flag.SYN or not acceptable:
            return
        self._in = Reassembly(segment.sequence + 1, self._settings.receive_buffer)
        self._congestion = Congestion(min(self._own_mss, max(segment.mss or self._default_mss, 64)))
        self._una = self._next
        self._window, self._window_by, self._window_at = segment.window, segment.sequence, self._una
        self._timer.acknowledged(self._una, now)
        self._timer.opened()
        self.state = _S.ESTABLISHED
        self._ack()

    def _in_open(self, segment: Segment, now: float) -> None:
        inbound = self._in
        assert inbound is not None
        sequence = _unwrap(segment.sequence, inbound.next)
        flags = segment.flags
        if not inbound.accepts(sequence, segment.length):
            if not flags & Flag.RST:
                if self.state is _S.TIME_WAIT:
                    self._over_at = now + self._settings.time_wait_s
                self._ack()
            return
        if flags & Flag.RST:
            # RFC 9293 3.10.7.4: only the number expected next resets; another one is asked back
            if sequence == inbound.next:
                self._end(Failure.RESET if self.state not in (_S.TIME_WAIT, _S.LAST_ACK) else None)
            else:
                self._ack()
            return
        if flags & Flag.SYN:
            self._ack()
            return
        if flags & Flag.ACK and self._acknowledge(segment, sequence, now) and self.state in _OPEN:
            self._take(segment, sequence, now)
        if self.state in _OPEN:
            self._push(now)

    def _acknowledge(self, segment: Segment, sequence: int, now: float) -> bool:
        """The acknowledgment in a segment; False when it is of something never sent."""
        ack = _unwrap(segment.acknowledgment, self._una)
        if ack > self._highest:
            self._ack()
            return False
        if ack > self._una:
            self._advance(ack, now)
        elif ack == self._una and not segment.data and segment.window == self._window and (
                self._highest > self._una and not segment.flags & Flag.FIN):
            self._duplicate(now)
        if ack >= self._una and (sequence, ack) >= (self._window_by, self._window_at):
            if segment.window and not self._window:
                self._persist_at, self._progress_at = None, now
            self._window, self._window_by, self._window_at = segment.window, sequence, ack
        return True

    def _advance(self, ack: int, now: float) -> None:
        size = ack - self._una
        del self._buffer[:size]
        self._una = ack
        self._next = max(self._next, ack)
        self._progress_at = now
        self._timer.acknowledged(ack, now)
        if self._congestion.acknowledged(ack, size):
            self._resend_first()
        if self._una == self._highest:
            self._timer.stop()
        else:
            self._timer.start(now)
        if self._fin is not None and ack > self._fin:
            self._fin_acknowledged(now)

    def _fin_acknowledged(self, now: float) -> None:
        if self.state is _S.FIN_WAIT_1:
            self.state = _S.FIN_WAIT_2
            if self._discards:
                self._over_at = now + self._settings.linger_s
        elif self.state is _S.CLOSING:
            self._wait_out(now)
        elif self.state is _S.LAST_ACK:
            self._end(None)

    def _duplicate(self, now: float) -> None:
        if self._congestion.duplicate(self._highest, self._highest - self._una):
            self._resend_first()
            self._timer.start(now)

    def _take(self, segment: Segment, sequence: int, now: float) -> None:
        inbound = self._in
        assert inbound is not None
        if not segment.data and not segment.flags & Flag.FIN:
            return
        if self.state not in _RECEIVES:
            self._ack()
            return
        if segment.data and self._discards:
            self.abort()
            return
        in_order = inbound.put(sequence, segment.data, bool(segment.flags & Flag.FIN))
        self._unacknowledged += 1
        if not in_order or inbound.has_gap or self._unacknowledged >= 2:
            self._ack()
        else:
            self._ack_due = True
        if inbound.finished:
            self._far_end_finished(now)

    def _far_end_finished(self, now: float) -> None:
        self._ack()
        if self.state is _S.ESTABLISHED:
            self.state = _S.CLOSE_WAIT
        elif self.state is _S.FIN_WAIT_1:
            self.state = _S.CLOSING
        elif self.state is _S.FIN_WAIT_2:
            self._wait_out(now)

    # -- sending -----------------------------------------------------------------------------------------

    @property
    def _data_end(self) -> int:
        return max(self._una, self._first + 1) + len(self._buffer)

    def _push(self, now: float) -> None:
        """Send what the windows allow."""
        while True:
            in_flight = self._next - self._una
            allowed = min(self._window, self._congestion.window) - in_flight
            waiting = self._buffer_from(self._next)
            size = min(self._congestion.mss, waiting, allowed)
            # RFC 9293 3.8.6.2.1: no small segment that a larger window would make needless
            if size <= 0 or (size < min(self._congestion.mss, waiting) and in_flight):
                break
            if self._highest == self._una:
                self._progress_at = now
            self._send_data(self._next, size, now)
            self._next += size
            self._highest = max(self._highest, self._next)
        if self._fin is not None and self._next == self._fin and self.state in _OPEN:
            self._emit(Flag.FIN | Flag.ACK, self._next)
            self._next += 1
            self._highest = max(self._highest, self._next)
            self._timer.start_if_idle(now)
        if self._buffer and not self._window and self._next == self._una and self._persist_at is None:
            self._timer.stop()
            self._persist_at = now + self._timer.rto_s

    def _buffer_from(self, sequence: int) -> int:
        """Bytes of the buffer from a sequence number on."""
        return max(0, self._data_end - sequence)

    def _send_data(self, sequence: int, size: int, now: float) -> None:
        at = sequence - max(self._una, self._first + 1)
        data = bytes(self._buffer[at:at + size])
        if sequence >= self._highest:
            self._timer.measure(sequence + size, now)
        else:
            self.retransmitted += 1
        last = sequence + size == self._data_end
        self._emit(Flag.ACK | (Flag.PSH if last else Flag.NONE), sequence, data)
        self._timer.start_if_idle(now)

    def _resend_first(self) -> None:
        size = min(self._congestion.mss, len(self._buffer))
        self.retransmitted += 1
        self._timer.forget()
        if size:
            self._emit(Flag.ACK, self._una, bytes(self._buffer[:size]))
        elif self._fin is not None and self._una == self._fin:
            self._emit(Flag.FIN | Flag.ACK, self._una)

    def _retransmit(self, now: float) -> None:
        """RFC 6298 5.4 to 5.7."""
        if now - self._progress_at >= self._settings.give_up_s:
            self._end(Failure.TIMED_OUT)
            return
        self._timer.back_off(now)
        if self.state is _S.SYN_SENT:
            self.retransmitted += 1
            self._emit(Flag.SYN, self._first, mss=self._own_mss)
            return
        self._congestion.timed_out(self._highest - self._una)
        self._go_back(now)

    def _go_back(self, now: float) -> None:
        """Everything unacknowledged goes again."""
        self._next = self._una
        self._timer.forget()
        self._push(now)

    def _probe(self, now: float) -> None:
        """RFC 9293 3.8.6.1: one byte into a closed window."""
        if now - self._heard_at >= self._settings.give_up_s:
            self._end(Failure.TIMED_OUT)
            return
        self._timer.back_off(now)
        self._timer.stop()
        self._persist_at = now + self._timer.rto_s
        if self._buffer:
            self._emit(Flag.ACK, self._una, bytes(self._buffer[:1]))
            self._highest = max(self._highest, self._una + 1)

    def _ack(self) -> None:
        self._emit(Flag.ACK, self._next)

    def _emit(self, flags: Flag, sequence: int, data: bytes = b"", *, mss: int | None = None) -> None:
        inbound = self._in
        window = inbound.window if inbound is not None else self._settings.receive_buffer
        acknowledgment = inbound.next % _WRAP if inbound is not None and flags & Flag.ACK else 0
        if flags & Flag.ACK:
            self._ack_due, self._unacknowledged = False, 0
        self._out.append(Segment(self.local_port, self.remote_port, sequence % _WRAP, acknowledgment, flags,
                                 min(window, 0xFFFF), data, mss))

    # -- the end -----------------------------------------------------------------------------------------

    def _wait_out(self, now: float) -> None:
        self.state = _S.TIME_WAIT
        self._timer.stop()
        self._over_at = now + self._settings.time_wait_s

    def _end(self, failure: Failure | None) -> None:
        if self.state is not _S.CLOSED:
            self.failure = failure
        self.state = _S.CLOSED
        self._timer.stop()
        self._persist_at = self._over_at = None
        self._ack_due = False


def _unwrap(number: int, near: int) -> int:
    """The number without wrapping that 32 bits stand for, nearest to a known one."""
    return near + (number - near + _WRAP // 2) % _WRAP - _WRAP // 2
