"""Trace ports: framed bytes while open, silence while closed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.device.trace import FRAMES, hdlc, synced


def unstuffed(frame: bytes) -> bytes:
    """The payload of a frame, by ISO/IEC 13239."""
    assert frame[0] == frame[-1] == 0x7E
    inside, payload, escaped = frame[1:-1], bytearray(), False
    for byte in inside:
        assert byte != 0x7E
        if byte == 0x7D and not escaped:
            escaped = True
            continue
        payload.append(byte ^ 0x20 if escaped else byte)
        escaped = False
    return bytes(payload)


@given(st.binary(max_size=300))
def test_flags_and_escapes(payload):
    assert unstuffed(hdlc(payload)) == payload


@given(st.binary(max_size=300))
def test_length_and_check_byte(payload):
    frame = synced(payload)
    assert frame[0] == 0xAD
    assert int.from_bytes(frame[1:3], "big") == len(payload) + 1
    assert frame[4:-1] == payload
    check = 0
    for byte in frame[3:]:
        check ^= byte
    assert check == 0


@pytest.mark.parametrize("role", ["cp-trace", "ap-trace", "diag"])
def test_every_trace_role_frames(role):
    assert FRAMES[role](b"payload")
