"""Serial relay boards that take words and answer with words; one row of declarations for each family."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cellbench.base.errors import RigError
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.line.settings import RelayAsciiSettings
from cellbench.instruments.line.stream import BoardStream, not_switched, pin_in_range
from cellbench.instruments.settings import checked

KIND = "line.relay-ascii"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
_QUIET_S = 0.1


@dataclass(frozen=True, slots=True)
class Words:
    """How one family is talked to.

    ``{n}`` in a command is the relay or input: counted from 0 and written with one sign (0 to 9, A to V;
    two digits on boards of more than 32), or counted from ``first`` in decimal where ``signs`` is False.
    ``end`` ends a command. ``done`` matches a whole answer, ``good`` one that is no complaint, ``state`` the
    state in it. ``wake`` is sent first: it ends what another program left half-sent, and its answer,
    whatever it is, is thrown away.
    """

    rate: int
    end: bytes
    wake: bytes
    hello: str
    identity: str
    on: str
    off: str
    read: str
    done: re.Pattern[bytes]
    good: re.Pattern[bytes]
    state: re.Pattern[bytes]
    input: str | None = None
    signs: bool = True
    first: int = 0
    echoes: bool = False


FAMILIES: Mapping[str, Words] = {
    # docs.numato.com, "8 Channel USB Relay Module" and siblings: command set; CDC needs no rate
    "numato-usb": Words(
        rate=115200, end=b"\r", wake=b"\r", hello="ver",
        identity="Numato USB relay module, firmware {answer}",
        on="relay on {n}", off="relay off {n}", read="relay read {n}", input="gpio read {n}", echoes=True,
        done=re.compile(rb"[\r\n]>\s*\Z"), good=re.compile(rb""),
        state=re.compile(rb"\A(on|off|1|0)\Z", re.I)),
    # DSD TECH SH-UR01A to SH-UR08A user manual: AT, AT+CHn=1, AT+CHn=0, AT+CHn=?; OK or OK+CHn=1 by firmware
    "dsd-sh-ur": Words(
        rate=9600, end=b"\r\n", wake=b"\r\n", hello="AT", identity="DSD TECH SH-UR relay board",
        on="AT+CH{n}=1", off="AT+CH{n}=0", read="AT+CH{n}=?", signs=False, first=1,
        done=re.compile(rb"(OK|ERR)[^\r\n]*[\r\n]"), good=re.compile(rb"\AOK"),
        state=re.compile(rb"\AOK\+CH\d+=([01])\Z")),
}
_TRUE = frozenset({b"on", b"1"})


class RelayAsciiBoard:
    """One board; for one thread at a time. The port is opened anew after each failure."""

    __slots__ = ("_identity", "_inputs", "_relays", "_stream", "_words", "name")

    def __init__(self, name: str, settings: RelayAsciiSettings) -> None:
        """Opens the port and greets the board; RigError when it does not answer."""
        self.name = name
        self._words = FAMILIES[settings.family]
        self._relays, self._inputs = settings.relays, settings.inputs
        if self._inputs and self._words.input is None:
            raise RigError(f"instrument {name}: {settings.family} boards have no inputs",
                           remedy="take inputs away in the rig file")
        self._identity = ""
        self._stream = BoardStream(name, settings.url, rate=self._words.rate, timeout_s=settings.timeout_s)
        self._open()

    def identity(self) -> str:
        """The family, with the firmware version where the board tells it."""
        return self._identity

    def drive(self, pin: int, closed: bool) -> None:
        """Switch one relay, counted from 0, and read it back."""
        pin_in_range(self.name, pin, self._relays)
        words = self._words.on if closed else self._words.off
        self._command(words.format(n=self._number(pin, self._relays)))
        if self.is_closed(pin) is not closed:
            raise not_switched(self.name, pin, closed)

    def is_closed(self, pin: int) -> bool:
        """True while the relay is on."""
        pin_in_range(self.name, pin, self._relays)
        return self._state(self._words.read.format(n=self._number(pin, self._relays)))

    def read(self, input: int) -> bool:
        """The level at one digital input, counted from 0: True is high."""
        pin_in_range(self.name, input, self._inputs, "input")
        command = self._words.input or ""  # without inputs none is in range
        return self._state(command.format(n=self._number(input, self._inputs)))

    def close(self) -> None:
        """Give the port back; relays stay as they are."""
        self._stream.close()

    def _number(self, pin: int, count: int) -> str:
        if not self._words.signs:
            return str(pin + self._words.first)
        return _DIGITS[pin] if count <= len(_DIGITS) else f"{pin:02d}"

    def _open(self) -> None:
        if self._stream.open():
            self._stream.send(self._words.wake)
            self._stream.drop_waiting(_QUIET_S)
            answer = self._command(self._words.hello)
            self._identity = self._words.identity.format(answer=answer.decode("ascii", "replace"))

    def _state(self, command: str) -> bool:
        answer = self._command(command)
        found = self._words.state.search(answer)
        if found is None:
            raise self._stream.out_of_step(command.encode("ascii"), answer, "a state")
        return found[1].lower() in _TRUE

    def _command(self, command: str) -> bytes:
        """Send one command; its answer without echo, prompt and line ends."""
        self._open()
        question = command.encode("ascii")
        done = self._words.done
        raw = self._stream.ask(question + self._words.end, lambda got: done.search(got) is not None)
        lines = [line.strip(b" >\0") for line in re.split(rb"[\r\n]+", raw)]
        if self._words.echoes and question not in lines:
            raise self._stream.out_of_step(question, raw, "an echo of it and an answer")
        answer = b" ".join(line for line in lines if line and line != question)
        if not self._words.good.search(answer):
            raise self._stream.out_of_step(question, answer, "OK")
        return answer


def _opener(name: str, settings: Mapping[str, object]) -> RelayAsciiBoard:
    return RelayAsciiBoard(name, checked(RelayAsciiSettings, KIND, name, settings))


def _equipment(settings: Mapping[str, object]) -> str:
    return f"serial:{settings['url']}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    relays, inputs = settings.get("relays"), settings.get("inputs", 0)
    return (relays if isinstance(relays, int) else None), (inputs if isinstance(inputs, int) else None)


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.LINE, settings=RelayAsciiSettings, open=_opener, equipment=_equipment,
    pins=_pins, models=("numato-usb: Numato Lab 1 to 64 Channel USB Relay Module",
                        "dsd-sh-ur: DSD TECH SH-UR01A to SH-UR08A"),
    source="Numato Lab, 8 Channel USB Relay Module, user guide (docs.numato.com), command set; DSD TECH, "
           "SH-UR series user manual, AT commands, answers as seen by public client code of several authors",
    abilities=frozenset({Ability.DRIVE, Ability.READ_BACK, Ability.INPUTS}),
    doubts="SH-UR boards answer OK or OK+CHn=1, by firmware: both are taken; the answer to an empty line is "
           "not published and thrown away; inputs on Numato modules alone"),)
