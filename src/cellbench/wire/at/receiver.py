"""Bytes from the module to tokens, whatever way the bytes are split.

Lines end with CR or LF, and empty lines mean nothing, so missing and extra line ends do no harm (LENA-R8
guide 4.2.1). What a quoted string holds does not end a line: a string whose length stands before it is
taken by that length (+USORD and its kin), another string that runs over a line end is taken up to its
closing quote. A final result code inside such an unclosed string means that the quote was noise, and
everything is cut at its line ends after all; so one stray quote never swallows what follows it.

Nothing here looks at a clock, and no token depends on where the reads happened to cut the stream.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from cellbench.wire.at.events import Token
from cellbench.wire.at.leaving import EndOfData
from cellbench.wire.at.values import announced_length, announces, is_hex

TokenEvent: TypeAlias = tuple[Token, bytes]

MAX_LINE = 16 * 1024
"""A longer line is handed out in pieces as GARBAGE; the longest real ones (+COPS=?, +CMUT lists) stay below 4
KB."""

MAX_ANNOUNCED = 4 * 1024 * 1024
"""A longer announced string is not believed: the modules' whole file systems are smaller."""

_ERROR_HEADS = (b"+CME ERROR", b"+CMS ERROR")
_LINE_END = re.compile(r"[\r\n]")
_QUOTE_OR_END = re.compile(r'["\r\n]')
_MORE = -1  # of an incomplete line: one more byte is worth another look
_LEARNED = 200  # error codes with their numbers that are remembered as whole lines
_NUL, _LF, _CR, _QUOTE, _U = 0, 10, 13, 34, 85  # ``34 in x`` takes a quarter of ``b'"' in x``'s time
_ENDS = b"\r\n"
_BLANKS = b" \t\x0b\x0c\r\n\0"
_SKIPPED = re.compile("[ \t\x0b\x0c\r\n\0]*")
_SPECIAL = re.compile(rb"\+(?:CM[ES] ERROR|U(?:SOR[DF]|RD|UFTPCD|MQTT))").search
_SPECIALS = re.compile(rb"\+(?:CM[ES] ERROR[^\r\n]*|U(?:SOR[DF]|RD|UFTPCD|MQTT))").findall
_LINE = Token.LINE


class Mode(enum.Enum):
    """How the receiver reads its bytes."""

    COMMAND = "command"
    DATA = "data"  # after CONNECT: bytes, not lines
    LEAVING = "leaving data"  # bytes up to the answer to the escape


class Receiver:
    """The incremental reader of one port. ``finals`` are the final result codes as the module writes them;
    in numeric form (V0) those of ``numeric`` count as well."""

    __slots__ = ("_end", "_finals", "_held", "_held_size", "_known", "_mode", "_need", "_numeric", "_plain",
                 "_prompts", "_rest", "_skip_lf", "_verbose", "connects", "holds_string")

    def __init__(self, finals: Iterable[bytes], numeric: Iterable[bytes] = ()) -> None:
        self._verbose: dict[bytes, TokenEvent] = {code: (Token.FINAL, code) for code in finals}
        self._numeric: dict[bytes, TokenEvent] = {code: (Token.FINAL, code) for code in numeric}
        self._finals = self._verbose
        self._known = self._finals.get
        self._mode = Mode.COMMAND
        self._end = EndOfData(numeric=False)
        self._prompts = ""
        self._rest = b""  # the incomplete line
        self._held: list[bytes] = []  # what waits for the end of a string, as it came
        self._held_size = 0
        self._need = 0  # bytes that must be there before the held ones are worth another look
        self._skip_lf = False
        self._plain = True
        self.holds_string = False
        """True while a quoted string waits for its end."""
        self.connects = False
        """Set while the command under way may enter data mode: CONNECT then ends the lines."""

    @property
    def finals(self) -> Mapping[bytes, TokenEvent]:
        """The final result codes in force, as whole lines; those with a number join when first met."""
        return self._finals

    @property
    def mode(self) -> Mode:
        """Command mode or data mode."""
        return self._mode

    @property
    def is_clean(self) -> bool:
        """True in command mode when nothing is incomplete and no prompt is awaited."""
        return self._plain and not self._rest

    @property
    def pending(self) -> int:
        """Bytes that wait for more: an incomplete line or string."""
        return len(self._rest) + self._held_size

    def arm_prompts(self, marks: str) -> None:
        """Take each of these characters at the beginning of a line for a prompt, once; "" disarms."""
        self._prompts = marks
        self._look()

    def set_numeric(self, on: bool) -> None:
        """Numeric result codes (ATV0). Verbose codes stay valid: the answer to ATV1 itself is verbose."""
        self._finals = {**self._verbose, **self._numeric} if on else self._verbose
        self._known = self._finals.get

    def command_mode(self) -> None:
        """Read lines again after data mode."""
        self._mode = Mode.COMMAND
        self._skip_lf = False
        self._look()

    def leave_data(self) -> None:
        """Read lines again once the answer to the escape comes; what comes before it is data."""
        self._mode = Mode.LEAVING
        self._end = EndOfData(numeric=self._finals is not self._verbose)

    def give_up_string(self) -> list[TokenEvent]:
        """Stop waiting for the end of a string whose bytes got lost: what there is of it becomes GARBAGE. To
        be called before a new command, so that one broken answer never costs the next one."""
        if not self._held:
            return []
        lost = b"".join(self._held)
        self._release()
        return [(Token.GARBAGE, lost)]

    def reset(self) -> bytes:
        """Forget everything incomplete and every mode: the stream begins anew (port opened, module
        booted)."""
        lost = b"".join(self._held) + self._rest
        self._rest = b""
        self._mode = Mode.COMMAND
        self._prompts = ""
        self._skip_lf = self.connects = False
        self._release()
        return lost

    def _release(self) -> None:
        self._held.clear()
        self._held_size = self._need = 0
        self.holds_string = False
        self._look()

    def _look(self) -> None:
        """Whether the quick way may be tried."""
        self._plain = self._mode is Mode.COMMAND and not self._prompts and not self._held

    def receive(self, data: bytes) -> list[TokenEvent]:
        """The tokens that these bytes complete."""
        lines = self.plain_lines(data)
        if lines is None:
            return list(self.tokens(data))
        known = self._known
        events: list[TokenEvent] = []
        for line in lines:
            if line:
                event = known(line)
                if event is None:
                    line = line.strip()
                    if not line:
                        continue
                    event = known(line) or (_LINE, line)
                events.append(event)
        return events

    def plain_lines(self, data: bytes) -> list[bytes] | None:
        """The quick way for the ordinary case: the lines that these bytes complete, empty ones and blanks
        included, each either a known final result code or a LINE. None when something in the bytes needs
        care: nothing was taken then, and ``receive`` has to get the same bytes."""
        if not self._plain or not data:
            return None
        if self._rest:
            data = self._rest + data
        if _QUOTE in data:
            inside = b"".join(data.split(b'"')[1::2])
            if _LF in inside or _CR in inside:
                return None  # a string runs over a line end
        if _NUL in data or len(data) > MAX_LINE or (self.connects and data.find(b"CONNECT") >= 0):
            return None
        if _SPECIAL(data) is not None and not self._learn(data):
            return None
        lines = data.splitlines()
        self._rest = b"" if data[-1] in _ENDS else lines.pop()
        return lines

    def _learn(self, data: bytes) -> bool:
        """Make the error codes with their numbers in these bytes known as whole lines; False when there is a
        string that goes by its length, or when enough codes are known."""
        for code in _SPECIALS(data):
            if code not in self._finals and (code[1] == _U or self._token(code)[1] not in self._finals):
                return False
        return True

    def tokens(self, data: bytes) -> Iterator[TokenEvent]:
        """The tokens that these bytes complete, one by one and whatever is in them: what is changed between
        two of them (prompts disarmed at the end of a command) holds for the next. All have to be taken."""
        if self._mode is Mode.DATA:
            yield from self._data(data)
            return
        if self._mode is Mode.LEAVING:
            data, answer = self._end.take(data)
            yield from self._data(data)
            if answer is None:
                return
            self.command_mode()
            data = answer
        if self._held:
            self._held.append(data)
            self._held_size += len(data)
            if self._held_size < self._need:
                return
            data = b"".join(self._held)
            self._release()
        elif self._rest:
            data = self._rest + data
            self._rest = b""
        yield from self._scan(data)

    def _data(self, data: bytes) -> list[TokenEvent]:
        if self._skip_lf and data:
            # The line end of CONNECT is CR LF; the line was complete at its CR.
            self._skip_lf = False
            if data[:1] == b"\n":
                data = data[1:]
        return [(Token.DATA, data)] if data else []

    def _token(self, line: bytes) -> TokenEvent:
        line = line.strip(_BLANKS)
        found = self._finals.get(line)
        if found is not None:
            return found
        if line.startswith(_ERROR_HEADS):
            found = (Token.FINAL, line)
            if len(self._finals) < _LEARNED:
                self._finals[line] = found
            return found
        return (_LINE, line)

    def _scan(self, data: bytes) -> Iterator[TokenEvent]:
        """Cut ``data``, which begins at the beginning of a line, byte by byte where it matters."""
        text = data.decode("latin-1")
        at = 0
        while True:
            skipped = _SKIPPED.match(text, at)
            at = skipped.end() if skipped else at
            if at >= len(text):
                return
            if text[at] in self._prompts:
                self.arm_prompts("")
                yield Token.PROMPT, data[at:at + 1]
                at += 1
                continue
            end, tail = self._line_end(text, at)
            reached = len(text) if end == _MORE else end
            if reached - tail > MAX_LINE:
                yield Token.GARBAGE, data[at:tail + MAX_LINE]
                at = tail + MAX_LINE
            elif end < 0:
                self._keep(data[at:], -end)
                return
            else:
                token = self._token(data[at:end])
                if token[0] is _LINE and self.connects and _is_connect(token[1]):
                    yield from self._enter_data(data, end, token[1])
                    return
                yield token
                at = end + 1

    def _keep(self, line: bytes, need: int) -> None:
        """Keep an incomplete line until ``need`` bytes of it are there; 1 is one more."""
        if need == 1:
            self._rest = line
            return
        self._held.append(line)
        self._held_size = len(line)
        self._need = need
        self.holds_string = True
        self._plain = False

    def _enter_data(self, data: bytes, end: int, line: bytes) -> Iterator[TokenEvent]:
        self._mode = Mode.DATA
        self._look()
        self.connects = False
        self._skip_lf = data[end:end + 1] == b"\r"
        yield Token.CONNECT, line
        yield from self._data(data[end + 1:])

    def _line_end(self, text: str, begin: int) -> tuple[int, int]:
        """The index of the character that ends the line begun at ``begin``, and where the part begins that
        counts for the longest line (behind the last string taken by its length). When the end is not there
        yet, the first is minus the number of the line's bytes that must be there before another look."""
        first_end = _LINE_END.search(text, begin)
        broken = (first_end.start() if first_end else _MORE), begin
        announced = announces(text[begin:begin + 40])
        if not announced and text[begin] not in "+^*":
            return broken
        at = tail = begin
        while True:
            mark = _QUOTE_OR_END.search(text, at)
            if mark is None:
                return _MORE, tail
            if mark.group() != '"':
                return mark.start(), tail
            opening = mark.start()
            closing = self._announced_end(text, begin, opening) if announced else None
            if closing is not None and closing > 0:
                tail = closing + 1
            elif closing is None:
                closing = self._plain_end(text, begin, opening, tail)
                if closing is None:
                    return broken
            if closing < 0:
                return closing, tail
            at = closing + 1

    def _announced_end(self, text: str, begin: int, opening: int) -> int | None:
        """The index of the quote that closes a string whose length stands before it; negative as in
        _line_end; None when the string is not as long as announced."""
        length = announced_length(text[max(begin, opening - 16):opening])
        if length is None or length > MAX_ANNOUNCED:
            return None
        for size in (length, 2 * length):
            close = opening + 1 + size
            if size != length and not is_hex(text[opening + 1:close]):
                return None
            if close >= len(text):
                return -(close + 1 - begin)
            if text[close] == '"':
                return close
        return None

    def _plain_end(self, text: str, begin: int, opening: int, tail: int) -> int | None:
        """The index of the next quote; negative as in _line_end; None when the string is broken: too long, or
        with a final result code on a line of its own inside. Lines then end at line ends."""
        at = opening + 1
        inner = -1  # where the line inside the string begins that is being looked at
        while True:
            mark = _QUOTE_OR_END.search(text, at)
            if mark is None:
                return None if len(text) - tail > MAX_LINE else -(len(text) - begin + 1)
            place = mark.start()
            if place - tail > MAX_LINE:
                return None
            if mark.group() == '"':
                return place
            if inner >= 0 and self._token(text[inner:place].encode("latin-1"))[0] is Token.FINAL:
                return None
            at = inner = place + 1


def _is_connect(line: bytes) -> bool:
    return line == b"CONNECT" or line.startswith(b"CONNECT ")
