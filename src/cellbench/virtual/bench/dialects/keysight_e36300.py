"""Keysight E36300 series, played as an E36313A (outputs 6 V 10 A, 25 V 2 A, 25 V 2 A).

Most commands take a channel list; without one they act on the channel that INSTrument selects. A protection
that is cleared gives the output back in the state in which it tripped. That a tripped output ignores
OUTPut ON without an error is a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..output import Mode, Settings, SupplyOutput, Trip
from ..scpi import SECOND, Entry, ScpiError, ScpiInstrument, Style, boolean, number
from .chanlist import split_off
from .model import Bank, Family, Instrument, Rating, is_bound, nr3

NONE = (0, 0)
STYLE = Style(error=lambda code, text: f'{code:+d},"{text}"')


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    identity = f"Keysight Technologies,{family.model},MY5900{serial:04d},1.0.4-1.0.3-1.00"
    return E36300(identity, Bank(family.ratings, outputs, reset_settings)).scpi


def reset_settings(rating: Rating) -> Settings:
    """*RST of one output."""
    return Settings(current_limit_a=rating.amperes, ovp_v=rating.max_ovp_v)


class E36300:
    """The command tree."""

    def __init__(self, identity: str, bank: Bank) -> None:
        self._bank = bank
        self.scpi = ScpiInstrument(identity, (*self._selection(), *self._settings(), *self._outputs(),
                                              *self._measuring(), *self._protection()), bank.reset, STYLE)

    def _each(self, get: Callable[[int], str], places: Sequence[int]) -> str:
        return ",".join(get(place) for place in places)

    def _split(self, params: Sequence[str]) -> tuple[list[str], Sequence[int]]:
        bank = self._bank
        rest, places = split_off(params, len(bank), lambda: (bank.selected,))
        if rest and rest[-1].upper() in ("CH1", "CH2", "CH3"):
            places = (int(rest.pop()[2]) - 1,)
        return rest, places

    def _setter(self, act: Callable[[int, str], None]) -> Callable[[Sequence[str]], None]:
        """A command with one value and channels."""
        def run(params: Sequence[str]) -> None:
            rest, places = self._split(params)
            if len(rest) != 1:
                raise ScpiError(-108 if rest else -109)
            for place in places:
                act(place, rest[0])
        return run

    def _action(self, act: Callable[[int], None]) -> Callable[[Sequence[str]], None]:
        """A command with channels alone."""
        def run(params: Sequence[str]) -> None:
            rest, places = self._split(params)
            if rest:
                raise ScpiError(-108)
            for place in places:
                act(place)
        return run

    def _getter(self, get: Callable[[int], str],
                bound: Callable[[int, str], float] | None = None) -> Callable[[Sequence[str]], str]:
        """A query with channels, and MIN or MAX where there are bounds."""
        def run(params: Sequence[str]) -> str:
            rest, places = self._split(params)
            if not rest:
                return self._each(get, places)
            if bound is None or len(rest) > 1 or not is_bound(rest[0]):
                raise ScpiError(-108)
            return ",".join(nr3(bound(place, rest[0])) for place in places)
        return run

    def _selection(self) -> tuple[Entry, ...]:
        def select(params: Sequence[str]) -> None:
            names = {"CH1": 0, "CH2": 1, "CH3": 2, "P6V": 0, "P25V": 1, "N25V": 2}
            if params[0].upper() not in names:
                raise ScpiError(-224)
            self._bank.select(names[params[0].upper()])
        return (
            Entry("INSTrument[:SELect]", select, lambda _: f"CH{self._bank.selected + 1}"),
            Entry("INSTrument:NSELect", lambda params: self._bank.select(
                round(number(params[0], {}, 1, len(self._bank), 1)) - 1),
                lambda _: f"{self._bank.selected + 1:+d}"),
        )

    def _settings(self) -> tuple[Entry, ...]:
        bank = self._bank

        def apply(params: Sequence[str]) -> None:
            name, *values = params
            if name.upper() not in ("CH1", "CH2", "CH3"):
                raise ScpiError(-224)
            place = int(name[2]) - 1
            if len(values) > 1:
                number(values[1], {"": 1, "A": 1, "MA": 1e-3}, 0, bank.ratings[place].amperes, 0)
            if values:
                bank.set_voltage(place, values[0])
            if len(values) > 1:
                bank.set_current(place, values[1])

        def applied(params: Sequence[str]) -> str:
            _, places = self._split(params)
            output = bank.outputs[places[0]]
            return f'"{output.shown_voltage_v:.6f},{output.shown_current_limit_a:.6f}"'

        def top(field: str) -> Callable[[int, str], float]:
            return lambda place, text: number(text, {}, 0.0, getattr(bank.ratings[place], field), 0.0)

        return (
            Entry("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]", self._setter(bank.set_voltage),
                  self._getter(lambda place: nr3(bank.outputs[place].shown_voltage_v), top("volts")),
                  (1, 2), (0, 2)),
            Entry("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]", self._setter(bank.set_current),
                  self._getter(lambda place: nr3(bank.outputs[place].shown_current_limit_a), top("amperes")),
                  (1, 2), (0, 2)),
            Entry("APPLy", apply, applied, (1, 3), (0, 1)),
        )

    def _outputs(self) -> tuple[Entry, ...]:
        bank = self._bank
        return (
            Entry("OUTPut[:STATe]",
                  self._setter(lambda place, text: bank.switch(place, boolean(text))),
                  self._getter(lambda place: str(int(bank.outputs[place].enabled))), (1, 2), (0, 1)),
            Entry("OUTPut:PROTection:CLEar", self._action(self._clear), set_params=(0, 1)),
        )

    def _clear(self, place: int) -> None:
        self._bank.outputs[place].clear_trip(restore=True)

    def _measuring(self) -> tuple[Entry, ...]:
        outputs = self._bank.outputs
        return (
            Entry("MEASure[:SCALar][:VOLTage][:DC]", get_params=(0, 1),
                  get=self._getter(lambda place: nr3(outputs[place].measured_voltage_v()))),
            Entry("MEASure[:SCALar]:CURRent[:DC]", get_params=(0, 1),
                  get=self._getter(lambda place: nr3(outputs[place].measured_current_a()))),
            Entry("STATus:QUEStionable:CONDition", get=lambda _: "+0"),
            *(Entry(f"STATus:QUEStionable:INSTrument:ISUMmary{place + 1}:CONDition",
                    get=lambda _, place=place: f"{self._summary(place):+d}")  # type: ignore[misc]
              for place in range(len(outputs))),
        )

    def _summary(self, place: int) -> int:
        """Bit 0 constant current, bit 1 constant voltage, bit 2 over-voltage, bit 3 over-current."""
        output = self._bank.outputs[place]
        output.regulate()
        bits = {Mode.OFF: 0, Mode.CONSTANT_CURRENT: 1, Mode.CONSTANT_VOLTAGE: 2}[output.mode]
        if output.tripped is not None:
            bits |= 4 if output.tripped is Trip.OVER_VOLTAGE else 8
        return bits

    def _tripped(self, place: int, *kinds: Trip) -> str:
        output = self._bank.outputs[place]
        output.regulate()
        return str(int(output.tripped in kinds))

    def _protection(self) -> tuple[Entry, ...]:
        bank = self._bank
        clear = self._action(self._clear)
        return (
            Entry("[SOURce:]VOLTage:PROTection[:LEVel]", self._setter(bank.set_ovp),
                  self._getter(lambda place: nr3(bank.outputs[place].ovp_v),
                               lambda place, text: number(text, {}, 0, bank.ratings[place].max_ovp_v, 0)),
                  (1, 2), (0, 2)),
            Entry("[SOURce:]VOLTage:PROTection:STATe", self._setter(self._set_ovp_state),
                  self._getter(lambda place: str(int(bank.outputs[place].ovp_enabled))), (1, 2), (0, 1)),
            Entry("[SOURce:]VOLTage:PROTection:TRIPped", get_params=(0, 1),
                  get=self._getter(lambda place: self._tripped(place, Trip.OVER_VOLTAGE))),
            Entry("[SOURce:]VOLTage:PROTection:CLEar", clear, set_params=(0, 1)),
            Entry("[SOURce:]CURRent:PROTection:STATe", self._setter(self._set_ocp_state),
                  self._getter(lambda place: str(int(bank.outputs[place].ocp_enabled))), (1, 2), (0, 1)),
            Entry("[SOURce:]CURRent:PROTection:DELay[:TIME]", self._setter(self._set_ocp_delay),
                  self._getter(lambda place: nr3(bank.outputs[place].ocp_delay_s)), (1, 2), (0, 1)),
            Entry("[SOURce:]CURRent:PROTection:TRIPped", get_params=(0, 1),
                  get=self._getter(lambda place: self._tripped(place, Trip.OVER_CURRENT, Trip.FORCED))),
            Entry("[SOURce:]CURRent:PROTection:CLEar", clear, set_params=(0, 1)),
        )

    def _set_ovp_state(self, place: int, text: str) -> None:
        self._bank.outputs[place].ovp_enabled = boolean(text)
        self._bank.outputs[place].regulate()

    def _set_ocp_state(self, place: int, text: str) -> None:
        self._bank.outputs[place].ocp_enabled = boolean(text)
        self._bank.outputs[place].regulate()

    def _set_ocp_delay(self, place: int, text: str) -> None:
        self._bank.outputs[place].ocp_delay_s = number(text, SECOND, 0.0, 3600.0, 0.02)


FAMILY = Family(
    "keysight-e36300", "E36313A",
    (Rating(6.18, 10.3, 0.0005, 0.0005, 6.6), Rating(25.75, 2.06, 0.001, 0.0005, 27.5),
     Rating(25.75, 2.06, 0.001, 0.0005, 27.5)),
    build, "Keysight E36300 Series Programming Guide, E36311-90008, edition 6, chapters 1 and 2")
