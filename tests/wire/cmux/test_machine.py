"""The machine: its table of states, the messages of the control channel byte for byte, timers by an argument,
flow control, closing; two machines against each other over a lossy line."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.wire.cmux import control
from cellbench.wire.cmux.control import DlcParameters, LineError, Message, MessageType, Signals
from cellbench.wire.cmux.decoder import Decoder, Outside
from cellbench.wire.cmux.dlc import TRANSITIONS, DlcAction, DlcInput, DlcState
from cellbench.wire.cmux.errors import WrongUse
from cellbench.wire.cmux.events import (
    Answered,
    Asked,
    Breach,
    Closed,
    ClosedDown,
    Event,
    FarSideBroke,
    NotSupported,
    Opened,
    Received,
    Refused,
    SignalsHeard,
    Silent,
    Unanswered,
)
from cellbench.wire.cmux.frame import Frame, FrameKind, encode
from cellbench.wire.cmux.machine import Multiplexer, Role, Settings

SETTINGS = Settings(n1=100, t1_s=1.0, n2=2, t2_s=2.0, frame_gap_s=0.5)
SABM0, UA0 = bytes.fromhex("F9033F011CF9"), bytes.fromhex("F9037301D7F9")
SABM1, UA1 = bytes.fromhex("F9073F01DEF9"), bytes.fromhex("F907730115F9")


def host(**more: object) -> Multiplexer:
    return Multiplexer(Role.INITIATOR, replace(SETTINGS, **more))


def opened(**more: object) -> Multiplexer:
    """An initiator with DLCI 0 and 1, its first MSC answered."""
    mux = host(**more)
    mux.establish(0, 0.0)
    assert mux.outgoing() == SABM0
    assert mux.receive(UA0, 0.0) == [Opened(0)]
    mux.establish(1, 0.0)
    assert mux.outgoing() == SABM1
    assert mux.receive(UA1, 0.0) == [Opened(1)]
    assert said(mux) == [Message(MessageType.MSC, True, b"\x07\x8d")]
    assert mux.receive(answer(MessageType.MSC, b"\x07\x8d"), 0.0) == [Answered(MessageType.MSC, b"\x07\x8d")]
    assert mux.due is None
    return mux


def frames(wire: bytes) -> list[Frame]:
    return [frame for frame in Decoder(2000).receive(wire) if isinstance(frame, Frame)]


def said(mux: Multiplexer) -> list[Message | None]:
    """The control messages that it sends now."""
    return [control.decode(frame.info) for frame in frames(mux.outgoing()) if not frame.dlci]


def from_far(message: Message) -> bytes:
    return encode(Frame(0, False, FrameKind.UIH, False, control.encode(message)))


def answer(kind: int, body: bytes) -> bytes:
    return from_far(Message(kind, False, body))


def order(kind: int, body: bytes) -> bytes:
    return from_far(Message(kind, True, body))


# -- DLCs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "what"), [(state, what) for state in DlcState for what in DlcInput])
def test_every_state_and_input(state: DlcState, what: DlcInput) -> None:
    """The machine does what the table says, and nothing where the table is silent."""
    mux, dlc = host(), 1
    mux.establish(0, 0.0)
    mux.receive(UA0, 0.0)
    mux.outgoing()
    mux._dlc(dlc).state = state
    row = TRANSITIONS.get((state, what))
    found = mux._move(mux._dlc(dlc), what, 0.0)
    sent = [FrameKind(frame.kind) for frame in frames(mux.outgoing()) if frame.dlci == dlc]
    if row is None:
        assert (mux.state(dlc), sent, found) == (state, [], [])
        return
    after, actions = row
    kinds = {DlcAction.SEND_SABM: FrameKind.SABM, DlcAction.SEND_DISC: FrameKind.DISC,
             DlcAction.SEND_UA: FrameKind.UA, DlcAction.SEND_DM: FrameKind.DM}
    events = {DlcAction.TELL_OPENED: Opened, DlcAction.TELL_CLOSED: Closed, DlcAction.TELL_REFUSED: Refused,
              DlcAction.TELL_SILENT: Silent}
    assert mux.state(dlc) is after
    assert sent == [kinds[action] for action in actions if action in kinds]
    assert [type(event) for event in found] == [events[action] for action in actions if action in events]
    assert (mux._dlc(dlc).t1_due is not None) is (after in (DlcState.SABM_SENT, DlcState.DISC_SENT))


def test_sabm_is_repeated_until_n2() -> None:
    mux = host()
    mux.establish(0, 0.0)
    assert (mux.outgoing(), mux.due) == (SABM0, 1.0)
    assert mux.tick(0.99) == []
    assert mux.outgoing() == b""
    for at in (1.0, 2.0):
        assert mux.tick(at) == []
        assert mux.outgoing() == SABM0
    assert mux.tick(3.0) == [Silent(0)]
    assert (mux.outgoing(), mux.due, mux.state(0)) == (b"", None, DlcState.DISCONNECTED)
    assert mux.receive(UA0, 4.0) == [], "a late UA connects nothing"


def test_refused_by_dm() -> None:
    mux = opened()
    mux.establish(2, 0.0)
    mux.outgoing()
    assert mux.receive(encode(Frame(2, True, FrameKind.DM, True, b"")), 0.1) == [Refused(2)]
    assert not mux.connected(2)


def test_release_is_answered_or_taken_for_done() -> None:
    mux = opened()
    assert mux.release(1, 0.0) == []
    assert mux.outgoing() == bytes.fromhex("F90753013FF9")
    assert mux.receive(UA1, 0.1) == [Closed(1)]
    silent = opened(disc_unanswered=True)
    assert silent.release(1, 0.0) == [Closed(1)]
    assert silent.outgoing() == bytes.fromhex("F90753013FF9")
    assert silent.due is None
    assert silent.release(0, 0.0) == [], "the control channel is always answered"
    assert silent.receive(UA0, 0.1) == [Closed(0), ClosedDown(False)]


def test_wrong_use_says_so() -> None:
    mux = host()
    for wrong in (lambda: mux.establish(1, 0.0), lambda: mux.send(1, b"x"), lambda: mux.close_down(0.0),
                  lambda: mux.establish(62, 0.0)):
        with pytest.raises(WrongUse):
            wrong()


def test_information_on_a_dlc_that_is_not_connected() -> None:
    mux = opened()
    heard = mux.receive(encode(Frame(2, False, FrameKind.UIH, False, b"x")), 0.0)
    assert heard == [FarSideBroke(Breach.NOT_CONNECTED, 2)]
    assert frames(mux.outgoing()) == [Frame(2, False, FrameKind.DM, False, b"")]


def test_an_echo_is_not_taken() -> None:
    """A module that left the multiplexer echoes what we send: the C/R bit says whose frames they are."""
    mux = opened()
    for echo in (SABM1, encode(Frame(1, True, FrameKind.UIH, False, b"AT\r"))):
        assert mux.receive(echo, 0.0) == [FarSideBroke(Breach.WRONG_DIRECTION, 1)]
    assert mux.outgoing() == b""
    assert mux.breaches[Breach.WRONG_DIRECTION] == 2


# -- control channel ---------------------------------------------------------------------------------------

MESSAGES = [
    (Message(MessageType.MSC, True, Signals().encode(1)), "E3 05 07 8D"),
    (Message(MessageType.MSC, True, Signals(fc=True, rtr=False, ic=True).encode(3)), "E3 05 0F C7"),
    (Message(MessageType.MSC, True, Signals(break_200ms=3).encode(2)), "E3 07 0B 8C 33"),
    (Message(MessageType.CLD, True, b""), "C3 01"),
    (Message(MessageType.CLD, False, b""), "C1 01"),
    (Message(MessageType.TEST, True, b"AB"), "23 05 41 42"),
    (Message(MessageType.FCON, True, b""), "A3 01"),
    (Message(MessageType.FCOFF, True, b""), "63 01"),
    (Message(MessageType.PSC, True, b""), "43 01"),
    (Message(MessageType.NSC, False, b"\xd3"), "11 03 D3"),
    (Message(MessageType.RLS, True, control.line_status(1, LineError.FRAMING)), "53 05 07 09"),
    (Message(MessageType.RPN, True, control.port_settings(1)), "93 11 07 07 03 00 11 13 01 00"),
    (Message(MessageType.PN, True, DlcParameters(1, 1500).encode()), "83 11 01 00 00 0A DC 05 03 02"),
    (Message(MessageType.TEST, True, bytes(130)), "23 04 03" + " 00" * 130),
    (Message(MessageType.TEST, True, bytes(1000)), "23 D0 0F" + " 00" * 1000),
]


@pytest.mark.parametrize(("message", "wire"), MESSAGES, ids=[row[1][:20] for row in MESSAGES])
def test_messages_byte_for_byte(message: Message, wire: str) -> None:
    assert control.encode(message) == bytes.fromhex(wire)
    assert control.decode(bytes.fromhex(wire)) == message


@given(st.binary(max_size=12))
def test_control_bytes_never_raise(noise: bytes) -> None:
    mux = opened()
    for event in mux.receive(encode(Frame(0, False, FrameKind.UIH, False, noise)), 0.0):
        assert isinstance(event, Event.__args__)  # type: ignore[attr-defined]


@given(st.builds(Signals, st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans(),
                 st.none() | st.integers(0, 15)), st.integers(0, 61))
def test_signals_there_and_back(signals: Signals, dlci: int) -> None:
    assert control.signals_of(signals.encode(dlci)) == (dlci, signals)


def test_a_message_is_repeated_until_it_is_answered() -> None:
    mux = opened()
    mux.command(MessageType.TEST, b"ping", 10.0)
    test = Message(MessageType.TEST, True, b"ping")
    assert said(mux) == [test]
    assert mux.tick(12.0) == []
    assert said(mux) == [test]
    assert mux.receive(answer(MessageType.TEST, b"ping"), 12.5) == [Answered(MessageType.TEST, b"ping")]
    assert mux.receive(answer(MessageType.TEST, b"ping"), 12.6) == [], "the answer to the repeat"
    mux.command(MessageType.TEST, b"pong", 20.0)
    assert [mux.tick(at) for at in (22.0, 24.0, 26.0)] == [
        [], [], [Unanswered(MessageType.TEST, b"pong")]]


def test_a_message_has_to_be_whole_in_one_frame() -> None:
    mux = opened()
    mux.command(MessageType.TEST, bytes(98), 0.0)
    assert said(mux) == [Message(MessageType.TEST, True, bytes(98))]
    with pytest.raises(WrongUse, match="N1 is 100"):
        mux.command(MessageType.TEST, bytes(99), 0.0)


def test_messages_of_two_dlcs_are_told_apart() -> None:
    mux = opened()
    mux.establish(2, 0.0)
    mux.receive(encode(Frame(2, True, FrameKind.UA, True, b"")), 0.0)
    mux.set_signals(1, Signals(rtc=False), 0.0)
    mux.outgoing()
    mux.receive(answer(MessageType.MSC, Signals().encode(2)), 0.0)
    assert mux.due == 2.0
    assert mux.receive(answer(MessageType.MSC, Signals(rtc=False).encode(1)), 0.0) == [
        Answered(MessageType.MSC, Signals(rtc=False).encode(1))]
    assert mux.due is None


def test_not_supported() -> None:
    mux = opened()
    mux.command(MessageType.PSC, b"", 0.0)
    assert mux.receive(answer(MessageType.NSC, b"\x43"), 0.1) == [NotSupported(MessageType.PSC)]
    assert mux.due is None
    assert mux.receive(order(MessageType.SNC, b"\x07"), 0.2) == []
    assert said(mux)[-1] == Message(MessageType.NSC, False, b"\xd3")


def test_what_the_far_side_asks_is_answered() -> None:
    mux = opened()
    for kind, body, back in (
            (MessageType.TEST, b"pattern", b"pattern"), (MessageType.PSC, b"", b""),
            (MessageType.RLS, b"\x07\x03", b"\x07\x03"), (MessageType.RPN, b"\x07", control.port_settings(1)),
            (MessageType.PN, DlcParameters(1, 1500, frame_type=1).encode(), DlcParameters(1, 100).encode())):
        assert mux.receive(order(kind, body), 0.0) == [Asked(kind, body)]
        assert said(mux) == [Message(kind, False, back)]


def test_pn_sets_n1() -> None:
    mux = opened()
    mux.negotiate(DlcParameters(1, 100), 0.0)
    mux.outgoing()
    mux.receive(answer(MessageType.PN, DlcParameters(1, 10).encode()), 0.0)
    mux.send(1, bytes(25))
    assert [len(frame.info) for frame in frames(mux.outgoing())] == [10, 10, 5]


def test_flow_control_of_one_dlc_and_of_all() -> None:
    mux = opened()
    assert mux.receive(order(MessageType.MSC, Signals(fc=True).encode(1)), 0.0) == [
        SignalsHeard(1, Signals(fc=True))]
    assert said(mux) == [Message(MessageType.MSC, False, Signals(fc=True).encode(1))]
    assert (mux.held(1), mux.held(2), mux.held(0)) == (True, False, False)
    mux.receive(order(MessageType.MSC, Signals().encode(1)), 0.0)
    assert not mux.held(1)
    mux.receive(order(MessageType.FCOFF, b""), 0.0)
    assert (mux.held(1), mux.held(2), mux.held(0)) == (True, True, False)
    mux.receive(order(MessageType.FCON, b""), 0.0)
    assert not mux.held(1)


def test_signals_of_a_dlc_that_is_not_there_are_not_taken() -> None:
    mux = opened()
    assert mux.receive(order(MessageType.MSC, Signals(fc=True).encode(2)), 0.0) == [
        FarSideBroke(Breach.NOT_CONNECTED, 2)]
    assert mux.outgoing() == b""


def test_close_down_by_us_and_by_the_far_side() -> None:
    mux = opened()
    mux.close_down(0.0)
    assert mux.outgoing() == bytes.fromhex("F903EF05C301F2F9")
    assert mux.receive(answer(MessageType.CLD, b""), 0.1) == [Answered(MessageType.CLD, b""),
                                                             ClosedDown(False)]
    assert not mux.up
    assert mux.receive(b"\r\nOK\r\n", 0.2) == [Outside(b"\r\nOK\r\n")]
    other = opened()
    assert other.receive(order(MessageType.CLD, b""), 0.0) == [ClosedDown(True)]
    assert said(other) == [Message(MessageType.CLD, False, b"")]
    third = opened()
    assert third.receive(encode(Frame(0, False, FrameKind.DISC, True, b"")), 0.0) == [Closed(0),
                                                                                     ClosedDown(True)]
    assert frames(third.outgoing()) == [Frame(0, False, FrameKind.UA, True, b"")]


def test_a_frame_that_stands_still_is_given_up() -> None:
    mux = opened()
    good = encode(Frame(1, False, FrameKind.UIH, False, b"good"))
    assert mux.receive(good.replace(b"\x09", b"\x89") + good, 5.0) == []  # a length that is too large
    assert mux.due == 5.5
    assert mux.tick(5.4) == []
    assert mux.tick(5.5)[-1] == Received(1, b"good")
    assert mux.decoder.stretches == 1
    assert mux.due is None


# -- two ends ----------------------------------------------------------------------------------------------


class Pair:
    """An initiator and a responder on one line; ``spoil`` is what the line does to the bytes."""

    def __init__(self, n1: int = 50) -> None:
        self.ours = Multiplexer(Role.INITIATOR, replace(SETTINGS, n1=n1))
        self.theirs = Multiplexer(Role.RESPONDER, replace(SETTINGS, n1=n1))
        self.heard: tuple[list[Event], list[Event]] = ([], [])
        self.now = 0.0
        self.spoil = bytes

    def run(self) -> None:
        """Until both are quiet."""
        while self.ours.has_outgoing or self.theirs.has_outgoing:
            self.heard[1].extend(self.theirs.receive(self.spoil(self.ours.outgoing()), self.now))
            self.heard[0].extend(self.ours.receive(self.spoil(self.theirs.outgoing()), self.now))

    def later(self) -> bool:
        """Let the next timer run out; False when none runs."""
        times = [one.due for one in (self.ours, self.theirs) if one.due is not None]
        if not times:
            return False
        self.now = max(self.now, min(times))
        self.heard[0].extend(self.ours.tick(self.now))
        self.heard[1].extend(self.theirs.tick(self.now))
        self.run()
        return True

    def settle(self) -> None:
        self.run()
        while self.later():
            continue

    def got(self, side: int, dlci: int) -> bytes:
        return b"".join(one.data for one in self.heard[side]
                        if isinstance(one, Received) and one.dlci == dlci)


def test_both_roles_open_and_exchange() -> None:
    pair = Pair()
    for dlci in range(4):
        pair.ours.establish(dlci, 0.0)
        pair.settle()
    for dlci in (1, 2, 3):
        assert pair.ours.connected(dlci)
        assert pair.theirs.connected(dlci)
        assert pair.theirs.signals(dlci) == pair.ours.signals(dlci) == Signals()
        pair.ours.send(dlci, b"out%d" % dlci * 50)
        pair.theirs.send(dlci, b"back%d" % dlci * 50)
    pair.settle()
    for dlci in (1, 2, 3):
        assert (pair.got(1, dlci), pair.got(0, dlci)) == (b"out%d" % dlci * 50, b"back%d" % dlci * 50)
    pair.ours.close_down(pair.now)
    pair.settle()
    assert (pair.ours.up, pair.theirs.up) == (False, False)
    assert not pair.ours.breaches + pair.theirs.breaches


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from([0.001, 0.01, 0.05]))
def test_a_bad_line_never_hangs_them_and_they_recover(seed: int, rate: float) -> None:
    """With damaged and lost bytes every timer runs out; on a good line all works again."""
    chance = random.Random(seed)
    pair = Pair()
    for dlci in range(3):
        pair.ours.establish(dlci, 0.0)
        pair.settle()

    def spoilt(data: bytes) -> bytes:
        return bytes(byte ^ (1 << chance.randrange(8) if chance.random() < rate else 0)
                     for byte in data if chance.random() >= rate / 10)

    pair.spoil = spoilt
    for _ in range(30):
        for dlci in (1, 2):
            for side in (pair.ours, pair.theirs):
                if side.up and side.connected(dlci) and not side.held(dlci):
                    side.send(dlci, chance.randbytes(120))
            if pair.ours.up and pair.ours.connected(0):
                pair.ours.set_signals(dlci, Signals(rtr=chance.random() < 0.5), pair.now)
        pair.settle()
    pair.spoil = bytes
    if not (pair.ours.connected(0) and pair.theirs.connected(0)):
        return  # a change that no FCS shows may end it: then the user begins anew
    for dlci in (0, 1, 2):
        if not pair.ours.connected(dlci) or not pair.theirs.connected(dlci):
            pair.ours._dlc(dlci).state = DlcState.DISCONNECTED
            pair.ours.establish(dlci, pair.now)
            pair.settle()
        if dlci:
            pair.ours.set_signals(dlci, Signals(), pair.now)
            pair.theirs.set_signals(dlci, Signals(), pair.now)
    pair.settle()
    for dlci in (1, 2):
        mark = len(pair.heard[1])
        pair.ours.send(dlci, b"all is well")
        pair.settle()
        assert Received(dlci, b"all is well") in pair.heard[1][mark:]
