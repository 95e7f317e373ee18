"""Rigol DP800, played as a DP832A (30 V 3 A, 30 V 3 A, 5 V 3 A).

Channels are named in the command (CH1) or by the number of SOURce; without either the selected one is
meant. OUTPut:OVP:CLEar and OUTPut:OCP:CLEar forget a trip; [:SOURce]:...:PROTection:CLEar switches the
output on as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..output import Mode, Settings, SupplyOutput, Trip
from ..scpi import PLAIN, Entry, ScpiError, ScpiInstrument, boolean, number
from .model import Bank, Family, Instrument, Rating, is_bound

OVER_CURRENT = (Trip.OVER_CURRENT, Trip.FORCED)


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    identity = f"RIGOL TECHNOLOGIES,{family.model},DP8B1600{serial:05d},00.01.16"
    return Dp800(identity, Bank(family.ratings, outputs, lambda rating: Settings(
        current_limit_a=1.0, ovp_v=rating.max_ovp_v, ovp_enabled=False, ocp_level_a=rating.max_ocp_a,
        ocp_delay_s=0.0))).scpi


def on_off(value: bool) -> str:
    """How switches read."""
    return "ON" if value else "OFF"


class Dp800:
    """The command tree."""

    def __init__(self, identity: str, bank: Bank) -> None:
        self._bank = bank
        entries = [*self._selection(), *self._outputs(), *self._measuring(),
                   *self._protection("OVP", self._ovp()), *self._protection("OCP", self._ocp())]
        for source in ("[SOURce:]", *(f"SOURce{place + 1}:" for place in range(len(bank)))):
            entries += self._source(source)
        self.scpi = ScpiInstrument(identity, entries, bank.reset, PLAIN)

    def _place(self, params: Sequence[str]) -> tuple[int, list[str]]:
        """The channel named first, else the selected one, and the other parameters."""
        if params and params[0].upper().startswith("CH"):
            return self._named(params[0]), list(params[1:])
        return self._bank.selected, list(params)

    def _named(self, text: str) -> int:
        name = text.upper()
        if not name.startswith("CH") or not name[2:].isdigit() or not 1 <= int(name[2:]) <= len(self._bank):
            raise ScpiError(-224)
        return int(name[2:]) - 1

    def _selection(self) -> tuple[Entry, ...]:
        bank = self._bank
        return (
            Entry("INSTrument[:SELect]", lambda params: bank.select(self._named(params[0])),
                  lambda _: f"CH{bank.selected + 1}"),
            Entry("INSTrument:NSELect", lambda params: bank.select(
                round(number(params[0], {}, 1, len(bank), 1)) - 1), lambda _: str(bank.selected + 1)),
            Entry("APPLy", self._apply, self._applied, (1, 3), (0, 2)),
        )

    def _apply(self, params: Sequence[str]) -> None:
        place, values = self._place(params)
        if len(values) > 1:
            number(values[1], {"": 1.0}, 0.0, self._bank.ratings[place].amperes, 0.0)
        if values:
            self._bank.set_voltage(place, values[0])
        if len(values) > 1:
            self._bank.set_current(place, values[1])

    def _applied(self, params: Sequence[str]) -> str:
        place, what = self._place(params)
        output, rating = self._bank.outputs[place], self._bank.ratings[place]
        volts, amperes = f"{output.shown_voltage_v:.3f}", f"{output.shown_current_limit_a:.4f}"
        if what:
            return {"VOLT": volts, "CURR": amperes}.get(what[0][:4].upper(), "")
        return f"CH{place + 1}:{int(rating.volts / 1.05)}V/{int(rating.amperes / 1.05)}A,{volts},{amperes}"

    def _source(self, prefix: str) -> tuple[Entry, ...]:
        bank = self._bank

        def place() -> int:
            return bank.selected if prefix.startswith("[") else int(prefix[-2]) - 1

        def level(value: Callable[[SupplyOutput], float], top: Callable[[Rating], float],
                  digits: int) -> Callable[[Sequence[str]], str]:
            def get(params: Sequence[str]) -> str:
                if params and not is_bound(params[0]):
                    raise ScpiError(-108)
                found = (number(params[0], {}, 0.0, top(bank.ratings[place()]), 0.0) if params
                         else value(bank.outputs[place()]))
                return f"{found:.{digits}f}"
            return get

        def restore(_: Sequence[str]) -> None:
            bank.outputs[place()].clear_trip()
            bank.switch(place(), True)

        return (
            Entry(f"{prefix}VOLTage[:LEVel][:IMMediate][:AMPLitude]",
                  lambda params: bank.set_voltage(place(), params[0]),
                  level(lambda output: output.shown_voltage_v, lambda rating: rating.volts, 3),
                  get_params=(0, 1)),
            Entry(f"{prefix}CURRent[:LEVel][:IMMediate][:AMPLitude]",
                  lambda params: bank.set_current(place(), params[0]),
                  level(lambda output: output.shown_current_limit_a, lambda rating: rating.amperes, 4),
                  get_params=(0, 1)),
            Entry(f"{prefix}VOLTage:PROTection[:LEVel]",
                  lambda params: bank.set_ovp(place(), params[0], 0.01),
                  level(lambda output: output.ovp_v, lambda rating: rating.max_ovp_v, 3), get_params=(0, 1)),
            Entry(f"{prefix}CURRent:PROTection[:LEVel]",
                  lambda params: bank.set_ocp_level(place(), params[0]),
                  level(lambda output: output.ocp_level_a or 0.0, lambda rating: rating.max_ocp_a, 4),
                  get_params=(0, 1)),
            Entry(f"{prefix}VOLTage:PROTection:STATe", lambda p: self._enable_ovp(place(), boolean(p[0])),
                  lambda _: on_off(bank.outputs[place()].ovp_enabled)),
            Entry(f"{prefix}CURRent:PROTection:STATe", lambda p: self._enable_ocp(place(), boolean(p[0])),
                  lambda _: on_off(bank.outputs[place()].ocp_enabled)),
            Entry(f"{prefix}VOLTage:PROTection:TRIPped",
                  get=lambda _: self._tripped(place(), Trip.OVER_VOLTAGE)),
            Entry(f"{prefix}CURRent:PROTection:TRIPped", get=lambda _: self._tripped(place(), *OVER_CURRENT)),
            Entry(f"{prefix}VOLTage:PROTection:CLEar", restore, set_params=(0, 0)),
            Entry(f"{prefix}CURRent:PROTection:CLEar", restore, set_params=(0, 0)),
        )

    def _outputs(self) -> tuple[Entry, ...]:
        bank = self._bank

        def switch(params: Sequence[str]) -> None:
            place, rest = self._place(params)
            if len(rest) != 1:
                raise ScpiError(-109)
            bank.switch(place, boolean(rest[0]))

        return (
            Entry("OUTPut[:STATe]", switch,
                  lambda params: on_off(bank.outputs[self._place(params)[0]].enabled), (1, 2), (0, 1)),
            Entry("OUTPut:MODE", get_params=(0, 1), get=self._mode),
            Entry("OUTPut:CVCC", get_params=(0, 1), get=self._mode),
        )

    def _mode(self, params: Sequence[str]) -> str:
        output = self._bank.outputs[self._place(params)[0]]
        output.regulate()
        return "CC" if output.mode is Mode.CONSTANT_CURRENT else "CV"

    def _measuring(self) -> tuple[Entry, ...]:
        def output(params: Sequence[str]) -> SupplyOutput:
            return self._bank.outputs[self._place(params)[0]]

        def both(params: Sequence[str]) -> str:
            volts, amperes = output(params).measured_voltage_v(), output(params).measured_current_a()
            return f"{volts:.4f},{amperes:.4f},{volts * amperes:.3f}"

        return (
            Entry("MEASure[:VOLTage][:DC]", get_params=(0, 1),
                  get=lambda params: f"{output(params).measured_voltage_v():.4f}"),
            Entry("MEASure:CURRent[:DC]", get_params=(0, 1),
                  get=lambda params: f"{output(params).measured_current_a():.4f}"),
            Entry("MEASure:POWEr[:DC]", get_params=(0, 1), get=lambda params: both(params).split(",")[2]),
            Entry("MEASure:ALL[:DC]", get_params=(0, 1), get=both),
        )

    def _ovp(self) -> tuple[Callable[[int, bool], None], Callable[[SupplyOutput], bool],
                            Callable[[int, str], None], Callable[[SupplyOutput], str], tuple[Trip, ...]]:
        return (self._enable_ovp, lambda output: output.ovp_enabled,
                lambda place, text: self._bank.set_ovp(place, text, 0.01),
                lambda output: f"{output.ovp_v:.3f}", (Trip.OVER_VOLTAGE,))

    def _ocp(self) -> tuple[Callable[[int, bool], None], Callable[[SupplyOutput], bool],
                            Callable[[int, str], None], Callable[[SupplyOutput], str], tuple[Trip, ...]]:
        return (self._enable_ocp, lambda output: output.ocp_enabled, self._bank.set_ocp_level,
                lambda output: f"{output.ocp_level_a or 0.0:.4f}", OVER_CURRENT)

    def _protection(self, name: str, what: tuple[
            Callable[[int, bool], None], Callable[[SupplyOutput], bool], Callable[[int, str], None],
            Callable[[SupplyOutput], str], tuple[Trip, ...]]) -> tuple[Entry, ...]:
        """OUTPut:OVP or OUTPut:OCP with STATe, VALue, QUES, ALAR and CLEar."""
        enable, enabled, set_level, level, kinds = what
        bank = self._bank

        def set_state(params: Sequence[str]) -> None:
            place, rest = self._place(params)
            if len(rest) != 1:
                raise ScpiError(-109)
            enable(place, boolean(rest[0]))

        def set_value(params: Sequence[str]) -> None:
            place, rest = self._place(params)
            if len(rest) != 1:
                raise ScpiError(-109)
            set_level(place, rest[0])

        def clear(params: Sequence[str]) -> None:
            output = bank.outputs[self._place(params)[0]]
            if output.tripped in kinds:
                output.clear_trip()

        def tripped(params: Sequence[str]) -> str:
            return self._tripped(self._place(params)[0], *kinds)

        root = f"OUTPut:{name}"
        return (
            Entry(f"{root}[:STATe]", set_state,
                  lambda params: on_off(enabled(bank.outputs[self._place(params)[0]])), (1, 2), (0, 1)),
            Entry(f"{root}:VALue", set_value,
                  lambda params: level(bank.outputs[self._place(params)[0]]), (1, 2), (0, 1)),
            Entry(f"{root}:QUES", get=tripped, get_params=(0, 1)),
            Entry(f"{root}:ALAR", get=tripped, get_params=(0, 1)),
            Entry(f"{root}:CLEar", clear, set_params=(0, 1)),
        )

    def _enable_ovp(self, place: int, on: bool) -> None:
        self._bank.outputs[place].ovp_enabled = on
        self._bank.outputs[place].regulate()

    def _enable_ocp(self, place: int, on: bool) -> None:
        self._bank.outputs[place].ocp_enabled = on
        self._bank.outputs[place].regulate()

    def _tripped(self, place: int, *kinds: Trip) -> str:
        output = self._bank.outputs[place]
        output.regulate()
        return "YES" if output.tripped in kinds else "NO"


FAMILY = Family(
    "rigol-dp800", "DP832A",
    (Rating(32.0, 3.2, 0.001, 0.001, 33.0, 3.3), Rating(32.0, 3.2, 0.001, 0.001, 33.0, 3.3),
     Rating(5.3, 3.2, 0.001, 0.001, 5.5, 3.3)),
    build, "Rigol DP800 Programming Guide, chapter 2, :OUTPut (pages 2-35, 2-56, 2-57), :APPLy, :MEASure, "
    ":SOURce")
