"""Asking for an offer: the question octet by octet, and answers made by hand (RFC 2131, RFC 2132)."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.wire.dhcp import Offer, discover, offer_in
from cellbench.wire.ip.packets import IpPacket, IpProtocol, parse_ip
from cellbench.wire.ip.udp import UdpDatagram, parse_udp

MAC, NUMBER = bytes.fromhex("020000000007"), 0xA1B2C3D4
SERVER = IPv4Address("192.168.0.1")


def packet(data, ports=(67, 68)):
    """From the server to everybody."""
    everybody = IPv4Address("255.255.255.255")
    return IpPacket(SERVER, everybody, IpProtocol.UDP,
                    UdpDatagram(*ports, data).encode(SERVER, everybody)).encode()


def body(options="350102 0104ffffff00 0304c0a80001 06080a5000350a500036 ff", kind="02", number="a1b2c3d4",
         mac="020000000007"):
    return bytes.fromhex(f"{kind}010600{number}00008000" + "00000000" + "c0a80064" + "00" * 8 + mac
                         + "00" * 202 + "63825363" + options)


def test_the_question():
    asked = parse_ip(discover(MAC, NUMBER))
    assert (str(asked.source), str(asked.destination)) == ("0.0.0.0", "255.255.255.255")
    datagram = parse_udp(asked)
    assert (datagram.source_port, datagram.destination_port) == (68, 67)
    data = datagram.data
    assert data[:12].hex() == "01010600a1b2c3d400008000"
    assert data[28:34] == MAC
    assert data[236:].hex() == "63825363" "350101" "3d0701020000000007" "3703010306" "ff"


def test_the_offer():
    assert offer_in(packet(body()), MAC, NUMBER) == Offer(
        IPv4Address("192.168.0.100"), IPv4Address("255.255.255.0"), (SERVER,),
        (IPv4Address("10.80.0.53"), IPv4Address("10.80.0.54")))


def test_an_offer_without_parameters():
    found = offer_in(packet(body("00 350102 ff")), MAC, NUMBER)
    assert found == Offer(IPv4Address("192.168.0.100"), None, (), ())


@pytest.mark.parametrize("wrong", [
    packet(body(number="00000000")), packet(body(mac="020000000008")), packet(body(kind="01")),
    packet(body("350105 ff")), packet(body("ff")), packet(body("3501")), packet(body(), (67, 69)),
    packet(body())[:-3], b"", packet(body()[:200])])
def test_everything_else_is_no_offer(wrong):
    assert offer_in(wrong, MAC, NUMBER) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_no_harm(data):
    assert offer_in(data, MAC, NUMBER) is None
    found = offer_in(packet(body("350102") + data), MAC, NUMBER)
    assert found is None or found.address == IPv4Address("192.168.0.100")
