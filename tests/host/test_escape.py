"""+++: sent by the host only where the guides have the module take it, on any timeline; recognised only
there. Time is a number, but for one escape over a real terminal."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.base.clock import SystemClock
from cellbench.base.errors import UnitError
from cellbench.catalogue.modules.model import Known
from cellbench.host.channel import Channel
from cellbench.host.escape import MARGIN_S, SEQUENCE, EscapeGuard
from cellbench.io.serial_port import SerialPort

GUARD_S = 2.0  # LENA-R8 guide 5.8.2, LARA-R6 guide 9.1.4
BETWEEN_S = 0.5  # module facts 5.3: no more than this between the plus signs
GAPS = st.lists(st.tuples(st.floats(0, 3.0), st.sampled_from(["sent", "received"])), max_size=12)


@dataclass
class Rule:
    """The guides' rule as a reader of the line has it: three plus signs behind silence, close together."""

    both_ways: bool
    quiet_since: float = 0.0

    def takes(self, at: float, signs: tuple[float, ...]) -> bool:
        close = all(later - earlier <= BETWEEN_S for earlier, later in itertools.pairwise(signs))
        return at - self.quiet_since >= GUARD_S and len(signs) == 3 and close


@given(GAPS, st.floats(0, 1.9), st.booleans())
def test_the_escape_goes_out_where_the_module_takes_it(gaps: list[tuple[float, str]], late: float,
                                                      both_ways: bool) -> None:
    """On any timeline of bytes sent and received: at ``due`` it is taken, any time before it is not."""
    now = 100.0
    guard, rule = EscapeGuard(GUARD_S, now, both_ways=both_ways), Rule(both_ways, now)
    for gap, kind in gaps:
        now += gap
        getattr(guard, kind)(now)
        if kind == "sent" or both_ways:
            rule.quiet_since = now
    assert guard.allows(guard.due)
    assert rule.takes(guard.due, (guard.due,) * 3)
    early = guard.due - MARGIN_S - GUARD_S + late
    assert not guard.allows(early)
    assert not rule.takes(early, (early,) * 3)


@given(GAPS)
def test_received_bytes_count_where_both_directions_must_be_silent(gaps: list[tuple[float, str]]) -> None:
    one, both = EscapeGuard(GUARD_S, 0.0), EscapeGuard(GUARD_S, 0.0, both_ways=True)
    now = 0.0
    for gap, kind in gaps:
        now += gap
        for guard in (one, both):
            getattr(guard, kind)(now)
    assert one.due <= both.due == now + GUARD_S + MARGIN_S or not gaps
    sent = [at for at, kind in zip(itertools.accumulate(gap for gap, _ in gaps),
                                   (kind for _, kind in gaps), strict=True) if kind == "sent"]
    assert one.due == pytest.approx((sent[-1] if sent else 0.0) + GUARD_S + MARGIN_S)


@given(st.lists(st.floats(0, 5.0), min_size=1, max_size=5))
def test_time_never_runs_back_for_it(moments: list[float]) -> None:
    """Marks that arrive out of order do not shorten the silence."""
    guard = EscapeGuard(GUARD_S, 0.0)
    for moment in moments:
        guard.sent(moment)
    assert guard.due == max(moments) + GUARD_S + MARGIN_S


# -- on a terminal ----------------------------------------------------------------------------------------


@pytest.fixture
def quick(r8):  # type: ignore[no-untyped-def]
    """A short silence."""
    return replace(r8, serial=replace(r8.serial, escape_guard_s=Known(0.2, r8.serial.escape_guard_s.source)))


def dialled(peer, profile, transcript):  # type: ignore[no-untyped-def]
    peer.on("ATD*99***1#", lambda peer, line: (peer.say(b"\r\nCONNECT\r\n"), peer.want_payload(3, answer)))

    def answer(peer, data):  # type: ignore[no-untyped-def]
        assert data == SEQUENCE
        peer.say(b"\r\nOK\r\n")

    channel = Channel(SerialPort(peer.path), profile, trace=transcript, name="uart", gap_s=0)
    channel.start()
    return channel


def test_received_data_put_the_escape_off(peer, quick, transcript) -> None:  # type: ignore[no-untyped-def]
    """What comes during the silence begins it anew, and is there to be read afterwards."""
    channel = dialled(peer, quick, transcript)
    try:
        data = channel.open_data("ATD*99***1#")
        sent = []

        def trickle() -> None:
            for _ in range(3):
                time.sleep(0.1)
                sent.append(time.monotonic())
                peer.say(b"~late~")

        giver = threading.Thread(target=trickle)
        giver.start()
        assert data.escape(both_ways=True).final.text == "OK"
        giver.join()
        ((began, what),) = [one for one in peer.received if one[1] == SEQUENCE]
        assert what == SEQUENCE
        assert began - sent[-1] >= 0.2
        assert data.read(100, 0.0) == b"~late~" * 3
        assert channel.send("AT").ok
    finally:
        channel.stop()


def test_a_line_that_never_falls_silent(peer, quick, transcript) -> None:  # type: ignore[no-untyped-def]
    """The escape is not sent at all; the caller is told."""
    channel = dialled(peer, quick, transcript)
    stop = threading.Event()

    def stream() -> None:
        while not stop.wait(0.02):
            peer.say(b"~")

    giver = threading.Thread(target=stream)
    try:
        data = channel.open_data("ATD*99***1#")
        giver.start()
        with pytest.raises(UnitError, match="not silent"):
            data.escape(both_ways=True, patience_s=0.6)
        assert data.active
        assert [line for _, line in peer.received if line == SEQUENCE] == []
    finally:
        stop.set()
        giver.join()
        channel.stop()


def test_the_module_leaves_by_itself(peer, quick, transcript) -> None:  # type: ignore[no-untyped-def]
    """NO CARRIER and what follows it belong to command mode."""
    channel = dialled(peer, quick, transcript)
    try:
        data = channel.open_data("ATD*99***1#")
        with channel.expect("+CGEV") as event:
            data.end(b'\r\n+CGEV: ME PDN DEACT 1\r\n')
            assert event.wait(10.0).text == "+CGEV: ME PDN DEACT 1"
        assert not data.active
    finally:
        channel.stop()


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 1.0))
def test_the_guards_clock_is_the_channels(offset: float) -> None:
    """Monotonic seconds: a guard made now allows nothing now."""
    now = SystemClock().monotonic() + offset
    assert not EscapeGuard(GUARD_S, now).allows(now)
