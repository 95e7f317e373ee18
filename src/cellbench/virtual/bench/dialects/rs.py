"""What Rohde & Schwarz's supplies share: a selected channel, a flag for each channel and a master switch.

An output feeds when its flag (OUTPut:SELect) and the master switch (OUTPut:GENeral) are both on;
OUTPut[:STATe] ON sets both, so that every other flagged channel comes on with it, OFF takes the flag away.
The electronic fuse acts at the current limit after its delay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..output import Mode, Settings, Trip
from ..scpi import Entry, ScpiError, ScpiInstrument, Style, boolean, number
from .model import Bank, Rating, is_bound

NONE = (0, 0)


@dataclass(frozen=True, slots=True)
class Manner:
    """Where the families differ: how numbers read, the fuse's delay as a parameter (seconds in one unit of
    it, highest value), whether a blown fuse has a clear command of its own (else switching on mends it)."""

    volts: Callable[[float], str]
    amperes: Callable[[float], str]
    style: Style
    delay_unit_s: float
    delay_max: float
    fuse_clear: bool
    trip_word: str
    """TRIPped or TRIPed."""


def settings(rating: Rating) -> Settings:
    """*RST of one channel."""
    return Settings(current_limit_a=0.1, ovp_v=rating.max_ovp_v, ovp_enabled=False, ocp_delay_s=0.01)


class RsSupply:
    """The command tree; a family adds what it has beyond it."""

    def __init__(self, identity: str, bank: Bank, manner: Manner, more: Sequence[Entry] = ()) -> None:
        self.bank = bank
        self._manner = manner
        self._flagged = [False] * len(bank)
        self._master = False
        entries = (*more, *self._selection(), *self._settings(), *self._switching(), *self._measuring(),
                   *self._ovp(), *self._fuse(), *self._status())
        self.scpi = ScpiInstrument(identity, entries, self._reset, manner.style)

    def _reset(self) -> None:
        self._flagged = [False] * len(self.bank)
        self._master = False
        self.bank.reset()

    def _selection(self) -> tuple[Entry, ...]:
        def select(params: Sequence[str]) -> None:
            text = params[0].upper()
            for prefix in ("OUTPUT", "OUTP", "OUT"):
                if text.startswith(prefix) and text[len(prefix):].isdigit():
                    self.bank.select(int(text[len(prefix):]) - 1)
                    return
            if not text.isdigit():
                raise ScpiError(-224)
            self.bank.select(int(text) - 1)
        return (
            Entry("INSTrument:NSELect", lambda params: self.bank.select(
                round(number(params[0], {}, 1, len(self.bank), 1)) - 1),
                lambda _: str(self.bank.selected + 1)),
            Entry("INSTrument[:SELect]", select, lambda _: f"OUTP{self.bank.selected + 1}"),
        )

    def _level(self, value: Callable[[], float], top: Callable[[], float],
               text: Callable[[float], str]) -> Callable[[Sequence[str]], str]:
        def get(params: Sequence[str]) -> str:
            if params and not is_bound(params[0]):
                raise ScpiError(-108)
            return text(number(params[0], {}, 0.0, top(), 0.0) if params else value())
        return get

    def _settings(self) -> tuple[Entry, ...]:
        bank, manner = self.bank, self._manner

        def apply(params: Sequence[str]) -> None:
            place = bank.selected
            if len(params) > 2:
                if params[2][:3].upper() != "OUT" or not params[2][-1].isdigit():
                    raise ScpiError(-224)
                place = int(params[2][-1]) - 1
                bank.select(place)
            if len(params) > 1:
                bank.set_current(place, params[1])
            bank.set_voltage(place, params[0])

        return (
            Entry("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]",
                  lambda params: bank.set_voltage(bank.selected, params[0]),
                  self._level(lambda: bank.output.shown_voltage_v, lambda: bank.rating.volts, manner.volts),
                  get_params=(0, 1)),
            Entry("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]",
                  lambda params: bank.set_current(bank.selected, params[0]),
                  self._level(lambda: bank.output.shown_current_limit_a, lambda: bank.rating.amperes,
                              manner.amperes), get_params=(0, 1)),
            Entry("APPLy", apply, lambda _: f"{manner.volts(bank.output.shown_voltage_v)}, "
                  f"{manner.amperes(bank.output.shown_current_limit_a)}", set_params=(1, 3)),
        )

    def _switching(self) -> tuple[Entry, ...]:
        return (
            Entry("OUTPut[:STATe]", self._set_output, lambda _: str(int(self.bank.output.enabled))),
            Entry("OUTPut:SELect", self._set_flag, lambda _: str(int(self._flags()[self.bank.selected]))),
            Entry("OUTPut:GENeral[:STATe]", self._set_master, self._master_state),
        )

    def _master_state(self, _: Sequence[str]) -> str:
        self._flags()
        return str(int(self._master))

    def _flags(self) -> list[bool]:
        """Flags and master switch after what was done at the front panel: an output that is on has both,
        one that was switched off there has lost its flag."""
        for place, output in enumerate(self.bank.outputs):
            if output.enabled:
                self._flagged[place] = self._master = True
            elif self._master:
                self._flagged[place] = False
        return self._flagged

    def _set_output(self, params: Sequence[str]) -> None:
        on = boolean(params[0])
        self._flags()
        self._flag(on)
        self._master = self._master or on
        self._follow()

    def _set_flag(self, params: Sequence[str]) -> None:
        self._flags()
        self._flag(boolean(params[0]))
        self._follow()

    def _flag(self, on: bool) -> None:
        output = self.bank.output
        if on and not self._manner.fuse_clear and output.tripped is not Trip.OVER_VOLTAGE:
            output.clear_trip()
        self._flagged[self.bank.selected] = on

    def _set_master(self, params: Sequence[str]) -> None:
        self._flags()
        self._master = boolean(params[0])
        self._follow()

    def _follow(self) -> None:
        """Bring the outputs in line with flags and master switch; a tripped one loses its flag."""
        for place, output in enumerate(self.bank.outputs):
            if output.tripped is not None:
                self._flagged[place] = False
            output.switch(self._master and self._flagged[place], "scpi")

    def _measuring(self) -> tuple[Entry, ...]:
        bank, manner = self.bank, self._manner
        return (
            Entry("MEASure[:SCALar][:VOLTage][:DC]",
                  get=lambda _: manner.volts(bank.output.measured_voltage_v())),
            Entry("MEASure[:SCALar]:CURRent[:DC]",
                  get=lambda _: manner.amperes(bank.output.measured_current_a())),
            Entry("MEASure[:SCALar]:POWer", get=lambda _: manner.volts(
                bank.output.measured_voltage_v() * bank.output.measured_current_a())),
        )

    def _ovp(self) -> tuple[Entry, ...]:
        bank, manner, word = self.bank, self._manner, self._manner.trip_word

        def set_state(params: Sequence[str]) -> None:
            bank.output.ovp_enabled = boolean(params[0])
            bank.output.regulate()

        def set_level(params: Sequence[str]) -> None:
            bank.set_ovp(bank.selected, params[0])
            bank.output.ovp_enabled = True

        def set_mode(params: Sequence[str]) -> None:
            if params[0][:4].upper() not in ("MEAS", "PROT"):
                raise ScpiError(-224)

        return (
            Entry("[SOURce:]VOLTage:PROTection:STATe", set_state,
                  lambda _: str(int(bank.output.ovp_enabled))),
            Entry("[SOURce:]VOLTage:PROTection[:LEVel]", set_level,
                  self._level(lambda: bank.output.ovp_v, lambda: bank.rating.max_ovp_v, manner.volts),
                  get_params=(0, 1)),
            Entry("[SOURce:]VOLTage:PROTection:MODE", set_mode, lambda _: "MEASured"),
            Entry(f"[SOURce:]VOLTage:PROTection:{word}", get=lambda _: self._tripped(Trip.OVER_VOLTAGE)),
            Entry("[SOURce:]VOLTage:PROTection:CLEar", self._clear(Trip.OVER_VOLTAGE), set_params=NONE),
        )

    def _fuse(self) -> tuple[Entry, ...]:
        bank, manner, word = self.bank, self._manner, self._manner.trip_word

        def set_state(params: Sequence[str]) -> None:
            bank.output.ocp_enabled = boolean(params[0])
            bank.output.regulate()

        def set_delay(params: Sequence[str]) -> None:
            bank.output.ocp_delay_s = number(params[0], {}, 0, manner.delay_max, 0) * manner.delay_unit_s

        found = [
            Entry("FUSE[:STATe]", set_state, lambda _: str(int(bank.output.ocp_enabled))),
            Entry("FUSE:DELay[:INITial]", set_delay,
                  lambda _: f"{bank.output.ocp_delay_s / manner.delay_unit_s:g}"),
            Entry(f"FUSE:{word}", get=lambda _: self._tripped(Trip.OVER_CURRENT, Trip.FORCED)),
        ]
        if manner.fuse_clear:
            found.append(Entry(f"FUSE:{word}:CLEar", self._clear(Trip.OVER_CURRENT, Trip.FORCED),
                               set_params=NONE))
        return tuple(found)

    def _tripped(self, *kinds: Trip) -> str:
        self.bank.output.regulate()
        return str(int(self.bank.output.tripped in kinds))

    def _clear(self, *kinds: Trip) -> Callable[[Sequence[str]], None]:
        """The trip is forgotten; the output stays off and has lost its flag."""
        def act(_: Sequence[str]) -> None:
            output = self.bank.output
            if output.tripped in kinds:
                self._flagged[self.bank.selected] = False
                output.clear_trip()
        return act

    def _status(self) -> tuple[Entry, ...]:
        return tuple(Entry(f"STATus:QUEStionable:INSTrument:ISUMmary{place + 1}:CONDition",
                           get=lambda _, place=place: str(self._summary(place)))  # type: ignore[misc]
                     for place in range(len(self.bank)))

    def _summary(self, place: int) -> int:
        """Bit 0 constant current, bit 1 constant voltage, bit 9 over-voltage, bit 10 fuse."""
        output = self.bank.outputs[place]
        output.regulate()
        bits = {Mode.OFF: 0, Mode.CONSTANT_CURRENT: 1, Mode.CONSTANT_VOLTAGE: 2}[output.mode]
        if output.tripped is not None:
            bits |= 1 << (9 if output.tripped is Trip.OVER_VOLTAGE else 10)
        return bits
