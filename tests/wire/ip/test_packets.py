"""IP, ICMP, UDP, TCP segments, DNS and router advertisements: known octets, and any octets."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.wire.ip.checksum import checksum
from cellbench.wire.ip.dns import BadAnswer, Record, parse_answer, question
from cellbench.wire.ip.icmp import IcmpKind, IcmpMessage, echo_request, parse_icmp
from cellbench.wire.ip.ndp import in_prefix, link_local, parse_advertisement
from cellbench.wire.ip.packets import BadPacket, IpPacket, IpProtocol, parse_ip, parse_quoted
from cellbench.wire.ip.segment import Flag, Segment, parse_segment
from cellbench.wire.ip.udp import UdpDatagram, parse_udp

V4 = st.integers(0, 2**32 - 1).map(IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(IPv6Address)
PAIR = st.one_of(st.tuples(V4, V4), st.tuples(V6, V6))
PORT = st.integers(0, 65_535)


def taken(parse, given):  # type: ignore[no-untyped-def]
    """What a parser makes of what it is given; None when it refuses in order."""
    with suppress(BadPacket, BadAnswer):
        return parse(given)
    return None


def test_checksum_of_rfc_1071() -> None:
    """RFC 1071 3: the sum of these octets is DDF2."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2 ^ 0xFFFF
    assert checksum(b"") == 0xFFFF
    assert checksum(bytes(2)) == 0xFFFF


def test_header_that_others_print() -> None:
    """The IPv4 header checksum's textbook example (Wikipedia, "Internet checksum")."""
    header = bytes.fromhex("450000730000400040 11b861c0a80001c0a800c7".replace(" ", ""))
    packet = parse_ip(header + bytes(0x73 - 20))
    assert (packet.source, packet.destination, packet.protocol) == (
        IPv4Address("192.168.0.1"), IPv4Address("192.168.0.199"), 17)
    assert packet.encode()[:20] == header


@given(PAIR, st.integers(0, 255).filter(lambda n: n not in (0, 43, 60)), st.binary(max_size=600),
       st.integers(0, 255), st.binary(max_size=20))
def test_ip_there_and_back(pair: tuple, protocol: int, payload: bytes, ttl: int, padding: bytes) -> None:  # type: ignore[type-arg]
    packet = IpPacket(*pair, protocol, payload, ttl)
    assert parse_ip(packet.encode() + padding) == packet


@given(PAIR, PORT, PORT, st.binary(max_size=600))
def test_udp_there_and_back(pair: tuple, source: int, destination: int, data: bytes) -> None:  # type: ignore[type-arg]
    datagram = UdpDatagram(source, destination, data)
    packet = IpPacket(*pair, IpProtocol.UDP, datagram.encode(*pair))
    assert parse_udp(packet) == datagram


@given(PAIR, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 31), PORT,
       st.one_of(st.none(), PORT), st.binary(max_size=600))
def test_segments_there_and_back(pair: tuple, sequence: int, ack: int, flags: int, window: int,  # type: ignore[type-arg]
                                 mss: int | None, data: bytes) -> None:
    segment = Segment(1, 2, sequence, ack, Flag(flags), window, data, mss)
    assert parse_segment(IpPacket(*pair, IpProtocol.TCP, segment.encode(*pair))) == segment


@given(PAIR, PORT, PORT, st.binary(max_size=600))
def test_echo_there_and_back(pair: tuple, identifier: int, sequence: int, data: bytes) -> None:  # type: ignore[type-arg]
    message = echo_request(identifier, sequence, data)
    protocol = IpProtocol.ICMPV6 if pair[0].version == 6 else IpProtocol.ICMP
    assert parse_icmp(IpPacket(*pair, protocol, message.encode(*pair))) == message
    assert (message.identifier, message.sequence) == (identifier, sequence)


@given(st.sampled_from([parse_udp, parse_segment, parse_icmp]), PAIR, st.binary(max_size=60))
def test_any_payload_is_taken_or_refused(parse, pair: tuple, payload: bytes) -> None:  # type: ignore[no-untyped-def, type-arg]
    assert taken(parse, IpPacket(*pair, 0, payload)) is not parse


@given(st.binary(max_size=80))
def test_any_octets_are_taken_or_refused(data: bytes) -> None:
    for parse in (parse_ip, parse_quoted):
        packet = taken(parse, data)
        assert packet is None or packet.payload in data


@pytest.mark.parametrize("place", [0, 9, 12, 20, 25, 40])
def test_a_wrong_bit_is_seen(place: int) -> None:
    addresses = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
    datagram = UdpDatagram(1, 2, b"twenty octets of data")
    data = bytearray(IpPacket(*addresses, IpProtocol.UDP, datagram.encode(*addresses)).encode())
    data[place] ^= 1
    with pytest.raises(BadPacket):
        parse_udp(parse_ip(bytes(data)))


def test_errors_quote_the_packet_they_are_about() -> None:
    addresses = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
    sent = IpPacket(*addresses, IpProtocol.UDP, UdpDatagram(5000, 7, b"data").encode(*addresses)).encode()
    raw = bytes((3, 4, 0, 0, 0, 0)) + (1280).to_bytes(2, "big") + sent[:28]
    raw = raw[:2] + checksum(raw).to_bytes(2, "big") + raw[4:]
    message = parse_icmp(IpPacket(addresses[1], addresses[0], IpProtocol.ICMP, raw))
    assert message.kind is IcmpKind.TOO_BIG
    assert message.mtu == 1280
    about = message.quoted()
    assert about is not None
    assert about.destination == addresses[1]
    assert IcmpMessage(IcmpKind.UNREACHABLE, data=b"E").quoted() is None


def test_fragments_are_refused() -> None:
    data = bytearray(IpPacket(IPv4Address(1), IPv4Address(2), 17, b"x" * 16).encode())
    data[6:8] = b"\x20\x00"
    data[10:12] = b"\0\0"
    data[10:12] = checksum(bytes(data[:20])).to_bytes(2, "big")
    with pytest.raises(BadPacket, match="fragment"):
        parse_ip(bytes(data))


def test_extension_headers_are_passed_over() -> None:
    """RFC 8200 4.1: hop-by-hop options before UDP."""
    pair = IPv6Address("2001:db8::1"), IPv6Address("2001:db8::2")
    udp = UdpDatagram(1, 2, b"data").encode(*pair)
    packet = parse_ip(IpPacket(*pair, 0, bytes((17, 0, 1, 4, 0, 0, 0, 0)) + udp).encode())
    assert packet.protocol == 17
    assert parse_udp(packet).data == b"data"


# -- DNS, by dnspython ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("record", "texts"), [(Record.A, ["192.0.2.1", "192.0.2.2"]),
                                               (Record.AAAA, ["2001:db8::7"])])
def test_dns_as_another_program_has_it(record: Record, texts: list[str]) -> None:
    query = question(0x1234, "www.Example.com", record)
    asked = dns.message.from_wire(query)
    assert (asked.id, str(asked.question[0].name)) == (0x1234, "www.Example.com.")
    answer = dns.message.make_response(asked)
    name = asked.question[0].name
    answer.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", "host.example.com."))
    answer.answer.append(dns.rrset.from_text("host.example.com.", 60, "IN", record.name, *texts))
    found = parse_answer(query, answer.to_wire())
    assert sorted(str(address) for address in found.addresses) == texts, "in any order"
    assert found.status == 0


def test_dns_says_no() -> None:
    query = question(7, "no-such-host.invalid", Record.A)
    answer = dns.message.make_response(dns.message.from_wire(query))
    answer.set_rcode(3)
    assert parse_answer(query, answer.to_wire()) == parse_answer(query, answer.to_wire())
    assert parse_answer(query, answer.to_wire()).status == 3
    with pytest.raises(BadAnswer):
        parse_answer(question(8, "x", Record.A), answer.to_wire())
    with pytest.raises(ValueError, match="host name"):
        question(1, "a..b", Record.A)


@given(st.binary(max_size=120))
def test_any_dns_octets_are_taken_or_refused(rest: bytes) -> None:
    query = question(7, "host.example", Record.A)
    for data in (rest, query[:2] + b"\x81\x80" + rest):
        answer = taken(lambda octets: parse_answer(query, octets), data)
        assert answer is None or answer.status < 16


# -- router advertisements --------------------------------------------------------------------------------

ROUTER = IPv6Address("fe80::1")


def advertisement(options: bytes) -> IcmpMessage:
    return IcmpMessage(IcmpKind.ROUTER_ADVERTISEMENT, 0, b"\x40\0\x07\x08", bytes(8) + options)


NETWORK = IPv6Address("2001:db8:1::")
PREFIX = bytes((3, 4, 64, 0x40)) + (600).to_bytes(4, "big") * 2 + bytes(4) + NETWORK.packed


def test_advertisement() -> None:
    """RFC 4861 4.6.2, 4.6.4; RFC 8106 5.1."""
    mtu = bytes((5, 1, 0, 0)) + (1400).to_bytes(4, "big")
    servers = bytes((25, 3, 0, 0)) + (600).to_bytes(4, "big") + IPv6Address("2001:db8::53").packed
    found = parse_advertisement(ROUTER, 255, advertisement(PREFIX + mtu + servers))
    assert found.prefixes == (IPv6Network("2001:db8:1::/64"),)
    assert (found.mtu, found.lifetime_s) == (1400, 1800)
    assert found.dns == (IPv6Address("2001:db8::53"),)
    identifier = bytes.fromhex("90a15cfc3cc97301")
    assert in_prefix(found.prefixes[0], identifier) == IPv6Address("2001:db8:1:0:90a1:5cfc:3cc9:7301")
    assert link_local(identifier) == IPv6Address("fe80::90a1:5cfc:3cc9:7301")


def test_advertisements_that_are_ignored() -> None:
    """RFC 4861 6.1.2, RFC 4862 5.5.3."""
    for router, hops in ((IPv6Address("2001:db8::1"), 255), (ROUTER, 64)):
        with pytest.raises(BadPacket):
            parse_advertisement(router, hops, advertisement(PREFIX))
    for changed in (PREFIX[:3] + b"\0" + PREFIX[4:], PREFIX[:2] + b"\x30" + PREFIX[3:],
                    PREFIX[:4] + bytes(8) + PREFIX[12:]):
        assert parse_advertisement(ROUTER, 255, advertisement(changed)).prefixes == ()
    with pytest.raises(BadPacket):
        parse_advertisement(ROUTER, 255, advertisement(PREFIX + b"\x05\x00"))
