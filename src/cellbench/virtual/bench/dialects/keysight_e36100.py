"""Keysight E36100 series, played as an E36102A (6 V, 5 A): one output, no channels to select.

A protection that is cleared gives the output back in the state in which it tripped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..output import Mode, Settings, SupplyOutput, Trip
from ..scpi import SECOND, Entry, ScpiError, ScpiInstrument, boolean, number
from .keysight_e36300 import STYLE
from .model import Bank, Family, Instrument, Rating, is_bound, nr3

NONE = (0, 0)


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    identity = f"Keysight Technologies,{family.model},MY5500{serial:04d},1.0.2-1.00"
    bank = Bank(family.ratings, outputs,
                lambda rating: Settings(current_limit_a=rating.amperes, ovp_v=rating.max_ovp_v))
    return ScpiInstrument(identity, (*_settings(bank), *_switching(bank), *_protection(bank)), bank.reset,
                          STYLE)


def _level(value: Callable[[], float], top: float) -> Callable[[Sequence[str]], str]:
    def get(params: Sequence[str]) -> str:
        if params and not is_bound(params[0]):
            raise ScpiError(-108)
        return nr3(number(params[0], {}, 0.0, top, 0.0) if params else value())
    return get


def _settings(bank: Bank) -> tuple[Entry, ...]:
    output, rating = bank.output, bank.rating
    return (
        Entry("[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]", lambda p: bank.set_voltage(0, p[0]),
              _level(lambda: output.shown_voltage_v, rating.volts), get_params=(0, 1)),
        Entry("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]", lambda p: bank.set_current(0, p[0]),
              _level(lambda: output.shown_current_limit_a, rating.amperes), get_params=(0, 1)),
    )


def _switching(bank: Bank) -> tuple[Entry, ...]:
    output = bank.output

    def questionable(_: Sequence[str]) -> str:
        """Bit 0 over-voltage, bit 1 over-current."""
        output.regulate()
        over_voltage = output.tripped is Trip.OVER_VOLTAGE
        return f"{int(over_voltage) | int(output.tripped is not None and not over_voltage) << 1:+d}"

    def operation(_: Sequence[str]) -> str:
        """Bit 8 constant voltage, bit 10 constant current."""
        output.regulate()
        return f"{ {Mode.OFF: 0, Mode.CONSTANT_VOLTAGE: 0x100, Mode.CONSTANT_CURRENT: 0x400}[output.mode]:+d}"

    return (
        Entry("OUTPut[:STATe]", lambda p: bank.switch(0, boolean(p[0])), lambda _: str(int(output.enabled))),
        Entry("OUTPut:PROTection:CLEar", lambda _: output.clear_trip(restore=True), set_params=NONE),
        Entry("MEASure[:SCALar][:VOLTage][:DC]", get=lambda _: nr3(output.measured_voltage_v())),
        Entry("MEASure[:SCALar]:CURRent[:DC]", get=lambda _: nr3(output.measured_current_a())),
        Entry("STATus:QUEStionable:CONDition", get=questionable),
        Entry("STATus:OPERation:CONDition", get=operation),
    )


def _protection(bank: Bank) -> tuple[Entry, ...]:
    output = bank.output

    def set_ovp_state(params: Sequence[str]) -> None:
        output.ovp_enabled = boolean(params[0])
        output.regulate()

    def set_ocp_state(params: Sequence[str]) -> None:
        output.ocp_enabled = boolean(params[0])
        output.regulate()

    def set_delay(params: Sequence[str]) -> None:
        output.ocp_delay_s = number(params[0], SECOND, 0.0, 3600.0, 0.02)

    def tripped(*kinds: Trip) -> str:
        output.regulate()
        return str(int(output.tripped in kinds))

    def clear(_: Sequence[str]) -> None:
        output.clear_trip(restore=True)

    return (
        Entry("[SOURce:]VOLTage:PROTection[:LEVel]", lambda p: bank.set_ovp(0, p[0]),
              _level(lambda: output.ovp_v, bank.rating.max_ovp_v), get_params=(0, 1)),
        Entry("[SOURce:]VOLTage:PROTection:STATe", set_ovp_state, lambda _: str(int(output.ovp_enabled))),
        Entry("[SOURce:]VOLTage:PROTection:TRIPped", get=lambda _: tripped(Trip.OVER_VOLTAGE)),
        Entry("[SOURce:]VOLTage:PROTection:CLEar", clear, set_params=NONE),
        Entry("[SOURce:]CURRent:PROTection:STATe", set_ocp_state, lambda _: str(int(output.ocp_enabled))),
        Entry("[SOURce:]CURRent:PROTection:DELay[:TIME]", set_delay, lambda _: nr3(output.ocp_delay_s)),
        Entry("[SOURce:]CURRent:PROTection:TRIPped",
              get=lambda _: tripped(Trip.OVER_CURRENT, Trip.FORCED)),
        Entry("[SOURce:]CURRent:PROTection:CLEar", clear, set_params=NONE),
    )


FAMILY = Family(
    "keysight-e36100", "E36102A", (Rating(6.18, 5.15, 0.0005, 0.001, 6.6),), build,
    "Keysight E36100B Series Programming Guide, as remembered; its text was not at hand, number forms as in "
    "the E36300 guide")
