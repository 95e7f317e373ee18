"""The DCE's command parser: characters to lines, lines to commands, text to parameters.

Written from V.250 (5.2 command lines, 5.3 basic syntax, 5.4 extended syntax) and 3GPP TS 27.007 clause 4.
Text is one character per byte (Latin-1). Nothing here knows a clock, a port or a module.
"""

from __future__ import annotations

import enum
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cellbench.catalogue.model import Form

_NAME_CHARS = frozenset(string.ascii_letters + string.digits + "!%-./:_")
_EXTENDED = frozenset("+^$*#%")
_DIGITS = frozenset(string.digits)
_BASIC = frozenset(string.ascii_uppercase)


class LineEvent(enum.Enum):
    """What a character made of the line."""

    NOTHING = "nothing"
    LINE = "line"  # a command line is complete
    REPEAT = "repeat"  # A/ was typed (V.250 5.2.4)
    TOO_LONG = "too long"  # complete, but longer than the module takes


class LineAssembler:
    """Collects one command line of one port.

    Everything before ``AT`` is ignored (V.250 5.2.1: a line begins with the prefix); control
    characters other than S3 and S5 are ignored too. ``body`` is the line without its prefix.
    """

    __slots__ = ("_length", "_max", "_state", "_text", "body", "bs", "cr", "last")

    def __init__(self, max_line: int, cr: int = 13, bs: int = 8) -> None:
        self.cr = cr
        self.bs = bs
        self.body = ""
        self.last = ""
        self._max = max_line
        self._text: list[str] = []
        self._state = 0  # 0: before A, 1: A seen, 2: inside a line
        self._length = 0

    @property
    def begun(self) -> bool:
        """True once A has been seen of a line that is not complete."""
        return self._state > 0

    def clear(self) -> None:
        """Forget a line that is not complete."""
        self._state = 0
        self._text.clear()
        self._length = 0

    def put(self, code: int) -> LineEvent:
        """Take one character."""
        if self._state == 2:
            return self._inside(code)
        if self._state == 1:
            if code in b"Tt":
                self._state = 2
                return LineEvent.NOTHING
            if code == 0x2F:  # A/
                self.clear()
                self.body = self.last
                return LineEvent.REPEAT
        self._state = 1 if code in b"Aa" else 0
        return LineEvent.NOTHING

    def _inside(self, code: int) -> LineEvent:
        if code == self.cr:
            length, text = self._length, "".join(self._text)
            self.clear()
            if length > self._max:
                return LineEvent.TOO_LONG
            self.body = self.last = text
            return LineEvent.LINE
        if code == self.bs:
            if self._text:
                self._text.pop()
                self._length -= 1
            else:
                self.clear()
            return LineEvent.NOTHING
        if code >= 0x20:
            self._length += 1
            if self._length <= self._max:
                self._text.append(chr(code))
        return LineEvent.NOTHING


@dataclass(frozen=True, slots=True)
class RawCommand:
    """One command of a line before the catalogue is asked: name in upper case, form, text behind it."""

    name: str
    form: Form
    text: str = ""
    alone: bool = True  # nothing else is on its line


class LineError(Exception):
    """The rest of the line is no command."""


def split_line(body: str, whole_tail: Callable[[str], bool]) -> Iterator[RawCommand]:
    """The commands of a line one after the other; LineError where the text stops being one.

    It is a generator so that commands before a mistake are executed (V.250 5.2.3). ``whole_tail(name)``
    is true for commands whose set form takes all the rest of the line (data as last parameter).
    """
    place, first = 0, True
    while True:
        place = _skip(body, place, " ;")
        if place >= len(body):
            return
        begin = place
        if body[place] in _EXTENDED:
            command, place = _extended(body, place, whole_tail)
        else:
            command, place = _basic(body, place)
        alone = first and not body[place:].strip(" ;")
        first = False
        yield RawCommand(command.name, command.form, command.text, alone)
        if place == begin:
            raise LineError(body[place:])


def _skip(body: str, place: int, chars: str) -> int:
    while place < len(body) and body[place] in chars:
        place += 1
    return place


def _end_of_command(body: str, place: int) -> int:
    """The place of the ``;`` that ends an extended command, quotes respected."""
    quoted = False
    while place < len(body):
        if body[place] == '"':
            quoted = not quoted
        elif body[place] == ";" and not quoted:
            return place
        place += 1
    return place


def _extended(body: str, place: int, whole_tail: Callable[[str], bool]) -> tuple[RawCommand, int]:
    begin = place
    place += 1
    while place < len(body) and body[place] in _NAME_CHARS:
        place += 1
    name = body[begin:place].upper()
    if len(name) == 1:
        raise LineError(body[begin:])
    place = _skip(body, place, " ")
    if place >= len(body) or body[place] == ";":
        return RawCommand(name, Form.EXECUTE), place
    mark = body[place]
    if mark == "?":
        end = _end_of_command(body, place + 1)
        if body[place + 1:end].strip():
            raise LineError(body[begin:])
        return RawCommand(name, Form.READ), end
    if mark != "=":
        raise LineError(body[begin:])
    end = _end_of_command(body, place + 1)
    text = body[place + 1:end]
    if text.strip() == "?":
        return RawCommand(name, Form.TEST), end
    if whole_tail(name):
        end = len(body)
        text = body[place + 1:]
    return RawCommand(name, Form.SET, text), end


def _number(body: str, place: int) -> tuple[str, int]:
    place = _skip(body, place, " ")
    begin = place
    while place < len(body) and body[place] in _DIGITS:
        place += 1
    return body[begin:place], place


def _basic(body: str, place: int) -> tuple[RawCommand, int]:
    letter = body[place].upper()
    place += 1
    if letter == "D":
        end = _end_of_command(body, place)
        end = min(end + 1, len(body))  # the semicolon belongs to the dial string (27.007 6.2)
        return RawCommand("D", Form.EXECUTE, body[place:end]), end
    if letter == "S":
        return _register(body, place)
    if letter == "&":
        place = _skip(body, place, " ")
        if place >= len(body) or body[place].upper() not in _BASIC:
            raise LineError(body[place - 1:])
        letter += body[place].upper()
        place += 1
    elif letter not in _BASIC:
        raise LineError(body[place - 1:])
    number, place = _number(body, place)
    return RawCommand(letter, Form.EXECUTE, number), place


def _register(body: str, place: int) -> tuple[RawCommand, int]:
    """S<n>, S<n>? and S<n>=<v> (V.250 5.3.2); the text is ``n`` or ``n=v``."""
    register, place = _number(body, place)
    place = _skip(body, place, " ")
    if place < len(body) and body[place] == "?":
        return RawCommand("S", Form.READ, register), place + 1
    if place < len(body) and body[place] == "=":
        value, place = _number(body, place + 1)
        return RawCommand("S", Form.SET, f"{register}={value}"), place
    return RawCommand("S", Form.EXECUTE, register), place


@dataclass(frozen=True, slots=True)
class Value:
    """One parameter as it stands: its text without quotes, and whether it had them."""

    text: str
    quoted: bool


def split_values(text: str, data_from: int | None = None) -> tuple[Value | None, ...]:
    """Parameters of a set command; None for one left out. LineError for broken quotes.

    Blanks around a parameter do not count. From parameter ``data_from`` on (0 is the first) the rest
    is one value, commas included, its outer quotes taken off.
    """
    values: list[Value | None] = []
    place, size = 0, len(text)
    while True:
        place = _skip(text, place, " ")
        if data_from is not None and len(values) == data_from:
            rest = text[place:]
            values.append(_outer(rest) if rest else None)
            return tuple(values)
        if place < size and text[place] == '"':
            end = text.find('"', place + 1)
            if end < 0:
                raise LineError(text[place:])
            values.append(Value(text[place + 1:end], True))
            place = _skip(text, end + 1, " ")
            if place < size and text[place] != ",":
                raise LineError(text[place:])
        else:
            end = text.find(",", place)
            end = size if end < 0 else end
            token = text[place:end].rstrip(" ")
            if '"' in token:
                raise LineError(token)
            values.append(Value(token.replace(" ", ""), False) if token else None)
            place = end
        if place >= size:
            return tuple(values)
        place += 1


def _outer(rest: str) -> Value:
    trimmed = rest.rstrip(" ")
    if len(trimmed) >= 2 and trimmed[0] == '"' and trimmed[-1] == '"':
        return Value(trimmed[1:-1], True)
    if trimmed.startswith('"'):
        raise LineError(rest)
    return Value(rest, False)
