"""Siglent SPD3303X: two channels of 32 V, 3.2 A that programs can set; CH3 (2.5, 3.3 or 5 V) only switches.

There is no query for an output's state but the bits of SYSTem:STATus?, no protection that programs can set
or read (an output that went off is switched on as any other), and of the common commands *IDN?, *SAV and
*RCL alone. How an error reads beyond ``0  No Error`` is
a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..output import Mode, Settings, SupplyOutput
from ..scpi import Entry, ScpiError, ScpiInstrument, Style, boolean
from .model import Bank, Family, Instrument, Rating

STYLE = Style(error=lambda code, text: f"{code}  {text}", texts={0: "No Error"},
              common=frozenset({"*IDN", "SYSTem:ERRor[:NEXT]"}))
VERSION = "1.01.01.02.05"


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    identity = f"Siglent Technologies,{family.model},SPD3XIDQ4R{serial:04d},{VERSION},V3.0"
    return Spd3303x(identity, Bank(family.ratings, outputs, lambda rating: Settings(
        current_limit_a=rating.amperes, ovp_enabled=False))).scpi


class Spd3303x:
    """The command tree."""

    def __init__(self, identity: str, bank: Bank) -> None:
        self._bank = bank
        self._third = False
        entries = [*self._system(), *self._measuring()]
        for place in (None, *range(len(bank))):
            entries += self._channel(place)
        self.scpi = ScpiInstrument(identity, entries, bank.reset, STYLE)

    def _named(self, text: str) -> int:
        name = text.upper()
        if name not in ("CH1", "CH2"):
            raise ScpiError(-224)
        return int(name[2]) - 1

    def _channel(self, place: int | None) -> tuple[Entry, ...]:
        """VOLTage and CURRent of one channel, or of the selected one."""
        bank = self._bank
        prefix = "" if place is None else f"CH{place + 1}:"

        def at() -> int:
            return bank.selected if place is None else place

        return (
            Entry(f"{prefix}VOLTage", lambda params: bank.set_voltage(at(), params[0]),
                  lambda _: f"{bank.outputs[at()].shown_voltage_v:.3f}"),
            Entry(f"{prefix}CURRent", lambda params: bank.set_current(at(), params[0]),
                  lambda _: f"{bank.outputs[at()].shown_current_limit_a:.3f}"),
        )

    def _system(self) -> tuple[Entry, ...]:
        bank = self._bank

        def switch(params: Sequence[str]) -> None:
            on = boolean(params[1])
            if params[0].upper() == "CH3":
                self._third = on
                return
            place = self._named(params[0])
            bank.outputs[place].clear_trip()
            bank.switch(place, on)

        def track(params: Sequence[str]) -> None:
            if params[0] not in ("0", "1", "2"):
                raise ScpiError(-224)
            if params[0] != "0":
                raise ScpiError(-221)  # series and parallel wiring is not simulated

        return (
            Entry("INSTrument", lambda params: bank.select(self._named(params[0])),
                  lambda _: f"CH{bank.selected + 1}"),
            Entry("OUTPut", switch, set_params=(2, 2)),
            Entry("OUTPut:TRACK", track),
            Entry("SYSTem:STATus", get=lambda _: f"0x{self._status():x}"),
            Entry("SYSTem:VERSion", get=lambda _: VERSION),
            Entry("*LOCK", lambda _: None, set_params=(0, 0)),
            Entry("*UNLOCK", lambda _: None, set_params=(0, 0)),
        )

    def _status(self) -> int:
        """Bits 0 and 1: CH1, CH2 in constant current; 2 and 3: 01 independent; 4 and 5: CH1, CH2 on."""
        bits = 0x04
        for place, output in enumerate(self._bank.outputs):
            output.regulate()
            bits |= (output.mode is Mode.CONSTANT_CURRENT) << place
            bits |= output.enabled << (4 + place)
        return bits

    def _measuring(self) -> tuple[Entry, ...]:
        outputs, bank = self._bank.outputs, self._bank

        def of(read: Callable[[SupplyOutput], float]) -> Callable[[Sequence[str]], str]:
            return lambda params: f"{read(outputs[self._named(params[0]) if params else bank.selected]):.3f}"

        return (
            Entry("MEASure:VOLTage", get=of(lambda output: output.measured_voltage_v()), get_params=(0, 1)),
            Entry("MEASure:CURRent", get=of(lambda output: output.measured_current_a()), get_params=(0, 1)),
            Entry("MEASure:POWEr", get_params=(0, 1), get=of(
                lambda output: output.measured_voltage_v() * output.measured_current_a())),
        )


FAMILY = Family(
    "siglent-spd3303x", "SPD3303X", (Rating(32.0, 3.2, 0.001, 0.001),) * 2, build,
    "Siglent SPD3303X-E Quick Start, chapter 3 (remote control); SYSTem:STATus? from the Scientific PSD7303A "
    "manual, page 39 (the same command)")
