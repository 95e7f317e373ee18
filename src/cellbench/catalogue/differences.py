"""How two series differ beyond a printed table: computed from their profiles, commands and URCs.

Each difference carries how well it is known on either side; what one side only guesses at is told so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from .commands import ALL
from .model import Command, Evidence, Param, Series, Source
from .modules import profile_for
from .modules.model import Known, ModuleProfile
from .urcs import URCS

NOWHERE = "–"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs: its name, both values as text ("–" where a series lacks it), the evidence of
    the weaker side."""

    name: str
    old: str
    new: str
    evidence: Evidence
    where: str = ""


_ORDER = (Evidence.GUIDE, Evidence.MANUAL, Evidence.STANDARD, Evidence.DRIVER, Evidence.SIBLING,
          Evidence.GUESS)


def facts(old: Series, new: Series) -> tuple[Difference, ...]:
    """Facts of the profiles that a host's code leans on, where they differ."""
    pairs = zip(_facts(profile_for(old)), _facts(profile_for(new)), strict=True)
    return tuple(_difference(name, one, other) for (name, one), (_, other) in pairs
                 if one is not None and other is not None and _shown(one.value) != _shown(other.value))


def _facts(profile: ModuleProfile) -> Iterator[tuple[str, Known[object] | None]]:
    bearers, serial, power = profile.bearers, profile.serial, profile.power
    known: tuple[tuple[str, Known[object] | None], ...] = (
        ("context of the initial default bearer", _as_object(bearers.default_cid)),
        ("contexts of the user", _as_object(bearers.user_cids)),
        ("UART rate at delivery (0: autobauding)", _as_object(serial.factory_rate)),
        ("silence around +++, s", _as_object(serial.escape_guard_s)),
        ("pause after +IPR, s", _as_object(serial.after_ipr_s)),
        ("greeting at delivery", _as_object(profile.greeting)),
        ("PWR_ON low to switch on, s", _as_object(power.pwr_on_pulse_s)),
        ("PWR_ON low to switch off, s", _as_object(power.pwr_off_pulse_s)),
        ("PWR_ON to the first AT answer at most, s", _as_object(power.boot_max_s)),
        ("longest name of a file", profile.facts.get("file_name_max")),
        ("channels of the multiplexer", profile.facts.get("mux_channels")),
        ("pause after +CMUX, s", profile.facts.get("mux_settle_s")),
    )
    yield from known


def _as_object(known: Known[T]) -> Known[object]:
    return Known(known.value, known.source)


def defaults(old: Series, new: Series) -> tuple[Difference, ...]:
    """Settings at delivery that both series have and that differ."""
    before, after = profile_for(old), profile_for(new)
    found = []
    for name in sorted(before.factory.keys() & after.factory.keys() - {"firmware", "+CMER"}):
        one = Known(before.factory[name], before.factory_sources[name])
        other = Known(after.factory[name], after.factory_sources[name])
        if _shown(one.value) != _shown(other.value):
            found.append(_difference(name, one, other))
    return tuple(found)


def commands(old: Series, new: Series) -> tuple[Difference, ...]:
    """Commands of which one series knows and the other does not, by name."""
    found = []
    for name, command in sorted(ALL.items()):
        before, after = _has(command, old), _has(command, new)
        if before != after:
            found.append(_one_sided(name, command.title, before, command.source))
    return tuple(found)


def parameters(old: Series, new: Series) -> tuple[Difference, ...]:
    """Commands of both series whose parameters have another order or other values."""
    found = []
    for name, command in sorted(ALL.items()):
        if not (_has(command, old) and _has(command, new)):
            continue
        before, after = _parameters(command, old), _parameters(command, new)
        if before != after:
            found.append(Difference(name, _only_other(before, after), _only_other(after, before),
                                    command.source.evidence, command.source.where))
    return tuple(found)


def urcs(old: Series, new: Series) -> tuple[Difference, ...]:
    """URCs that one series sends and the other does not."""
    return tuple(_one_sided(one.prefix, one.title, old in one.series, one.source)
                 for one in sorted(URCS, key=lambda urc: urc.prefix)
                 if (old in one.series) != (new in one.series))


def _one_sided(name: str, title: str, in_old: bool, source: Source) -> Difference:
    return Difference(name, title if in_old else NOWHERE, NOWHERE if in_old else title, source.evidence,
                      source.where)


def _has(command: Command, series: Series) -> bool:
    return series in command.series and command.name not in profile_for(series).unsupported


def _parameters(command: Command, series: Series) -> list[str]:
    """The parameters; of a run of like ones the first alone."""
    found = command.params_for(series)
    first = next((one for one in found if one.repeated), None)
    return [_parameter(one, series) for one in found if not one.repeated or one is first]


def _parameter(one: Param, series: Series) -> str:
    ranges = ",".join(str(low) if low == high else f"{low}-{high}" for low, high in one.ranges_for(series))
    return f"{one.name} {ranges}" if ranges else one.name


def _only_other(mine: list[str], others: list[str]) -> str:
    """The parameters that differ from those at the same place; all of them when their order does."""
    if len(mine) != len(others):
        return ", ".join(mine)
    return ", ".join(one for one, other in zip(mine, others, strict=True) if one != other)


def _difference(name: str, one: Known[object], other: Known[object]) -> Difference:
    weaker = max(one.source, other.source, key=lambda source: _ORDER.index(source.evidence))
    return Difference(name, _shown(one.value), _shown(other.value), weaker.evidence, _where(one.source,
                                                                                            other.source))


def _where(one: Source, other: Source) -> str:
    return one.where if one.where == other.where else f"{one.where}; {other.where}"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        whole = [one for one in value if isinstance(one, int)]
        if len(value) > 2 and len(whole) == len(value) and whole == list(range(whole[0], whole[-1] + 1)):
            return f"{whole[0]} to {whole[-1]}"
        return ",".join("" if one is None else str(one) for one in value)
    return str(value) or "empty"
