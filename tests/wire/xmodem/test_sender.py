"""The sender: its table of states, the data flows that the reference prints, what goes wrong."""

from __future__ import annotations

import pytest

from cellbench.wire.xmodem.block import CANCEL, Check, Mode, encode
from cellbench.wire.xmodem.errors import WrongUse
from cellbench.wire.xmodem.events import Failed, Finished, Reason, Repeated
from cellbench.wire.xmodem.sender import Sender, SenderSettings
from cellbench.wire.xmodem.sending import TRANSITIONS, SenderAction, SenderInput, SenderState

ACK, NAK, EOT, CAN = b"\x06", b"\x15", b"\x04", b"\x18"
SETTINGS = SenderSettings(start_s=60.0, reply_s=20.0, garbled_s=1.0, settle_s=0.5, eot_s=6.0)
DATA = bytes(range(256)) + b"end"
BLOCKS = {check: [encode(number, DATA[at:at + 128], 128, check)
                  for number, at in ((1, 0), (2, 128), (3, 256))] for check in Check}


def begun(start: bytes, data: bytes = DATA, mode: Mode = Mode.XMODEM) -> Sender:
    sender = Sender(data, mode, SETTINGS)
    sender.start(0.0)
    assert sender.outgoing() == b""
    assert sender.receive(start, 1.0) == []
    return sender


@pytest.mark.parametrize(("start", "check"), [(b"C", Check.CRC), (NAK, Check.CHECKSUM)])
def test_figures_10_and_14_without_hits(start: bytes, check: Check) -> None:
    sender = begun(start)
    for place, block in enumerate(BLOCKS[check]):
        assert sender.outgoing() == block
        sender.prepare()
        assert sender.acknowledged == place * 128
        assert sender.receive(ACK, 2.0) == []
    assert sender.acknowledged == sender.total == len(DATA)
    assert sender.outgoing() == EOT
    assert sender.receive(ACK + b"\r\n+UFWPREVAL: 0\r\n", 3.0) == [Finished(True, b"\r\n+UFWPREVAL: 0\r\n")]
    assert (sender.due, sender.check, sender.repeats) == (None, check, 0)


def test_figure_10_with_hits() -> None:
    """A block is refused, an ACK garbled, EOT refused once."""
    sender, (one, two, three) = begun(NAK), BLOCKS[Check.CHECKSUM]
    assert sender.outgoing() == one
    sender.receive(ACK, 1.0)
    assert sender.outgoing() == two
    assert sender.receive(NAK, 1.0) == [Repeated(2, "NAK")]
    assert sender.outgoing() == two
    sender.receive(ACK, 1.0)
    assert sender.outgoing() == b""
    sender.tick(1.5)
    assert sender.outgoing() == three
    assert sender.receive(b"\x86", 2.0) == []
    assert sender.tick(2.9) == []
    assert sender.tick(3.0) == [Repeated(3, "the reply does not come, or is garbled")]
    assert sender.outgoing() == three
    sender.receive(ACK, 4.0)
    sender.tick(4.5)
    assert sender.outgoing() == EOT
    assert sender.receive(NAK, 5.0) == [Repeated(None, "NAK")]
    assert sender.outgoing() == EOT
    assert sender.receive(ACK, 6.0) == [Finished()]


def test_1k_blocks_and_their_end() -> None:
    data = bytes(1024) + b"x" * 130
    sender = begun(b"C", data, Mode.XMODEM_1K)
    sizes = []
    while (wire := sender.outgoing()) != EOT:
        sizes.append((wire[0], wire[1], len(wire)))
        sender.prepare()
        sender.receive(ACK, 1.0)
    assert sizes == [(2, 1, 1029), (1, 2, 133), (1, 3, 133)]


@pytest.mark.parametrize(("heard", "check"), [
    (b"CCC", Check.CRC), (b"CCC\x15", Check.CHECKSUM), (b"\x15\x15", Check.CHECKSUM),
    (b"\r\n+UFWUPD: ONGOING\r\nC", Check.CRC)])
def test_started_in_either_window(heard: bytes, check: Check) -> None:
    """LENA-R8 guide 11.1.1: three C, then NAK; the last one that stands there counts."""
    assert begun(heard).outgoing() == BLOCKS[check][0]


def test_text_with_a_c_is_no_start() -> None:
    sender = begun(b"\r\nCONNECT\r\n")
    assert (sender.outgoing(), sender.state) == (b"", SenderState.WAITING)


def test_c_again_before_the_first_ack_and_behind_it() -> None:
    sender = begun(NAK)
    assert sender.outgoing() == BLOCKS[Check.CHECKSUM][0]
    assert sender.receive(b"C", 2.0) == [Repeated(1, "C")]
    assert sender.outgoing() == BLOCKS[Check.CRC][0]
    sender.receive(ACK, 2.0)
    sender.tick(3.0)
    assert sender.outgoing() == BLOCKS[Check.CRC][1]
    assert sender.receive(b"C", 3.0) == []
    assert sender.outgoing() == b""


def test_a_receiver_that_went_over_to_the_checksum() -> None:
    sender = begun(b"C")
    sent = [sender.outgoing()]
    for _ in range(3):
        sender.receive(NAK, 2.0)
        sent.append(sender.outgoing())
    assert sent == [BLOCKS[Check.CRC][0]] * 3 + [BLOCKS[Check.CHECKSUM][0]]


def test_late_acks_of_copies_are_not_those_of_the_next_block() -> None:
    sender = begun(b"C")
    sender.outgoing()
    assert sender.tick(21.0) != []
    assert sender.outgoing() == BLOCKS[Check.CRC][0]
    sender.receive(ACK, 21.1)
    sender.receive(ACK, 21.4)
    assert sender.tick(21.8) == []
    assert sender.outgoing() == b""
    sender.tick(21.9)
    assert sender.outgoing() == BLOCKS[Check.CRC][1]
    assert sender.acknowledged == 128


@pytest.mark.parametrize("pieces", [[b"\x18\x18"], [b"\x18", b"\x18"], [b"?\x18", b"\x18\x08"]])
def test_can_can(pieces: list[bytes]) -> None:
    for start in (b"", b"C"):
        sender = begun(start)
        sender.outgoing()
        found = [event for piece in pieces for event in sender.receive(piece, 1.0)]
        assert found == ([Failed(Reason.CANCELLED_BY_FAR_SIDE)])
        assert (sender.outgoing(), sender.due) == (b"", None)


def test_one_can_is_noise() -> None:
    sender = begun(b"C")
    sender.outgoing()
    assert sender.receive(CAN, 1.0) == []
    assert sender.receive(ACK, 1.5) == []
    assert sender.outgoing() == BLOCKS[Check.CRC][1]


def test_we_cancel() -> None:
    sender = begun(b"C")
    assert sender.cancel(1.0) == [Failed(Reason.CANCELLED)]
    assert sender.outgoing() == CANCEL
    assert sender.cancel(1.0) == []
    with pytest.raises(WrongUse):
        sender.start(2.0)


def test_refused_ten_times() -> None:
    sender = begun(NAK)
    found = []
    for _ in range(10):
        sender.outgoing()
        found += sender.receive(NAK, 1.0)
    assert found == [Repeated(1, "NAK")] * 9 + [Failed(Reason.REFUSED)]
    assert sender.outgoing() == CANCEL


def test_nobody_asks_and_nobody_answers() -> None:
    sender = begun(b"")
    assert sender.tick(59.9) == []
    assert sender.tick(60.0) == [Failed(Reason.NO_RECEIVER)]
    assert sender.outgoing() == b""
    sender, now, found = begun(b"C"), 1.0, []
    while sender.due is not None:
        now = sender.due
        found += sender.tick(now)
    assert found[-1] == Failed(Reason.SILENT)
    assert now == pytest.approx(1.0 + 10 * 20.0)


def test_the_last_ack_is_missing() -> None:
    sender = begun(NAK, b"")
    assert sender.outgoing() == EOT
    assert sender.tick(7.0) != []
    assert sender.outgoing() == EOT
    assert sender.receive(b"\r\n", 8.0) == []
    assert sender.tick(9.0) == [Finished(False, b"\r\n")]


def test_the_table() -> None:
    """Each state but the last two can be left, each input and action is used."""
    ends = {SenderState.FINISHED, SenderState.FAILED}
    assert {state for state, _ in TRANSITIONS} == set(SenderState) - ends
    assert {what for _, what in TRANSITIONS} == set(SenderInput)
    assert {action for _, actions in TRANSITIONS.values() for action in actions} == set(SenderAction)
    for (state, what), (after, actions) in TRANSITIONS.items():
        told = {SenderAction.TELL_CONFIRMED, SenderAction.TELL_UNCONFIRMED, SenderAction.TELL_FAILED}
        assert bool(told & set(actions)) is (after in ends), (state, what)
