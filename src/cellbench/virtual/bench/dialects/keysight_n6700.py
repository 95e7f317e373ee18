"""Keysight N6700 and N6705 modular systems, played as an N6705C with four N6762A (50 V, 3 A).

Every command of an output needs its channel list. A protection that is cleared gives the output back in the
state in which it tripped. The external data log (ELOG) returns current before voltage in each record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..fastlog import FastLog, block
from ..output import Mode, Settings, SupplyOutput, Trip
from ..scpi import SECOND, Entry, ScpiError, ScpiInstrument, boolean, number
from .chanlist import parse
from .keysight_e36300 import STYLE
from .model import Bank, Family, Instrument, Rating, is_bound, nr3

MIN_PERIOD_S = 0.0001024
MAX_PERIOD_S = 60.0
MAX_POINTS = 4096
CARD = "N6762A"


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    identity = f"Keysight Technologies,{family.model},MY5600{serial:04d},E.02.06.3264"
    return N6700(identity, Bank(family.ratings, outputs, lambda rating: Settings(
        current_limit_a=0.08, ovp_v=rating.max_ovp_v))).scpi


class N6700:
    """The command tree."""

    def __init__(self, identity: str, bank: Bank) -> None:
        self._bank = bank
        self._logs = [FastLog(output) for output in bank.outputs]
        self._log_voltage = [False] * len(bank)
        self._log_current = [False] * len(bank)
        self._period_s = [0.1] * len(bank)
        self._armed: set[int] = set()
        self._points = [1024] * len(bank)
        self._interval_s = [20.48e-6] * len(bank)
        self._real = False
        self._order = ">"
        entries = (*self._outputs(), *self._settings(), *self._protection(), *self._measuring(),
                   *self._logging(), *self._system())
        self.scpi = ScpiInstrument(identity, entries, self._reset, STYLE)

    def _reset(self) -> None:
        self._bank.reset()
        for log in self._logs:
            log.stop()
        self._armed.clear()

    def _channels(self, params: Sequence[str]) -> tuple[list[str], list[int]]:
        if not params or not params[-1].startswith("("):
            raise ScpiError(-109)
        return list(params[:-1]), parse(params[-1], len(self._bank))

    def _setter(self, act: Callable[[int, str], None]) -> Callable[[Sequence[str]], None]:
        def run(params: Sequence[str]) -> None:
            rest, places = self._channels(params)
            if len(rest) != 1:
                raise ScpiError(-108 if rest else -109)
            for place in places:
                act(place, rest[0])
        return run

    def _action(self, act: Callable[[int], None]) -> Callable[[Sequence[str]], None]:
        def run(params: Sequence[str]) -> None:
            _, places = self._channels(params)
            for place in places:
                act(place)
        return run

    def _getter(self, get: Callable[[int], str],
                top: Callable[[int], float] | None = None) -> Callable[[Sequence[str]], str]:
        def run(params: Sequence[str]) -> str:
            rest, places = self._channels(params)
            if not rest:
                return ",".join(get(place) for place in places)
            if top is None or not is_bound(rest[0]):
                raise ScpiError(-108)
            return ",".join(nr3(number(rest[0], {}, 0.0, top(place), 0.0), 5) for place in places)
        return run

    def _outputs(self) -> tuple[Entry, ...]:
        bank = self._bank
        return (
            Entry("OUTPut[:STATe]", self._setter(lambda place, text: bank.switch(place, boolean(text))),
                  self._getter(lambda place: str(int(bank.outputs[place].enabled))), (1, 2), (0, 1)),
            Entry("OUTPut:PROTection:CLEar", set_params=(0, 1),
                  set=self._action(lambda place: bank.outputs[place].clear_trip(restore=True))),
        )

    def _settings(self) -> tuple[Entry, ...]:
        bank = self._bank
        return (
            Entry("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]", self._setter(bank.set_voltage),
                  self._getter(lambda place: nr3(bank.outputs[place].shown_voltage_v, 5),
                               lambda place: bank.ratings[place].volts), (1, 2), (0, 2)),
            Entry("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]", self._setter(bank.set_current),
                  self._getter(lambda place: nr3(bank.outputs[place].shown_current_limit_a, 5),
                               lambda place: bank.ratings[place].amperes), (1, 2), (0, 2)),
        )

    def _protection(self) -> tuple[Entry, ...]:
        bank = self._bank
        return (
            Entry("[SOURce:]VOLTage:PROTection[:LOCal][:LEVel]", self._setter(bank.set_ovp),
                  self._getter(lambda place: nr3(bank.outputs[place].ovp_v, 5),
                               lambda place: bank.ratings[place].max_ovp_v), (1, 2), (0, 2)),
            Entry("[SOURce:]CURRent:PROTection:STATe", self._setter(self._set_ocp),
                  self._getter(lambda place: str(int(bank.outputs[place].ocp_enabled))), (1, 2), (0, 1)),
            Entry("[SOURce:]CURRent:PROTection:DELay[:TIME]", self._setter(self._set_delay),
                  self._getter(lambda place: nr3(bank.outputs[place].ocp_delay_s, 5)), (1, 2), (0, 1)),
            Entry("OUTPut:PROTection:DELay", self._setter(self._set_delay),
                  self._getter(lambda place: nr3(bank.outputs[place].ocp_delay_s, 5)), (1, 2), (0, 1)),
            Entry("STATus:QUEStionable:CONDition", get_params=(0, 1), get=self._getter(self._questionable)),
            Entry("STATus:OPERation:CONDition", get_params=(0, 1), get=self._getter(self._operation)),
        )

    def _set_ocp(self, place: int, text: str) -> None:
        self._bank.outputs[place].ocp_enabled = boolean(text)
        self._bank.outputs[place].regulate()

    def _set_delay(self, place: int, text: str) -> None:
        self._bank.outputs[place].ocp_delay_s = number(text, SECOND, 0.0, 0.255, 0.02)

    def _questionable(self, place: int) -> str:
        """Bit 0 over-voltage, bit 1 over-current."""
        output = self._bank.outputs[place]
        output.regulate()
        if output.tripped is None:
            return "+0"
        return "+1" if output.tripped is Trip.OVER_VOLTAGE else "+2"

    def _operation(self, place: int) -> str:
        """Bit 0 constant voltage, bit 1 constant current, bit 2 off."""
        output = self._bank.outputs[place]
        output.regulate()
        return {Mode.CONSTANT_VOLTAGE: "+1", Mode.CONSTANT_CURRENT: "+2", Mode.OFF: "+4"}[output.mode]

    def _measuring(self) -> tuple[Entry, ...]:
        outputs = self._bank.outputs
        return (
            Entry("MEASure[:SCALar]:VOLTage[:DC]", get_params=(0, 1),
                  get=self._getter(lambda place: nr3(outputs[place].measured_voltage_v(), 5))),
            Entry("MEASure[:SCALar]:CURRent[:DC]", get_params=(0, 1),
                  get=self._getter(lambda place: nr3(outputs[place].measured_current_a(), 5))),
            Entry("MEASure:ARRay:VOLTage[:DC]", get_params=(0, 1), get=self._getter(
                lambda place: self._array([outputs[place].measured_voltage_v()
                                           for _ in range(self._points[place])]))),
            Entry("MEASure:ARRay:CURRent[:DC]", get_params=(0, 1), get=self._getter(
                lambda place: self._array([outputs[place].measured_current_a()
                                           for _ in range(self._points[place])]))),
            Entry("SENSe:SWEep:POINts", self._setter(self._set_points),
                  self._getter(lambda place: f"{self._points[place]:+d}"), (1, 2), (0, 1)),
            Entry("SENSe:SWEep:TINTerval", self._setter(self._set_interval),
                  self._getter(lambda place: nr3(self._interval_s[place], 5)), (1, 2), (0, 1)),
        )

    def _set_points(self, place: int, text: str) -> None:
        self._points[place] = round(number(text, {}, 1, 524_288, 1024))

    def _set_interval(self, place: int, text: str) -> None:
        self._interval_s[place] = number(text, SECOND, 5.12e-6, 40e3, 20.48e-6)

    def _array(self, values: Sequence[float]) -> str:
        if self._real:
            return block(values, self._order)
        return ",".join(nr3(value, 5) for value in values)

    def _logging(self) -> tuple[Entry, ...]:
        return (
            Entry("SENSe:ELOG:FUNCtion:VOLTage", self._setter(self._enable(self._log_voltage)),
                  self._getter(lambda place: str(int(self._log_voltage[place]))), (1, 2), (0, 1)),
            Entry("SENSe:ELOG:FUNCtion:CURRent", self._setter(self._enable(self._log_current)),
                  self._getter(lambda place: str(int(self._log_current[place]))), (1, 2), (0, 1)),
            Entry("SENSe:ELOG:FUNCtion:VOLTage:MINMax", self._setter(self._only_off), set_params=(1, 2)),
            Entry("SENSe:ELOG:FUNCtion:CURRent:MINMax", self._setter(self._only_off), set_params=(1, 2)),
            Entry("SENSe:ELOG:PERiod", self._setter(self._set_period),
                  self._getter(lambda place: nr3(self._period_s[place], 5)), (1, 2), (0, 1)),
            Entry("TRIGger:ELOG:SOURce", self._setter(self._bus_only), self._getter(lambda _: "BUS"), (1, 2),
                  (0, 1)),
            Entry("INITiate[:IMMediate]:ELOG", self._action(self._armed.add), set_params=(0, 1)),
            Entry("TRIGger:ELOG[:IMMediate]", self._action(self._trigger), set_params=(0, 1)),
            Entry("*TRG", lambda _: self._trigger_all(), set_params=(0, 0)),
            Entry("ABORt:ELOG", self._action(self._abort), set_params=(0, 1)),
            Entry("FETCh:ELOG", get=self._fetch, get_params=(2, 2)),
        )

    def _enable(self, flags: list[bool]) -> Callable[[int, str], None]:
        def act(place: int, text: str) -> None:
            flags[place] = boolean(text)
        return act

    def _only_off(self, place: int, text: str) -> None:
        """Minimum and maximum of each record are not simulated."""
        if boolean(text):
            raise ScpiError(-221)

    def _bus_only(self, place: int, text: str) -> None:
        if text.upper() != "BUS":
            raise ScpiError(-224)

    def _set_period(self, place: int, text: str) -> None:
        self._period_s[place] = number(text, SECOND, MIN_PERIOD_S, MAX_PERIOD_S, 0.1)

    def _trigger(self, place: int) -> None:
        """-211 would be SCPI's answer to a trigger that nothing waits for; the log does not begin."""
        if place in self._armed:
            self._armed.discard(place)
            self._logs[place].start(1 / self._period_s[place])

    def _trigger_all(self) -> None:
        for place in tuple(self._armed):
            self._trigger(place)

    def _abort(self, place: int) -> None:
        self._armed.discard(place)
        self._logs[place].stop()

    def _fetch(self, params: Sequence[str]) -> str:
        rest, places = self._channels(params)
        records = self._logs[places[0]].take(round(number(rest[0], {}, 1, 16_384, 1)))
        values: list[float] = []
        for voltage, current in records:
            values += [current] if self._log_current[places[0]] else []
            values += [voltage] if self._log_voltage[places[0]] else []
        return self._array(values)

    def _system(self) -> tuple[Entry, ...]:
        def set_format(params: Sequence[str]) -> None:
            if params[0].upper() not in ("ASC", "ASCII", "REAL"):
                raise ScpiError(-224)
            self._real = params[0].upper() == "REAL"

        def set_order(params: Sequence[str]) -> None:
            if params[0][:4].upper() not in ("NORM", "SWAP"):
                raise ScpiError(-224)
            self._order = ">" if params[0][:4].upper() == "NORM" else "<"

        return (
            Entry("FORMat[:DATA]", set_format, lambda _: "REAL" if self._real else "ASCII"),
            Entry("FORMat:BORDer", set_order, lambda _: "NORM" if self._order == ">" else "SWAP"),
            Entry("SYSTem:CHANnel[:COUNt]", get=lambda _: f"{len(self._bank):+d}"),
            Entry("SYSTem:CHANnel:MODel", get_params=(0, 1), get=self._getter(lambda _: f'"{CARD}"')),
        )


FAMILY = Family(
    "keysight-n6700", "N6705C", (Rating(51.0, 3.06, 0.001, 0.0001, 60.0),) * 4, build,
    "Agilent Series N6700 User's Guide, chapter 4 (language dictionary), and N6705 Programmer's Reference, "
    "external data log")
