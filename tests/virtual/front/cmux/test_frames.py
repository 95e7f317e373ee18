"""Frames of 27.010, octet by octet: check sequences worked out by hand, frames of foreign programs.

The division (annex B), for SABM on DLCI 0. The covered octets 03 3F 01, bits least first, eight zeros behind,
the first eight bits inverted, divided by x^8 + x^2 + x + 1 = 100000111 without carries:

    00111111111111001000000000000000
      100000111
       100000111
        100000111
         100000111
          100000111
           100000111
             100000111
                     100000111
                           100000111
    00000000000000000000000011000111   remainder 11000111, inverted 00111000: least first, 1C

The same by octets: the register starts with FF; for each octet it becomes T[register ^ octet]; FCS is FF
minus the register. T is the table of annex B; the register after FCS too is CF for an undamaged frame.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.front.cmux.fcs import TABLE, checks, fcs
from cellbench.virtual.front.cmux.frames import Deframer, Frame, Kind, encode, length_octets

ROWS = {  # annex B, rows as printed there
    0: "00 91 E3 72 07 96 E4 75 0E 9F ED 7C 09 98 EA 7B",
    1: "1C 8D FF 6E 1B 8A F8 69 12 83 F1 60 15 84 F6 67",
    15: "B4 25 57 C6 B3 22 50 C1 BA 2B 59 C8 BD 2C 5E CF",
}

BY_HAND = [
    # T[FF^03=FC]=BD, T[BD^3F=82]=03, T[03^01=02]=E3; FF-E3=1C
    ("F9 03 3F 01 1C F9", Frame(0, Kind.SABM, True, True)),
    # T[FF^07=F8]=BA, T[BA^3F=85]=76, T[76^01=77]=21; FF-21=DE
    ("F9 07 3F 01 DE F9", Frame(1, Kind.SABM, True, True)),
    # without P. T[F8]=BA, T[BA^2F=95]=6A, T[6A^01=6B]=34; FF-34=CB
    ("F9 07 2F 01 CB F9", Frame(1, Kind.SABM, True, False)),
    # T[F8]=BA, T[BA^73=C9]=0F, T[0F^01=0E]=EA; FF-EA=15
    ("F9 07 73 01 15 F9", Frame(1, Kind.UA, True, True)),
    # T[FF^0B=F4]=B3, T[B3^1F=AC]=D1, T[D1^01=D0]=8C; FF-8C=73
    ("F9 0B 1F 01 73 F9", Frame(2, Kind.DM, True, True)),
    # T[F8]=BA, T[BA^53=E9]=37, T[37^01=36]=C0; FF-C0=3F
    ("F9 07 53 01 3F F9", Frame(1, Kind.DISC, True, True)),
    # information not covered. T[F8]=BA, T[BA^EF=55]=FA, T[FA^07=FD]=2C; FF-2C=D3
    ("F9 07 EF 07 41 54 0D D3 F9", Frame(1, Kind.UIH, True, False, b"AT\r")),
    # the module's own. T[FF^05=FA]=59, T[59^EF=B6]=20, T[20^07=27]=4D; FF-4D=B2
    ("F9 05 EF 07 41 54 0D B2 F9", Frame(1, Kind.UIH, False, False, b"AT\r")),
    # with P. T[F8]=BA, T[BA^FF=45]=E6, T[E6^03=E5]=3E; FF-3E=C1
    ("F9 07 FF 03 41 C1 F9", Frame(1, Kind.UIH, True, True, b"A")),
    # information covered. T[F8]=BA, T[BA^03=B9]=5B, T[5B^05=5E]=86, T[86^41=C7]=E5, T[E5^42=A7]=AD; FF-AD=52
    ("F9 07 03 05 41 42 52 F9", Frame(1, Kind.UI, True, False, b"AB")),
    # with P. T[F8]=BA, T[BA^13=A9]=47, T[47^03=44]=77, T[77^4F=38]=2A; FF-2A=D5
    ("F9 07 13 03 4F D5 F9", Frame(1, Kind.UI, True, True, b"O")),
    # 128 octets: length 00 01. T[F8]=BA, T[55]=FA, T[FA^00=FA]=59, T[59^01=58]=62; FF-62=9D
    ("F9 07 EF 00 01" + " 5A" * 128 + " 9D F9", Frame(1, Kind.UIH, True, False, b"Z" * 128)),
    # 200 octets: 90 01. T[F8]=BA, T[55]=FA, T[FA^90=6A]=A5, T[A5^01=A4]=DF; FF-DF=20
    ("F9 07 EF 90 01" + " F9" * 200 + " 20 F9", Frame(1, Kind.UIH, True, False, b"\xf9" * 200)),
]

FOREIGN = [  # m-center, a Windows program of the module's maker, logged
    ("F9 03 3F 01 1C F9", Frame(0, Kind.SABM, True, True)),
    ("F9 0B 3F 01 59 F9", Frame(2, Kind.SABM, True, True)),
    ("F9 0F 3F 01 9B F9", Frame(3, Kind.SABM, True, True)),
    ("F9 0B 53 01 B8 F9", Frame(2, Kind.DISC, True, True)),
    ("F9 0F 53 01 7A F9", Frame(3, Kind.DISC, True, True)),
    ("F9 03 EF 05 C3 01 F2 F9", Frame(0, Kind.UIH, True, False, b"\xc3\x01")),
    # n_gsm of Linux 6.1 as initiator, logged
    ("F9 03 EF 09 E3 05 07 8D FB F9", Frame(0, Kind.UIH, True, False, b"\xe3\x05\x07\x8d")),
    ("F9 09 1F 01 12 F9", Frame(2, Kind.DM, False, True)),
    ("F9 07 EF 15 41 54 2B 43 4F 50 53 3D 3F 0D 2C F9", Frame(1, Kind.UIH, True, False, b"AT+COPS=?\r")),
    ("F9 0B EF 11 41 54 2B 43 47 4D 49 0D AC F9", Frame(2, Kind.UIH, True, False, b"AT+CGMI\r")),
]


@pytest.mark.parametrize("row", ROWS)
def test_table_of_annex_b(row: int) -> None:
    assert TABLE[row * 16:row * 16 + 16] == bytes.fromhex(ROWS[row])


@pytest.mark.parametrize(("octets", "frame"), BY_HAND + FOREIGN)
def test_frames_octet_by_octet(octets: str, frame: Frame) -> None:
    assert encode(frame).hex(" ").upper() == octets
    deframer = Deframer(2048)
    assert deframer.receive(bytes.fromhex(octets)) == [frame]
    assert deframer.losses == type(deframer.losses)()


@pytest.mark.parametrize(("length", "octets"), [
    (0, "01"), (1, "03"), (31, "3f"), (127, "ff"), (128, "00 01"), (255, "fe 01"), (1500, "b8 0b"),
    (2048, "00 10"), (32767, "fe ff")])
def test_length_of_one_and_two_octets(length: int, octets: str) -> None:
    assert length_octets(length).hex(" ") == octets


def test_what_no_frame_can_hold() -> None:
    with pytest.raises(ValueError, match="32768"):
        length_octets(32768)
    with pytest.raises(ValueError, match="DLCI 62"):
        encode(Frame(62, Kind.UIH, True))
    with pytest.raises(ValueError, match="SABM"):
        encode(Frame(1, Kind.SABM, True, True, b"x"))


@given(st.binary(max_size=40))
def test_an_undamaged_frame_leaves_the_residue(covered: bytes) -> None:
    assert checks(covered, fcs(covered))
    for bit in range(8):
        assert not checks(covered, fcs(covered) ^ 1 << bit)


frames = st.builds(
    lambda dlci, kind, cr, pf, info: Frame(dlci, kind, cr, pf, info if kind.carries else b""),
    st.integers(0, 61), st.sampled_from(Kind), st.booleans(), st.booleans(), st.binary(max_size=300))


@given(st.lists(frames, max_size=6), st.data())
def test_any_split_gives_the_same_frames(sent: list[Frame], data: st.DataObject) -> None:
    octets = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=8)))
    deframer, found = Deframer(300), []
    for begin, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
        found += deframer.receive(octets[begin:end])
    assert found == sent
    whole, single = Deframer(300), Deframer(300)
    assert whole.receive(octets) == sent
    assert [one for octet in octets for one in single.receive(bytes([octet]))] == sent
    assert not whole.within
    assert whole.losses.damaged == 0


@given(st.lists(frames, min_size=2, max_size=6))
def test_frames_may_share_a_flag(sent: list[Frame]) -> None:
    octets = encode(sent[0]) + b"".join(encode(one)[1:] for one in sent[1:])
    assert Deframer(300).receive(octets) == sent


@given(st.lists(frames, min_size=1, max_size=5), st.data())
def test_after_damage_all_later_frames_are_found(sent: list[Frame], data: st.DataObject) -> None:
    """Octets of the first frame changed, lost or put in: once the line rests, the others are there."""
    spoilt = bytearray(encode(sent[0]))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[place:place + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    deframer = Deframer(300)
    found = deframer.receive(bytes(spoilt) + b"\xf9" + b"".join(map(encode, sent[1:])))
    while deframer.within:
        found += deframer.give_up()
    if len(sent) > 1:
        assert found[-(len(sent) - 1):] == sent[1:]


@given(st.binary(max_size=200), frames)
def test_noise_before_a_frame(noise: bytes, frame: Frame) -> None:
    deframer = Deframer(300)
    found = deframer.receive(noise + encode(frame))
    while deframer.within:
        found += deframer.give_up()
    assert found[-1:] == [frame]


def test_a_longer_frame_than_n1_is_passed_over() -> None:
    deframer = Deframer(31)
    long, good = Frame(1, Kind.UIH, True, False, b"x" * 32), Frame(1, Kind.UIH, True, False, b"x" * 31)
    assert deframer.receive(encode(long) + encode(good)) == [good]
    assert deframer.losses.too_long == 1


@pytest.mark.parametrize("octets", [
    "F9 07 EF 07 41 54 0D D2 F9",  # FCS
    "F9 07 EF 07 41 54 0D D3 00",  # no closing flag
    "F9 06 EF 07 41 54 0D D3 F9",  # an address without EA is for a later version
    "F9 07 EE 07 41 54 0D D3 F9",  # a control field that is none
    "F9 07 3F 03 41 00 F9",  # SABM with information
])
def test_what_is_no_frame(octets: str) -> None:
    deframer = Deframer(64)
    good = bytes.fromhex("F9 0B 3F 01 59 F9")
    assert deframer.receive(bytes.fromhex(octets) + good) == [Frame(2, Kind.SABM, True, True)]
    assert deframer.losses.damaged > 0
