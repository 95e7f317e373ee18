"""Typed command lines, and command lines taken apart again (V.250 5.2 to 5.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cellbench.catalogue.model import Command, Form, Kind, Param
from cellbench.wire.at.errors import UnsendableLine

Value = str | int | bool | None

# NUL, CR, NAK and the quote cannot stand in a string (u-blox AT manual, "AT commands types"); LF and Ctrl-Z
# and ESC end or cancel input.
_FORBIDDEN = frozenset('\0\r\n\x15\x1a\x1b"')
_EXTENDED = re.compile(r"[+^*%$#][A-Z0-9!%\-./:_]+", re.IGNORECASE)
_BASIC = re.compile(r"(&?[A-Z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Call:
    """One command of a line. ``args`` are (begin, end) places of its arguments in the line, quotes
    excluded."""

    name: str
    form: Form
    args: tuple[tuple[int, int], ...] = ()


def encode(command: Command, form: Form, *values: Value) -> str:
    """One command without its AT: ``encode(CGDCONT, Form.SET, 1, "IP", "apn")`` gives
    ``+CGDCONT=1,"IP","apn"``. None leaves a parameter out. Raises UnsendableLine."""
    if form not in command.forms:
        raise UnsendableLine(f"{command.name} has no {form.value} form")
    if form is Form.READ:
        return _without_values(command, values) + "?"
    if form is Form.TEST:
        return _without_values(command, values) + "=?"
    if form is Form.EXECUTE and not values:
        return command.name
    pairs = zip(_params(command, values), values, strict=True)
    written = [_value(command, param, value) for param, value in pairs]
    while written and not written[-1]:
        written.pop()
    joiner = "=" if command.name[0] in "+^*%$#" or command.name == "S" else ""
    return f"{command.name}{joiner}{','.join(written)}"


def command_line(*parts: str) -> str:
    """Several commands on one line: after an extended command stands a semicolon (V.250 5.4.5)."""
    line = "AT"
    extended = False
    for part in parts:
        line += f";{part}" if extended else part
        extended = part[:1] in "+^*%$#"
    return line


def _without_values(command: Command, values: Sequence[Value]) -> str:
    if values:
        raise UnsendableLine(f"{command.name}: only the set form takes values")
    return command.name


def _params(command: Command, values: Sequence[Value]) -> Sequence[Param]:
    params = command.params
    if len(values) > len(params):
        if not params:
            raise UnsendableLine(f"{command.name} takes no parameter")
        # A repeated last parameter (+CGPADDR=1,2,3) keeps the last one's kind.
        params = params + (params[-1],) * (len(values) - len(params))
    return params[:len(values)]


def _value(command: Command, param: Param, value: Value) -> str:
    if value is None:
        return ""
    if param.kind is Kind.INTEGER:
        if isinstance(value, str):
            raise UnsendableLine(f"{command.name}: {param.name} is a number, got {value!r}")
        return str(int(value))
    text = str(value)
    wrong = sorted(_FORBIDDEN.intersection(text))
    if wrong:
        raise UnsendableLine(f"{command.name}: {param.name} cannot hold {', '.join(map(repr, wrong))}")
    if param.max_length is not None and len(text) > param.max_length:
        raise UnsendableLine(
            f"{command.name}: {param.name} takes at most {param.max_length} characters, got {len(text)}")
    return f'"{text}"'


def parse_line(line: str) -> tuple[Call, ...]:
    """The commands of a line: ``AT+CGMM;+CGSN`` gives two. Empty for ``AT`` alone.

    Raises UnsendableLine for a line without AT, or with characters that no line may hold.
    """
    if line[:2].upper() != "AT" and line[:2].upper() != "A/":
        raise UnsendableLine(f"a command line begins with AT, got {line[:12]!r}")
    if any(char in "\r\n\0" for char in line):
        raise UnsendableLine("a command line holds no CR, LF or NUL")
    calls: list[Call] = []
    at = 2
    while at < len(line):
        if line[at] in "; ":
            at += 1
            continue
        call, at = _extended(line, at) if line[at] in "+^*%$#" else _basic(line, at)
        calls.append(call)
    return tuple(calls)


def _extended(line: str, at: int) -> tuple[Call, int]:
    found = _EXTENDED.match(line, at)
    if found is None:
        raise UnsendableLine(f"{line!r}: no command name at character {at + 1}")
    name, end = found.group().upper(), found.end()
    while line[end:end + 1] == " ":
        end += 1
    if line[end:end + 2] == "=?":
        return Call(name, Form.TEST), _after(line, end + 2)
    if line[end:end + 1] == "?":
        return Call(name, Form.READ), _after(line, end + 1)
    if line[end:end + 1] == "=":
        args, stop = _arguments(line, end + 1)
        return Call(name, Form.SET, args), stop
    return Call(name, Form.EXECUTE), _after(line, end)


def _after(line: str, at: int) -> int:
    """Past the semicolon that may follow; anything else would be ignored by some modules and refused by
    others, so it is left for the next round to see."""
    return at + 1 if line[at:at + 1] == ";" else at


def _arguments(line: str, at: int) -> tuple[tuple[tuple[int, int], ...], int]:
    args: list[tuple[int, int]] = []
    start, quoted = at, False
    while at < len(line):
        char = line[at]
        if char == '"':
            quoted = not quoted
        elif not quoted and char in ",;":
            args.append(_trimmed(line, start, at))
            start = at + 1
            if char == ";":
                return tuple(args), at + 1
        at += 1
    args.append(_trimmed(line, start, at))
    return tuple(args), at


def _trimmed(line: str, start: int, end: int) -> tuple[int, int]:
    while start < end and line[start] == " ":
        start += 1
    while end > start and line[end - 1] == " ":
        end -= 1
    if end - start >= 2 and line[start] == line[end - 1] == '"':
        return start + 1, end - 1
    return start, end


def _basic(line: str, at: int) -> tuple[Call, int]:
    found = _BASIC.match(line, at)
    if found is None:
        raise UnsendableLine(f"{line!r}: no command at character {at + 1}")
    name, start = found.group().upper(), found.end()
    if name == "D":  # takes the rest of the line up to a semicolon (V.250 6.3.1)
        end = line.find(";", start)
        end = len(line) if end < 0 else end
        return Call(name, Form.EXECUTE, ((start, end),)), min(end + 1, len(line))
    end = start
    while line[end:end + 1].isdigit():
        end += 1
    args = ((start, end),) if end > start else ()
    if name == "S" and line[end:end + 1] == "=":
        stop = end + 1
        while line[stop:stop + 1].isdigit():
            stop += 1
        return Call(name, Form.SET, (*args, (end + 1, stop))), stop
    if line[end:end + 2] == "=?":
        return Call(name, Form.TEST, args), end + 2
    if line[end:end + 1] == "?":
        return Call(name, Form.READ, args), end + 1
    return Call(name, Form.EXECUTE, args), end
