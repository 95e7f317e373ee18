"""The DHCP server of the USB network, message by message (RFC 2131, table 3 and 4.3)."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.net.dhcp import Kind, Lease, answer, parse

MAC = bytes.fromhex("020000000009")
LEASE = Lease("10.1.2.3", "10.1.2.14", 28, ("10.80.0.53",), 1430, 3600)


def message(kind, *options, held="0.0.0.0"):
    """A client's message by hand."""
    begin = bytes.fromhex("01010600 a1b2c3d4 0000 8000") + ipaddress.IPv4Address(held).packed
    fixed = begin + bytes(12) + MAC + bytes(10 + 64 + 128)
    assert len(fixed) == 236
    return fixed + bytes.fromhex("63825363 3501") + bytes((kind,)) + b"".join(options) + b"\xff"


def option(code, value):
    return bytes((code, len(value))) + value


def address(code, text):
    return option(code, ipaddress.IPv4Address(text).packed)


def said(data):
    """An answer: type, yiaddr, options."""
    assert data is not None
    assert len(data) >= 300
    assert data[:8] == bytes.fromhex("02010600 a1b2c3d4")
    assert data[28:34] == MAC
    options, rest = {}, data[240:]
    while rest[0] != 255:
        options[rest[0]] = rest[2:2 + rest[1]]
        rest = rest[2 + rest[1]:]
    return Kind(options[53][0]), str(ipaddress.IPv4Address(data[16:20])), options


def test_discover_is_offered_all_that_a_host_needs():
    kind, given_address, options = said(answer(parse(message(Kind.DISCOVER)), LEASE))
    assert (kind, given_address) == (Kind.OFFER, "10.1.2.3")
    assert options[1] == bytes((255, 255, 255, 240))
    assert options[3] == options[54] == bytes((10, 1, 2, 14))
    assert options[6] == bytes((10, 80, 0, 53))
    assert options[51] == (3600).to_bytes(4, "big")
    assert options[26] == (1430).to_bytes(2, "big")


def test_the_offered_address_is_acknowledged():
    asked = message(Kind.REQUEST, address(50, "10.1.2.3"), address(54, "10.1.2.14"))
    assert said(answer(parse(asked), LEASE))[:2] == (Kind.ACK, "10.1.2.3")


def test_a_lease_is_renewed_and_another_address_is_refused():
    assert said(answer(parse(message(Kind.REQUEST, held="10.1.2.3")), LEASE))[0] is Kind.ACK
    assert said(answer(parse(message(Kind.REQUEST, held="10.9.9.9")), LEASE))[:2] == (Kind.NAK, "0.0.0.0")
    assert said(answer(parse(message(Kind.REQUEST, held="10.1.2.3")), None))[0] is Kind.NAK


def test_without_a_lease_nothing_is_offered():
    assert answer(parse(message(Kind.DISCOVER)), None) is None
    assert answer(parse(message(Kind.INFORM)), None) is None


def test_an_inform_gets_parameters_and_no_address():
    kind, given_address, options = said(answer(parse(message(Kind.INFORM, held="10.1.2.9")), LEASE))
    assert (kind, given_address) == (Kind.ACK, "0.0.0.0")
    assert 51 not in options


@pytest.mark.parametrize("asked", [
    message(Kind.REQUEST, address(50, "10.1.2.3"), address(54, "10.7.7.7")), message(Kind.RELEASE),
    message(Kind.DECLINE), message(Kind.ACK)])
def test_what_is_for_another_server_or_wants_no_answer_gets_none(asked):
    assert answer(parse(asked), LEASE) is None


def test_padding_and_long_options_are_read():
    asked = parse(message(Kind.DISCOVER, b"\0\0", option(12, b"a host's name"), address(50, "10.1.2.3")))
    assert asked is not None
    assert asked.wanted == "10.1.2.3"


@given(st.binary(max_size=400))
def test_any_bytes_are_taken_or_left(data):
    for text in (data, message(Kind.DISCOVER)[:240] + data):
        asked = parse(text)
        assert asked is None or answer(asked, LEASE) is None or len(answer(asked, LEASE) or b"") >= 300
