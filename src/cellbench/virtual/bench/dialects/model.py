"""What a family of supplies is to the bench: its model, its channels, and how its instrument is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..output import Settings, SupplyOutput
from ..scpi import AMPERE, VOLT, ScpiError, number


class Instrument(Protocol):
    """The message side of a supply."""

    identity: str
    """Its answer to *IDN?."""

    def handle(self, message: str) -> str | None:
        """Carry out one message without its terminator; the answer (one character a byte), or None."""
        ...

    def raise_error(self, number: int) -> None:
        """Put an error of SCPI-99's numbers where the family keeps errors."""
        ...


@dataclass(frozen=True, slots=True)
class Rating:
    """What one channel can be set to and in which steps; volts and amperes. ``ovp_v`` and ``ocp_a`` are the
    highest levels of its protections."""

    volts: float
    amperes: float
    volt_step: float = 0.001
    ampere_step: float = 0.001
    ovp_v: float = 0.0
    ocp_a: float = 0.0

    @property
    def max_ovp_v(self) -> float:
        """Highest over-voltage level; a tenth above the range where the family states none."""
        return self.ovp_v or self.volts * 1.1

    @property
    def max_ocp_a(self) -> float:
        """Highest over-current level; a tenth above the range where the family states none."""
        return self.ocp_a or self.amperes * 1.1


Build = Callable[["Family", int, Sequence[SupplyOutput]], Instrument]


@dataclass(frozen=True, slots=True)
class Family:
    """One dialect: ``name`` is that of the rig file's kind without ``supply.``, ``model`` the model that the
    simulator plays, ``source`` the manual it is written from. ``terminator`` ends an answer."""

    name: str
    model: str
    ratings: tuple[Rating, ...]
    build: Build
    source: str
    terminator: str = "\n"

    def usable(self, volts: float, amperes: float) -> tuple[int, ...]:
        """Places of the channels that can feed a module, from 0."""
        return tuple(place for place, rating in enumerate(self.ratings)
                     if rating.volts >= volts and rating.amperes >= amperes)


class Bank:
    """The channels of one supply with the one that is selected; settings are rounded to the model's steps
    and refused outside its ranges."""

    def __init__(self, ratings: Sequence[Rating], outputs: Sequence[SupplyOutput],
                 settings: Callable[[Rating], Settings]) -> None:
        self.ratings = tuple(ratings)
        self.outputs = tuple(outputs)
        self.selected = 0
        for rating, output in zip(self.ratings, self.outputs, strict=True):
            output.adopt(settings(rating))

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def output(self) -> SupplyOutput:
        """The selected channel's output."""
        return self.outputs[self.selected]

    @property
    def rating(self) -> Rating:
        """The selected channel's ratings."""
        return self.ratings[self.selected]

    def reset(self) -> None:
        """*RST."""
        self.selected = 0
        for output in self.outputs:
            output.reset()

    def select(self, place: int) -> None:
        """Select a channel from 0; ScpiError -222 when there is none."""
        if not 0 <= place < len(self.outputs):
            raise ScpiError(-222)
        self.selected = place

    def set_voltage(self, place: int, text: str) -> None:
        """VOLTage of one channel."""
        rating, output = self.ratings[place], self.outputs[place]
        output.voltage_v = rounded(number(text, VOLT, 0.0, rating.volts, 0.0), rating.volt_step)
        output.regulate()

    def set_current(self, place: int, text: str) -> None:
        """CURRent of one channel."""
        rating, output = self.ratings[place], self.outputs[place]
        output.current_limit_a = rounded(number(text, AMPERE, 0.0, rating.amperes, rating.amperes),
                                         rating.ampere_step)
        output.regulate()

    def set_ovp(self, place: int, text: str, low: float = 0.0) -> None:
        """Level of the over-voltage protection."""
        rating, output = self.ratings[place], self.outputs[place]
        output.ovp_v = rounded(number(text, VOLT, low, rating.max_ovp_v, rating.max_ovp_v), rating.volt_step)
        output.regulate()

    def set_ocp_level(self, place: int, text: str) -> None:
        """Level of the over-current protection, where it has one of its own."""
        rating, output = self.ratings[place], self.outputs[place]
        output.ocp_level_a = rounded(number(text, AMPERE, 0.0, rating.max_ocp_a, rating.max_ocp_a),
                                     rating.ampere_step)
        output.regulate()

    def switch(self, place: int, on: bool) -> None:
        """Switch one channel; a tripped one stays off until its trip is cleared."""
        self.outputs[place].switch(on, "scpi")


def rounded(value: float, step: float) -> float:
    """The nearest value that the model can set."""
    return round(round(value / step) * step, 9)


def is_bound(text: str) -> bool:
    """True for MINimum, MAXimum and DEFault in all spellings."""
    return text[:3].upper() in ("MIN", "MAX", "DEF")


def nr3(value: float, digits: int = 8) -> str:
    """A number in the form +3.80000000E+00."""
    return f"{value:+.{digits}E}"
