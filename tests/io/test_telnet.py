"""The Telnet layer of RFC 2217."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cellbench.io.telnet import (
    COM_PORT,
    DO,
    WILL,
    ComPort,
    Negotiation,
    Subnegotiation,
    TelnetDecoder,
    com_port,
    escape,
    negotiation,
)

# RFC 2217 section 2: SET-BAUDRATE of 115200, and a value that holds 255 and so is doubled
RATE = bytes.fromhex("fffa2c01 0001c200 fff0".replace(" ", ""))
DOUBLED = bytes.fromhex("fffa2c01 0000ffff00 fff0".replace(" ", ""))


def test_com_port_commands_on_the_wire():
    assert com_port(ComPort.SET_BAUDRATE, (115200).to_bytes(4, "big")) == RATE
    assert com_port(ComPort.SET_BAUDRATE, (0xFF00).to_bytes(4, "big")) == DOUBLED
    assert negotiation(WILL, COM_PORT) == b"\xff\xfb\x2c"


def test_events_among_data():
    wire = b"ab\xff\xffc" + negotiation(DO, COM_PORT) + b"d" + DOUBLED + b"e\xff\xf1"
    data, events = TelnetDecoder().receive(wire)
    assert data == b"ab\xffcde"
    assert events == [Negotiation(DO, COM_PORT), Subnegotiation(COM_PORT, bytes.fromhex("010000ff00"))]


_PARTS = st.one_of(st.binary(max_size=8).map(escape), st.sampled_from(
    [RATE, DOUBLED, negotiation(DO, COM_PORT), b"\xff\xf1"]))


@given(st.lists(_PARTS, max_size=10).map(b"".join), st.lists(st.integers(0, 150), max_size=8))
def test_any_split_means_the_same(wire, cuts):
    expected = TelnetDecoder().receive(wire)
    decoder = TelnetDecoder()
    data, events = b"", []
    places = sorted(min(cut, len(wire)) for cut in cuts)
    for begin, end in zip([0, *places], [*places, len(wire)], strict=True):
        more, told = decoder.receive(wire[begin:end])
        data += more
        events += told
    assert (data, events) == expected


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(wire):
    decoder = TelnetDecoder()
    decoder.receive(wire)
    decoder.receive(b"\xff\xf0\xff\xf0x")
    assert decoder.receive(b"AT\r")[0].endswith(b"\r")


@given(st.binary(max_size=100))
def test_escaped_data_comes_back(data):
    assert TelnetDecoder().receive(escape(data)) == (data, [])
