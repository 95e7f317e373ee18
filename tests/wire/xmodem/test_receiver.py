"""The receiver: its table of states, windows, the data flows that the reference prints, what goes wrong."""

from __future__ import annotations

import pytest

from cellbench.wire.xmodem.block import CANCEL, Check, encode
from cellbench.wire.xmodem.errors import WrongUse
from cellbench.wire.xmodem.events import Event, Failed, Finished, Reason, Taken
from cellbench.wire.xmodem.receiver import CHECKSUM_ONLY, U_BLOX, Receiver, ReceiverSettings
from cellbench.wire.xmodem.receiving import TRANSITIONS, ReceiverAction, ReceiverInput, ReceiverState

ACK, NAK, EOT, CAN = b"\x06", b"\x15", b"\x04", b"\x18"
PAYLOADS = [bytes([number]) * 128 for number in (0x11, 0x18, 0x04)]


def block(number: int, check: Check = Check.CRC) -> bytes:
    return encode(number, PAYLOADS[(number - 1) % 3], 128, check)


def begun(**settings: object) -> Receiver:
    receiver = Receiver(ReceiverSettings(**settings))  # type: ignore[arg-type]
    receiver.start(0.0)
    receiver.outgoing()
    return receiver


def quiet(receiver: Receiver) -> list[Event]:
    """What follows when nothing more comes."""
    assert receiver.due is not None
    return receiver.tick(receiver.due)


@pytest.mark.parametrize("check", list(Check))
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_whole_transfer_in_any_pieces(check: Check, size: int) -> None:
    receiver = begun(windows=((check, 3.0),))
    wire = block(1, check) + block(2, check) + encode(3, b"k" * 1024, 1024, check) + EOT
    found: list[Event] = []
    for at in range(0, len(wire), size):
        found += receiver.receive(wire[at:at + size], 1.0)
    found += quiet(receiver)
    assert found == [Taken(PAYLOADS[0]), Taken(PAYLOADS[1]), Taken(b"k" * 1024), Finished()]
    assert receiver.outgoing() == ACK * 4
    assert (receiver.received, receiver.repeats, receiver.due) == (1280, 0, None)


def test_windows_of_the_guide() -> None:
    """LENA-R8 guide 11.1.1: three C at 3 s, ten NAK at 10 s, 109 s in all."""
    receiver = Receiver(ReceiverSettings(windows=U_BLOX))
    receiver.start(0.0)
    asked, found, now = [(0.0, receiver.outgoing())], [], 0.0
    while receiver.due is not None:
        now = receiver.due
        found += receiver.tick(now)
        asked.append((now, receiver.outgoing()))
    assert asked[:-1] == [(3.0 * place, b"C") for place in range(3)] + [
        (9.0 + 10.0 * place, NAK) for place in range(10)]
    assert asked[-1] == (109.0, CANCEL)
    assert found == [Failed(Reason.NO_SENDER)]


@pytest.mark.parametrize(("waits", "check"), [(0, Check.CRC), (2, Check.CRC), (3, Check.CHECKSUM),
                                              (12, Check.CHECKSUM)])
def test_the_window_chooses_the_check(waits: int, check: Check) -> None:
    receiver = begun(windows=U_BLOX)
    for _ in range(waits):
        quiet(receiver)
    receiver.outgoing()
    assert receiver.check is check
    found = receiver.receive(block(1, check), 200.0)
    if check is Check.CHECKSUM:  # it might be a block with CRC that goes on
        assert (found, receiver.due) == ([], 200.5)
        found = quiet(receiver)
    assert found == [Taken(PAYLOADS[0])]
    assert receiver.outgoing() == ACK
    assert receiver.receive(block(2, check), 201.0) == [Taken(PAYLOADS[1])]


def test_a_block_with_crc_in_the_window_of_the_checksum() -> None:
    """Its first check byte is what the checksum would be."""
    payload = next(data for data in (bytes([a, b]) + bytes(126) for a in range(256) for b in range(256))
                   if encode(1, data, 128, Check.CRC)[131] == sum(data) & 0xFF)
    receiver = begun(windows=U_BLOX)
    for _ in range(3):
        quiet(receiver)
    receiver.outgoing()
    assert receiver.receive(encode(1, payload, 128, Check.CRC), 10.0) == []
    assert quiet(receiver) == []
    assert receiver.outgoing() == NAK


def test_a_hit_waits_for_the_line_to_clear() -> None:
    """7.4: NAK after one second of silence."""
    receiver = begun(windows=CHECKSUM_ONLY)
    damaged = bytearray(block(1, Check.CHECKSUM))
    damaged[50] ^= 1
    assert receiver.receive(bytes(damaged), 10.0) == []
    assert receiver.receive(b"more", 10.5) == []
    assert receiver.tick(11.4) == []
    assert receiver.outgoing() == b""
    assert receiver.tick(11.5) == []
    assert receiver.outgoing() == NAK
    assert receiver.receive(block(1, Check.CHECKSUM), 12.0) == [Taken(PAYLOADS[0])]


def test_before_the_first_block_the_start_character_is_repeated() -> None:
    receiver = begun()
    receiver.receive(b"\x03" + block(1)[1:], 1.0)
    quiet(receiver)
    assert receiver.outgoing() == b"C"
    receiver.receive(block(1)[:-1], 3.0)
    quiet(receiver)
    assert receiver.outgoing() == b"C"
    assert receiver.state is ReceiverState.STARTING


def test_the_last_block_again_is_acknowledged_and_not_taken() -> None:
    receiver = begun()
    assert len(receiver.receive(block(1) + block(2), 1.0)) == 2
    assert receiver.receive(block(2), 2.0) == []
    assert receiver.outgoing() == ACK * 3


def test_another_number_is_fatal() -> None:
    receiver = begun()
    receiver.receive(block(1), 1.0)
    receiver.outgoing()
    assert receiver.receive(block(3), 1.0) == [Failed(Reason.OUT_OF_STEP)]
    assert receiver.outgoing() == CANCEL


@pytest.mark.parametrize("first", [EOT, CAN])
def test_a_damaged_head_is_neither_end_nor_cancel(first: bytes) -> None:
    """Block 0x18 with its SOH turned into CAN begins with CAN CAN."""
    receiver = begun()
    for number in range(1, 0x18):
        receiver.receive(block(number), 1.0)
    receiver.outgoing()
    damaged = first + block(0x18)[1:]
    assert receiver.receive(damaged[:2], 2.0) == []
    assert receiver.receive(damaged[2:], 2.1) == []
    quiet(receiver)
    assert receiver.outgoing() == NAK
    assert receiver.receive(block(0x18), 4.0) == [Taken(PAYLOADS[(0x18 - 1) % 3])]


@pytest.mark.parametrize("wire", [b"\x18\x18", b"\x18" * 8, b"\x18" * 8 + b"\x08" * 8])
def test_can_can(wire: bytes) -> None:
    receiver = begun()
    receiver.receive(block(1), 1.0)
    receiver.outgoing()
    assert receiver.receive(wire, 2.0) == []
    assert quiet(receiver) == [Failed(Reason.CANCELLED_BY_FAR_SIDE)]
    assert receiver.outgoing() == b""


def test_one_can_is_noise() -> None:
    receiver = begun()
    receiver.receive(block(1) + CAN, 1.0)
    receiver.outgoing()
    assert quiet(receiver) == []
    assert receiver.outgoing() == NAK


def test_eot_again_when_our_ack_was_lost() -> None:
    receiver = begun()
    receiver.receive(EOT, 1.0)
    assert quiet(receiver) == [Finished()]
    receiver.outgoing()
    assert receiver.receive(EOT, 9.0) == []
    assert receiver.outgoing() == ACK


def test_the_sender_stops_or_sends_rubbish() -> None:
    for wire, reason in ((b"", Reason.SILENT), (b"rubbish", Reason.DAMAGED)):
        receiver, found = begun(), []
        receiver.receive(block(1), 1.0)
        for _ in range(30):
            receiver.receive(wire, 1.0)
            found += quiet(receiver) if receiver.due is not None else []
        assert found == [Failed(reason)]
        assert receiver.outgoing() == CANCEL


def test_a_line_that_never_clears() -> None:
    receiver = begun(purge_most_s=10.0)
    now = 0.0
    while receiver.outgoing() == b"":
        now += 0.5
        receiver.receive(b"U", now)
        receiver.tick(now)
        assert now < 20.0
    assert now == pytest.approx(10.5)


def test_we_cancel() -> None:
    receiver = begun()
    assert receiver.cancel(1.0) == [Failed(Reason.CANCELLED)]
    assert receiver.outgoing() == CANCEL
    assert receiver.cancel(1.0) == []
    with pytest.raises(WrongUse):
        receiver.start(2.0)


def test_the_table() -> None:
    """Each state but FAILED can be left or acts, each input and action is used."""
    assert set(TRANSITIONS) == set(ReceiverState) - {ReceiverState.FAILED}
    rows = [(state, what, *row) for state, moves in TRANSITIONS.items() for what, row in moves.items()]
    assert {what for _, what, _, _ in rows} == set(ReceiverInput)
    assert {action for *_, actions in rows for action in actions} == set(ReceiverAction)
    for state, what, after, actions in rows:
        assert (ReceiverAction.TELL_FAILED in actions) is (after is ReceiverState.FAILED), (state, what)
