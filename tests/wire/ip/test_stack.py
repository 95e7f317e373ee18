"""The host's stack packet by packet: what it answers, what it keeps, how it gets its IPv6 address."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.wire.ip.checksum import checksum
from cellbench.wire.ip.icmp import IcmpKind, IcmpMessage, echo_request, parse_icmp
from cellbench.wire.ip.ndp import ALL_ROUTERS, HOP_LIMIT
from cellbench.wire.ip.packets import IpPacket, IpProtocol, parse_ip
from cellbench.wire.ip.segment import Flag, Segment, parse_segment
from cellbench.wire.ip.stack import PORTS, IpStack
from cellbench.wire.ip.udp import UdpDatagram, parse_udp

OURS, FAR = IPv4Address("10.0.0.2"), IPv4Address("10.0.0.1")
IDENTIFIER = bytes.fromhex("90a15cfc3cc97301")
ROUTER = IPv6Address("fe80::1")


@pytest.fixture
def stack() -> IpStack:
    made = IpStack(1500, random.Random(4))
    made.ipv4 = OURS
    return made


def sent(stack: IpStack) -> list[IpPacket]:
    return [parse_ip(packet) for packet in stack.outgoing()]


def packet(protocol: IpProtocol, payload: bytes, destination: IPv4Address = OURS) -> bytes:
    return IpPacket(FAR, destination, protocol, payload).encode()


def unreachable(about: IpPacket, code: int = 3) -> bytes:
    body = bytes((3, code, 0, 0)) + bytes(4) + about.encode()[:28]
    return packet(IpProtocol.ICMP, body[:2] + checksum(body).to_bytes(2, "big") + body[4:])


def test_echo_requests_are_answered(stack: IpStack) -> None:
    stack.receive(packet(IpProtocol.ICMP, echo_request(7, 1, b"data").encode(FAR, OURS)), 0.0)
    (answer,) = sent(stack)
    assert answer.destination == FAR
    message = parse_icmp(answer)
    assert (message.kind, message.identifier, message.data) == (IcmpKind.ECHO_REPLY, 7, b"data")


def test_what_nobody_waits_for_is_kept_and_reset(stack: IpStack) -> None:
    datagram = UdpDatagram(5684, 6176, b"for another").encode(FAR, OURS)
    stack.receive(packet(IpProtocol.UDP, datagram), 0.0)
    assert [parse_udp(one).data for one in stack.unclaimed] == [b"for another"]
    assert sent(stack) == []
    segment = Segment(80, 6000, 100, 200, Flag.ACK, 1000, b"abc")
    stack.receive(packet(IpProtocol.TCP, segment.encode(FAR, OURS)), 0.0)
    reset = parse_segment(sent(stack)[0])
    assert (reset.flags, reset.sequence, reset.destination_port) == (Flag.RST, 200, 80)
    syn = Segment(80, 6000, 100, 0, Flag.SYN, 1000)
    stack.receive(packet(IpProtocol.TCP, syn.encode(FAR, OURS)), 0.0)
    reset = parse_segment(sent(stack)[0])
    assert (reset.flags, reset.acknowledgment) == (Flag.RST | Flag.ACK, 101)
    rst = Segment(80, 6000, 100, 0, Flag.RST, 0)
    stack.receive(packet(IpProtocol.TCP, rst.encode(FAR, OURS)), 0.0)
    assert sent(stack) == [], "a reset is not answered with another"


def test_packets_for_others_are_no_business_of_it(stack: IpStack) -> None:
    elsewhere = IPv4Address("10.0.0.9")
    stack.receive(packet(IpProtocol.ICMP, echo_request(7, 1, b"").encode(FAR, elsewhere), elsewhere), 0.0)
    assert sent(stack) == []
    assert len(stack.unclaimed) == 1


def test_datagrams(stack: IpStack) -> None:
    one, other = stack.udp(), stack.udp(5000)
    assert PORTS[0] <= one.port <= PORTS[1]
    with pytest.raises(ValueError, match="5000"):
        stack.udp(5000)
    with pytest.raises(ValueError, match="1500 bytes"):
        stack.send_to(one, bytes(1500), FAR, 7)
    stack.send_to(one, b"hello", FAR, 7)
    (out,) = sent(stack)
    stack.receive(unreachable(out), 0.0)
    assert list(one.refused) == ["10.0.0.1: destination unreachable, code 3"]
    stack.receive(packet(IpProtocol.UDP, UdpDatagram(7, 5000, b"back").encode(FAR, OURS)), 0.0)
    assert list(other.inbox) == [(b"back", FAR, 7)]
    stack.close_udp(other)
    stack.receive(packet(IpProtocol.UDP, UdpDatagram(7, 5000, b"late").encode(FAR, OURS)), 0.0)
    assert len(stack.unclaimed) == 1


def test_an_error_about_a_connection_under_way(stack: IpStack) -> None:
    one = stack.connect(FAR, 80, 0.0)
    (syn,) = sent(stack)
    stack.receive(unreachable(syn, code=1), 0.1)
    assert one.is_over
    assert one.why == "10.0.0.1: destination unreachable, code 1"
    again = stack.connect(FAR, 80, 0.2, local_port=one.local_port)
    assert not again.is_over, "the port is free again"
    with pytest.raises(ValueError, match="in use"):
        stack.connect(FAR, 80, 0.2, local_port=one.local_port)


def test_no_address_no_packet() -> None:
    stack = IpStack()
    with pytest.raises(ValueError, match="no address"):
        stack.connect(FAR, 80, 0.0)
    with pytest.raises(ValueError, match="cannot go"):
        stack.ping(IPv6Address("2001:db8::1"), 1, 1, b"", 64, 0.0)
    assert stack.outgoing() == []


def test_time_exceeded_answers_the_echo(stack: IpStack) -> None:
    echo = stack.ping(IPv4Address("8.8.8.8"), 9, 3, b"x" * 20, 1, 5.0)
    (out,) = sent(stack)
    assert out.ttl == 1
    body = bytes((11, 0, 0, 0)) + bytes(4) + out.encode()[:28]
    stack.receive(packet(IpProtocol.ICMP, body[:2] + checksum(body).to_bytes(2, "big") + body[4:]), 5.5)
    assert echo.answer is not None
    assert (echo.answer.kind, echo.answer.address, echo.answer.at) == (IcmpKind.TIME_EXCEEDED, FAR, 5.5)


# -- IPv6 -------------------------------------------------------------------------------------------------


def advertisement(destination: IPv6Address) -> bytes:
    option = (bytes((3, 4, 64, 0x40)) + (600).to_bytes(4, "big") * 2 + bytes(4)
              + IPv6Address("2001:db8:1::").packed)
    message = IcmpMessage(IcmpKind.ROUTER_ADVERTISEMENT, 0, b"\x40\0\x07\x08", bytes(8) + option)
    return IpPacket(ROUTER, destination, IpProtocol.ICMPV6, message.encode(ROUTER, destination),
                    HOP_LIMIT).encode()


def test_stateless_autoconfiguration(stack: IpStack) -> None:
    """RFC 4861 6.3.7, RFC 4862 5.5.3: solicit, take the prefix, be reached at the address made of it."""
    stack.configure_ipv6(IDENTIFIER, 10.0)
    assert stack.deadline == 10.0
    stack.tick(10.0)
    (asked,) = sent(stack)
    assert (asked.destination, asked.ttl) == (ALL_ROUTERS, 255)
    assert parse_icmp(asked).kind is IcmpKind.ROUTER_SOLICITATION
    assert stack.deadline == 14.0
    stack.receive(advertisement(IPv6Address("ff02::1")), 10.2)
    ours = IPv6Address("2001:db8:1:0:90a1:5cfc:3cc9:7301")
    assert stack.slaac is not None
    assert stack.slaac.address == ours
    assert stack.deadline is None
    far = IPv6Address("2001:db8::7")
    assert stack.address_for(far) == ours
    assert stack.address_for(ROUTER) == stack.slaac.link_local
    request = echo_request(1, 2, b"six").encode(far, ours)
    stack.receive(IpPacket(far, ours, IpProtocol.ICMPV6, request).encode(), 11.0)
    (answer,) = sent(stack)
    assert parse_icmp(answer).data == b"six"


def test_no_router_answers(stack: IpStack) -> None:
    """Three solicitations, 4 s apart (RFC 4861 10), then nothing more."""
    stack.configure_ipv6(IDENTIFIER, 0.0)
    times = []
    while stack.deadline is not None:
        now = stack.deadline
        stack.tick(now)
        times += [now] * len(sent(stack))
    assert times == [0.0, 4.0, 8.0]
    assert stack.slaac is not None
    assert stack.slaac.has_failed


@given(st.lists(st.binary(max_size=80), max_size=8))
def test_any_octets_leave_it_in_order(packets: list[bytes]) -> None:
    stack = IpStack(1500, random.Random(4))
    stack.ipv4 = OURS
    for number, data in enumerate(packets):
        stack.receive(data, float(number))
        stack.receive(packet(IpProtocol.TCP, data), float(number))
        stack.receive(packet(IpProtocol.UDP, data), float(number))
        stack.receive(packet(IpProtocol.ICMP, data), float(number))
    stack.outgoing()
    stack.receive(packet(IpProtocol.ICMP, echo_request(7, 1, b"still").encode(FAR, OURS)), 99.0)
    assert parse_icmp(sent(stack)[-1]).data == b"still"
