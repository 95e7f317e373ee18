"""Framing of RFC 1662: any frame survives any line, nothing that is damaged passes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cellbench.wire.ppp.hdlc import DEFAULT_ACCM, LONGEST, Damaged, Deframer, Frame, Framer, fcs16

PROTOCOLS = st.sampled_from([0x0021, 0x0057, 0x8021, 0x8057, 0xC021, 0xC023, 0xC223])
INFORMATION = st.binary(min_size=1, max_size=300)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(places)]


def test_check_sequence() -> None:
    """Check value of CRC-16/IBM-SDLC (X-25) in the catalogue of parametrised CRC algorithms; RFC 1662 C.2:
    over data with its sequence the register holds F0B8."""
    assert fcs16(b"123456789") == 0x906E
    assert fcs16(b"123456789" + (0x906E).to_bytes(2, "little")) ^ 0xFFFF == 0xF0B8


def test_octets_of_a_frame() -> None:
    """RFC 1662 4.2: the octets below 20, 7D and 7E are escaped before anything is agreed on."""
    wire = Framer().encode(0xC021, b"\x01\x7e\x7d\x11A")
    assert wire.startswith(b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x5e\x7d\x5d\x7d\x31A")
    assert wire.endswith(b"\x7e")


@given(st.lists(st.tuples(PROTOCOLS, INFORMATION, st.booleans()), min_size=1, max_size=5),
       st.integers(0, DEFAULT_ACCM), st.booleans(), st.booleans(), st.lists(st.integers(0, 5000), max_size=8))
def test_what_is_sent_arrives(frames: list[tuple[int, bytes, bool]], accm: int, short_protocol: bool,
                              short_address: bool, cuts: list[int]) -> None:
    framer, deframer = Framer(), Deframer()
    framer.set_accm(accm)
    deframer.set_accm(accm)
    framer.short_protocol, framer.short_address = short_protocol, short_address
    wire = b"".join(framer.encode(protocol, information, plain=plain)
                    for protocol, information, plain in frames)
    got = [frame for piece in pieces(wire, cuts) for frame in deframer.receive(piece)]
    assert got == [Frame(protocol, information) for protocol, information, _ in frames]
    assert deframer.damaged == 0
    assert deframer.open_octets == b""


@given(st.binary(min_size=2, max_size=200), st.integers(0, 10_000), st.integers(1, 255))
def test_one_wrong_octet_is_seen(information: bytes, place: int, change: int) -> None:
    wire = bytearray(Framer().encode(0x0021, information))
    at = 1 + place % (len(wire) - 2)
    wire[at] ^= change
    good = Framer().encode(0xC021, b"after it")
    got = [*(deframer := Deframer()).receive(bytes(wire) + b"\x7e"), *deframer.receive(good)]
    assert got[-1] == Frame(0xC021, b"after it")
    assert Frame(0x0021, information) not in got[:-1] or bytes(wire)[at] < 0x20


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_rubbish_never_harms(chunks: list[bytes]) -> None:
    deframer = Deframer()
    for chunk in chunks:
        list(deframer.receive(chunk))
    deframer.set_accm(0)
    good = Framer()
    good.set_accm(0)
    got = list(deframer.receive(b"\x7e" + good.encode(0x0021, b"E\0")))
    assert got[-1] == Frame(0x0021, b"E\0")


def test_control_octets_put_in_on_the_way_are_dropped() -> None:
    """RFC 1662 4.2."""
    wire = Framer().encode(0xC021, b"data")
    got = list(Deframer().receive(wire[:5] + b"\x11" + wire[5:8] + b"\x13" + wire[8:]))
    assert got == [Frame(0xC021, b"data")]


def test_an_aborted_frame_and_a_short_one_are_no_damage() -> None:
    """RFC 1662 4.3."""
    deframer = Deframer()
    assert list(deframer.receive(b"\x7e\xff\x03\xc0}\x7e\x7e\x01\x7e")) == []
    assert deframer.damaged == 0


def test_a_run_without_a_flag_is_bounded() -> None:
    deframer = Deframer()
    for _ in range(3):
        assert list(deframer.receive(b"x" * LONGEST)) == []
    assert len(deframer.open_octets) <= LONGEST
    good = Framer().encode(0xC021, b"again")
    assert list(deframer.receive(b"x\x7e" + good)) == [Frame(0xC021, b"again")]
    assert deframer.damaged >= 1


def test_an_accm_agreed_on_holds_for_the_next_frame() -> None:
    """Both in one read: what the first one settles counts for the second."""
    deframer, short = Deframer(), Framer()
    short.set_accm(0)
    wire = Framer().encode(0xC021, b"agreed") + short.encode(0x0021, b"\x01\x02\x03")
    got = []
    for frame in deframer.receive(wire):
        got.append(frame)
        deframer.set_accm(0)
    assert got == [Frame(0xC021, b"agreed"), Frame(0x0021, b"\x01\x02\x03")]


def test_damage_says_what() -> None:
    wire = bytearray(Framer().encode(0x0021, b"abcdef"))
    wire[-4] ^= 1
    (found,) = Deframer().receive(bytes(wire))
    assert isinstance(found, Damaged)
    assert found.why == "wrong check sequence"
