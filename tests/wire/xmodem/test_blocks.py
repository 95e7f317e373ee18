"""Blocks byte for byte, by hand from 7.2 and 8 of the reference; the check value is the CRC catalogue's."""

from __future__ import annotations

import pytest

from cellbench.wire.xmodem.block import Check, Mode, check_of, encode, length_at, number_of, predicted_s


def test_short_block_with_checksum() -> None:
    wire = encode(1, b"\x01\x02\xff", 128, Check.CHECKSUM)
    # the sum of 1, 2, 255 and 125 times 0x1A is 3508 = 13 * 256 + 0xB4
    assert wire == b"\x01\x01\xfe" + b"\x01\x02\xff" + b"\x1a" * 125 + b"\xb4"


def test_long_block_with_crc() -> None:
    wire = encode(0x1FF, bytes(1024), 1024, Check.CRC)
    assert wire == b"\x02\xff\x00" + bytes(1024) + b"\x00\x00"
    assert check_of(b"123456789", Check.CRC) == b"\x31\xc3"  # CRC-16/XMODEM in Greg Cook's catalogue


def test_numbers_wrap_to_zero() -> None:
    assert [encode(number, b"", 128, Check.CRC)[1:3] for number in (255, 256, 257)] == [
        b"\xff\x00", b"\x00\xff", b"\x01\xfe"]


@pytest.mark.parametrize("place", [1, 2, 3, 130, 131, 132])
def test_one_damaged_byte_is_seen(place: int) -> None:
    for check in Check:
        block = bytearray(encode(7, bytes(range(128)), 128, check))
        assert number_of(bytes(block), check) == 7
        block[min(place, len(block) - 1)] ^= 0x10
        assert number_of(bytes(block), check) is None


def test_lengths_as_figure_2() -> None:
    def cut(size: int, mode: Mode, check: Check) -> list[int]:
        found = []
        while size > 0:
            found.append(length_at(size, mode, check))
            size -= found[-1]
        return found

    assert cut(2 * 1024 + 228, Mode.XMODEM_1K, Check.CRC) == [1024, 1024, 128, 128]
    assert cut(1024 + 897, Mode.XMODEM_1K, Check.CRC) == [1024, 1024]
    assert cut(1024, Mode.XMODEM_1K, Check.CHECKSUM) == [128] * 8
    assert cut(129, Mode.XMODEM, Check.CRC) == [128, 128]


def test_predicted_time() -> None:
    # three blocks of 133 bytes, EOT, and four replies at 10 bits each
    assert predicted_s(300, Mode.XMODEM, 9600) == pytest.approx((3 * 133 + 1 + 4) * 10 / 9600)
    with_replies = predicted_s(300, Mode.XMODEM, 9600, turnaround_s=0.1)
    assert with_replies == pytest.approx((3 * 133 + 1 + 4) * 10 / 9600 + 0.4)
    assert predicted_s(0, Mode.XMODEM_1K, 115200) == pytest.approx(20 / 115200)
    # 74,268 bytes, the size of the guide's example package: 72 long blocks, five short ones
    assert predicted_s(74_268, Mode.XMODEM_1K, 115200) == pytest.approx(
        (72 * 1029 + 5 * 133 + 1 + 78) * 10 / 115200)
