"""TCP against a far end that follows RFC 9293 in the plainest way, over a path that loses, repeats and swaps;
time is a number."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.wire.ip.segment import Flag, Segment
from cellbench.wire.ip.tcp import Connection, Failure, TcpSettings, TcpState

WRAP = 1 << 32
MSS = 500
FIRST = WRAP - 700  # the numbers wrap in every test


@dataclass
class FarEnd:
    """Takes what comes in order, sends ``says``, everything unacknowledged again each time it is told to."""

    says: bytes = b""
    window: int = 65_535
    mss: int | None = MSS
    closes: bool = True
    first: int = WRAP - 300
    got: bytearray = field(default_factory=bytearray)
    later: dict[int, Segment] = field(default_factory=dict)
    next: int = 0  # expected, counted from the first sequence number of the other side
    acked: int = 0  # of our octets, SYN and FIN included
    base: int | None = None
    finished: bool = False
    out: list[Segment] = field(default_factory=list)
    held: bool = False

    def send(self, flags: Flag, at: int, data: bytes = b"", mss: int | None = None) -> None:
        assert self.base is not None
        self.out.append(Segment(7, 50_000, (self.first + at) % WRAP, (self.base + self.next) % WRAP,
                                flags | Flag.ACK, self.window, data, mss))

    def receive(self, segment: Segment) -> None:
        if segment.flags & Flag.SYN:
            if self.next <= 1:  # one that comes late changes nothing
                self.base, self.next = segment.sequence, 1
                self.send(Flag.SYN, 0, mss=self.mss)
            return
        if self.base is None or segment.flags & Flag.RST:
            return
        ack = (segment.acknowledgment - self.first) % WRAP
        if self.acked < ack <= len(self.says) + 2:
            self.acked = ack
        if segment.data or segment.flags & Flag.FIN:
            self.later[(segment.sequence - self.base) % WRAP] = segment
            self.join()
            self.send(Flag.NONE, self.acked or 1)

    def join(self) -> None:
        while (at := next((at for at, one in self.later.items()
                           if at <= self.next and (at + one.length > self.next or at == self.next)),
                          None)) is not None:
            one = self.later.pop(at)
            data = one.data[self.next - at:]
            self.got += data
            self.next += len(data)
            if one.flags & Flag.FIN and not self.finished:
                self.finished = True
                self.next += 1
        self.later = {at: one for at, one in self.later.items() if at + one.length > self.next}

    def speak(self, budget: int = 8) -> None:
        """What is not acknowledged, a few segments of it."""
        if self.base is None or not self.acked or self.held:
            return
        at = self.acked
        for _ in range(budget):
            data = self.says[at - 1:at - 1 + MSS]
            last = at - 1 + len(data) >= len(self.says)
            if not data and not (last and self.closes and self.acked <= len(self.says) + 1):
                return
            self.send(Flag.FIN if last and self.closes else Flag.NONE, at, data)
            at += len(data)
            if last:
                return


class Path:
    """Both directions with delay; ``loss``, ``repeat`` and ``swap`` are probabilities."""

    def __init__(self, ours: Connection, far: FarEnd, seed: int = 0, loss: float = 0.0, repeat: float = 0.0,
                 swap: float = 0.0) -> None:
        self.ours, self.far = ours, far
        self.chance = random.Random(seed)
        self.loss, self.repeat, self.swap = loss, repeat, swap
        self.now = 100.0
        self.count = 0
        self.flying: list[tuple[float, int, bool, Segment]] = []
        self.sent: list[Segment] = []
        self.got = bytearray()
        self.giving = b""
        self.speak_at = self.now

    def launch(self, outward: bool, segment: Segment) -> None:
        copies = 0 if self.chance.random() < self.loss else 2 if self.chance.random() < self.repeat else 1
        for _ in range(copies):
            delay = 0.05 + (self.chance.random() * 0.3 if self.chance.random() < self.swap else 0.0)
            self.count += 1
            heapq.heappush(self.flying, (self.now + delay, self.count, outward, segment))

    def pump(self) -> None:
        self.giving = self.giving[self.ours.write(self.giving, self.now):] if self.giving else b""
        for segment in self.ours.segments():
            self.sent.append(segment)
            self.launch(True, segment)
        for segment in self.far.out:
            self.launch(False, segment)
        self.far.out.clear()
        self.got += self.ours.read(100_000)

    def run(self, seconds: float, until=lambda: False) -> None:  # type: ignore[no-untyped-def]
        end = self.now + seconds
        self.pump()
        while self.now < end and not until():
            due = [at for at in (self.ours.deadline, self.flying[0][0] if self.flying else None,
                                 self.speak_at) if at is not None]
            self.now = max(self.now, min(due))
            if self.flying and self.flying[0][0] <= self.now:
                _, _, outward, segment = heapq.heappop(self.flying)
                if outward:
                    self.far.receive(segment)
                else:
                    self.ours.receive(segment, self.now)
            if self.now >= self.speak_at:
                self.far.speak()
                self.speak_at = self.now + 0.5
            self.ours.tick(self.now)
            self.pump()


def connection(**more: float) -> Connection:
    return Connection(50_000, 7, MSS, FIRST, settings=TcpSettings(**more))  # type: ignore[arg-type]


def open_path(far: FarEnd | None = None, ours: Connection | None = None, **more: float) -> Path:
    path = Path(ours or connection(), far or FarEnd(closes=False), **more)  # type: ignore[arg-type]
    path.ours.open(path.now)
    path.run(5.0, until=lambda: path.ours.is_established)
    assert path.ours.state is TcpState.ESTABLISHED
    return path


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.binary(max_size=6000), st.binary(max_size=6000), st.floats(0, 0.25),
       st.floats(0, 0.2), st.floats(0, 0.5))
def test_bytes_arrive_in_order(seed: int, there: bytes, back: bytes, loss: float, repeat: float, swap: float
                               ) -> None:
    """Whatever the path does short of losing everything, both streams arrive whole and end in order."""
    far = FarEnd(says=back)
    path = Path(connection(give_up_s=3000.0), far, seed, loss, repeat, swap)
    path.ours.open(path.now)
    path.run(600.0, until=lambda: path.ours.is_established)
    path.giving = there
    path.run(1500.0, until=lambda: not path.giving)
    path.ours.finish(path.now)
    path.run(3000.0, until=lambda: path.ours.is_over)
    assert bytes(far.got) == there
    assert bytes(path.got) == back
    assert far.finished
    assert path.ours.failure is None


def test_handshake_and_its_options() -> None:
    path = open_path()
    syn = path.sent[0]
    assert (syn.flags, syn.mss, syn.sequence) == (Flag.SYN, MSS, FIRST)
    assert path.sent[1].flags == Flag.ACK


def test_the_far_ends_smaller_mss_is_kept() -> None:
    for told, longest in ((200, 200), (None, MSS), (9000, MSS)):
        path = open_path(FarEnd(closes=False, mss=told))
        path.giving = bytes(3000)
        path.run(5.0)
        assert max(len(segment.data) for segment in path.sent) == longest


def test_refused_and_unanswered() -> None:
    one = connection()
    one.open(0.0)
    one.segments()
    one.receive(Segment(7, 50_000, 0, (FIRST + 1) % WRAP, Flag.RST | Flag.ACK, 0), 0.1)
    assert one.failure is Failure.REFUSED
    silent = connection(give_up_s=100.0)
    silent.open(0.0)
    now = 0.0
    while not silent.is_over:
        assert silent.deadline is not None
        now = silent.deadline
        silent.tick(now)
    assert silent.failure is Failure.TIMED_OUT
    assert 100.0 <= now <= 170.0
    assert 5 <= len(silent.segments()) <= 9, "doubled time-outs (RFC 6298 5.5)"


def test_a_reset_counts_only_at_its_place() -> None:
    """RFC 9293 3.10.7.4: one beside the expected number is answered, not obeyed."""
    path = open_path()
    expected = path.sent[-1].acknowledgment
    path.ours.receive(Segment(7, 50_000, (expected + 10) % WRAP, 0, Flag.RST, 0), path.now)
    assert path.ours.is_established
    (challenge,) = path.ours.segments()
    assert challenge.flags == Flag.ACK
    path.ours.receive(Segment(7, 50_000, expected, 0, Flag.RST, 0), path.now)
    assert path.ours.failure is Failure.RESET


def test_a_closed_window_is_probed_and_honoured() -> None:
    path = open_path(FarEnd(closes=False, window=1000))
    path.giving = bytes(range(250)) * 16
    path.far.window = 0
    path.run(30.0)
    probes = [segment for segment in path.sent if len(segment.data) == 1]
    assert probes, "RFC 9293 3.8.6.1"
    assert len(probes) < 10, "they back off"
    path.far.window = 65_535
    path.run(120.0, until=lambda: len(path.far.got) == 4000)
    assert bytes(path.far.got) == bytes(range(250)) * 16
    assert path.ours.is_established


def test_no_more_than_the_window_is_sent() -> None:
    path = open_path(FarEnd(closes=False, window=1200))
    path.giving = bytes(10_000)
    highest = 0
    for _ in range(200):
        path.run(0.1)
        edge = max((segment.sequence - FIRST) % WRAP + segment.length for segment in path.sent)
        highest = max(highest, edge - path.far.next)
    assert highest <= 1200
    assert len(path.far.got) == 10_000


def test_our_window_shuts_and_opens() -> None:
    far = FarEnd(says=bytes(20_000), closes=False)
    ours = connection(receive_buffer=3000)
    path = Path(ours, far)
    ours.open(path.now)
    path.got = _Unread()  # type: ignore[assignment]
    read, ours.read = ours.read, lambda limit: b""  # type: ignore[method-assign]
    path.run(20.0)
    assert ours.readable == 3000
    assert path.sent[-1].window == 0
    ours.read = read  # type: ignore[method-assign]
    taken = bytearray(ours.read(10_000))
    (update,) = ours.segments()
    assert update.window == 3000, "the far end is told (RFC 9293 3.8.6.2.2)"
    path.got = taken
    path.run(200.0, until=lambda: len(taken) == 20_000)
    assert len(taken) == 20_000


class _Unread(bytearray):
    """Nothing is read into it."""


def test_fast_retransmission() -> None:
    """RFC 5681 3.2: one lost segment costs no time-out when others follow it."""
    path = open_path()
    path.giving = bytes(8000)
    path.run(0.12)
    lost = next(one for one in path.flying if one[2] and one[3].data)
    path.flying.remove(lost)
    heapq.heapify(path.flying)
    began = path.now
    path.run(20.0, until=lambda: len(path.far.got) == 8000)
    assert path.now - began < 1.0
    assert path.ours.retransmitted >= 1


def test_ends_both_ways() -> None:
    """FIN from either side first; TIME-WAIT is kept, shortly."""
    first = open_path()
    first.ours.finish(first.now)
    first.run(1.0)
    assert first.ours.state is TcpState.FIN_WAIT_2
    first.far.closes = True
    first.run(2.0, until=lambda: first.ours.state is TcpState.TIME_WAIT)
    assert first.ours.state is TcpState.TIME_WAIT
    first.run(3.0)
    assert first.ours.is_over
    assert first.ours.failure is None
    second = open_path(FarEnd(says=b"last words"))
    second.run(2.0)
    assert second.ours.state is TcpState.CLOSE_WAIT
    assert second.ours.at_end
    second.ours.finish(second.now)
    second.run(2.0)
    assert second.ours.is_over
    assert bytes(second.got) == b"last words"


def test_data_that_nobody_reads_any_more_resets() -> None:
    """RFC 9293 3.6.1."""
    path = open_path(FarEnd(says=b"too late", closes=False))
    path.far.held = True
    path.run(1.0)
    path.ours.discard(path.now)
    path.far.held = False
    path.run(2.0)
    assert path.ours.is_over
    assert any(segment.flags & Flag.RST for segment in path.sent)


def test_a_smaller_path_is_learnt() -> None:
    """RFC 1191: what was too big goes again in smaller pieces."""
    path = open_path()
    path.giving = bytes(2000)
    path.pump()
    path.flying = [one for one in path.flying if not one[3].data]
    path.ours.limit(120, path.now)
    path.sent.clear()
    path.run(20.0, until=lambda: len(path.far.got) == 2000)
    assert len(path.far.got) == 2000
    assert max(len(segment.data) for segment in path.sent) == 120


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-2000, 70_000), st.integers(-2000, 3000), st.integers(0, 31),
                          st.integers(0, 65_535), st.binary(max_size=40)), max_size=12))
def test_any_segments_leave_it_in_order(segments: list[tuple[int, int, int, int, bytes]]) -> None:
    """Whatever comes: no exception, no acknowledgment of what never came in order, an end can be had."""
    path = open_path()
    base = path.sent[-1].acknowledgment
    path.ours.write(b"some data", path.now)
    for sequence, ack, flags, window, data in segments:
        path.ours.receive(Segment(7, 50_000, (base + sequence) % WRAP, (FIRST + 1 + ack) % WRAP, Flag(flags),
                                  window, data), path.now)
        path.ours.segments()
    path.ours.abort()
    assert path.ours.is_over


@pytest.mark.parametrize("state", ["SYN_SENT", "ESTABLISHED"])
def test_unreachable_ends_only_what_is_not_open(state: str) -> None:
    """RFC 9293 3.9.2.2: soft errors."""
    path = open_path()
    one = path.ours
    if state == "SYN_SENT":
        one = connection()
        one.open(0.0)
    one.unreachable("a router says so")
    assert (one.failure is Failure.UNREACHABLE) is (state == "SYN_SENT")
