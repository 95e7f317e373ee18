"""How a family of supplies wants to be told things: tables, no behaviour.

``{channel}`` stands for the channel's number, ``{value}`` for the figure. None, or an empty tuple: the
family cannot.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from cellbench.instruments.conversation import SCPI_ERRORS, ErrorQuery, Flag, Manners, Query
from cellbench.instruments.visa import Flow

_SELECTED = Query("INST:NSEL?", r"\+?{number}")
_VOLTAGE, _CURRENT, _OUTPUT = Query("VOLT?"), Query("CURR?"), Flag(Query("OUTP?"))
_MEASURE_VOLTAGE, _MEASURE_CURRENT = Query("MEAS:VOLT?"), Query("MEAS:CURR?")
_OVER_VOLTAGE = Query("VOLT:PROT?")


class Evidence(enum.Enum):
    """Where a declaration's commands come from; the weakest source of its commands counts."""

    MANUAL = "manual"  # the maker's manual, or a driver that the maker generated from it
    DRIVER = "foreign driver"  # public drivers by others, some commands by the manual
    RECALLED = "recalled"  # not looked up


@dataclass(frozen=True, slots=True)
class Trip:
    """One protection: how it says that it has tripped, and what clears it."""

    name: str
    flag: Flag
    clear: tuple[str, ...] = ()
    """Empty: the trip is forgotten when the output is switched on again."""
    sure: bool = True
    """False: no source has the clearing command; where the model refuses it, the trip counts as forgotten
    until the output is switched on again."""


@dataclass(frozen=True, slots=True)
class MasterSwitch:
    """One switch over all channels: a channel feeds only while itself and this are on."""

    on: str
    state: Flag


class LogWay(enum.Enum):
    """How a family logs current faster than single measurements."""

    KEYSIGHT_ELOG = "external data log (ELOG)"
    RS_FASTLOG = "FastLog"


@dataclass(frozen=True, slots=True)
class Dialect:
    """One family. ``identity`` is a pattern that the whole *IDN? answer must match.

    ``counts`` gives how many channels a model has: the first pattern found in the identification counts,
    ``channels`` when none is. ``select`` None: every command carries the channel itself.
    ``tolerance_v`` and ``tolerance_a`` are what the read-back of a setting may differ by (half the coarsest
    resolution of the family, and rounding); ``source`` names manual, edition and section.
    """

    kind: str
    models: str
    source: str
    evidence: Evidence = Evidence.MANUAL
    doubts: str = ""
    identity: str = r".+"
    channels: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    select: str | None = "INST:NSEL {channel}"
    selected: Query | None = _SELECTED
    set_voltage: str = "VOLT {value}"
    voltage: Query = _VOLTAGE
    set_current: str = "CURR {value}"
    current: Query = _CURRENT
    output_on: str = "OUTP ON"
    output_off: str = "OUTP OFF"
    output: Flag = _OUTPUT
    master: MasterSwitch | None = None
    measure_voltage: Query = _MEASURE_VOLTAGE
    measure_current: Query | None = _MEASURE_CURRENT
    set_over_voltage: tuple[str, ...] = ("VOLT:PROT {value}",)
    over_voltage: Query | None = _OVER_VOLTAGE
    set_over_current: tuple[str, ...] = ()
    """With ``over_current`` the protection has a level of its own; without, it trips at the current limit."""
    over_current: Query | None = None
    trips: tuple[Trip, ...] = field(default=(
        Trip("over-current", Flag(Query("CURR:PROT:TRIP?")), ("OUTP:PROT:CLE",)),))
    errors: tuple[ErrorQuery, ...] = SCPI_ERRORS
    greeting: tuple[str, ...] = ("*CLS",)
    log: LogWay | None = None
    digits: int = 3
    tolerance_v: float = 0.006
    tolerance_a: float = 0.006
    terminator: str = "\n"
    rate_bit_s: int = 9600
    flow: Flow = "none"
    gap_s: float = 0.0

    def manners(self) -> Manners:
        """How this family converses."""
        return Manners(self.kind, self.models, self.identity, self.greeting, errors=self.errors)
