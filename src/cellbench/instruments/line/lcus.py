"""LC Technology's LCUS USB relay boards: four bytes a command, over a CH340 serial port of 9600 bit/s.

A command is A0h, the relay from 1, 00h (open) or 01h (closed), and the sum of the three. FFh asks for the
state of all relays: lines of ``CH1: ON `` or ``CH1: OFF``. Commands have no answer. Many boards, most of
them with one relay, do not answer FFh either: with ``read_back: false`` nothing confirms what they do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cellbench.base.errors import NotPossible, RigError
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.line.settings import LcusSettings
from cellbench.instruments.line.stream import BoardStream, not_switched, pin_in_range
from cellbench.instruments.settings import checked

KIND = "line.lcus"
_QUERY = b"\xff"
_STATE = re.compile(rb"CH(\d): ?(ON|OFF) *\r?\n")
_QUIET_S = 0.1  # ten characters take 10 ms at 9600 bit/s
_ASKED_AT_MOST = 4  # a state read right after a command may be the one before it (public client code)


class LcusBoard:
    """One board; for one thread at a time. The port is opened anew after each failure."""

    __slots__ = ("_read_back", "_relays", "_stream", "name")

    def __init__(self, name: str, settings: LcusSettings) -> None:
        """Opens the port and, where the board answers, counts its relays; RigError when that fails."""
        self.name = name
        self._relays = settings.relays
        self._read_back = settings.read_back
        self._stream = BoardStream(name, settings.url, rate=9600, timeout_s=settings.timeout_s)
        self._open()

    def identity(self) -> str:
        """The family and the number of relays; the boards have no identification."""
        confirmed = "" if self._read_back else ", without read-back"
        return f"LCUS-{self._relays} USB relay board{confirmed}"

    def drive(self, pin: int, closed: bool) -> None:
        """Switch one relay, counted from 0, and read it back where the board answers."""
        number = pin_in_range(self.name, pin, self._relays) + 1
        self._open()
        self._stream.send(bytes((0xA0, number, closed, 0xA0 + number + closed)))
        if not self._read_back:
            return
        for _ in range(_ASKED_AT_MOST):
            if self._states()[pin] is closed:
                return
        raise not_switched(self.name, pin, closed)

    def is_closed(self, pin: int) -> bool:
        """True while the relay is on; NotPossible where the board does not answer."""
        pin_in_range(self.name, pin, self._relays)
        if not self._read_back:
            raise NotPossible(f"instrument {self.name} does not tell its relays' states")
        self._open()
        self._states()  # the first answer may be stale
        return self._states()[pin]

    def read(self, input: int) -> bool:
        """Never possible: the boards have no inputs; RigError."""
        pin_in_range(self.name, input, 0, "input")
        return False

    def close(self) -> None:
        """Give the port back; relays stay as they are."""
        self._stream.close()

    def _open(self) -> None:
        if not self._stream.open() or not self._read_back:
            return
        try:
            self._states()
        except RigError as error:
            raise RigError(error.message, remedy="check the port and the number of relays; set "
                           "read_back: false for a board that does not answer the status query") from error
        more = self._stream.drop_waiting(_QUIET_S)
        if more:
            raise self._stream.out_of_step(_QUERY, more, f"the states of {self._relays} relays")

    def _states(self) -> tuple[bool, ...]:
        answer = self._stream.ask(_QUERY, lambda got: len(_STATE.findall(got)) >= self._relays)
        found = {int(number): state == b"ON" for number, state in _STATE.findall(answer)}
        if sorted(found) != list(range(1, self._relays + 1)):
            raise self._stream.out_of_step(_QUERY, answer, f"the states of {self._relays} relays")
        return tuple(found[number] for number in sorted(found))


def _opener(name: str, settings: Mapping[str, object]) -> LcusBoard:
    return LcusBoard(name, checked(LcusSettings, KIND, name, settings))


def _equipment(settings: Mapping[str, object]) -> str:
    return f"serial:{settings['url']}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    relays = settings.get("relays")
    return (relays if isinstance(relays, int) else None), 0


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.LINE, settings=LcusSettings, open=_opener, equipment=_equipment,
    pins=_pins, models=("LC Technology LCUS-1", "LCUS-2", "LCUS-4", "LCUS-8", "boards sold under other names "
                        "with the same A0h commands"),
    source="LC Technology, LCUS USB relay module, product page with the communication protocol; the status "
           "query from public client code written with the LCUS-4 page",
    abilities=frozenset({Ability.DRIVE, Ability.READ_BACK}),
    doubts="which boards answer FFh is not published: read_back is a setting"),)
