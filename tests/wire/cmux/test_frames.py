"""Frames: every type byte for byte, against FCS values worked out by hand and frames of foreign programs; the
decoder over whole, split, damaged and foreign bytes.

The FCS by hand. It is affine: a bit of the header that changes, changes the FCS by a constant of its own. An
octet e goes through eight steps: shifted right, and with E0 (x^8 + x^2 + x + 1 reflected) added when a one
fell out. 02 becomes E3 (01 E0 70 38 1C 0E 07 E3), E3 becomes DA, DA becomes 61; 10 becomes 1C, 1C becomes 15;
20 becomes 38, 38 becomes 2A; 04 becomes 07. So in a header of three octets C/R (02 of the address) changes
the FCS by 61, control bit 10 (P/F) by 15, control bit 20 by 2A, length bit 04 by 07 and 02 by E3. The
foreign frames say: address bit 04 changes it by 1C + DE = C2, control 3F to 53 by DE + 3F = E1. From these:

    DISC, DLCI 0    1C + E1 = FD        UA, DLCI 0     FD + 2A = D7     UA, DLCI 1    D7 + C2 = 15
    DM, DLCI 0      1C + 2A = 36        DM, DLCI 1, F 0   36 + C2 + 15 = E1
    SABM, DLCI 1, C/R 0   DE + 61 = BF
    UIH, DLCI 1, 2 bytes  F2 + C2 = 30; with C/R 0   30 + 61 = 51; with 3 bytes   30 + E3 = D3, as foreign
    UIH, DLCI 1, P, empty   30 + 15 + 07 = 22
    UI 07 03 03 41: FF; + 07 = F8 becomes BA; + 03 = B9 becomes 5B; + 03 = 58 becomes 62; + 41 = 23 becomes
    4A; complement B5

``divided`` does the division bit by bit, sharing nothing with the codec's table.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.wire.cmux.decoder import Decoder, Outside, places
from cellbench.wire.cmux.errors import WrongUse
from cellbench.wire.cmux.frame import Frame, FrameKind, Framer, encode, fcs_of, length_field

K = FrameKind

# what the frame says, its bytes, where the bytes are from
ROWS = [
    # module facts 5.2, frames of a foreign program (m-center)
    (Frame(0, True, K.SABM, True, b""), "F9 03 3F 01 1C F9", "foreign program"),
    (Frame(1, True, K.SABM, True, b""), "F9 07 3F 01 DE F9", "foreign program"),
    (Frame(2, True, K.SABM, True, b""), "F9 0B 3F 01 59 F9", "foreign program"),
    (Frame(3, True, K.SABM, True, b""), "F9 0F 3F 01 9B F9", "foreign program"),
    (Frame(1, True, K.DISC, True, b""), "F9 07 53 01 3F F9", "foreign program"),
    (Frame(2, True, K.DISC, True, b""), "F9 0B 53 01 B8 F9", "foreign program"),
    (Frame(3, True, K.DISC, True, b""), "F9 0F 53 01 7A F9", "foreign program"),
    (Frame(0, True, K.UIH, False, b"\xc3\x01"), "F9 03 EF 05 C3 01 F2 F9", "foreign program"),
    (Frame(1, True, K.UIH, False, b"AT\r"), "F9 07 EF 07 41 54 0D D3 F9", "foreign program"),
    # by hand
    (Frame(0, True, K.UA, True, b""), "F9 03 73 01 D7 F9", "by hand"),
    (Frame(1, True, K.UA, True, b""), "F9 07 73 01 15 F9", "by hand"),
    (Frame(0, True, K.DM, True, b""), "F9 03 1F 01 36 F9", "by hand"),
    (Frame(1, True, K.DM, False, b""), "F9 07 0F 01 E1 F9", "by hand"),
    (Frame(0, True, K.DISC, True, b""), "F9 03 53 01 FD F9", "by hand"),
    (Frame(1, False, K.SABM, True, b""), "F9 05 3F 01 BF F9", "by hand"),
    (Frame(1, False, K.UIH, False, b"OK"), "F9 05 EF 05 4F 4B 51 F9", "by hand"),
    (Frame(1, True, K.UIH, True, b""), "F9 07 FF 01 22 F9", "by hand"),
    (Frame(1, True, K.UI, False, b"A"), "F9 07 03 03 41 B5 F9", "by hand"),
]


def divided(data: bytes) -> int:
    """The FCS by long division, bit by bit."""
    register = [1] * 8  # the term x^7 first
    for octet in data:
        for place in range(8):
            out = register[0] ^ (octet >> place & 1)
            register = [*register[1:], 0]
            if out:
                for term in (2, 1, 0):
                    register[7 - term] ^= 1
    # sent complemented, the term x^7 as the least significant bit
    return sum((1 - bit) << place for place, bit in enumerate(register))


@pytest.mark.parametrize(("frame", "wire", "source"), ROWS, ids=[row[1] for row in ROWS])
def test_every_frame_type(frame: Frame, wire: str, source: str) -> None:
    expected = bytes.fromhex(wire)
    assert encode(frame) == expected, source
    assert Decoder(100).receive(expected) == [frame]
    covered = expected[1:-2] if frame.kind != K.UIH else expected[1:-2 - len(frame.info)]
    assert divided(covered) == expected[-2]


@given(st.binary(max_size=40))
def test_fcs_is_the_division(data: bytes) -> None:
    assert fcs_of(data) == divided(data)


def test_length_field() -> None:
    assert [length_field(size).hex() for size in (0, 1, 127, 128, 1500, 32767)] == [
        "01", "03", "ff", "0001", "b80b", "feff"]
    with pytest.raises(WrongUse):
        length_field(32768)


@pytest.mark.parametrize("dlci", [-1, 62, 63])
def test_reserved_dlci(dlci: int) -> None:
    with pytest.raises(WrongUse):
        encode(Frame(dlci, True, K.SABM, True, b""))


frames = st.builds(
    Frame, st.integers(0, 61), st.booleans(), st.sampled_from([K.UIH, K.UI]), st.booleans(),
    st.binary(max_size=300)) | st.builds(
    Frame, st.integers(0, 61), st.booleans(), st.sampled_from([K.SABM, K.UA, K.DM, K.DISC]), st.booleans(),
    st.just(b""))


def shared(stream: list[Frame]) -> bytes:
    """The same frames with one flag between two of them."""
    return b"\xf9" + b"".join(encode(frame)[1:] for frame in stream)


@given(st.lists(frames, max_size=8), st.integers(1, 40), st.booleans())
def test_any_split_gives_the_same(stream: list[Frame], piece: int, share: bool) -> None:
    wire = shared(stream) if share else b"".join(map(encode, stream))
    assert Decoder(300).receive(wire) == stream
    decoder = Decoder(300)
    found = []
    for at in range(0, len(wire), piece):
        found += decoder.receive(wire[at:at + piece])
    assert found == stream
    assert not decoder.partial
    assert decoder.stretches == decoder.skipped == 0


@given(st.lists(frames, max_size=6), st.integers(0, 3))
def test_flags_between_frames_say_nothing(stream: list[Frame], flags: int) -> None:
    wire = b"".join(b"\xf9" * flags + encode(frame) for frame in stream) + b"\xf9" * flags
    decoder = Decoder(300)
    assert decoder.receive(wire) + decoder.give_up() == stream
    assert decoder.stretches == 0


@given(st.binary(max_size=2000), st.integers(1, 200), st.booleans())
def test_framer_cuts_and_joins(data: bytes, n1: int, initiator: bool) -> None:
    wire = Framer(5, initiator=initiator).frames(data, n1)
    found = Decoder(200).receive(wire)
    assert b"".join(frame.info for frame in found if isinstance(frame, Frame)) == data
    assert all(isinstance(frame, Frame) and frame[:4] == (5, initiator, K.UIH, False) and
               len(frame.info) <= n1 for frame in found)
    assert wire == b"".join(encode(Frame(5, initiator, K.UIH, False, data[at:at + n1]))
                            for at in range(0, max(len(data), 1), n1))


@given(st.binary(max_size=400), st.integers(1, 50))
def test_rubbish_never_hangs_and_is_all_accounted_for(noise: bytes, piece: int) -> None:
    decoder = Decoder(64)
    good = encode(Frame(1, False, K.UIH, False, b"good"))
    found = []
    for at in range(0, len(noise), piece):
        found += decoder.receive(noise[at:at + piece])
    while decoder.partial:
        found += decoder.give_up()
    found += decoder.receive(good)
    while decoder.partial:
        found += decoder.give_up()
    assert found[-1] == Frame(1, False, K.UIH, False, b"good")
    assert decoder.skipped == sum(len(one.data) for one in found if isinstance(one, Outside))
    assert bool(decoder.skipped) == bool(decoder.stretches)


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=3, max_size=12), st.data())
def test_one_damaged_byte_costs_at_most_two_frames(infos: list[bytes], data: st.DataObject) -> None:
    """Damage shows as a lost frame or, in the information of UIH, not at all; what follows is intact."""
    stream = [Frame(1 + number % 3, True, K.UIH, False, info) for number, info in enumerate(infos)]
    wire = bytearray(b"".join(map(encode, stream)))
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] ^= 1 << data.draw(st.integers(0, 7))
    decoder = Decoder(64)
    found = decoder.receive(bytes(wire))
    while decoder.partial:
        found += decoder.give_up()
    good = [one for one in found if isinstance(one, Frame)]
    hit = [number for number, one in enumerate(stream) if one not in good]
    assert len(hit) <= 2
    if len(good) < len(stream):
        assert decoder.stretches >= 1


def test_a_damaged_length_costs_no_whole_frame_behind_it() -> None:
    first, second = (encode(Frame(1, True, K.UIH, False, text)) for text in (b"first", b"second"))
    damaged = first.replace(b"\x0b", b"\x7b")  # 5 bytes become 61: more than there is
    decoder = Decoder(64)
    assert decoder.receive(damaged + second) == []
    assert decoder.partial
    assert decoder.give_up()[-1] == Frame(1, True, K.UIH, False, b"second")
    assert (decoder.stretches, decoder.partial) == (1, False)


def test_plain_text_is_outside_at_once() -> None:
    decoder = Decoder(64)
    frame = encode(Frame(1, False, K.UIH, False, b"OK"))
    assert decoder.receive(frame) == [Frame(1, False, K.UIH, False, b"OK")]
    heard = decoder.receive(b"\r\n+UUSTATUS: READY\r\n")
    assert b"".join(one.data for one in heard if isinstance(one, Outside)) == b"\r\n+UUSTATUS: READY\r\n"
    assert decoder.receive(frame) == [Frame(1, False, K.UIH, False, b"OK")]


@given(st.lists(st.one_of(frames, st.binary(min_size=1, max_size=20).map(lambda text: text.replace(
    b"\xf9", b"")))))
def test_places_of_information_in_a_recording(pieces: list[Frame | bytes]) -> None:
    stream = b"".join(piece if isinstance(piece, bytes) else encode(piece) for piece in pieces)
    for place in places(stream, 300):
        assert 0 <= place.begin <= place.end <= len(stream)
    if all(isinstance(piece, Frame) for piece in pieces):
        told = [(one.dlci, one.info) for one in pieces if isinstance(one, Frame) and one.kind in (
            K.UIH, K.UI)]
        assert [(one.dlci, stream[one.begin:one.end]) for one in places(stream, 300)] == told
