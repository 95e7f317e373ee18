"""The generic dialect: what SCPI-99's model of a power supply gives, four outputs, selected by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..output import MAX_CURRENT_A, MAX_VOLTAGE_V, RESET_CURRENT_A, Mode, Settings, SupplyOutput, Trip
from ..scpi import AMPERE, SECOND, VOLT, Entry, ScpiError, ScpiInstrument, boolean, number
from .model import Family, Instrument, Rating

RATING = Rating(MAX_VOLTAGE_V, MAX_CURRENT_A)


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    return Generic(f"CELLBENCH,{family.model},V{serial:07d},1.0", outputs).scpi


class Generic:
    """Outputs, the selected one, and their SCPI table."""

    def __init__(self, identity: str, outputs: Sequence[SupplyOutput]) -> None:
        self.outputs = tuple(outputs)
        self._selected = 0
        for output in self.outputs:
            output.adopt(Settings())
        self.scpi = ScpiInstrument(identity, self._entries(), self._reset)

    def _reset(self) -> None:
        self._selected = 0
        for output in self.outputs:
            output.reset()

    @property
    def _output(self) -> SupplyOutput:
        return self.outputs[self._selected]

    def _entries(self) -> tuple[Entry, ...]:
        return (*self._selection(), *self._settings(), *self._switching(), *self._measuring(),
                *self._protection())

    def _selection(self) -> tuple[Entry, ...]:
        return (
            Entry("INSTrument:NSELect", self._select, lambda _: str(self._selected + 1)),
            Entry("INSTrument[:SELect]", self._select_name, lambda _: f"OUT{self._selected + 1}"),
            Entry("INSTrument:CATalog", get=lambda _: ",".join(
                f'"OUT{n + 1}"' for n in range(len(self.outputs)))),
        )

    def _settings(self) -> tuple[Entry, ...]:
        return (
            Entry("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]", self._set_voltage,
                  self._quantity(lambda: self._output.shown_voltage_v, 0.0, MAX_VOLTAGE_V, 0.0),
                  get_params=(0, 1)),
            Entry("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]", self._set_current,
                  self._quantity(lambda: self._output.shown_current_limit_a, 0.0, MAX_CURRENT_A,
                                 RESET_CURRENT_A),
                  get_params=(0, 1)),
            Entry("APPLy", self._apply, lambda _: f"{self._output.shown_voltage_v:.4f},"
                  f"{self._output.shown_current_limit_a:.4f}", set_params=(1, 2)),
        )

    def _switching(self) -> tuple[Entry, ...]:
        return (
            Entry("OUTPut[:STATe]", self._switch, lambda _: str(int(self._output.enabled))),
            Entry("OUTPut:PROTection:CLEar", lambda _: self._output.clear_trip(), set_params=(0, 0)),
        )

    def _measuring(self) -> tuple[Entry, ...]:
        return (
            Entry("MEASure[:SCALar][:VOLTage][:DC]",
                  get=lambda _: f"{self._output.measured_voltage_v():.4f}"),
            Entry("MEASure[:SCALar]:CURRent[:DC]",
                  get=lambda _: f"{self._output.measured_current_a():.6f}"),
            Entry("MEASure[:SCALar]:POWer[:DC]", get=self._power),
            Entry("STATus:QUEStionable:CONDition", get=self._questionable),
            Entry("STATus:OPERation:CONDition", get=self._operation),
        )

    def _protection(self) -> tuple[Entry, ...]:
        limit = MAX_VOLTAGE_V * 1.1
        none = (0, 0)
        return (
            Entry("[SOURce:]VOLTage:PROTection[:LEVel]", self._set_ovp,
                  self._quantity(lambda: self._output.ovp_v, 0.5, limit, limit), get_params=(0, 1)),
            Entry("[SOURce:]VOLTage:PROTection:TRIPped", get=lambda _: self._is_trip(Trip.OVER_VOLTAGE)),
            Entry("[SOURce:]VOLTage:PROTection:CLEar", lambda _: self._output.clear_trip(), set_params=none),
            Entry("[SOURce:]CURRent:PROTection:STATe", self._set_ocp,
                  lambda _: str(int(self._output.ocp_enabled))),
            Entry("[SOURce:]CURRent:PROTection:DELay", self._set_ocp_delay,
                  lambda _: f"{self._output.ocp_delay_s:.4f}"),
            Entry("[SOURce:]CURRent:PROTection:TRIPped",
                  get=lambda _: self._is_trip(Trip.OVER_CURRENT, Trip.FORCED)),
            Entry("[SOURce:]CURRent:PROTection:CLEar", lambda _: self._output.clear_trip(), set_params=none),
        )

    def _quantity(self, value: Callable[[], float], low: float, high: float,
                  default: float) -> Callable[[Sequence[str]], str]:
        """A query that answers the setting, or with MIN, MAX or DEF its bound."""
        def get(params: Sequence[str]) -> str:
            if params and params[0][:3].upper() not in ("MIN", "MAX", "DEF"):
                raise ScpiError(-108)
            return f"{number(params[0], {}, low, high, default) if params else value():.4f}"
        return get

    def _select(self, params: Sequence[str]) -> None:
        self._selected = round(number(params[0], {}, 1, len(self.outputs), 1)) - 1

    def _select_name(self, params: Sequence[str]) -> None:
        names = [f"OUT{n + 1}" for n in range(len(self.outputs))]
        name = params[0].upper().strip("\"'")
        if name not in names:
            raise ScpiError(-224)
        self._selected = names.index(name)

    def _set_voltage(self, params: Sequence[str]) -> None:
        self._output.voltage_v = number(params[0], VOLT, 0.0, MAX_VOLTAGE_V, 0.0)
        self._output.regulate()

    def _set_current(self, params: Sequence[str]) -> None:
        self._output.current_limit_a = number(params[0], AMPERE, 0.0, MAX_CURRENT_A, RESET_CURRENT_A)
        self._output.regulate()

    def _apply(self, params: Sequence[str]) -> None:
        voltage = number(params[0], VOLT, 0.0, MAX_VOLTAGE_V, 0.0)
        if len(params) > 1:
            self._output.current_limit_a = number(params[1], AMPERE, 0.0, MAX_CURRENT_A, RESET_CURRENT_A)
        self._output.voltage_v = voltage
        self._output.regulate()

    def _set_ovp(self, params: Sequence[str]) -> None:
        limit = MAX_VOLTAGE_V * 1.1
        self._output.ovp_v = number(params[0], VOLT, 0.5, limit, limit)
        self._output.regulate()

    def _set_ocp(self, params: Sequence[str]) -> None:
        self._output.ocp_enabled = boolean(params[0])
        self._output.regulate()

    def _set_ocp_delay(self, params: Sequence[str]) -> None:
        self._output.ocp_delay_s = number(params[0], SECOND, 0.0, 10.0, 0.02)

    def _switch(self, params: Sequence[str]) -> None:
        on = boolean(params[0])
        if on and self._output.tripped is not None:
            raise ScpiError(-221)
        self._output.switch(on, "scpi")

    def _power(self, _: Sequence[str]) -> str:
        return f"{self._output.measured_voltage_v() * self._output.measured_current_a():.6f}"

    def _is_trip(self, *kinds: Trip) -> str:
        self._output.regulate()
        return str(int(self._output.tripped in kinds))

    def _questionable(self, _: Sequence[str]) -> str:
        """Bit 0 over-voltage trip, bit 1 over-current trip."""
        over_voltage = self._output.tripped is Trip.OVER_VOLTAGE
        return str(int(over_voltage) | (int(self._output.tripped is not None and not over_voltage) << 1))

    def _operation(self, _: Sequence[str]) -> str:
        """Bit 8 constant voltage, bit 10 constant current."""
        self._output.regulate()
        return str({Mode.OFF: 0, Mode.CONSTANT_VOLTAGE: 0x100, Mode.CONSTANT_CURRENT: 0x400}[
            self._output.mode])


GENERIC = Family("scpi-generic", "VPS-4", (RATING,) * 4, build,
                 "SCPI-99 volume 4, chapter 7 (power supplies); no maker's manual")
