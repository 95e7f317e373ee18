"""Modbus requests and answers against the examples of the specifications, and against anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.instruments.line.modbus import (
    READ_COILS,
    READ_INPUTS,
    ModbusRefusal,
    RtuFraming,
    TcpFraming,
    bits_of,
    confirm_write,
    read_bits,
    with_crc,
    write_coil,
)


def test_read_coils_as_in_the_specification():
    """MODBUS Application Protocol V1.1b3, 6.1: coils 20 to 38."""
    request = read_bits(READ_COILS, 0x13, 0x13)
    assert request == bytes.fromhex("01 00 13 00 13")
    bits = bits_of(request, bytes.fromhex("01 03 CD 6B 05"))
    assert "".join(str(int(bit)) for bit in reversed(bits[:8])) == "11001101"  # CDh: coils 27 to 20
    assert [int(bit) for bit in bits[16:]] == [1, 0, 1]  # 05h: coils 38 to 36


def test_read_discrete_inputs_as_in_the_specification():
    """V1.1b3, 6.2: discrete inputs 197 to 218."""
    request = read_bits(READ_INPUTS, 0xC4, 0x16)
    assert request == bytes.fromhex("02 00 C4 00 16")
    assert sum(bits_of(request, bytes.fromhex("02 03 AC DB 35"))) == bin(0xACDB35).count("1")


def test_write_coil_as_in_the_specification():
    """V1.1b3, 6.5: coil 173 on; the answer repeats the request."""
    request = write_coil(0xAC, True)
    assert request == bytes.fromhex("05 00 AC FF 00")
    confirm_write(request, request)
    with pytest.raises(ModbusRefusal, match="another coil"):
        confirm_write(request, bytes.fromhex("05 00 AD FF 00"))


@pytest.mark.parametrize(("answer", "why"), [
    ("81 02", "exception 2: illegal data address"), ("81 63", "unknown"), ("02 01 00", "another function"),
    ("", "another function"), ("01", "0 bytes"), ("01 02 00", "2 bytes"), ("01 01 00 00", "3 bytes"),
])
def test_what_is_no_answer_is_refused(answer, why):
    with pytest.raises(ModbusRefusal, match=why):
        bits_of(read_bits(READ_COILS, 0, 8), bytes.fromhex(answer))


@pytest.mark.parametrize("frame", [
    "01 05 00 00 FF 00 8C 3A", "01 05 00 00 00 00 CD CA", "01 01 00 00 00 08 3D CC"])
def test_crc_as_on_the_waveshare_wiki(frame):
    assert with_crc(bytes.fromhex(frame)[:-2]) == bytes.fromhex(frame)


@given(bits=st.lists(st.booleans(), min_size=1, max_size=64), unit=st.integers(0, 255), rtu=st.booleans(),
       cut=st.integers(0, 100))
def test_any_bits_come_through_either_framing_however_split(bits, unit, rtu, cut):
    near, far = (RtuFraming(unit), RtuFraming(unit)) if rtu else (TcpFraming(unit), TcpFraming(unit))
    request = read_bits(READ_COILS, 0, len(bits))
    near.wrap(request)
    packed = bytes(sum(bit << place for place, bit in enumerate(bits[at:at + 8]))
                   for at in range(0, len(bits), 8))
    answer = far.wrap(bytes((READ_COILS, len(packed))) + packed)
    part = answer[:cut % len(answer)]
    assert not near.complete(part)
    assert near.complete(answer)
    assert bits_of(request, near.unwrap(answer)) == tuple(bits)


@given(answer=st.binary(max_size=40), rtu=st.booleans())
def test_no_answer_at_all_does_more_than_be_refused(answer, rtu):
    framing = RtuFraming(1) if rtu else TcpFraming(1)
    request = read_bits(READ_COILS, 0, 8)
    framing.wrap(request)
    if not framing.complete(answer):
        return
    try:
        bits = bits_of(request, framing.unwrap(answer))
    except ModbusRefusal:
        return
    assert len(bits) == 8
