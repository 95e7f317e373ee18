"""Aim-TTi CPX and QL series, played as a QL355TP in its 35 V, 3 A range (two outputs that programs can set).

Not SCPI: ``V1 3.8``, ``V1?`` (answered ``V1 3.800``), ``OP1 1``. There is no error queue: a wrong command
sets bit 5, one that cannot be carried out bit 4 of the standard event status register with its number in the
execution error register. Each answer ends with CR LF. Over-voltage and over-current trips are always armed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..output import Mode, Settings, SupplyOutput, Trip
from ..scpi import CME, EXE, OPC, PON, ScpiError
from .model import Bank, Family, Instrument, Rating, rounded

RANGE_ERROR = 100
OTHER_ERROR = 104
_COMMAND = re.compile(r"(?P<head>\*?[A-Za-z]+?)(?P<place>[12])?(?P<tail>O|V)?(?P<query>\?)?"
                      r"(?:\s+(?P<value>\S+))?")


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    return TtiInstrument(f"THURLBY THANDAR, {family.model}, 27{serial:04d}, 3.02-4.06",
                         Bank(family.ratings, outputs, lambda rating: Settings(
                             current_limit_a=1.0, ovp_v=rating.max_ovp_v, ocp_enabled=True,
                             ocp_level_a=rating.max_ocp_a, ocp_delay_s=0.0)))


class TtiInstrument:
    """The commands, and the registers that stand in for an error queue."""

    def __init__(self, identity: str, bank: Bank) -> None:
        self.identity = identity
        self._bank = bank
        self._esr = PON
        self._ese = 0
        self._eer = 0
        self._of_output: dict[str, Callable[[int, str], None]] = {
            "V": self._set_voltage, "I": self._set_current, "OVP": self._set_ovp, "OCP": self._set_ocp,
            "OP": self._switch, "RANGE": self._range, "SENSE": self._ignore, "LSE": self._ignore,
            "DAMPING": self._ignore}
        self._queries: dict[str, Callable[[int], str]] = {
            "V": lambda place: f"V{place + 1} {bank.outputs[place].shown_voltage_v:.3f}",
            "I": lambda place: f"I{place + 1} {bank.outputs[place].shown_current_limit_a:.3f}",
            "OVP": lambda place: f"VP{place + 1} {bank.outputs[place].ovp_v:.1f}",
            "OCP": lambda place: f"CP{place + 1} {bank.outputs[place].ocp_level_a or 0.0:.2f}",
            "OP": lambda place: str(int(bank.outputs[place].enabled)),
            "RANGE": lambda place: f"R{place + 1} 1",
            "LSR": self._limit_status}

    def raise_error(self, number: int) -> None:
        """A SCPI number as this family keeps it."""
        if -200 < number <= -100:
            self._esr |= CME
        else:
            self._esr |= EXE
            self._eer = RANGE_ERROR if number == -222 else OTHER_ERROR

    def handle(self, message: str) -> str | None:
        """Commands parted by ``;``; each answer is a line of its own."""
        answers: list[str] = []
        for part in message.split(";"):
            if not part.strip():
                continue
            try:
                answer = self._one(part.strip())
            except ScpiError as error:
                self.raise_error(error.number)
                continue
            if answer is not None:
                answers.append(answer)
        return "\r\n".join(answers) if answers else None

    def _one(self, text: str) -> str | None:
        match = _COMMAND.fullmatch(text)
        if match is None:
            raise ScpiError(-102)
        head, query, value = match["head"].upper(), match["query"] is not None, match["value"]
        if match["place"] is None:
            return self._whole(head + (match["tail"] or "").upper(), query, value)
        place = int(match["place"]) - 1
        if match["tail"] and match["tail"].upper() == "O" and query and head in ("V", "I"):
            return self._read_back(head, place)
        if query:
            if head not in self._queries or match["tail"] or value:
                raise ScpiError(-113)
            return self._queries[head](place)
        if head not in self._of_output or (match["tail"] and head != "V"):
            raise ScpiError(-113)
        if value is None:
            raise ScpiError(-109)
        self._of_output[head](place, value)
        return None

    def _whole(self, head: str, query: bool, value: str | None) -> str | None:
        """Commands of the instrument."""
        if query:
            answers: dict[str, Callable[[], str]] = {
                "*IDN": lambda: self.identity, "*ESR": self._read_esr, "*ESE": lambda: str(self._ese),
                "*OPC": lambda: "1", "*TST": lambda: "0",
                "*STB": lambda: str(0x20 if self._esr & self._ese else 0),
                "EER": self._read_eer, "QER": lambda: "0", "IFLOCK": lambda: "0", "IFUNLOCK": lambda: "0"}
            if head not in answers:
                raise ScpiError(-113)
            return answers[head]()
        if head == "*ESE" or head == "OPALL":
            level = _value(value)
            if head == "*ESE":
                self._ese = round(level) & 0xFF
            else:
                for place in range(len(self._bank)):
                    self._bank.switch(place, bool(level))
            return None
        acts: dict[str, Callable[[], None]] = {
            "*CLS": self._clear, "*RST": self._bank.reset, "*WAI": lambda: None, "*OPC": self._complete,
            "TRIPRST": self._reset_trips, "LOCAL": lambda: None}
        if head == "IFLOCK":
            return "1"
        if head not in acts or value is not None:
            raise ScpiError(-113)
        acts[head]()
        return None

    def _clear(self) -> None:
        self._esr = self._eer = 0

    def _complete(self) -> None:
        self._esr |= OPC

    def _read_esr(self) -> str:
        value, self._esr = self._esr, 0
        return str(value)

    def _read_eer(self) -> str:
        value, self._eer = self._eer, 0
        return str(value)

    def _reset_trips(self) -> None:
        for output in self._bank.outputs:
            output.clear_trip()

    def _read_back(self, head: str, place: int) -> str:
        output = self._bank.outputs[place]
        if head == "V":
            return f"{output.measured_voltage_v():.3f}V"
        return f"{output.measured_current_a():.3f}A"

    def _set_voltage(self, place: int, text: str) -> None:
        self._bank.set_voltage(place, f"{_value(text)}")

    def _set_current(self, place: int, text: str) -> None:
        self._bank.set_current(place, f"{_value(text)}")

    def _set_ovp(self, place: int, text: str) -> None:
        rating, output, level = self._bank.ratings[place], self._bank.outputs[place], _value(text)
        if not 1.0 <= level <= rating.max_ovp_v:
            raise ScpiError(-222)
        output.ovp_v = rounded(level, 0.1)
        output.regulate()

    def _set_ocp(self, place: int, text: str) -> None:
        rating, output, level = self._bank.ratings[place], self._bank.outputs[place], _value(text)
        if not 0.01 <= level <= rating.max_ocp_a:
            raise ScpiError(-222)
        output.ocp_level_a = rounded(level, 0.01)
        output.regulate()

    def _switch(self, place: int, text: str) -> None:
        if text not in ("0", "1"):
            raise ScpiError(-222)
        if text == "1" and self._bank.outputs[place].tripped is not None:
            raise ScpiError(-221)
        self._bank.switch(place, text == "1")

    def _range(self, place: int, text: str) -> None:
        """Only the range of 35 V and 3 A is simulated."""
        if _value(text) != 1:
            raise ScpiError(-222)

    def _ignore(self, place: int, text: str) -> None:
        _value(text)

    def _limit_status(self, place: int) -> str:
        """Bit 0 voltage limit, bit 1 current limit, bit 2 over-voltage trip, bit 3 over-current trip; what
        was read is forgotten, what lasts comes again."""
        output = self._bank.outputs[place]
        output.regulate()
        bits = {Mode.OFF: 0, Mode.CONSTANT_VOLTAGE: 1, Mode.CONSTANT_CURRENT: 2}[output.mode]
        if output.tripped is not None:
            bits |= 4 if output.tripped is Trip.OVER_VOLTAGE else 8
        return str(bits)


def _value(text: str | None) -> float:
    if text is None:
        raise ScpiError(-109)
    try:
        return float(text)
    except ValueError:
        raise ScpiError(-102) from None


FAMILY = Family(
    "tti-cpx-ql", "QL355TP", (Rating(35.0, 3.0, 0.001, 0.001, 40.0, 5.5),) * 2, build,
    "Aim-TTi MX180T manual, page 35 (forms of answers), CPX200D manual, page 28, LD400 manual, page 47 "
    "(*OPC?); bits of LSR and numbers of EER as remembered", terminator="\r\n")
