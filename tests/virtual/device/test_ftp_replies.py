"""Replies of FTP servers, however they are cut; RFC 959 4.2 and RFC 2428 have the examples."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.device.clients.ftp_replies import (
    NoReply,
    Reply,
    ReplyReader,
    extended_port,
    passive_port,
    port_argument,
)

TALK = (b"220-Welcome\r\n 220 not the end\r\n221-nor this\r\n220 ready\r\n"
        b"331 Password\n230\r\n123-First line\r\nSecond line\r\n  234 A line beginning with numbers\r\n"
        b"123 The last line\r\n")
REPLIES = [Reply(220, "ready"), Reply(331, "Password"), Reply(230, ""), Reply(123, "The last line")]


@given(st.lists(st.integers(0, len(TALK)), max_size=20))
def test_replies_come_whole_however_the_bytes_are_cut(cuts: list[int]) -> None:
    reader, found = ReplyReader(), []
    places = sorted({0, *cuts, len(TALK)})
    for begin, end in pairwise(places):
        found += reader.feed(TALK[begin:end])
    assert found == REPLIES
    assert not reader.broken


@given(st.binary(max_size=400))
def test_rubbish_is_known_as_such_or_waits_for_its_end(data: bytes) -> None:
    reader = ReplyReader()
    for reply in reader.feed(data):
        assert 100 <= reply.code <= 599
    reader.feed(b"\r\nno reply\r\n" if not reader.broken else b"")
    assert reader.broken or data.count(b"-")  # only a reply of several lines may hold such a line


@pytest.mark.parametrize("data", [b"hello\r\n", b"600 x\r\n", b"22 x\r\n", b"220x\r\n", b"2" * 3000,
                                  b"220-a\r\n" + b"b\r\n" * 300])
def test_what_is_no_reply(data: bytes) -> None:
    reader = ReplyReader()
    assert reader.feed(data) == []
    assert reader.broken


def test_replies_before_the_rubbish_count() -> None:
    reader = ReplyReader()
    assert reader.feed(b"150 coming\r\n\x00\xff\r\n226 done\r\n") == [Reply(150, "coming")]
    assert reader.broken


def test_data_ports() -> None:
    assert passive_port("Entering Passive Mode (132,235,1,2,24,131).") == 6275
    assert passive_port("=127,0,0,1,4,1") == 1025
    assert extended_port("Entering Extended Passive Mode (|||6446|)") == 6446
    for text in ("nothing", "(1,2,3,4,256,1)"):
        with pytest.raises(NoReply):
            passive_port(text)
    for text in ("nothing", "(|||0|)", "(|||70000|)", "(|!|6446|)"):
        with pytest.raises(NoReply):
            extended_port(text)
    assert port_argument("132.235.1.2", 6275) == "PORT 132,235,1,2,24,131"
    assert port_argument("1080::8:800:200C:417A", 5282) == "EPRT |2|1080::8:800:200C:417A|5282|"
