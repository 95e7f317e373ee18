"""The receiver: the same tokens however the bytes are split, and never lost for good."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.wire.at.events import Token
from cellbench.wire.at.receiver import MAX_LINE, Mode, Receiver

FINALS = (b"OK", b"ERROR", b"NO CARRIER", b"BUSY", b"ABORTED")
NUMERIC = (b"0", b"4", b"3000")

LINE, FINAL, PROMPT, CONNECT, DATA, GARBAGE = (
    Token.LINE, Token.FINAL, Token.PROMPT, Token.CONNECT, Token.DATA, Token.GARBAGE)


def receiver() -> Receiver:
    return Receiver(FINALS, NUMERIC)


def whole(data: bytes, unit: Receiver | None = None) -> list[tuple[Token, bytes]]:
    return list((unit or receiver()).receive(data))


def in_pieces(data: bytes, cuts: list[int], unit: Receiver | None = None) -> list[tuple[Token, bytes]]:
    unit = unit or receiver()
    events: list[tuple[Token, bytes]] = []
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        events += unit.receive(data[begin:end])
    return events


def joined(events: list[tuple[Token, bytes]]) -> list[tuple[Token, bytes]]:
    """Data mode hands on whatever came: pieces of it are one."""
    merged: list[tuple[Token, bytes]] = []
    for kind, raw in events:
        if merged and kind is DATA and merged[-1][0] is DATA:
            merged[-1] = (DATA, merged[-1][1] + raw)
        else:
            merged.append((kind, raw))
    return merged


CASES = {
    "echo, information, final": (
        b"AT+CSQ\r\r\n+CSQ: 25,0\r\n\r\nOK\r\n",
        [(LINE, b"AT+CSQ"), (LINE, b"+CSQ: 25,0"), (FINAL, b"OK")]),
    "extra line ends and blanks": (
        b"\r\n\r\n +CSQ: 25,0 \r\n\r\r\n  \r\n OK \r\n\n",
        [(LINE, b"+CSQ: 25,0"), (FINAL, b"OK")]),
    "LF CR, and single line ends": (
        b"\n\r+COPS: 1\n\r\n\r+COPS: 2\rOK\n",
        [(LINE, b"+COPS: 1"), (LINE, b"+COPS: 2"), (FINAL, b"OK")]),
    "error codes with numbers and texts": (
        b"\r\n+CME ERROR: 3\r\n\r\n+CMS ERROR: invalid memory index\r\n\r\nERROR\r\n",
        [(FINAL, b"+CME ERROR: 3"), (FINAL, b"+CMS ERROR: invalid memory index"), (FINAL, b"ERROR")]),
    "NUL bytes of a waking line": (b"\0\0\r\n\0OK\r\n", [(FINAL, b"OK")]),
    "announced payload with line ends, quotes and codes inside": (
        b'\r\n+USORD: 0,16,"a"b\r\nOK\r\n","\r\r\nx"\r\n\r\nOK\r\n',
        [(LINE, b'+USORD: 0,16,"a"b\r\nOK\r\n","\r\r\nx"'), (FINAL, b"OK")]),
    "announced payload behind an address": (
        b'\r\n+USORF: 6,"::1",7,4,"\r\n"\r"\r\nOK\r\n',
        [(LINE, b'+USORF: 6,"::1",7,4,"\r\n"\r"'), (FINAL, b"OK")]),
    "hexadecimal payload is twice as long": (
        b'\r\n+USORD: 0,3,"610D0A"\r\n\r\nOK\r\n', [(LINE, b'+USORD: 0,3,"610D0A"'), (FINAL, b"OK")]),
    "unread bytes, empty payload": (
        b'\r\n+USORD: 0,12\r\n\r\n+USORD: 0,0,""\r\n+USORD: 0,""\r\nOK\r\n',
        [(LINE, b"+USORD: 0,12"), (LINE, b'+USORD: 0,0,""'), (LINE, b'+USORD: 0,""'), (FINAL, b"OK")]),
    "two announced strings in one line": (
        b'\r\n+UMQTTC: 6,0,13,6,"a"\r\n"b",7,"x\r\n"\r\nO"\r\nOK\r\n',
        [(LINE, b'+UMQTTC: 6,0,13,6,"a"\r\n"b",7,"x\r\n"\r\nO"'), (FINAL, b"OK")]),
    "file with its name unquoted": (
        b'\r\n+URDFILE: a.txt,4,"\r\nOK"\r\n\r\nOK\r\n',
        [(LINE, b'+URDFILE: a.txt,4,"\r\nOK"'), (FINAL, b"OK")]),
    "an announced length that is wrong does not swallow what follows": (
        b'\r\n+USORD: 0,9,"abc"\r\n\r\nOK\r\n\r\nOK\r\n',
        [(LINE, b'+USORD: 0,9,"abc"'), (FINAL, b"OK"), (FINAL, b"OK")]),
    "a string over several lines": (
        b'\r\n+CUSD: 0,"Balance:\n12.50\r\nThanks",15\r\n\r\nOK\r\n',
        [(LINE, b'+CUSD: 0,"Balance:\n12.50\r\nThanks",15'), (FINAL, b"OK")]),
    "a stray quote ends at the final code": (
        b'\r\n+CSQ: "25,0\r\n+CREG: 1\r\nOK\r\n\r\n+UUSORD: 0,1\r\n',
        [(LINE, b'+CSQ: "25,0'), (LINE, b"+CREG: 1"), (FINAL, b"OK"), (LINE, b"+UUSORD: 0,1")]),
    "a quote in a line without a prefix means nothing": (
        b'\r\nsay "hi\r\nOK\r\n', [(LINE, b'say "hi'), (FINAL, b"OK")]),
    "CONNECT without a command that may connect is a line": (
        b"\r\nCONNECT 150000000\r\nOK\r\n", [(LINE, b"CONNECT 150000000"), (FINAL, b"OK")]),
}


@pytest.mark.parametrize("case", CASES)
def test_whole_byte_by_byte_and_with_trailing_bytes(case):
    data, expected = CASES[case]
    events = whole(data)
    assert events == expected
    assert in_pieces(data, list(range(1, len(data)))) == events
    trailing = receiver()
    assert trailing.receive(data + b"\r\n+UUSO") == events
    assert trailing.receive(b"RD: 0,5\r\n") == [(LINE, b"+UUSORD: 0,5")]


def test_prompts_only_where_they_are_awaited():
    for mark in (b">", b"@"):
        unit = receiver()
        assert unit.receive(mark) == []
        unit.reset()
        unit.arm_prompts("@>")
        assert in_pieces(b"AT+X=1\r\r\n" + mark + b" ", list(range(1, 11)), unit) == [
            (LINE, b"AT+X=1"), (PROMPT, mark)]
        assert unit.receive(b"\r\n" + mark + b"\r\n") == [(LINE, mark)]


def test_a_urc_before_the_prompt():
    unit = receiver()
    unit.arm_prompts("@")
    assert whole(b"\r\n+UUSORD: 0,1\r\n@\r\n+USOWR: 0,1\r\nOK\r\n", unit) == [
        (LINE, b"+UUSORD: 0,1"), (PROMPT, b"@"), (LINE, b"+USOWR: 0,1"), (FINAL, b"OK")]


def test_connect_ends_the_lines():
    data = b"ATD*99#\r\r\nCONNECT 150000000\r\n\n~\xff}#\r\nOK\r\n"
    for cuts in ([], list(range(1, len(data)))):
        unit = receiver()
        unit.connects = True
        assert joined(in_pieces(data, cuts, unit)) == [
            (LINE, b"ATD*99#"), (CONNECT, b"CONNECT 150000000"), (DATA, b"\n~\xff}#\r\nOK\r\n")]
        assert unit.mode is Mode.DATA
        unit.command_mode()
        assert unit.receive(b"\r\nOK\r\n") == [(FINAL, b"OK")]


def test_numeric_codes_count_only_when_asked_for():
    unit = receiver()
    assert unit.receive(b"0\r") == [(LINE, b"0")]
    unit.set_numeric(True)
    assert unit.receive(b"+CSQ: 1,0\r\n0\r3000\rOK\r\n") == [
        (LINE, b"+CSQ: 1,0"), (FINAL, b"0"), (FINAL, b"3000"), (FINAL, b"OK")]
    unit.set_numeric(False)
    assert unit.receive(b"4\r") == [(LINE, b"4")]


def test_a_line_without_end_comes_as_garbage_and_takes_no_memory():
    unit = receiver()
    events: list[tuple[Token, bytes]] = []
    for _ in range(100):
        events += unit.receive(b"x" * 1000)
    assert unit.pending <= MAX_LINE
    assert {kind for kind, _ in events} == {GARBAGE}
    events += unit.receive(b"\r\nOK\r\n")
    assert sum(len(raw) for kind, raw in events if kind is not FINAL) == 100_000
    assert events[-1] == (FINAL, b"OK")


def test_a_payload_whose_end_got_lost_is_given_up():
    unit = receiver()
    assert unit.receive(b'\r\n+USORD: 0,1000,"abc\r\nOK\r\n') == []
    assert unit.holds_string
    assert [kind for kind, _ in unit.give_up_string()] == [GARBAGE]
    assert unit.receive(b"AT\r\r\nOK\r\n") == [(LINE, b"AT"), (FINAL, b"OK")]


def test_a_megabyte_of_payload_in_small_pieces():
    payload = random.Random(1).randbytes(1_000_000)
    data = b'\r\n+URDFILE: "big",1000000,"' + payload + b'"\r\n\r\nOK\r\n'
    unit = receiver()
    events: list[tuple[Token, bytes]] = []
    for at in range(0, len(data), 64):
        events += unit.receive(data[at:at + 64])
    assert events == [(LINE, data[2:-8]), (FINAL, b"OK")]


def test_a_long_payload_byte_by_byte():
    payload = random.Random(2).randbytes(MAX_LINE + 10)
    data = b'\r\n+USORF: 0,"1.2.3.4",7,%d,"%b"\r\n\r\nOK\r\n' % (len(payload), payload)
    assert in_pieces(data, list(range(1, len(data)))) == [(LINE, data[2:-8]), (FINAL, b"OK")]


_WORDS = [
    b"\r\n", b"\r", b"\n", b" ", b"\0", b'"', b",", b"OK\r\n", b"\r\nOK\r\n", b"ERROR\r",
    b"+CME ERROR: 3\r\n", b"+CME ERROR: ", b"+CSQ: 25,0\r\n",
    b'+CUSD: 0,"a', b"+USORD: 0,", b'5,"', b'+USORD: 0,5,"ab\r\ncd"\r\n',
    b'+UMQTTC: 6,0,9,4,"', b"AT+CSQ\r", b"@", b">", b"CONNECT\r\n", b"CONNECT 9600", b"0\r", b"+",
    b"RING\r\n"]
_pieces = st.lists(st.one_of(st.sampled_from(_WORDS), st.binary(max_size=12)), max_size=24).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(data=_pieces, cuts=st.lists(st.integers(0, 300), max_size=12),
       prompts=st.sampled_from(["", "@", "@>"]), connects=st.booleans(), numeric=st.booleans())
def test_any_split_gives_the_same_tokens(data, cuts, prompts, connects, numeric):
    def made() -> Receiver:
        unit = receiver()
        unit.set_numeric(numeric)
        unit.arm_prompts(prompts)
        unit.connects = connects
        return unit

    cuts = sorted(min(cut, len(data)) for cut in cuts)
    expected = joined(whole(data, made()))
    assert joined(in_pieces(data, cuts, made())) == expected
    assert joined(in_pieces(data, list(range(1, len(data))), made())) == expected


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32),
       size=st.sampled_from([MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 2 * MAX_LINE + 7]),
       opener=st.sampled_from([b"", b"x", b'+X: "', b"+USORD: 0,", b'+USORD: 0,9999,"' + b"z" * 9999 + b'"']),
       cuts=st.lists(st.integers(0, 40_000), max_size=6))
def test_any_split_of_overlong_lines_gives_the_same_tokens(seed, size, opener, cuts):
    body = bytes(random.Random(seed).choices(b'abc +",0123', k=size))
    data = opener + body + b"\r\n\r\nOK\r\n"
    cuts = sorted(min(cut, len(data)) for cut in cuts)
    assert in_pieces(data, cuts) == whole(data)


def random_bytes_then_in_step(total: int, seed: int) -> None:
    """Feed random bytes in pieces of random sizes; then the receiver must understand the next command."""
    source = random.Random(seed)
    unit = receiver()
    fed = 0
    while fed < total:
        piece = source.randbytes(source.choice((1, 7, 64, 700, 4096)))
        fed += len(piece)
        for kind, _ in unit.receive(piece):
            assert kind in (LINE, FINAL, GARBAGE)
        assert unit.pending <= MAX_LINE + 4096 or unit.holds_string
    unit.give_up_string()
    events = unit.receive(b"\r\nAT+CSQ\r\r\n+CSQ: 25,0\r\n\r\nOK\r\n")
    assert events[-3:] == [(LINE, b"AT+CSQ"), (LINE, b"+CSQ: 25,0"), (FINAL, b"OK")]


def test_a_megabyte_of_random_bytes():
    random_bytes_then_in_step(1_000_000, seed=3)


def test_noise_made_of_the_dialogues_own_words():
    words = [b'"', b"\r\n", b'+USORD: 0,99,"', b"OK", b"+CME ERROR: ", b"\0", b"+", b'+X: "', b"CONNECT"]
    source = random.Random(5)
    unit = receiver()
    for _ in range(20_000):
        unit.receive(b"".join(source.choices(words, k=source.randrange(1, 6))))
    unit.give_up_string()
    assert unit.receive(b"\r\nOK\r\n")[-1] == (FINAL, b"OK")
