"""Instruments by kind: an explicit table of the house's own drivers, and entry points for others.

A kind names its settings model, the class it serves and how it is opened. Settings reach a driver as a
plain mapping (JSON-able, secrets already resolved), so that they can cross a process border.
"""

from __future__ import annotations

import difflib
import enum
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from cellbench.base.errors import FrameworkError, RigError

if TYPE_CHECKING:
    from cellbench.instruments.settings import InstrumentSettings

ENTRY_POINT_GROUP = "cellbench.instruments"

# kind → module that declares KINDS; the modules are imported only when the kind is asked for
BUILT_IN: Mapping[str, str] = {
    "supply.scpi-generic": "cellbench.instruments.supply.scpi",
    "supply.keysight-e36300": "cellbench.instruments.supply.scpi",
    "supply.keysight-e36100": "cellbench.instruments.supply.scpi",
    "supply.keysight-n6700": "cellbench.instruments.supply.scpi",
    "supply.rs-nge100": "cellbench.instruments.supply.scpi",
    "supply.rs-hmp": "cellbench.instruments.supply.scpi",
    "supply.rs-ngm200": "cellbench.instruments.supply.scpi",
    "supply.rigol-dp800": "cellbench.instruments.supply.scpi",
    "supply.siglent-spd3303x": "cellbench.instruments.supply.scpi",
    "supply.tti-cpx-ql": "cellbench.instruments.supply.scpi",
    "supply.gwinstek-gpp": "cellbench.instruments.supply.scpi",
    "supply.relay": "cellbench.instruments.supply.relay",
    "line.numato-ethernet": "cellbench.instruments.line.numato_ethernet",
    "line.manual": "cellbench.instruments.line.manual",
    "line.lcus": "cellbench.instruments.line.lcus",
    "line.relay-ascii": "cellbench.instruments.line.relay_ascii",
    "line.relay-tcp": "cellbench.instruments.line.relay_tcp",
    "line.devantech-eth": "cellbench.instruments.line.devantech_eth",
    "line.gpiod": "cellbench.instruments.line.gpiod",
    "line.ftdi": "cellbench.instruments.line.ftdi",
    "line.serial-lines": "cellbench.instruments.line.serial_lines",
    "hub.uhubctl": "cellbench.instruments.hub.uhubctl",
    "analyser.scpi": "cellbench.instruments.analyser.scpi",
    "analyser.keysight-x": "cellbench.instruments.analyser.scpi",
    "analyser.rs-fs": "cellbench.instruments.analyser.scpi",
    "analyser.rigol-dsa": "cellbench.instruments.analyser.scpi",
    "analyser.siglent-ssa": "cellbench.instruments.analyser.scpi",
    "analyser.power-meter": "cellbench.instruments.analyser.scpi",
    "attenuator.scpi": "cellbench.instruments.attenuator.text",
    "attenuator.serial": "cellbench.instruments.attenuator.text",
    "flasher.command": "cellbench.instruments.flasher.command",
    "flasher.ssh": "cellbench.instruments.flasher.ssh",
    "flasher.manual": "cellbench.instruments.flasher.manual",
}


class InstrumentClass(enum.Enum):
    """What an instrument is to a rig."""

    SUPPLY = "supply"
    LINE = "line"
    HUB = "hub"
    ANALYSER = "analyser"
    ATTENUATOR = "attenuator"
    FLASHER = "flasher"  # run by whoever flashes; the guardian opens none


class Ability(enum.Enum):
    """What a kind can at all, in the words of docs/instruments.md; a model or a firmware may have less."""

    SET_VOLTAGE = "sets voltage"
    LIMIT_CURRENT = "limits current"
    MEASURE_VOLTAGE = "measures voltage"
    MEASURE_CURRENT = "measures current"
    LOG_CURRENT = "fast current log"
    OVER_VOLTAGE = "OVP"
    OVER_CURRENT = "OCP"
    TELL_TRIP = "tells and clears a trip"
    ERROR_QUEUE = "error queue read after each command"
    DRIVE = "drives outputs"
    READ_BACK = "reads back what it drives"
    LETS_GO = "lets go of its outputs when it is closed"
    INPUTS = "reads inputs"
    SWITCH_USB = "switches USB port power"
    MEASURE_POWER = "measures RF power"
    FIND_PEAK = "finds the highest signal"
    ATTENUATE = "sets attenuation"
    FLASH = "writes firmware images"
    TELL_PROGRESS = "tells its progress"


@dataclass(frozen=True, slots=True)
class InstrumentKind:
    """One driver: its kind, settings, how to open it and how its equipment is told apart.

    ``open`` gives an object of the class's model (Supply, LineBoard, Hub, ...). ``equipment`` gives the
    key under which the equipment is locked on a host: two settings with the same key are one piece of
    equipment. ``pins`` gives how many contacts and inputs (line boards) or channels or ports and 0
    (the rest) the settings state, None where they do not say.

    ``models`` are the makers' model names; ``source`` is the manual (name, edition) or other publication
    that the commands are from; ``met`` is True once somebody has reported the driver at work on the real
    thing; ``doubts`` says what no source tells, so that it is a setting or a guess. ``answer_within_s`` is
    there where a person works it: how long one answer may take, in seconds. ``blind_off`` (name, settings,
    channel) tells a supply that no longer answers as it should to switch a channel off, and reads nothing.
    """

    kind: str
    serves: InstrumentClass
    settings: type[InstrumentSettings]
    open: Callable[[str, Mapping[str, object]], object]
    equipment: Callable[[Mapping[str, object]], str]
    pins: Callable[[Mapping[str, object]], tuple[int | None, int | None]]
    models: tuple[str, ...]
    source: str
    abilities: frozenset[Ability]
    met: bool = False
    doubts: str = ""
    answer_within_s: Callable[[Mapping[str, object]], float] | None = None
    blind_off: Callable[[str, Mapping[str, object], int], None] | None = None


def built_in_kinds() -> tuple[InstrumentKind, ...]:
    """The house's own drivers."""
    return tuple(find_kind(name) for name in BUILT_IN)


def known_kinds() -> tuple[str, ...]:
    """The names of all kinds that can be opened here."""
    others = {entry.name for entry in metadata.entry_points(group=ENTRY_POINT_GROUP)}
    return tuple(sorted(set(BUILT_IN) | others))


def find_kind(name: str) -> InstrumentKind:
    """The driver of one kind; RigError names the nearest when there is none."""
    if name in BUILT_IN:
        return _pick(name, importlib.import_module(BUILT_IN[name]).KINDS, BUILT_IN[name])
    for entry in metadata.entry_points(group=ENTRY_POINT_GROUP):
        if entry.name == name:
            try:
                declared = entry.load()
            except Exception as error:  # a foreign package may fail in any way; the rig cannot use it
                raise RigError(f"instrument kind {name}: {entry.value} cannot be loaded: {error}",
                               remedy="repair or remove the package that declares it") from error
            return _pick(name, declared if isinstance(declared, tuple) else (declared,), entry.value)
    kinds = known_kinds()
    near = difflib.get_close_matches(name, kinds, n=1, cutoff=0.6)
    raise RigError(f"unknown instrument kind {name!r}; known are {', '.join(kinds)}",
                   remedy=f"did you mean {near[0]}?" if near else "install the package that declares it")


def _pick(name: str, declared: tuple[object, ...], where: str) -> InstrumentKind:
    for kind in declared:
        if isinstance(kind, InstrumentKind) and kind.kind == name:
            return kind
    raise FrameworkError(f"{where} declares no instrument kind {name}")
