"""The modem control lines of a serial adapter as a board: DTR and RTS out, CTS, DSR, DCD and RI in.

A closed contact is an asserted line. What the adapter puts on its pins for that is stated by ``levels``:
adapters with logic levels (FT232R, CP2102N, CH340 breakouts) pull an asserted line low, true RS-232 makes it
positive (EIA-232: on = positive voltage). Nothing reads DTR and RTS back.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from cellbench.base.errors import CellbenchError, NotPossible
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.line.settings import SerialLinesSettings
from cellbench.instruments.line.stream import BoardStream, pin_in_range
from cellbench.instruments.settings import checked

KIND = "line.serial-lines"


class Output(enum.Enum):
    """What can be driven, by pin."""

    DTR = 0
    RTS = 1


class Input(enum.Enum):
    """What can be read, by input."""

    CTS = 0
    DSR = 1
    DCD = 2
    RI = 3


class SerialLines:
    """One adapter, held open for its lines alone; for one thread at a time."""

    __slots__ = ("_idle", "_low_is_on", "_stream", "name")

    def __init__(self, name: str, settings: SerialLinesSettings) -> None:
        """Opens the port with DTR and RTS in their idle state; RigError when it has no lines."""
        self.name = name
        self._idle = frozenset(settings.idle)
        self._low_is_on = settings.levels == "ttl"
        self._stream = BoardStream(name, settings.url)
        self._open()

    def identity(self) -> str:
        """That it is an adapter's lines; adapters say nothing of themselves here."""
        return "modem control lines of a serial adapter, without read-back"

    def drive(self, pin: int, closed: bool) -> None:
        """Assert (closed) or release DTR (pin 0) or RTS (pin 1); nothing confirms it."""
        line = Output(pin_in_range(self.name, pin, len(Output)))
        self._open()
        self._set(line, closed)

    def is_closed(self, pin: int) -> bool:
        """Never possible: the adapter does not tell what it drives; NotPossible."""
        line = Output(pin_in_range(self.name, pin, len(Output)))
        raise NotPossible(f"instrument {self.name} does not tell the state of {line.name}")

    def read(self, input: int) -> bool:
        """The level at CTS (input 0), DSR (1), DCD (2) or RI (3): True is high."""
        line = Input(pin_in_range(self.name, input, len(Input), "input"))
        self._open()
        return self._asserted()[line.name.lower()] is not self._low_is_on

    def close(self) -> None:
        """Give the port back; DTR and RTS go to their idle state first, the system then lets go of them."""
        if self._stream.is_open:
            try:
                self._rest()
            except CellbenchError:
                return  # the adapter is gone, and _rest has closed the port
        self._stream.close()

    def _open(self) -> None:
        if self._stream.open():
            self._rest()
            self._asserted()

    def _rest(self) -> None:
        for line in Output:
            self._set(line, line.name.lower() in self._idle)

    def _set(self, line: Output, on: bool) -> None:
        try:
            self._stream.pipe.set_output(line.name.lower(), on)
        except CellbenchError as error:
            raise self._stream.lost(f"cannot drive {line.name}", error) from error

    def _asserted(self) -> Mapping[str, bool]:
        self._stream.drop_waiting(0.0)  # an RFC 2217 server reports changes within the stream
        try:
            return self._stream.pipe.read_inputs()
        except CellbenchError as error:
            raise self._stream.lost("cannot read its lines", error) from error


def _opener(name: str, settings: Mapping[str, object]) -> SerialLines:
    return SerialLines(name, checked(SerialLinesSettings, KIND, name, settings))


def _equipment(settings: Mapping[str, object]) -> str:
    return f"serial:{settings['url']}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    return len(Output), len(Input)


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.LINE, settings=SerialLinesSettings, open=_opener, equipment=_equipment,
    pins=_pins, models=("any serial adapter with modem control lines", "RFC 2217 servers"),
    source="RFC 2217, COM-PORT-OPTION; Linux tty_ioctl(2), TIOCMGET, TIOCMBIS, TIOCMBIC",
    abilities=frozenset({Ability.DRIVE, Ability.INPUTS, Ability.LETS_GO}),
    doubts="the system raises DTR and RTS for a moment when it opens the port: not for a line on which a "
           "pulse of some milliseconds does harm"),)
