"""The module's Xmodem receiver: the window, both checks, damage, repeats, CAN, silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.front.xmodem import Outcome, Phase, Windows, XmodemReceiver, crc16

ACK, NAK, CAN, EOT = b"\x06", b"\x15", b"\x18", b"\x04"


def block(number: int, data: bytes, *, with_crc: bool = True) -> bytes:
    """A block as the reference describes it."""
    check = crc16(data).to_bytes(2, "big") if with_crc else bytes([sum(data) & 255])
    return bytes([1 if len(data) == 128 else 2, number & 255, 255 - (number & 255)]) + data + check


def begun() -> XmodemReceiver:
    receiver = XmodemReceiver(Windows())
    assert receiver.start() == b"C"
    return receiver


def test_the_check_of_the_standard() -> None:
    """CRC-16/XMODEM of 123456789 is 31C3 (catalogue of CRC algorithms)."""
    assert crc16(b"123456789") == 0x31C3


def test_the_window() -> None:
    """LENA-R8 guide 11.1.1: three C, ten NAK, 109 s."""
    receiver, said, total = begun(), b"C", 0.0
    while receiver.outcome is None:
        total += receiver.wait_s
        said += receiver.expired()
    assert (said, total, receiver.outcome) == (b"CCC" + NAK * 10, 109.0, Outcome.NOBODY)
    assert Windows().total_s == 109.0


@pytest.mark.parametrize("size", [128, 1024])
@pytest.mark.parametrize("naks", [0, 1])
@given(pieces=st.lists(st.integers(1, 700), max_size=30))
def test_blocks_in_any_split(size: int, naks: int, pieces: list[int]) -> None:
    receiver = begun()
    for _ in range(naks * 3):
        receiver.expired()
    data = [bytes([number % 251]) * size for number in range(1, 5)]
    stream = b"".join(block(number, one, with_crc=not naks) for number, one in enumerate(data, 1)) + EOT
    said, place = b"", 0
    for piece in [*pieces, len(stream)]:
        said += receiver.receive(stream[place : place + piece])
        place += piece
    assert said == ACK * 5
    assert [one.data for one in receiver.take()] == data
    assert receiver.outcome is Outcome.COMPLETE
    assert receiver.receive(EOT) == ACK  # a sender that lost the ACK


def test_numbers_wrap() -> None:
    receiver = begun()
    for number in range(1, 600):
        assert receiver.receive(block(number, bytes(128))) == ACK
    assert receiver.blocks_taken == 599


def test_a_damaged_block_is_asked_for_again() -> None:
    receiver = begun()
    good = block(1, b"a" * 128)
    for place in (1, 2, 50, 131):
        bad = good[:place] + bytes([good[place] ^ 0x20]) + good[place + 1 :]
        assert receiver.receive(bad) == b""
        assert receiver.phase is Phase.QUIET
        assert receiver.expired() == NAK
    assert receiver.receive(good) == ACK
    assert receiver.receive(good) == ACK  # our ACK was lost: the repeated block counts once
    assert len(receiver.take()) == 1


def test_a_short_block_is_asked_for_again() -> None:
    receiver = begun()
    receiver.receive(block(1, b"a" * 128)[:60])
    assert receiver.wait_s == Windows().within_block_s
    assert receiver.expired() == NAK
    assert receiver.receive(block(1, b"a" * 128)) == ACK


def test_a_number_out_of_order_ends_it() -> None:
    receiver = begun()
    receiver.receive(block(1, bytes(128)))
    assert receiver.receive(block(3, bytes(128))) == CAN * 8
    assert receiver.outcome is Outcome.LOST


def test_can_can_ends_it_and_one_alone_does_not() -> None:
    receiver = begun()
    receiver.receive(block(1, bytes(128)))
    receiver.receive(CAN)
    assert receiver.outcome is None
    assert receiver.receive(block(2, bytes(128))) == ACK
    receiver.receive(CAN + CAN)
    assert receiver.outcome is Outcome.CANCELLED


def test_a_sender_that_stops() -> None:
    receiver, said = begun(), b""
    receiver.receive(block(1, bytes(128)))
    while receiver.outcome is None:
        said += receiver.expired()
    assert said == NAK * 10 + CAN * 8
    assert receiver.outcome is Outcome.SILENT


def test_what_a_person_types_begins_nothing() -> None:
    receiver = begun()
    assert receiver.receive(b"AT\r") == b""
    assert receiver.phase is Phase.CALLING
    assert receiver.receive(block(1, bytes(128))) == ACK


@given(st.binary(max_size=3000))
def test_nothing_that_comes_breaks_it(data: bytes) -> None:
    receiver = begun()
    receiver.receive(data)
    for _ in range(40):
        receiver.expired()
    assert receiver.phase in (Phase.ENDED, Phase.DONE)
