"""Telnet's rules (RFC 854, 855) on a stream in any pieces."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cellbench.instruments.line.telnet import TelnetFilter

IAC = b"\xff"


def run(pieces):
    telnet, text, answer = TelnetFilter(), b"", b""
    for piece in pieces:
        got, said = telnet.receive(piece)
        text, answer = text + got, answer + said
    return text, answer


def test_options_are_answered_once_and_taken_out():
    text, answer = run([b"a" + IAC + b"\xfb\x01b" + IAC + b"\xfb\x01c",
                        IAC + b"\xfb\x22" + IAC + b"\xfd\x18d"])
    assert text == b"abcd"
    assert answer == IAC + b"\xfd\x01" + IAC + b"\xfe\x22" + IAC + b"\xfc\x18"


def test_escaped_255_and_subnegotiation():
    text, answer = run([b"x" + IAC + IAC + b"y" + IAC + b"\xfa\x18\x01" + IAC + IAC + b"z" + IAC + b"\xf0w"])
    assert text == b"x\xffyw"
    assert answer == b""


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_any_split_gives_the_same(data, cuts):
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[begin:end] for begin, end in itertools.pairwise(edges)]
    assert run(pieces) == run([data])


@given(st.binary(max_size=60))
def test_text_without_255_passes_unchanged(data):
    plain = data.replace(IAC, b"")
    assert run([plain]) == (plain, b"")
