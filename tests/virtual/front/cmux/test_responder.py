"""The responder of 27.010 as a machine: octets written by hand in, octets and events out."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.front.cmux.events import Changed, Down, Ended, Event, Opened, Taken, Terms
from cellbench.virtual.front.cmux.machine import DlcState, LinkState, Responder
from cellbench.virtual.front.cmux.messages import Message, Signals, decode, encode

RUN = 5.0  # any time


class Peer:
    """A responder and the octets that go to it."""

    def __init__(self, hand: SimpleNamespace, **terms: object) -> None:
        self.hand = hand
        self.link = Responder(Terms(**{"n1": 64, **terms}), RUN)  # type: ignore[arg-type]

    def give(self, dlci: int, control: int, info: bytes = b"", *, cr: int = 1,
             now: float = RUN) -> list[Event]:
        return self.link.receive(self.hand.frame(dlci, control, info, cr=cr), now)

    def out(self) -> list[tuple[int, int, int, bytes]]:
        return list(self.hand.frames(self.link.output()))

    def control(self, *octets: int, now: float = RUN) -> list[Event]:
        return self.give(0, self.hand.UIH, bytes(octets), now=now)

    def up(self, *channels: int) -> Peer:
        self.give(0, self.hand.SABM)
        for dlci in channels:
            self.give(dlci, self.hand.SABM)
            self.control(0xE1, 5, dlci << 2 | 3, 0x0D)
        self.link.output()
        return self


@pytest.fixture
def peer(hand: SimpleNamespace) -> Callable[..., Peer]:
    return lambda **terms: Peer(hand, **terms)


def test_start_up_and_close_down(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer()
    assert one.link.state is LinkState.WAITING
    assert one.give(0, hand.SABM) == []
    assert one.out() == [(0, 1, hand.UA, b"")]
    assert one.give(1, hand.SABM) == [Opened(1)]
    assert one.out() == [(1, 1, hand.UA, b""), (0, 0, hand.UIH, b"\xe3\x05\x07\x0d")]
    assert one.link.channel_state(1) is DlcState.CONNECTED
    assert one.give(1, hand.UIH, b"AT\r") == [Taken(1, b"AT\r")]
    assert one.give(1, hand.UI, b"AT\r") == [Taken(1, b"AT\r")]
    assert one.give(1, hand.DISC) == [Ended(1)]
    assert one.out() == [(1, 1, hand.UA, b"")]
    one.give(2, hand.SABM)
    one.link.output()
    assert one.give(0, hand.DISC) == [Ended(2), Down("DISC on DLCI 0")]
    assert one.out() == [(0, 1, hand.UA, b"")]
    assert one.link.state is LinkState.CLOSED
    assert one.give(0, hand.SABM) == []
    assert one.out() == []
    assert one.link.next_expiry() is None


def test_nothing_before_dlci_0(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer()
    assert one.give(1, hand.SABM) == []
    assert one.out() == [(1, 1, hand.DM, b"")]
    assert one.give(0, hand.UIH, b"\xc3\x01") == []
    assert one.give(0, hand.DISC) == []
    assert [row[:3] for row in one.out()] == [(0, 1, hand.DM & 0xEF), (0, 1, hand.DM)]


def test_without_sabm_it_gives_up(peer: Callable[..., Peer]) -> None:
    one = peer(sabm_wait_s=5.0)
    assert one.link.next_expiry() == RUN + 5
    assert one.link.expire(RUN + 4.9) == []
    assert one.link.expire(RUN + 5) == [Down("no SABM on DLCI 0")]


def test_commands_for_a_channel_that_is_not_open_get_dm(peer: Callable[..., Peer],
                                                        hand: SimpleNamespace) -> None:
    one = peer(dlcis=(1, 2)).up()
    for dlci, control in ((3, hand.SABM), (1, hand.DISC), (2, hand.UIH), (1, hand.UI), (61, hand.DISC)):
        assert one.give(dlci, control, b"x" if control in (hand.UIH, hand.UI) else b"") == []
        pf = 0x10 if control in (hand.SABM, hand.DISC) else 0
        assert one.out() == [(dlci, 1, hand.DM & 0xEF | pf, b"")]
    assert one.link.frames["refused"] == 5


def test_sabm_again_is_answered_and_changes_nothing(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer().up(1)
    assert one.give(1, hand.SABM) == []
    assert one.out() == [(1, 1, hand.UA, b"")]
    assert one.give(0, hand.SABM) == []
    assert one.out() == [(0, 1, hand.UA, b"")]
    assert one.link.open_channels() == [1]


def test_without_p_and_in_the_wrong_role_nothing_happens(peer: Callable[..., Peer],
                                                         hand: SimpleNamespace) -> None:
    one = peer().up()
    assert one.give(1, hand.SABM & 0xEF) == []
    assert one.give(1, hand.SABM, cr=0) == []
    assert one.give(1, hand.UA, cr=0) == []
    assert one.give(1, hand.UA, cr=1) == []
    assert one.out() == []
    assert (one.link.frames["wrong-role"], one.link.frames["ignored"]) == (2, 2)
    mild = peer(checks_cr=False).up()
    assert mild.give(1, hand.SABM, cr=0) == [Opened(1)]


def test_a_module_that_does_not_answer_disc(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer(answers_disc=False).up(1)
    assert one.give(1, hand.DISC) == [Ended(1)]
    assert one.give(1, hand.DISC) == []
    assert one.out() == []
    assert one.give(0, hand.DISC) == [Down("DISC on DLCI 0")]
    assert one.out() == [(0, 1, hand.UA, b"")]


def test_own_disc_t1_n2(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer(t1_s=0.1, n2=2).up(1)
    one.link.disconnect(1, RUN)
    assert one.out() == [(1, 0, hand.DISC, b"")]
    assert one.link.channel_state(1) is DlcState.DISCONNECTING
    assert one.give(1, hand.UIH, b"late") == []
    for turn in (1, 2):
        assert one.link.next_expiry() == pytest.approx(RUN + 0.1 * turn)
        assert one.link.expire(RUN + 0.1 * turn) == []
        assert one.out() == [(1, 0, hand.DISC, b"")]
    assert one.link.expire(RUN + 0.31) == [Ended(1)]
    again = peer().up(1)
    again.link.disconnect(1, RUN)
    assert again.give(1, hand.UA, cr=0) == [Ended(1)]
    assert again.link.next_expiry() is None


def test_cld_from_both_sides(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer().up(1, 2)
    assert one.control(0xC3, 1) == [Ended(1), Ended(2), Down("CLD")]
    assert one.out() == [(0, 0, hand.UIH, b"\xc1\x01")]
    own = peer(t2_s=0.3, n2=1).up()
    own.link.close_down(RUN)
    assert own.out() == [(0, 0, hand.UIH, b"\xc3\x01")]
    assert own.control(0xC1, 1) == [Down("CLD of the module")]
    silent = peer(t2_s=0.3, n2=1).up()
    silent.link.close_down(RUN)
    assert silent.link.expire(RUN + 0.3) == []
    assert [row[3] for row in silent.out()] == [b"\xc3\x01", b"\xc3\x01"]
    assert silent.link.expire(RUN + 0.6) == [Down("no answer on the control channel")]


def test_msc_both_ways_t2_n2(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer(t2_s=0.3, n2=2).up()
    one.give(1, hand.SABM)
    assert one.out()[1] == (0, 0, hand.UIH, b"\xe3\x05\x07\x0d")  # RTC and RTR
    for turn in (1, 2):
        assert one.link.expire(RUN + 0.3 * turn) == []
        assert one.out() == [(0, 0, hand.UIH, b"\xe3\x05\x07\x0d")]
    assert one.link.expire(RUN + 0.91) == []
    assert one.out() == []
    assert one.link.next_expiry() is None
    assert one.link.open_channels() == [1]
    # DTR and RTS off, then DTR on with a break signal of three octets; the answer repeats each
    assert one.control(0xE3, 5, 0x07, 0x01) == [Changed(1, Signals(ready=False, receiving=False))]
    assert one.control(0xE3, 7, 0x07, 0x05, 0x13) == [Changed(1, Signals(receiving=False))]
    assert [row[3] for row in one.out()] == [b"\xe1\x05\x07\x01", b"\xe1\x07\x07\x05\x13"]
    assert one.control(0xE3, 5, 0x0B, 0x0D) == []  # of a channel that is not open
    assert one.out() == []
    # RI and DCD of the module
    one.link.set_signals(1, Signals(ring=True, carrier=True), RUN)
    one.link.set_signals(1, Signals(ring=True, carrier=True), RUN)
    assert one.out() == [(0, 0, hand.UIH, b"\xe3\x05\x07\xcd")]
    assert one.control(0xE1, 5, 0x07, 0xCD) == []
    assert one.link.next_expiry() is None


def test_silence_may_close(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer(t2_s=0.3, n2=0, silence_closes=True).up()
    one.give(1, hand.SABM)
    assert one.link.expire(RUN + 0.3) == [Ended(1), Down("no answer on the control channel")]


def test_test_command(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer().up()
    one.control(0x23, 9, 1, 2, 3, 4)
    assert one.out() == [(0, 0, hand.UIH, b"\x21\x09\x01\x02\x03\x04")]


@pytest.mark.parametrize("octets", [
    b"\x83\x11\x01\x00\x07\x01\x40\x00\x03\x02",  # PN
    b"\x43\x01",  # PSC
    b"\x93\x03\x07",  # RPN, request
    b"\x53\x05\x07\x01",  # RLS
    b"\xd3\x05\x07\x01",  # SNC
    b"\x0b\x01",  # nothing that the standard knows
])
def test_not_supported(peer: Callable[..., Peer], hand: SimpleNamespace, octets: bytes) -> None:
    one = peer().up()
    one.control(*octets)
    assert one.out() == [(0, 0, hand.UIH, b"\x11\x03" + octets[:1])]


def test_optional_messages(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer(optional=frozenset({"pn", "psc", "rpn", "rls"})).up(1)
    one.control(0x83, 0x11, 1, 0, 7, 10, 0x20, 0, 3, 2)  # 32 octets
    one.control(0x83, 0x11, 2, 0, 7, 10, 0x00, 4, 3, 2)  # 1024, more than +CMUX gave
    one.control(0x93, 0x03, 0x07)
    one.control(0x53, 0x05, 0x07, 0x03)
    assert [row[3] for row in one.out()] == [
        b"\x81\x11\x01\x00\x07\x0a\x20\x00\x03\x02", b"\x81\x11\x02\x00\x07\x0a\x40\x00\x03\x02",
        b"\x91\x11\x07\x09\x03\x00\x11\x13\x00\x00", b"\x51\x05\x07\x03"]
    one.link.send(1, b"x" * 50)
    assert [len(row[3]) for row in one.out()] == [32, 18]
    one.control(0x43, 1)
    assert one.out() == [(0, 0, hand.UIH, b"\x41\x01")]
    assert one.link.receive(b"\xf9\xf9\xf9", RUN) == []
    assert one.link.output() == b"\xf9" * 4  # awake
    assert one.link.receive(b"\xf9\xf9\xf9", RUN) == []
    assert one.link.output() == b""


def test_fc_of_one_channel_and_fcoff_of_all(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer().up(1, 2)
    one.control(0xE3, 5, 0x07, 0x0F)  # FC
    one.link.send(1, b"held")
    one.link.send(2, b"free")
    assert [(row[0], row[3]) for row in one.out()] == [(0, b"\xe1\x05\x07\x0f"), (2, b"free")]
    assert one.link.waiting(1) == 4
    one.control(0x63, 1)  # FCoff
    one.control(0xE3, 5, 0x07, 0x0D)  # FC of channel 1 off again: FCoff still holds
    one.link.send(2, b"too")
    assert [row[3] for row in one.out()] == [b"\x61\x01", b"\xe1\x05\x07\x0d"]
    one.control(0xA3, 1)  # FCon
    assert [(row[0], row[3]) for row in one.out()] == [(0, b"\xa1\x01"), (1, b"held"), (2, b"too")]


def test_rts_of_a_channel_where_it_counts(peer: Callable[..., Peer]) -> None:
    one = peer().up(1)
    one.control(0xE3, 5, 0x07, 0x05)
    one.link.output()
    one.link.send(1, b"a")
    assert len(one.out()) == 1
    one.link.rtr_holds = True
    one.link.send(1, b"b")
    assert one.out() == []
    one.control(0xE3, 5, 0x07, 0x0D)
    assert [row[3] for row in one.out()] == [b"\xe1\x05\x07\x0d", b"b"]


def test_the_responder_stops_its_peer(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer(t2_s=0.3, n2=0).up(1)
    one.link.stop_peer(True, RUN)
    one.control(0x61, 1)
    one.link.stop_peer(False, RUN)
    assert [row[3] for row in one.out()] == [b"\x63\x01", b"\xa3\x01"]
    one.control(0x11, 3, 0xA3)  # the peer does not know it: not asked again
    assert one.link.next_expiry() is None


def test_n1_cuts_what_is_sent(peer: Callable[..., Peer]) -> None:
    one = peer(n1=31).up(1)
    one.link.send(1, bytes(100))
    assert [len(row[3]) for row in one.out()] == [31, 31, 31, 7]
    one.link.send(3, b"not open")
    assert one.out() == []


def test_a_frame_that_stands_still_is_given_up(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer(frame_gap_s=1.0).up(1)
    good = hand.frame(1, hand.UIH, b"good")
    assert one.link.receive(b"\xf9\x07\xef\x7f" + good, RUN) == []  # a length of 63 that never comes
    assert one.link.next_expiry() == RUN + 1
    assert one.link.expire(RUN + 1) == [Taken(1, b"good")]
    assert one.link.next_expiry() is None


def test_several_messages_in_a_frame_and_a_cut_one(peer: Callable[..., Peer], hand: SimpleNamespace) -> None:
    one = peer().up()
    one.control(0x23, 3, 7, 0xA3, 1, 0x23, 9, 1)
    assert [row[3] for row in one.out()] == [b"\x21\x03\x07", b"\xa1\x01"]


def test_what_is_held_for_too_long_is_lost(peer: Callable[..., Peer]) -> None:
    one = peer().up(1)
    one.control(0x63, 1)
    for _ in range(5):
        one.link.send(1, bytes(1024 * 1024))
    assert one.link.losses["lost"] == 1024 * 1024


@given(st.integers(0, 255), st.booleans(), st.binary(max_size=400))
def test_messages_come_back(kind: int, command: bool, value: bytes) -> None:
    message = Message(kind & ~2 | 1, command, value)
    assert decode(encode(message)) == [message]
    assert decode(encode(message) * 2) == [message, message]


@given(st.lists(st.one_of(
    st.binary(max_size=30),
    st.builds(lambda dlci, control, info: (dlci, control, info), st.integers(0, 4),
              st.sampled_from([0x3F, 0x73, 0x1F, 0x53, 0xEF, 0x03]), st.binary(max_size=12))), max_size=30))
def test_it_survives_anything(pieces: list[bytes | tuple[int, int, bytes]]) -> None:
    """Noise and frames in any order: no exception, and data only of channels that are open."""
    link, opened = Responder(Terms(), RUN), set()
    for number, piece in enumerate(pieces):
        octets = piece if isinstance(piece, bytes) else octets_of(*piece)
        now = RUN + number * 0.05
        for event in [*link.receive(octets, now), *link.expire(now)]:
            if isinstance(event, Opened):
                opened.add(event.dlci)
            elif isinstance(event, Ended):
                opened.remove(event.dlci)
            elif isinstance(event, Taken):
                assert event.dlci in opened
            elif isinstance(event, Down):
                assert opened == set()
        link.output()


def octets_of(dlci: int, control: int, info: bytes) -> bytes:
    """A frame of the DTE; which octets it has does not matter here."""
    from cellbench.virtual.front.cmux import frames

    kind = frames.Kind(control & 0xEF)
    return frames.encode(frames.Frame(dlci, kind, kind not in (frames.Kind.UA, frames.Kind.DM),
                                      bool(control & 0x10), info if kind.carries else b""))
