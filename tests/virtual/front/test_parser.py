"""The command parser on its own: V.250 5.2 to 5.4, and any bytes at all."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.catalogue.model import Form
from cellbench.virtual.front.parser import (
    LineAssembler,
    LineError,
    LineEvent,
    RawCommand,
    Value,
    split_line,
    split_values,
)


def commands(body: str, whole: str = "") -> list[tuple[str, Form, str]]:
    return [(one.name, one.form, one.text) for one in split_line(body, lambda name: name == whole)]


def feed(assembler: LineAssembler, data: bytes) -> list[tuple[LineEvent, str]]:
    found = []
    for code in data:
        event = assembler.put(code)
        if event is not LineEvent.NOTHING:
            found.append((event, assembler.body))
    return found


X, S, R, T = Form.EXECUTE, Form.SET, Form.READ, Form.TEST


@pytest.mark.parametrize(("body", "expected"), [
    ("", []),
    ("I", [("I", X, "")]),
    ("I0I9", [("I", X, "0"), ("I", X, "9")]),
    ("e0v1 +cmee=2", [("E", X, "0"), ("V", X, "1"), ("+CMEE", S, "2")]),
    ("&K3&C1", [("&K", X, "3"), ("&C", X, "1")]),
    ("S0?", [("S", R, "0")]),
    ("S3=13S4 = 10", [("S", S, "3=13"), ("S", S, "4=10")]),
    ("S7", [("S", X, "7")]),
    ("+CGDCONT?;+CGACT?", [("+CGDCONT", R, ""), ("+CGACT", R, "")]),
    ("+CSQ;I;+CREG=?", [("+CSQ", X, ""), ("I", X, ""), ("+CREG", T, "")]),
    ('+X="a;b";+Y', [("+X", S, '"a;b"'), ("+Y", X, "")]),
    ('+SYSNV=1, "usbmode", 2', [("+SYSNV", S, '1, "usbmode", 2')]),
    ("+COPS = ?", [("+COPS", T, "")]),
    ("D*99***1#", [("D", X, "*99***1#")]),
    ("D+39123;+CMEE=1", [("D", X, "+39123;"), ("+CMEE", S, "1")]),
    ("^SYSINFO", [("^SYSINFO", X, "")]),
    ("E0;+CMEE=2;", [("E", X, "0"), ("+CMEE", S, "2")]),
    ('+USOWR=0,3,"a;b"', [("+USOWR", S, '0,3,"a;b"')]),
])
def test_a_line_falls_into_its_commands(body: str, expected: list[tuple[str, Form, str]]) -> None:
    assert commands(body, whole="+USOWR") == expected


@pytest.mark.parametrize("body", ["+", "?", "1", "&", "&1", "+CREG!?x=", "+CREG?1", '"', "+CREG=1;?",
                                  "+CREG x"])
def test_what_is_no_command_is_an_error(body: str) -> None:
    with pytest.raises(LineError):
        commands(body)


def test_commands_before_a_mistake_are_given_first() -> None:
    """V.250 5.2.3: commands are executed one by one until one fails."""
    parts = split_line("E0+CREG=1;1", lambda name: False)
    assert next(parts).name == "E"
    assert next(parts).name == "+CREG"
    with pytest.raises(LineError):
        next(parts)


def test_a_command_knows_whether_it_is_alone() -> None:
    assert [one.alone for one in split_line("+A=1;+B", lambda name: False)] == [False, False]
    assert [one.alone for one in split_line(" +A=1 ;", lambda name: False)] == [True]


@pytest.mark.parametrize(("text", "expected"), [
    ("1", (Value("1", False),)),
    (' 1 , "usbmode" , 2 ', (Value("1", False), Value("usbmode", True), Value("2", False))),
    ("1,,3", (Value("1", False), None, Value("3", False))),
    ("1,", (Value("1", False), None)),
    ("", (None,)),
    ('"a,b"', (Value("a,b", True),)),
    ('""', (Value("", True),)),
])
def test_parameters(text: str, expected: tuple[Value | None, ...]) -> None:
    assert split_values(text) == expected


@pytest.mark.parametrize("text", ['"a', '"a"b', 'a"b"', '1,"x" y'])
def test_broken_quotes_are_an_error(text: str) -> None:
    with pytest.raises(LineError):
        split_values(text)


def test_data_at_the_end_is_taken_whole() -> None:
    assert split_values('0,5,"a,"b"', 2) == (Value("0", False), Value("5", False), Value('a,"b', True))
    assert split_values("0,3,a,b", 2) == (Value("0", False), Value("3", False), Value("a,b", False))


def test_lines_are_found_in_noise() -> None:
    assembler = LineAssembler(100)
    assert feed(assembler, b"\x00xyzATI\r\nzzat+csq\raT\r") == [
        (LineEvent.LINE, "I"), (LineEvent.LINE, "+csq"), (LineEvent.LINE, "")]


def test_backspace_takes_a_character_back_and_controls_are_ignored() -> None:
    assembler = LineAssembler(100)
    assert feed(assembler, b"ATE\x081\x08I\x01\n9\r") == [(LineEvent.LINE, "I9")]


def test_slash_repeats_the_last_line() -> None:
    assembler = LineAssembler(100)
    assert feed(assembler, b"ATI9\rA/a/") == [(LineEvent.LINE, "I9"), (LineEvent.REPEAT, "I9"),
                                              (LineEvent.REPEAT, "I9")]


def test_the_registers_choose_the_characters() -> None:
    assembler = LineAssembler(100, cr=ord(";"), bs=ord("<"))
    assert feed(assembler, b"ATEQ<0;") == [(LineEvent.LINE, "E0")]


def test_a_line_too_long_is_told_and_the_next_is_good() -> None:
    assembler = LineAssembler(4)
    events = [event for event, _ in feed(assembler, b"AT+CMEE=2\rATI\r")]
    assert events == [LineEvent.TOO_LONG, LineEvent.LINE]


@given(st.binary(max_size=400))
def test_any_bytes_leave_the_assembler_in_step(noise: bytes) -> None:
    assembler = LineAssembler(64)
    feed(assembler, noise)
    feed(assembler, b"\r")
    assert feed(assembler, b"ATI9\r")[-1] == (LineEvent.LINE, "I9")


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60))
def test_any_line_is_commands_or_a_line_error(body: str) -> None:
    found: list[RawCommand] = []
    with contextlib.suppress(LineError):
        found.extend(split_line(body, lambda name: False))
    assert all(one.name for one in found)
    assert sum(len(one.name) + len(one.text) for one in found) <= len(body)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60),
       st.none() | st.integers(0, 3))
def test_any_text_is_parameters_or_a_line_error(text: str, data_from: int | None) -> None:
    try:
        values = split_values(text, data_from)
    except LineError:
        return
    assert len(values) >= 1
    assert all(value is None or len(value.text) <= len(text) for value in values)
