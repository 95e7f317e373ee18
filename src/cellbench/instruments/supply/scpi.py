"""The kinds of supplies that are declarations on one engine."""

from __future__ import annotations

from collections.abc import Mapping

from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.settings import ScpiSupplySettings, checked
from cellbench.instruments.supply.dialect import Dialect, Evidence
from cellbench.instruments.supply.dialects import (
    generic,
    gwinstek,
    keysight,
    rigol,
    rohde_schwarz,
    siglent,
    tti,
)
from cellbench.instruments.supply.engine import ScpiOutput, ScpiSupply
from cellbench.instruments.visa import Link, VisaSession

__all__ = ["DIALECTS", "GENERIC", "KINDS", "Dialect", "ScpiOutput", "ScpiSupply", "supply_kind"]

GENERIC = generic.GENERIC
DIALECTS: tuple[Dialect, ...] = (
    GENERIC, *keysight.DIALECTS, *rohde_schwarz.DIALECTS, *rigol.DIALECTS, *siglent.DIALECTS, *tti.DIALECTS,
    *gwinstek.DIALECTS)


def _equipment(settings: Mapping[str, object]) -> str:
    return f"visa:{str(settings['resource']).upper()}"


def supply_kind(dialect: Dialect) -> InstrumentKind:
    """The kind that a declaration makes; also for packages that bring a family of their own."""

    def link_to(stated: ScpiSupplySettings) -> Link:
        return Link(stated.timeout_s, dialect.terminator, stated.rate_bit_s or dialect.rate_bit_s,
                    stated.flow or dialect.flow, dialect.gap_s)

    def opener(name: str, settings: Mapping[str, object]) -> ScpiSupply:
        stated = checked(ScpiSupplySettings, dialect.kind, name, settings)
        return ScpiSupply(name, dialect, resource=stated.resource, identity=stated.identity,
                          channels=stated.channels, link=link_to(stated))

    def blind_off(name: str, settings: Mapping[str, object], channel: int) -> None:
        stated = checked(ScpiSupplySettings, dialect.kind, name, settings)
        session = VisaSession(name, stated.resource, link_to(stated), greet=lambda _: None)
        session.open()
        try:
            for command in (dialect.select, dialect.output_off):
                if command is not None:
                    session.write(command.format(channel=channel))
        finally:
            session.close()

    def pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
        stated = settings.get("channels")
        # a family with models of several sizes says how many only when it is opened
        return (stated if isinstance(stated, int) else None if dialect.counts else dialect.channels), 0

    return InstrumentKind(kind=dialect.kind, serves=InstrumentClass.SUPPLY, settings=ScpiSupplySettings,
                          open=opener, equipment=_equipment, pins=pins, models=(dialect.models,),
                          source=dialect.source, abilities=_abilities(dialect), doubts=_doubts(dialect),
                          blind_off=blind_off)


def _abilities(dialect: Dialect) -> frozenset[Ability]:
    able = {Ability.SET_VOLTAGE, Ability.LIMIT_CURRENT, Ability.MEASURE_VOLTAGE, Ability.ERROR_QUEUE,
            Ability.READ_BACK}
    having = {Ability.MEASURE_CURRENT: dialect.measure_current is not None,
              Ability.OVER_VOLTAGE: bool(dialect.set_over_voltage),
              Ability.OVER_CURRENT: bool(dialect.set_over_current), Ability.TELL_TRIP: bool(dialect.trips),
              Ability.LOG_CURRENT: dialect.log is not None}
    return frozenset(able | {ability for ability, has in having.items() if has})


def _doubts(dialect: Dialect) -> str:
    weak = {Evidence.MANUAL: "", Evidence.DRIVER: "commands partly from public drivers by others",
            Evidence.RECALLED: "commands not looked up in the manual"}[dialect.evidence]
    return "; ".join(part for part in (weak, dialect.doubts) if part)


KINDS: tuple[InstrumentKind, ...] = tuple(supply_kind(dialect) for dialect in DIALECTS)
