"""The answering end of TCP: conversations segment by segment (RFC 9293), and streams over a bad line."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.virtual.net.ip.segments import WRAP, Flag, Segment, ahead
from cellbench.virtual.net.ip.tcp import Event, Settings, State, TcpEnd
from cellbench.virtual.net.ip.tcp_sender import Pace

S, A, F, R, P = Flag.SYN, Flag.ACK, Flag.FIN, Flag.RST, Flag.PSH
ISS, IRS = 5000, 0xFFFFFFF0  # the host's numbers wrap soon
PLAIN = Settings(mss=1000)


class Call:
    """One connection, and the host's hands."""

    def __init__(self, *, window: int = 4096, mss: int | None = 500, iss: int = ISS,
                 options: Settings = PLAIN) -> None:
        self.now = 0.0
        self.seq = (IRS + 1) & WRAP
        self.end = TcpEnd(Segment(33, 80, IRS, 0, S, window, mss=mss), iss, options, self.now)
        (self.answer,) = self.end.outgoing()
        self.una = (iss + 1) & WRAP
        self.window = window

    def say(self, flags: Flag, data: bytes = b"", *, seq: int | None = None,
            ack: int | None = None) -> list[Segment]:
        """A segment of the host; what comes back."""
        at = self.seq if seq is None else seq & WRAP
        segment = Segment(33, 80, at, self.una if ack is None else ack & WRAP, flags, self.window, data)
        if seq is None:
            self.seq = (self.seq + segment.length) & WRAP
        self.end.receive(segment, self.now)
        return self.end.outgoing()

    def open(self) -> Call:
        assert self.say(A) == []
        assert self.end.events() == [Event.OPENED]
        return self

    def send(self, data: bytes) -> list[Segment]:
        self.end.send(data, self.now)
        return self.end.outgoing()

    def wait(self, seconds: float) -> list[Segment]:
        until = self.now + seconds
        while self.end.deadline is not None and self.end.deadline <= until:
            self.now = self.end.deadline
            self.end.expire(self.now)
        self.now = until
        return self.end.outgoing()


def short(segments: list[Segment]) -> list[tuple[Flag, int, int]]:
    return [(one.flags, one.seq, one.ack) for one in segments]


def test_handshake() -> None:
    call = Call()
    assert (call.answer.flags, call.answer.seq, call.answer.ack) == (S | A, ISS, (IRS + 1) & WRAP)
    assert call.answer.mss == 1000
    assert call.answer.window == 65535
    call.open()
    assert call.end.state is State.ESTABLISHED


def test_syn_is_answered_again() -> None:
    call = Call()
    assert short(call.say(S, seq=IRS)) == [(S | A, ISS, (IRS + 1) & WRAP)]
    assert [one.flags for one in call.wait(3.5)] == [S | A] * 2  # after 1 s and 2 s more
    call.open()


def test_wrong_acknowledgement_of_the_syn_is_reset() -> None:
    call = Call()
    (reset,) = call.say(A, ack=ISS + 77)
    assert (reset.flags, reset.seq) == (R, ISS + 77)
    assert call.end.state is State.SYN_RECEIVED


def test_data_to_the_server() -> None:
    call = Call().open()
    (ack,) = call.say(A | P, b"0123456789ABCDEF")
    assert ack.ack == 1  # the numbers have wrapped
    assert call.end.read() == b"0123456789ABCDEF"
    (again,) = call.say(A, b"DEF!", seq=0xFFFFFFFE)  # old and new in one
    assert call.end.read() == b"!"
    assert again.ack == 2


def test_early_data_waits_for_its_turn() -> None:
    call = Call().open()
    (ack,) = call.say(A, b"world", seq=call.seq + 6)
    assert ack.ack == call.seq
    (ack,) = call.say(A, b"hello ")
    assert ack.ack == (call.seq + 5) & WRAP
    assert call.end.read() == b"hello world"


def test_data_to_the_host_keeps_to_its_segment_size_and_window() -> None:
    call = Call(window=1200).open()
    sent = call.send(b"x" * 3000)
    assert [len(one.data) for one in sent] == [500, 500]  # the rest of the window is a crumb
    call.una = (call.una + 1000) & WRAP
    assert [len(one.data) for one in call.say(A)] == [500, 500]


def test_closed_window_is_probed() -> None:
    call = Call(window=0).open()
    assert call.send(b"abc") == []
    probes = call.wait(40)
    assert {one.data for one in probes} == {b"a"}
    assert len(probes) >= 3
    call.window = 100
    (rest,) = call.say(A)
    assert rest.data == b"abc"


def test_own_window_closes_and_opens() -> None:
    call = Call().open()
    call.end.set_room(0, call.now)
    room = 65535
    while room > 0:
        data = b"z" * min(1000, room)
        (ack,) = call.say(A, data)
        room -= len(data)
    assert ack.window == 0
    assert call.say(A, b"beyond", seq=call.seq)[0].window == 0
    call.end.read()
    call.end.set_room(400, call.now)
    assert call.end.outgoing() == []  # too little to tell of
    call.end.set_room(65536, call.now)
    (update,) = call.end.outgoing()
    assert update.window == 65535


def test_lost_segment_is_sent_again_by_the_timer() -> None:
    call = Call().open()
    (first,) = call.send(b"data")
    (again, *_) = call.wait(1.1)
    assert (again.seq, again.data) == (first.seq, first.data)


def test_three_duplicates_send_it_at_once() -> None:
    call = Call().open()
    sent = call.send(b"x" * 2000)
    assert len(sent) == 4
    assert call.say(A) == []
    assert call.say(A) == []
    again = call.say(A)
    assert again[0].seq == sent[0].seq


def test_host_that_is_gone() -> None:
    call = Call(options=Settings(pace=Pace(tries=3))).open()
    call.send(b"data")
    call.wait(100)
    assert call.end.events() == [Event.LOST]
    assert call.end.state is State.CLOSED


def test_host_closes_first() -> None:
    call = Call().open()
    (ack,) = call.say(F | A)
    assert ack.ack == call.seq
    assert (call.end.state, call.end.events()) == (State.CLOSE_WAIT, [Event.ENDED])
    (last,) = call.send(b"still")
    assert last.data == b"still"
    call.una = (call.una + 5) & WRAP
    call.say(A)
    call.end.finish(call.now)
    (fin,) = call.end.outgoing()
    assert (fin.flags & F, call.end.state) == (F, State.LAST_ACK)
    call.una = (call.una + 1) & WRAP
    call.say(A)
    assert (call.end.state, call.end.events()) == (State.CLOSED, [Event.CLOSED])


def test_server_closes_first() -> None:
    call = Call(options=Settings(time_wait_s=10)).open()
    call.end.finish(call.now)
    (fin,) = call.end.outgoing()
    assert fin.flags & F
    call.una = (call.una + 1) & WRAP
    call.say(A)
    assert call.end.state is State.FIN_WAIT_2
    call.say(A, b"late")
    assert call.end.read() == b"late"
    (ack,) = call.say(F | A)
    assert (ack.ack, call.end.state) == (call.seq, State.TIME_WAIT)
    (again,) = call.say(F | A, seq=call.seq - 1)
    assert again.ack == call.seq
    call.wait(9)
    assert call.end.state is State.TIME_WAIT
    call.wait(2)
    assert call.end.state is State.CLOSED


def test_both_close_at_once() -> None:
    call = Call().open()
    call.end.finish(call.now)
    call.end.outgoing()
    call.say(F | A)
    assert call.end.state is State.CLOSING
    call.una = (call.una + 1) & WRAP
    call.say(A)
    assert call.end.state is State.TIME_WAIT


def test_resets() -> None:
    """RFC 9293 3.10.7.4, second: at the very next number; elsewhere in the window a challenge."""
    call = Call().open()
    assert call.say(R, seq=call.seq - 5) == []
    (challenge,) = call.say(R, seq=call.seq + 5)
    assert challenge.flags == A
    assert call.end.state is State.ESTABLISHED
    assert call.say(R, seq=call.seq) == []
    assert (call.end.state, call.end.events()) == (State.CLOSED, [Event.RESET])


def test_syn_in_the_window_is_challenged() -> None:
    call = Call().open()
    (challenge,) = call.say(S, seq=call.seq + 3)
    assert challenge.flags == A


def test_abort() -> None:
    call = Call().open()
    call.end.abort()
    (reset,) = call.end.outgoing()
    assert reset.flags & R
    assert call.end.deadline is None


def calling() -> tuple[TcpEnd, Segment]:
    end = TcpEnd(None, ISS, PLAIN, 0.0, ports=(80, 33))
    (syn,) = end.outgoing()
    return end, syn


def test_end_that_calls() -> None:
    end, syn = calling()
    assert (syn.flags, syn.seq, syn.source_port, syn.target_port, syn.mss) == (S, ISS, 80, 33, 1000)
    end.send(b"hello", 0.0)
    end.receive(Segment(33, 80, IRS, ISS + 1, S | A, 4096, mss=300), 0.0)
    assert end.events() == [Event.OPENED]
    ack, data = end.outgoing()
    assert (ack.flags, ack.seq, ack.ack) == (A, ISS + 1, IRS + 1)
    assert (data.data, data.seq) == (b"hello", ISS + 1)
    assert not end.heard
    end.receive(Segment(33, 80, IRS + 1, ISS + 6, A, 4096), 0.0)
    assert end.heard


def test_call_that_is_refused() -> None:
    end, _ = calling()
    end.receive(Segment(33, 80, 0, ISS + 77, R | A), 0.0)  # of another connection
    assert end.state is State.SYN_SENT
    end.receive(Segment(33, 80, 0, ISS + 1, R | A), 0.0)
    assert (end.state, end.events()) == (State.CLOSED, [Event.RESET])


def test_call_that_is_answered_wrongly() -> None:
    end, _ = calling()
    end.receive(Segment(33, 80, IRS, ISS + 9, S | A, 4096), 0.0)
    (reset,) = end.outgoing()
    assert (reset.flags, reset.seq, end.state) == (R, ISS + 9, State.SYN_SENT)
    end.expire(1.0)
    (again,) = end.outgoing()
    assert (again.flags, again.seq) == (S, ISS)


class Dumb:
    """A host that sends one segment at a time until it is acknowledged and takes what comes in order."""

    def __init__(self, call: Call, data: bytes) -> None:
        self.call = call
        self.left = data
        self.got = bytearray()
        self.done = False

    def take(self, segment: Segment) -> None:
        call = self.call
        moved = ahead(segment.ack, call.seq)
        if moved > 0:
            self.left = self.left[moved:]
            call.seq = segment.ack
        if ahead(segment.seq, call.una) == 0 and not self.done:
            self.got += segment.data
            self.done = bool(segment.flags & F)
            call.una = (call.una + segment.length) & WRAP

    def say(self) -> Segment:
        data = self.left[:300]
        return Segment(33, 80, self.call.seq, self.call.una, A, 2000, data)


@given(st.binary(max_size=3000), st.binary(max_size=3000), st.integers(0, 2**32), st.floats(0, 0.4),
       st.integers(0, WRAP))
@settings(deadline=None, max_examples=40)
def test_streams_survive_loss_and_disorder(up: bytes, down: bytes, seed: int, loss: float, iss: int) -> None:
    chance = random.Random(seed)
    call = Call(iss=iss, options=Settings(mss=400, pace=Pace(tries=1000, most_s=4.0)))
    call.say(A)
    host = Dumb(call, up)
    call.end.send(down, call.now)
    call.end.finish(call.now)
    heard = bytearray()
    air: list[Segment] = []
    for _ in range(20000):
        air += [one for one in call.end.outgoing() if chance.random() >= loss]
        if air and chance.random() < 0.2:
            chance.shuffle(air)
        while air:
            host.take(air.pop(0))
        if host.done and not host.left and call.end.state in (State.FIN_WAIT_2, State.CLOSED):
            break
        if chance.random() >= loss:
            call.end.receive(host.say(), call.now)
            heard += call.end.read()
        call.now += 0.3
        call.end.expire(call.now)
    assert bytes(host.got) == down
    assert bytes(heard) == up


NUMBER = st.integers(0, WRAP)


@given(st.lists(st.tuples(NUMBER, NUMBER, st.integers(0, 31), st.binary(max_size=9),
                          st.integers(0, 65535)), max_size=30))
@settings(deadline=None)
def test_any_segments_do_no_harm(segments: list[tuple[int, int, int, bytes, int]]) -> None:
    call = Call().open()
    call.send(b"x" * 100)
    for seq, ack, flags, data, window in segments:
        near = (call.seq + seq % 40) & WRAP
        call.end.receive(Segment(33, 80, near, (call.una + ack % 120) & WRAP, Flag(flags), window, data), 0.0)
        for one in call.end.outgoing():
            assert ahead(one.seq, call.una) <= 101
    call.end.expire(1e6)


@pytest.mark.parametrize(("offered", "largest"), [(None, 536), (100, 100), (9000, 1000), (10, 64)])
def test_largest_segment(offered: int | None, largest: int) -> None:
    call = Call(mss=offered, window=60000).open()
    assert max(len(one.data) for one in call.send(b"y" * 20000)) == largest
