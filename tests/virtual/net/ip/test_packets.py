"""IPv4, IPv6, UDP and fragments against packets of others and by hand.

The IPv4 header is the worked example of the public encyclopedia's page on the IPv4 header checksum; the
checksum's words are the example of RFC 1071 3.
"""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.net.ip import icmp
from cellbench.virtual.net.ip.fragments import LIFE_S, Reassembly, cut
from cellbench.virtual.net.ip.packets import Packet, build, checksum, parse, parse_udp, udp
from cellbench.virtual.net.ip.segments import Flag, Segment, ahead
from cellbench.virtual.net.ip.segments import packet as tcp_packet
from cellbench.virtual.net.ip.segments import parse as parse_segment

HEADER = bytes.fromhex("45000073000040004011b861c0a80001c0a800c7")
A4, B4 = bytes((10, 1, 2, 3)), bytes((192, 0, 2, 9))
A6, B6 = bytes(range(16)), bytes(range(16, 32))


def words(data: bytes) -> int:
    """RFC 1071, word by word."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def test_checksum_of_the_standard() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2 ^ 0xFFFF
    assert checksum(HEADER) == 0
    assert checksum(b"") == 0xFFFF


@given(st.binary(max_size=100))
def test_checksum_is_the_sum_of_words(data: bytes) -> None:
    assert checksum(data) == words(data)


def test_foreign_header() -> None:
    packet = parse(HEADER + bytes(0x73 - 20))
    assert packet is not None
    assert (packet.protocol, packet.hops, packet.whole, packet.piece) == (17, 64, True, False)
    assert packet.source == bytes((192, 168, 0, 1))
    assert build(packet)[:20] == HEADER


@pytest.mark.parametrize("spoil", range(20))
def test_damaged_header_is_dropped(spoil: int) -> None:
    data = bytearray(HEADER + bytes(0x73 - 20))
    data[spoil] ^= 0x01
    assert parse(bytes(data)) is None


def test_ipv6_extension_headers_are_passed() -> None:
    body = bytes((60, 0)) + bytes(6) + bytes((17, 0)) + bytes(6) + b"payload"
    packet = parse(struct.pack("!IHBB", 6 << 28, len(body), 0, 9) + A6 + B6 + body)
    assert packet is not None
    assert (packet.protocol, packet.payload, packet.hops) == (17, b"payload", 9)


@given(st.binary(max_size=80))
def test_noise_is_no_packet_or_one_that_holds_together(noise: bytes) -> None:
    for data in (noise, b"\x45" + noise, b"\x60" + noise):
        packet = parse(data)
        if packet is not None:
            parse_udp(packet)
            parse_segment(packet)
            icmp.parse(packet)


@given(st.binary(max_size=60), st.booleans(), st.integers(1, 65535), st.integers(1, 65535))
def test_udp_there_and_back(data: bytes, v6: bool, source: int, target: int) -> None:
    ends = (A6, B6) if v6 else (A4, B4)
    packet = parse(build(udp((ends[0], source), (ends[1], target), data)))
    assert packet is not None
    size = len(packet.payload)
    tail = struct.pack("!II", size, 17) if v6 else struct.pack("!BBH", 0, 17, size)
    assert words(packet.source + packet.target + tail + packet.payload) == 0
    found = parse_udp(packet)
    assert found is not None
    assert (found.source_port, found.target_port, found.data) == (source, target, data)


def test_udp_without_checksum_is_for_ipv4_alone() -> None:
    body = struct.pack("!HHHH", 1, 2, 9, 0) + b"x"
    assert parse_udp(Packet(A4, B4, 17, body)) is not None
    assert parse_udp(Packet(A6, B6, 17, body)) is None
    assert parse_udp(Packet(A4, B4, 17, body[:6] + b"\0\1" + body[8:])) is None


@given(st.binary(max_size=40), st.integers(0, 31), st.one_of(st.none(), st.integers(0, 65535)), st.booleans())
def test_segment_there_and_back(data: bytes, flags: int, mss: int | None, v6: bool) -> None:
    segment = Segment(1, 2, 0xFFFFFFF0, 3, Flag(flags), 4096, data, mss)
    ends = (A6, B6) if v6 else (A4, B4)
    packet = parse(build(tcp_packet(*ends, segment)))
    assert packet is not None
    assert parse_segment(packet) == segment
    spoilt = replace(packet, payload=bytes((packet.payload[0] ^ 1,)) + packet.payload[1:])
    assert parse_segment(spoilt) is None


def test_sequence_numbers_wrap() -> None:
    assert ahead(5, 0xFFFFFFFB) == 10
    assert ahead(0xFFFFFFFB, 5) == -10


@given(st.binary(min_size=1, max_size=4000), st.integers(68, 1500), st.booleans(), st.randoms())
def test_pieces_in_any_order_make_the_packet(data: bytes, mtu: int, v6: bool, chance: object) -> None:
    packet = Packet(*((A6, B6) if v6 else (A4, B4)), 17, data)
    pieces = cut(packet, mtu, 77)
    assert all(len(build(piece)) <= mtu for piece in pieces)
    chance.shuffle(pieces)  # type: ignore[attr-defined]
    reassembly = Reassembly()
    whole = [found for piece in pieces
             if (found := reassembly.take(parse(build(piece)), 0.0)) is not None]  # type: ignore[arg-type]
    assert [one.payload for one in whole] == [data]


def test_pieces_are_forgotten() -> None:
    first, *others = cut(Packet(A4, B4, 17, bytes(3000)), 1500, 1)
    reassembly = Reassembly()
    assert reassembly.take(first, 0.0) is None
    assert [reassembly.take(piece, LIFE_S + 1) for piece in others] == [None] * len(others)
    for number in range(100):
        reassembly.take(replace(first, identifier=number), LIFE_S + 2)
    assert len(reassembly._piles) <= 16
