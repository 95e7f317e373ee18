"""Rohde & Schwarz NGM200, played as an NGM202 (two channels, 20 V, 6 A), with its FastLog.

Commands may end with a channel list. FLOG:DATA? answers a block of little-endian floats: voltage, current,
voltage, current ...
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from ..fastlog import FastLog, block
from ..output import SupplyOutput
from ..scpi import PLAIN, Entry, ScpiError, boolean
from .chanlist import parse
from .model import Bank, Family, Instrument, Rating
from .rs import Manner, RsSupply, settings

RATES = MappingProxyType({"S100": 100.0, "S001K": 1e3, "S010K": 1e4, "S050K": 5e4, "S250K": 2.5e5,
                          "S500K": 5e5})
MANNER = Manner(lambda value: f"{value:.6f}", lambda value: f"{value:.8f}", PLAIN, delay_unit_s=1.0,
                delay_max=10.0, fuse_clear=True, trip_word="TRIPped")
BLOCK_THERE = 1 << 12
"""FastLog data available, in the operation register of a channel."""
MOST = 16_000
"""Samples of one FLOG:DATA? answer at most."""


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    identity = f"Rohde&Schwarz,{family.model},3638.4472k03/10{serial:04d},03.068"
    bank = Bank(family.ratings, outputs, settings)
    return Ngm200(RsSupply(identity, bank, MANNER, FlogTree(bank).entries()))


class Ngm200:
    """Takes the channel list off a message's units and selects its channel for that message."""

    def __init__(self, supply: RsSupply) -> None:
        self._supply = supply

    @property
    def identity(self) -> str:
        """Answer to *IDN?."""
        return self._supply.scpi.identity

    @identity.setter
    def identity(self, text: str) -> None:
        self._supply.scpi.identity = text

    def raise_error(self, number: int) -> None:
        """Into the queue."""
        self._supply.scpi.raise_error(number)

    def handle(self, message: str) -> str | None:
        """One message; with a channel list the selected channel is as before afterwards."""
        bare, at, rest = message.partition("(@")
        if not at:
            return self._supply.scpi.handle(message)
        listed, closed, after = rest.partition(")")
        bank, before = self._supply.bank, self._supply.bank.selected
        answers: list[str] = []
        try:
            if not closed or after.strip():
                raise ScpiError(-102)
            for place in parse(f"(@{listed})", len(bank)):
                bank.select(place)
                answer = self._supply.scpi.handle(bare.rstrip().rstrip(",").rstrip())
                answers += [] if answer is None else [answer]
        except ScpiError as error:
            self.raise_error(error.number)
        finally:
            bank.selected = before
        return ",".join(answers) if answers else None


class FlogTree:
    """FLOG commands of the selected channel."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._logs = [FastLog(output) for output in bank.outputs]
        self._rate = "S001K"
        self._to_client = False

    def entries(self) -> tuple[Entry, ...]:
        """Their table."""
        return (
            Entry("FLOG[:STATe]", self._switch, lambda _: str(int(self._log.running))),
            Entry("FLOG:SRATe", self._set_rate, lambda _: self._rate),
            Entry("FLOG:TARGet", self._set_target, lambda _: "SCPI" if self._to_client else "USB"),
            Entry("FLOG:DATA", get=self._data),
            *(Entry(f"STATus:OPERation:INSTrument:ISUMmary{place + 1}[:EVENt]",
                    get=lambda _, log=log: str(BLOCK_THERE if log.waiting() else 0))  # type: ignore[misc]
              for place, log in enumerate(self._logs)),
        )

    @property
    def _log(self) -> FastLog:
        return self._logs[self._bank.selected]

    def _switch(self, params: Sequence[str]) -> None:
        if boolean(params[0]):
            self._log.start(RATES[self._rate])
        else:
            self._log.stop()

    def _set_rate(self, params: Sequence[str]) -> None:
        if params[0].upper() not in RATES:
            raise ScpiError(-224)
        self._rate = params[0].upper()

    def _set_target(self, params: Sequence[str]) -> None:
        if params[0].upper() not in ("SCPI", "USB"):
            raise ScpiError(-224)
        self._to_client = params[0].upper() == "SCPI"

    def _data(self, _: Sequence[str]) -> str:
        if not self._to_client:
            raise ScpiError(-221)
        samples = self._log.take(MOST)
        return block([value for sample in samples for value in sample])


FAMILY = Family(
    "rs-ngm200", "NGM202", (Rating(20.05, 6.01, 0.001, 0.0001, 21.0),) * 2, build,
    "R&S NGL200/NGM200 user manual 1178.8736.02-09, annex A (channel lists); R&S NGU user manual "
    "1179.2531.02-03, section on data logging (FLOG, the same commands); bit 12 of "
    "STAT:OPER:INST:ISUM<n> from the maker's published examples for the NGU401")
