"""ACME LB-4: four relays and four inputs that take words. ACME LB-4 User Guide, edition 1, page 7.

``ID?`` names the board; ``OUT n ON`` and ``OUT n OFF`` switch a relay and answer ``OK``; ``OUT? n`` answers
``ON`` or ``OFF``; ``IN? n`` answers ``HIGH`` or ``LOW``. Relays and inputs count from 1; CR LF ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.line.settings import PortUrl
from cellbench.instruments.line.stream import BoardStream, not_switched, pin_in_range
from cellbench.instruments.settings import InstrumentSettings, checked

_SIZE = 4


class Lb4Settings(InstrumentSettings):
    """An ACME LB-4."""

    url: PortUrl
    """Its serial port, or `socket://host:port`."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Longest wait for one answer, in seconds."""


class Lb4Board:
    """One board; for one thread at a time. The connection is opened anew after each failure."""

    __slots__ = ("_identity", "_stream", "name")

    def __init__(self, name: str, settings: Lb4Settings) -> None:
        """Opens the connection and reads the identification; RigError when that fails."""
        self.name = name
        self._identity = ""
        self._stream = BoardStream(name, settings.url, rate=19200, timeout_s=settings.timeout_s)
        self._open()

    def identity(self) -> str:
        """What the board says it is."""
        return self._identity

    def drive(self, pin: int, closed: bool) -> None:
        """Switch one relay, counted from 0, and read it back."""
        relay = pin_in_range(self.name, pin, _SIZE) + 1
        self._ask(f"OUT {relay} {'ON' if closed else 'OFF'}", {"OK": True})
        if self.is_closed(pin) is not closed:
            raise not_switched(self.name, pin, closed)

    def is_closed(self, pin: int) -> bool:
        """True while the relay is on."""
        return self._ask(f"OUT? {pin_in_range(self.name, pin, _SIZE) + 1}", {"ON": True, "OFF": False})

    def read(self, input: int) -> bool:
        """The level at one input, counted from 0: True is high."""
        number = pin_in_range(self.name, input, _SIZE, "input") + 1
        return self._ask(f"IN? {number}", {"HIGH": True, "LOW": False})

    def close(self) -> None:
        """Give the connection back; relays stay as they are."""
        self._stream.close()

    def _open(self) -> None:
        if self._stream.open():
            self._identity = self._line("ID?")
            if not self._identity.startswith("ACME LB-4"):
                raise self._stream.out_of_step(b"ID?", self._identity.encode(), "ACME LB-4")

    def _ask(self, command: str, answers: Mapping[str, bool]) -> bool:
        self._open()
        answer = self._line(command)
        if answer not in answers:
            raise self._stream.out_of_step(command.encode(), answer.encode(), " or ".join(answers))
        return answers[answer]

    def _line(self, command: str) -> str:
        answer = self._stream.ask(command.encode("ascii") + b"\r\n", lambda got: got.endswith(b"\n"))
        return answer.decode("latin-1").strip()


def _open(name: str, settings: Mapping[str, object]) -> Lb4Board:
    return Lb4Board(name, checked(Lb4Settings, "line.acme-lb4", name, settings))


KIND = InstrumentKind(
    kind="line.acme-lb4", serves=InstrumentClass.LINE, settings=Lb4Settings, open=_open,
    equipment=lambda settings: f"serial:{settings['url']}", pins=lambda settings: (_SIZE, _SIZE),
    models=("ACME LB-4",), source="ACME LB-4 User Guide, edition 1, page 7",
    abilities=frozenset({Ability.DRIVE, Ability.READ_BACK, Ability.INPUTS}))
