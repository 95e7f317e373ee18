"""A switched output as a supply: a contact of a line board in the wire from a source that nobody steers.

It can be switched on and off, and the contact is read back. Nothing is set and nothing is measured: what
needs a voltage setting, a current or a protection is NOT_POSSIBLE on such a slot. The contact belongs to
the board, so that the guardian works it on the board's connection, under the board's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from cellbench.base.errors import NotPossible, RigError
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.line.model import LineBoard
from cellbench.instruments.settings import RelaySupplySettings

BOARD_KEY = "board_equipment"
"""Among a plan's settings: the key of the board's equipment."""


class RelayOutput:
    """One contact that feeds a slot."""

    __slots__ = ("_board", "_closed_when_on", "_pin", "channel")

    def __init__(self, board: LineBoard, pin: int, *, closed_when_on: bool, channel: int = 1) -> None:
        self._board = board
        self._pin = pin
        self._closed_when_on = closed_when_on
        self.channel = channel

    def set_voltage_v(self, volts: float) -> None:
        """NotPossible: the source behind the contact is not steered."""
        self._cannot("set a voltage")

    def set_current_limit_a(self, amperes: float) -> None:
        """NotPossible."""
        self._cannot("limit the current")

    def set_over_voltage_v(self, volts: float) -> None:
        """NotPossible."""
        self._cannot("protect against over-voltage")

    def set_over_current_a(self, amperes: float) -> None:
        """NotPossible."""
        self._cannot("protect against over-current")

    def voltage_setting_v(self) -> float:
        """NotPossible."""
        self._cannot("say what voltage is set")

    def current_limit_setting_a(self) -> float:
        """NotPossible."""
        self._cannot("say what current limit is set")

    def enable(self, on: bool) -> None:
        """Switch the contact; returns after the board's read-back agreed."""
        self._board.drive(self._pin, on is self._closed_when_on)

    def is_enabled(self) -> bool:
        """True while the contact feeds the slot."""
        return self._board.is_closed(self._pin) is self._closed_when_on

    def measure_voltage_v(self) -> float:
        """NotPossible: nothing measures."""
        self._cannot("measure the voltage")

    def measure_current_a(self) -> float:
        """NotPossible: nothing measures."""
        self._cannot("measure the current")

    def tripped(self) -> str | None:
        """None: there is no protection that could tell."""
        return None

    def clear_trip(self) -> None:
        """Nothing to clear; the contact is opened."""
        self.enable(False)

    def start_current_log_hz(self, rate_hz: float) -> float:
        """NotPossible."""
        self._cannot("log the current")

    def read_current_log(self) -> tuple[float, ...]:
        """NotPossible."""
        self._cannot("log the current")

    def stop_current_log(self) -> None:
        """Nothing runs."""

    def _cannot(self, what: str) -> NoReturn:
        raise NotPossible(f"contact {self._pin} of {self._board.name} only switches: it cannot {what}",
                          remedy="feed the slot from a supply that can")


class RelaySupply:
    """Contacts of one board, as a supply's channels 1, 2, ..."""

    __slots__ = ("_board", "_closed_when_on", "_pins", "name")

    def __init__(self, name: str, board: LineBoard, pins: tuple[int, ...], *, closed_when_on: bool) -> None:
        self.name = name
        self._board = board
        self._pins = pins
        self._closed_when_on = closed_when_on

    def identity(self) -> str:
        """What it is, and what the board says it is."""
        return f"contacts {', '.join(map(str, self._pins))} of {self._board.identity()}"

    def output(self, channel: int) -> RelayOutput:
        """One contact, from 1; RigError when there is none."""
        if not 1 <= channel <= len(self._pins):
            raise RigError(f"instrument {self.name} has no channel {channel}; it has 1 to {len(self._pins)}",
                           remedy="correct the slot's power.channel in the rig file")
        return RelayOutput(self._board, self._pins[channel - 1], closed_when_on=self._closed_when_on,
                           channel=channel)

    def close(self) -> None:
        """The board belongs to its own instrument: nothing is given back."""


class RelayMarker:
    """What stands in the rig file for the contacts, while nobody works them; the board does."""

    __slots__ = ("_where", "name")

    def __init__(self, name: str, where: str) -> None:
        self.name = name
        self._where = where

    def identity(self) -> str:
        """Which contacts of which board."""
        return f"contacts {self._where}"

    def output(self, channel: int) -> NoReturn:
        """RigError: the contacts are worked on their board's own connection."""
        raise RigError(f"instrument {self.name}: its contacts are worked through their board")

    def close(self) -> None:
        """Nothing is open."""


def _open(name: str, settings: Mapping[str, object]) -> RelayMarker:
    return RelayMarker(name, _where(settings))


def _equipment(settings: Mapping[str, object]) -> str:
    return f"contacts:{settings.get(BOARD_KEY, settings['board'])}:{_where(settings)}"


def _where(settings: Mapping[str, object]) -> str:
    pins = settings.get("pins")
    listed = ", ".join(map(str, pins)) if isinstance(pins, list | tuple) else ""
    return f"{listed} of {settings['board']}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    pins = settings.get("pins")
    return (len(pins) if isinstance(pins, list | tuple) else None), 0


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind="supply.relay", serves=InstrumentClass.SUPPLY, settings=RelaySupplySettings, open=_open,
    equipment=_equipment, pins=_pins,
    models=("a contact of any line board, in the wire from a fixed source",),
    source="the line board's own: no dialogue of its own", abilities=frozenset({Ability.READ_BACK}),
    doubts="voltage_v and current_limit_a of the slot say what the source behind the contact gives; nothing "
           "checks them"),)
