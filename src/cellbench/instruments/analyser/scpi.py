"""Spectrum analysers and power meters that speak SCPI: one engine, families as declarations."""

from __future__ import annotations

import math
from collections.abc import Mapping

from cellbench.base.errors import NotPossible, RigError
from cellbench.instruments.analyser.dialects import DIALECTS, Dialect, Sweeping
from cellbench.instruments.analyser.model import Peak
from cellbench.instruments.conversation import Conversation, Query
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.settings import AnalyserSettings, checked
from cellbench.instruments.supply.dialect import Evidence
from cellbench.instruments.visa import Link

__all__ = ["DIALECTS", "KINDS", "ScpiAnalyser"]

_PART = 1e-6  # of a frequency: instruments round to their own step
_DONE = Query("*OPC?")


class ScpiAnalyser:
    """One analyser or power meter; for one thread at a time."""

    __slots__ = ("_talk", "dialect", "name")

    def __init__(self, name: str, dialect: Dialect, *, resource: str, identity: str | None = None,
                 link: Link | None = None) -> None:
        """Opens it and checks its identification; RigError when it is not there or another."""
        self.name = name
        self.dialect = dialect
        self._talk = Conversation(name, resource, dialect.manners(), link or Link(10.0), expected=identity)

    def identity(self) -> str:
        """The answer to *IDN? when it was last opened."""
        return self._talk.identity

    def set_frequency_hz(self, hertz: float) -> None:
        """Set the frequency, in hertz, and read it back."""
        self._set(self.dialect.set_frequency, self.dialect.frequency, hertz)

    def frequency_hz(self) -> float:
        """The frequency that is set, in hertz."""
        self._talk.ready()
        return self._talk.number(self.dialect.frequency)

    def set_span_hz(self, hertz: float) -> None:
        """Set the span, in hertz, and read it back; NotPossible for a power meter."""
        sweeping = self._sweeping("set a span")
        self._set(sweeping.set_span, sweeping.span, hertz)

    def span_hz(self) -> float:
        """The span, in hertz; NotPossible for a power meter."""
        sweeping = self._sweeping("tell a span")
        self._talk.ready()
        return self._talk.number(sweeping.span)

    def peak(self) -> Peak:
        """One sweep, and the marker at its highest point; NotPossible for a power meter."""
        sweeping = self._sweeping("search a peak")
        self._talk.ready()
        self._talk.tell_and_wait(sweeping.sweep, _DONE)
        for command in sweeping.peak:
            self._talk.tell(command)
        return Peak(self._talk.number(sweeping.peak_frequency), self._talk.number(sweeping.peak_power))

    def power_dbm(self) -> float:
        """One measurement, in dBm."""
        if self.dialect.power is None:
            return self.peak().power_dbm
        self._talk.ready()
        return self._talk.number(self.dialect.power)

    def close(self) -> None:
        """Give the connection back."""
        self._talk.close()

    def _sweeping(self, what: str) -> Sweeping:
        if self.dialect.sweeping is None:
            raise NotPossible(f"instrument {self.name} is a power meter: it cannot {what}",
                              remedy="use a spectrum analyser")
        return self.dialect.sweeping

    def _set(self, template: str, query: Query, hertz: float) -> None:
        if not math.isfinite(hertz) or hertz < 0:
            raise RigError(f"instrument {self.name}: {hertz} Hz cannot be set")
        self._talk.ready()
        self._talk.tell(template.format(value=f"{hertz:.0f}"))
        found = self._talk.number(query)
        if abs(found - hertz) > max(1.0, hertz * _PART):
            raise RigError(f"instrument {self.name}: set to {hertz:.0f} Hz, reads back {found:.0f} Hz",
                           remedy="look up the model's range")


def _equipment(settings: Mapping[str, object]) -> str:
    return f"visa:{str(settings['resource']).upper()}"


def _kind(dialect: Dialect) -> InstrumentKind:
    def opener(name: str, settings: Mapping[str, object]) -> ScpiAnalyser:
        stated = checked(AnalyserSettings, dialect.kind, name, settings)
        link = Link(stated.timeout_s, "\n", stated.rate_bit_s or 9600, stated.flow or "none")
        return ScpiAnalyser(name, dialect, resource=stated.resource, identity=stated.identity, link=link)

    able = {Ability.MEASURE_POWER, Ability.ERROR_QUEUE}
    weak = {Evidence.MANUAL: "", Evidence.DRIVER: "commands partly from public drivers by others",
            Evidence.RECALLED: "commands not looked up in the manual"}[dialect.evidence]
    return InstrumentKind(
        kind=dialect.kind, serves=InstrumentClass.ANALYSER, settings=AnalyserSettings, open=opener,
        equipment=_equipment, pins=lambda settings: (1, 0), models=(dialect.models,), source=dialect.source,
        abilities=frozenset(able if dialect.sweeping is None else able | {Ability.FIND_PEAK}),
        doubts="; ".join(part for part in (weak, dialect.doubts) if part))


KINDS: tuple[InstrumentKind, ...] = tuple(_kind(dialect) for dialect in DIALECTS)
