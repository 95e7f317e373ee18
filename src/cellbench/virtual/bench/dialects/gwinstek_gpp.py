"""GW Instek GPP series, played as a GPP-4323 (32 V 3 A twice, 5 V 1 A, 15 V 1 A).

Settings have the series' old short commands (``VSET1:3.8``) beside SCPI ones. States read ON and OFF;
whether a trip does so too, the manual leaves open (``0/OFF``, ``1/ON``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..output import Mode, Settings, SupplyOutput, Trip
from ..scpi import PLAIN, Entry, ScpiInstrument, boolean
from .model import Bank, Family, Instrument, Rating
from .rigol_dp800 import on_off

NONE = (0, 0)
_SHORT = re.compile(r"\s*:?(VSET|ISET)([1-4])\s*:\s*([-+.\dEe]+)\s*", re.IGNORECASE)
_SWITCH = re.compile(r"\s*:?OUT([01])\s*", re.IGNORECASE)


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    identity = f"GW INSTEK,{family.model},SN:GEW84{serial:04d},V1.17"
    return Gpp(identity, Bank(family.ratings, outputs, lambda rating: Settings(
        current_limit_a=rating.amperes, ovp_v=rating.max_ovp_v, ovp_enabled=False,
        ocp_level_a=rating.max_ocp_a, ocp_delay_s=0.0)))


class Gpp:
    """Short commands rewritten, everything else to the tree."""

    def __init__(self, identity: str, bank: Bank) -> None:
        self._bank = bank
        entries: list[Entry] = []
        for place in range(len(bank)):
            entries += (*self._channel(place), *self._over_voltage(place), *self._over_current(place))
        self._scpi = ScpiInstrument(identity, [*entries, *self._all()], bank.reset, PLAIN)

    @property
    def identity(self) -> str:
        """Answer to *IDN?."""
        return self._scpi.identity

    @identity.setter
    def identity(self, text: str) -> None:
        self._scpi.identity = text

    def raise_error(self, number: int) -> None:
        """Into the queue."""
        self._scpi.raise_error(number)

    def handle(self, message: str) -> str | None:
        """One message; units may be short commands."""
        units = []
        for unit in message.split(";"):
            short, switch = _SHORT.fullmatch(unit), _SWITCH.fullmatch(unit)
            if short is not None:
                unit = f":{short[1]}{short[2]} {short[3]}"
            elif switch is not None:
                unit = ":ALLOUTON" if switch[1] == "1" else ":ALLOUTOFF"
            units.append(unit)
        return self._scpi.handle(";".join(units))

    def _channel(self, place: int) -> tuple[Entry, ...]:
        bank, number = self._bank, place + 1
        output = bank.outputs[place]

        def volts(_: Sequence[str]) -> str:
            return f"{output.shown_voltage_v:.3f}"

        def amperes(_: Sequence[str]) -> str:
            return f"{output.shown_current_limit_a:.4f}"

        def everything(_: Sequence[str]) -> str:
            voltage, current = output.measured_voltage_v(), output.measured_current_a()
            return f"{voltage:.4f},{current:.4f},{voltage * current:.3f}"

        return (
            Entry(f"VSET{number}", lambda params: bank.set_voltage(place, params[0]), volts),
            Entry(f"ISET{number}", lambda params: bank.set_current(place, params[0]), amperes),
            Entry(f"SOURce{number}:VOLTage", lambda params: bank.set_voltage(place, params[0]), volts),
            Entry(f"SOURce{number}:CURRent", lambda params: bank.set_current(place, params[0]), amperes),
            Entry(f"VOUT{number}", get=lambda _: f"{output.measured_voltage_v():.3f}V"),
            Entry(f"IOUT{number}", get=lambda _: f"{output.measured_current_a():.4f}A"),
            Entry(f"MEASure{number}:VOLTage", get=lambda _: f"{output.measured_voltage_v():.4f}"),
            Entry(f"MEASure{number}:CURRent", get=lambda _: f"{output.measured_current_a():.4f}"),
            Entry(f"MEASure{number}:POWEr", get=lambda _: everything(_).split(",")[2]),
            Entry(f"MEASure{number}:ALL", get=everything),
            Entry(f"OUTPut{number}:STATe", lambda params: bank.switch(place, boolean(params[0])),
                  lambda _: on_off(output.enabled)),
        )

    def _trip(self, place: int, name: str, kinds: Sequence[Trip]) -> tuple[Entry, ...]:
        output = self._bank.outputs[place]

        def tripped(_: Sequence[str]) -> str:
            output.regulate()
            return on_off(output.tripped in kinds)

        def clear(_: Sequence[str]) -> None:
            if output.tripped in kinds:
                output.clear_trip()

        return (Entry(f"OUTPut{place + 1}:{name}:TRIGer", get=tripped),
                Entry(f"OUTPut{place + 1}:{name}:CLEar", clear, set_params=NONE))

    def _over_voltage(self, place: int) -> tuple[Entry, ...]:
        bank, output = self._bank, self._bank.outputs[place]

        def set_state(params: Sequence[str]) -> None:
            output.ovp_enabled = boolean(params[0])
            output.regulate()

        return (
            Entry(f"OUTPut{place + 1}:OVP", lambda params: bank.set_ovp(place, params[0]),
                  lambda _: f"{output.ovp_v:.1f}"),
            Entry(f"OUTPut{place + 1}:OVP:STATe", set_state, lambda _: on_off(output.ovp_enabled)),
            *self._trip(place, "OVP", (Trip.OVER_VOLTAGE,)),
        )

    def _over_current(self, place: int) -> tuple[Entry, ...]:
        bank, output = self._bank, self._bank.outputs[place]

        def set_state(params: Sequence[str]) -> None:
            output.ocp_enabled = boolean(params[0])
            output.regulate()

        return (
            Entry(f"OUTPut{place + 1}:OCP", lambda params: bank.set_ocp_level(place, params[0]),
                  lambda _: f"{output.ocp_level_a or 0.0:.2f}"),
            Entry(f"OUTPut{place + 1}:OCP:STATe", set_state, lambda _: on_off(output.ocp_enabled)),
            *self._trip(place, "OCP", (Trip.OVER_CURRENT, Trip.FORCED)),
        )

    def _all(self) -> tuple[Entry, ...]:
        def switch(on: bool) -> Callable[[Sequence[str]], None]:
            def act(_: Sequence[str]) -> None:
                for place in range(len(self._bank)):
                    self._bank.switch(place, on)
            return act

        def status(_: Sequence[str]) -> str:
            """Bits as digits: CH1, CH2 in constant voltage, 01 independent, beep, any output on, 11 LAN."""
            first, second, *_rest = self._bank.outputs
            for output in (first, second):
                output.regulate()
            modes = "".join("0" if output.mode is Mode.CONSTANT_CURRENT else "1"
                            for output in (first, second))
            on = any(output.enabled for output in self._bank.outputs)
            return f"{modes}010{int(on)}11"

        return (
            Entry("ALLOUTON", switch(True), set_params=NONE),
            Entry("ALLOUTOFF", switch(False), set_params=NONE),
            Entry("STATUS", get=status),
            Entry("LOCAL", lambda _: None, set_params=NONE),
            Entry("REMOTE", lambda _: None, set_params=NONE),
        )


FAMILY = Family(
    "gwinstek-gpp", "GPP-4323",
    (Rating(32.0, 3.0, 0.001, 0.0001, 33.0, 3.3), Rating(32.0, 3.0, 0.001, 0.0001, 33.0, 3.3),
     Rating(5.0, 1.0, 0.001, 0.0001, 5.5, 1.2), Rating(15.0, 1.0, 0.001, 0.0001, 16.0, 1.2)),
    build, "GW Instek GPP Series User Manual 82PP343230E, pages 128 and 166 and GPP-3060 manual, page 136; "
    "VSET and its kin from the GPD-3303 manual, pages 41 and 42")
