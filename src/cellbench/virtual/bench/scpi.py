"""The message side of a SCPI instrument, written from IEEE 488.2-1992 and SCPI-99.

What makers do differently (how an error reads, which common commands there are) is a ``Style``.

Program messages end with LF (CR before it is white space), program message units are parted by ``;``,
a header without a leading ``:`` continues at the level of the header before it (SCPI-99 volume 1, 6.2.4).
Errors go to a queue read by ``SYSTem:ERRor?`` (SCPI-99 volume 2, 21.8).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

MAX_MESSAGE = 4096
QUEUE_LENGTH = 20

ERRORS: Mapping[int, str] = {
    0: "No error",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -131: "Invalid suffix",
    -200: "Execution error",
    -221: "Settings conflict",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -410: "Query INTERRUPTED",
}
"""Numbers and texts of SCPI-99 volume 2, 21.8.8 to 21.8.11."""

# Standard event status register, IEEE 488.2 11.5.1.1.
OPC, QYE, DDE, EXE, CME, PON = 0x01, 0x04, 0x08, 0x10, 0x20, 0x80


class ScpiError(Exception):
    """A message unit is refused with an error number of ``ERRORS``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


Setter = Callable[[Sequence[str]], None]
Getter = Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One header: its notation in SCPI form (``[SOURce:]VOLTage[:LEVel]``), what setting and querying do
    (None: the form does not exist), and how many parameters each may have."""

    header: str
    set: Setter | None = None
    get: Getter | None = None
    set_params: tuple[int, int] = (1, 1)
    get_params: tuple[int, int] = (0, 0)


def maker_text(code: int, text: str) -> str:
    """An answer of SYSTem:ERRor? as SCPI-99 volume 2, 21.8.1 has it."""
    return f'{code},"{text}"'


@dataclass(frozen=True, slots=True)
class Style:
    """What a maker does in its own way: how an error reads, which of the common headers exist (None: all),
    texts of error numbers that differ from ``ERRORS``."""

    error: Callable[[int, str], str] = maker_text
    common: frozenset[str] | None = None
    texts: Mapping[int, str] = field(default_factory=dict)


PLAIN = Style()


def header_pattern(notation: str) -> re.Pattern[str]:
    """A pattern for all spellings of a header: short and long forms, optional nodes, any case."""
    pattern = re.escape(notation).replace(r"\[", "(?:").replace(r"\]", ")?").replace(r"\:", ":")
    pattern = re.sub(r"([A-Z]+)([a-z]+)", lambda m: f"{m[1]}(?:{m[2].upper()})?", pattern)
    return re.compile(pattern)


def split_units(message: str, separator: str) -> list[str]:
    """The parts of a message at ``separator``, except inside quotes and channel lists."""
    parts, start, quote, depth = [], 0, "", 0
    for index, char in enumerate(message):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == separator and depth <= 0:
            parts.append(message[start:index])
            start = index + 1
    if quote:
        raise ScpiError(-102)
    parts.append(message[start:])
    return parts


_UNIT = re.compile(r"\s*(?P<header>[:*]?[A-Za-z][A-Za-z0-9_:]*)(?P<query>\?)?(?:\s+(?P<params>\S.*?))?\s*")


class ScpiInstrument:
    """Parses program messages, dispatches to entries, keeps the error queue and the status registers."""

    def __init__(self, identity: str, entries: Sequence[Entry], reset: Callable[[], None],
                 style: Style = PLAIN) -> None:
        self.identity = identity
        self._reset = reset
        self._style = style
        self._errors: deque[int] = deque()
        self._esr = PON
        self._ese = 0
        self._sre = 0
        common = [entry for entry in self._common() if style.common is None or entry.header in style.common]
        table = [*entries, *common]
        self._table = [(header_pattern(entry.header), entry) for entry in table]

    def handle(self, message: str) -> str | None:
        """Carry out one program message (without its terminator); the response message, or None.

        Units after a refused one are still carried out, as IEEE 488.2 6.1.7 allows for execution errors;
        after a command error (syntax, header) the rest of the message is dropped.
        """
        answers: list[str] = []
        level: tuple[str, ...] = ()
        try:
            units = split_units(message, ";")
        except ScpiError as error:
            self.raise_error(error.number)
            return None
        for unit in units:
            if not unit.strip():
                continue
            try:
                answer, level = self._unit(unit, level)
            except ScpiError as error:
                self.raise_error(error.number)
                if -200 < error.number <= -100:
                    break
            else:
                if answer is not None:
                    answers.append(answer)
        return ";".join(answers) if answers else None

    def raise_error(self, number: int) -> None:
        """Put an error into the queue and its class into the event status register."""
        if len(self._errors) >= QUEUE_LENGTH:
            self._errors[-1] = -350
        else:
            self._errors.append(number)
        if -200 < number <= -100:
            self._esr |= CME
        elif -300 < number <= -200:
            self._esr |= EXE
        elif -400 < number <= -300:
            self._esr |= DDE
        elif -500 < number <= -400:
            self._esr |= QYE

    def _unit(self, unit: str, level: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
        """One message unit; its answer and the level at which the next header continues."""
        match = _UNIT.fullmatch(unit)
        if match is None:
            raise ScpiError(-102)
        header, query = match["header"].upper(), match["query"] is not None
        params = [part.strip() for part in split_units(match["params"], ",")] if match["params"] else []
        if header.startswith("*"):
            path, next_level = header, level
        else:
            nodes = tuple(header.lstrip(":").split(":"))
            full = nodes if header.startswith(":") else (*level, *nodes)
            path, next_level = ":".join(full), full[:-1]
        entry = self._find(path, query)
        low, high = entry.get_params if query else entry.set_params
        if len(params) < low or "" in params:
            raise ScpiError(-109)
        if len(params) > high:
            raise ScpiError(-108)
        if query:
            assert entry.get is not None
            return entry.get(params), next_level
        assert entry.set is not None
        entry.set(params)
        return None, next_level

    def _find(self, path: str, query: bool) -> Entry:
        for pattern, entry in self._table:
            if (entry.get if query else entry.set) is not None and pattern.fullmatch(path):
                return entry
        raise ScpiError(-113)

    def _common(self) -> tuple[Entry, ...]:
        """The mandatory common commands (IEEE 488.2 10, SCPI-99 volume 1, 4.1.1) and SYSTem:ERRor."""
        none = (0, 0)
        return (
            Entry("*IDN", get=lambda _: self.identity),
            Entry("*RST", set=lambda _: self._reset(), set_params=none),
            Entry("*CLS", set=self._clear, set_params=none),
            Entry("*OPC", set=self._complete, get=lambda _: "1", set_params=none),
            Entry("*WAI", set=lambda _: None, set_params=none),
            Entry("*TST", get=lambda _: "0"),
            Entry("*ESR", get=self._read_esr),
            Entry("*ESE", set=self._set_ese, get=lambda _: str(self._ese)),
            Entry("*SRE", set=self._set_sre, get=lambda _: str(self._sre)),
            Entry("*STB", get=lambda _: str(self._status_byte())),
            Entry("SYSTem:ERRor[:NEXT]", get=self._next_error),
            Entry("SYSTem:ERRor:COUNt", get=lambda _: str(len(self._errors))),
            Entry("SYSTem:VERSion", get=lambda _: "1999.0"),
            Entry("SYSTem:REMote", set=lambda _: None, set_params=none),
            Entry("SYSTem:LOCal", set=lambda _: None, set_params=none),
            Entry("SYSTem:RWLock", set=lambda _: None, set_params=none),
        )

    def _clear(self, _: Sequence[str]) -> None:
        self._errors.clear()
        self._esr = 0

    def _complete(self, _: Sequence[str]) -> None:
        self._esr |= OPC

    def _read_esr(self, _: Sequence[str]) -> str:
        value, self._esr = self._esr, 0
        return str(value)

    def _set_ese(self, params: Sequence[str]) -> None:
        self._ese = round(number(params[0], {}, 0, 255, 0))

    def _set_sre(self, params: Sequence[str]) -> None:
        self._sre = round(number(params[0], {}, 0, 255, 0)) & ~0x40

    def _status_byte(self) -> int:
        """Error queue not empty is bit 2, event summary bit 5, master summary bit 6."""
        value = (0x04 if self._errors else 0) | (0x20 if self._esr & self._ese else 0)
        return value | (0x40 if value & self._sre else 0)

    def _next_error(self, _: Sequence[str]) -> str:
        code = self._errors.popleft() if self._errors else 0
        text = self._style.texts.get(code) or ERRORS.get(code, "Device-specific error")
        return self._style.error(code, text)


_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:\s*[Ee]\s*[+-]?\d+)?)\s*([A-Za-z]*)")

VOLT = {"": 1.0, "V": 1.0, "MV": 1e-3, "UV": 1e-6, "KV": 1e3}
AMPERE = {"": 1.0, "A": 1.0, "MA": 1e-3, "UA": 1e-6}
SECOND = {"": 1.0, "S": 1.0, "MS": 1e-3, "US": 1e-6}


def number(text: str, units: Mapping[str, float], low: float, high: float, default: float) -> float:
    """A decimal number with an optional unit, or MINimum, MAXimum, DEFault (SCPI-99 volume 1, 7.2).

    Raises ScpiError -104, -131 or -222.
    """
    for notation, value in (("MINimum", low), ("MAXimum", high), ("DEFault", default)):
        if header_pattern(notation).fullmatch(text.upper()):
            return value
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ScpiError(-104)
    factor = units.get(match[2].upper()) if units else (1.0 if not match[2] else None)
    if factor is None:
        raise ScpiError(-131)
    value = float(match[1].replace(" ", "")) * factor
    if not low - 1e-9 <= value <= high + 1e-9:
        raise ScpiError(-222)
    return value


def boolean(text: str) -> bool:
    """ON, OFF or a number that is rounded (SCPI-99 volume 1, 7.3)."""
    word = text.upper()
    if word in ("ON", "OFF"):
        return word == "ON"
    match = _NUMBER.fullmatch(text)
    if match is None or match[2]:
        raise ScpiError(-224 if word.isalpha() else -104)
    return round(float(match[1].replace(" ", ""))) != 0
