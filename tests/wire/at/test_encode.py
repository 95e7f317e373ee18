"""Typed command lines out, command lines taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Command, Form, Kind, Param, Source
from cellbench.catalogue.sources import guess
from cellbench.wire.at.encode import command_line, encode, parse_line
from cellbench.wire.at.errors import UnsendableLine

_SOURCE: Source = guess("for this test")
_COMMAND = Command("+TRY", "a command", frozenset({Form.SET, Form.READ, Form.TEST}), _SOURCE, (
    Param("number"), Param("text", Kind.STRING, optional=True, max_length=8), Param("last", optional=True)))


def test_forms_and_quoting():
    assert encode(_COMMAND, Form.READ) == "+TRY?"
    assert encode(_COMMAND, Form.TEST) == "+TRY=?"
    assert encode(_COMMAND, Form.SET, 1, "ab,c;d") == '+TRY=1,"ab,c;d"'
    assert encode(_COMMAND, Form.SET, 1, None, 3) == "+TRY=1,,3"
    assert encode(_COMMAND, Form.SET, 1, None, None) == "+TRY=1"
    assert encode(ALL["+CGDCONT"], Form.SET, 1, "IP", "internet") == '+CGDCONT=1,"IP","internet"'
    assert encode(ALL["E"], Form.EXECUTE, 0) == "E0"


@pytest.mark.parametrize("values", [
    ("one",), (1, 'a"b'), (1, "a\rb"), (1, "a\0"), (1, "\x1a"), (1, "too long 9"), (1, "a", 2, "x", "y")])
def test_what_cannot_be_sent_is_refused(values):
    with pytest.raises(UnsendableLine):
        encode(_COMMAND, Form.SET, *values)


def test_forms_that_a_command_lacks_are_refused():
    with pytest.raises(UnsendableLine):
        encode(_COMMAND, Form.EXECUTE)
    with pytest.raises(UnsendableLine):
        encode(_COMMAND, Form.READ, 1)


def test_several_commands_on_a_line():
    assert command_line("E0", "V1", "+CMEE=2", "+CSQ") == "ATE0V1+CMEE=2;+CSQ"


def named(line: str) -> list[tuple[str, Form, list[str]]]:
    calls = parse_line(line)
    return [(call.name, call.form, [line[begin:end] for begin, end in call.args]) for call in calls]


@pytest.mark.parametrize(("line", "expected"), [
    ("AT", []),
    ("at+csq", [("+CSQ", Form.EXECUTE, [])]),
    ("ATI0I9", [("I", Form.EXECUTE, ["0"]), ("I", Form.EXECUTE, ["9"])]),
    ("ATE0V1&K3+CMEE=2;+CSQ", [("E", Form.EXECUTE, ["0"]), ("V", Form.EXECUTE, ["1"]),
                               ("&K", Form.EXECUTE, ["3"]), ("+CMEE", Form.SET, ["2"]),
                               ("+CSQ", Form.EXECUTE, [])]),
    ("ATS0=1S3?", [("S", Form.SET, ["0", "1"]), ("S", Form.READ, ["3"])]),
    ("ATD*99***1#", [("D", Form.EXECUTE, ["*99***1#"])]),
    ("ATD+4366412;", [("D", Form.EXECUTE, ["+4366412"])]),
    ('AT+CGDCONT=1,"IP","a;b,c";+CGACT?', [("+CGDCONT", Form.SET, ["1", "IP", "a;b,c"]),
                                          ("+CGACT", Form.READ, [])]),
    ('AT+SYSNV=1, "usbmode", 2', [("+SYSNV", Form.SET, ["1", "usbmode", "2"])]),
    ("AT+COPS=?", [("+COPS", Form.TEST, [])]),
    ("AT+USOCR=6,,0", [("+USOCR", Form.SET, ["6", "", "0"])]),
])
def test_lines_are_taken_apart(line, expected):
    assert named(line) == expected


@pytest.mark.parametrize("line", ["", "CSQ", "AT+", "AT+CSQ\r", "AT?", "AT=1"])
def test_lines_that_are_none(line):
    with pytest.raises(UnsendableLine):
        parse_line(line)


@given(st.lists(st.one_of(st.integers(0, 10**6), st.text("abc,;= xyz", max_size=6)), min_size=1,
                max_size=5))
def test_what_is_encoded_is_read_back(values):
    params = tuple(Param(f"p{n}", Kind.INTEGER if isinstance(value, int) else Kind.STRING)
                   for n, value in enumerate(values))
    command = Command("+TRY", "a command", frozenset({Form.SET}), _SOURCE, params)
    line = command_line(encode(command, Form.SET, *values), "+CSQ")
    # A trailing empty string keeps its quotes, so every value comes back.
    assert named(line)[0] == ("+TRY", Form.SET, [str(value) for value in values])
    assert named(line)[1][0] == "+CSQ"


@given(st.text(max_size=30))
def test_any_text_is_taken_apart_or_refused(text):
    try:
        calls = parse_line("AT" + text)
    except UnsendableLine:
        return
    assert all(0 <= begin <= end <= len(text) + 2 for call in calls for begin, end in call.args)
