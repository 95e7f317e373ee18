"""What a virtual rack is asked to hold: the slot specifications of the command line."""

from __future__ import annotations

import difflib
import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series

from .bench import tap
from .bench.dialects.families import FAMILIES
from .bench.dialects.model import Family
from .device.behaviour import documented

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,31}")
MAX_SLOTS = 64
RESERVED = frozenset({"sysfs", "dev", "control", "lock", "log", "rig.yaml"})
"""Entries of the rack's directory that are not slots."""


class Extra(enum.Enum):
    """Instruments that a rack has when it is asked for them."""

    ANALYSER = "analyser"
    ATTENUATOR = "attenuator"


class UartKind(enum.Enum):
    """How a rack offers its UARTs."""

    RFC2217 = "rfc2217"
    PTY = "pty"


@dataclass(frozen=True, slots=True)
class SlotSpec:
    """One slot: its name, the series of its module, and the variant (None: the series' first)."""

    name: str
    series: Series
    variant: str | None


def parse_slots(texts: Iterable[str]) -> tuple[SlotSpec, ...]:
    """Slots from texts ``[NAME=]SERIES[:VARIANT]``; names default to the series in lower case with a
    number that counts the slots of that series (lena-r8-1).

    Raises OperatorError for an unknown series, a bad or repeated name, or no slot at all.
    """
    specs: list[SlotSpec] = []
    counts: dict[Series, int] = {}
    taken: set[str] = set()
    for text in texts:
        name, series, variant = _split(text)
        counts[series] = counts.get(series, 0) + 1
        name = name or f"{series.value.lower()}-{counts[series]}"
        if name in taken:
            raise OperatorError(f"slot name {name!r} is given twice",
                                remedy="name the slots apart: NAME=SERIES")
        taken.add(name)
        specs.append(SlotSpec(name, series, variant))
    if not specs:
        raise OperatorError("a virtual rack needs at least one slot", remedy="give --slot LENA-R8")
    if len(specs) > MAX_SLOTS:
        raise OperatorError(f"a virtual rack holds at most {MAX_SLOTS} slots, {len(specs)} are asked for")
    return tuple(specs)


def parse_settings(texts: Iterable[str],
                   specs: tuple[SlotSpec, ...]) -> dict[str, dict[str, object]]:
    """Settings of the virtual modules from texts ``[SLOT:]NAME=VALUE``: slot → name → value.

    A value takes the type of the setting's default (yes/no, number, text). Raises OperatorError for an
    unknown slot or setting and a value of the wrong type.
    """
    known = {info.name: info.defaults for info in documented()}
    chosen: dict[str, dict[str, object]] = {spec.name: {} for spec in specs}
    for text in texts:
        target, equals, value = text.partition("=")
        slot, colon, name = target.rpartition(":")
        if not equals:
            raise OperatorError(f"setting {text!r} is not of the form [SLOT:]NAME=VALUE")
        if colon and slot not in chosen:
            raise OperatorError(f"setting {text!r}: no slot {slot!r}",
                                remedy=f"there are {', '.join(chosen)}")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            remedy = f"did you mean {near[0]}?" if near else "docs/virtual-module.md lists them"
            raise OperatorError(f"the virtual module has no setting {name!r}", remedy=remedy)
        for spec in specs:
            if spec.name == slot or not colon:
                chosen[spec.name][name] = _value(name, value, known[name][spec.series])
    return chosen


def parse_firmware(texts: Iterable[str], specs: tuple[SlotSpec, ...]) -> dict[str, str]:
    """Firmware at delivery by slot, from texts ``[SLOT:]VERSION``. Raises OperatorError for an unknown
    slot."""
    chosen: dict[str, str] = {}
    for text in texts:
        slot, colon, version = text.partition(":")
        if not colon:
            slot, version = "", text
        elif slot not in {spec.name for spec in specs}:
            raise OperatorError(f"firmware {text!r}: no slot {slot!r}",
                                remedy=f"there are {', '.join(spec.name for spec in specs)}")
        chosen |= {spec.name: version for spec in specs if not colon or spec.name == slot}
    return chosen


_WORDS: Mapping[str, bool] = {"yes": True, "true": True, "on": True, "1": True,
                              "no": False, "false": False, "off": False, "0": False}


def _value(name: str, text: str, default: object) -> object:
    """A setting's value in the type of its default."""
    try:
        if isinstance(default, bool):
            return _WORDS[text.lower()]
        if isinstance(default, int):
            return int(text, 0)
        return float(text) if isinstance(default, float) else text
    except (KeyError, ValueError):
        kind = {bool: "yes or no", int: "a whole number"}.get(type(default), "a number")
        raise OperatorError(f"setting {name}={text}: {kind} is expected") from None


def parse_dialect(name: str) -> Family:
    """The dialect of that name, with or without ``supply.`` before it.

    Raises OperatorError with the nearest name when there is none.
    """
    found = FAMILIES.get(name.removeprefix("supply."))
    if found is None:
        near = difflib.get_close_matches(name, FAMILIES, 1, 0.4)
        known = f"there are {', '.join(FAMILIES)}"
        raise OperatorError(f"no virtual supply speaks {name!r}",
                            remedy=f"did you mean {near[0]}? {known}" if near else known)
    return found


def parse_extras(texts: Iterable[str]) -> frozenset[Extra]:
    """Instruments beyond supplies and lines, from texts with commas. Raises OperatorError."""
    chosen: set[Extra] = set()
    for name in ",".join(texts).split(","):
        if not name.strip():
            continue
        try:
            chosen.add(Extra(name.strip().lower()))
        except ValueError:
            known = " and ".join(extra.value for extra in Extra)
            raise OperatorError(f"a virtual rack has no {name.strip()!r}",
                                remedy=f"it has {known}") from None
    return frozenset(chosen)


def parse_uart(text: str) -> UartKind:
    """How the UARTs are offered. Raises OperatorError."""
    try:
        return UartKind(text.strip().lower())
    except ValueError:
        raise OperatorError(f"a virtual rack has no UART by {text!r}",
                            remedy="it is rfc2217 or pty") from None


def parse_usb_net(text: str) -> bool:
    """True for network interfaces of the kernel (``tap``). Raises OperatorError, also where this host does
    not let us make them."""
    kind = text.strip().lower()
    if kind not in ("shown", "tap"):
        raise OperatorError(f"a virtual rack has no network function by {text!r}",
                            remedy="it is shown or tap")
    if kind == "tap":
        tap.check()
    return kind == "tap"


def _split(text: str) -> tuple[str, Series, str | None]:
    """Name (may be empty), series and variant of one specification."""
    name, equals, module = text.rpartition("=")
    if equals and (not _NAME.fullmatch(name) or name in RESERVED):
        raise OperatorError(f"slot name {name!r} is not possible",
                            remedy="take up to 32 letters, digits, dots, dashes and underscores")
    series_text, _, variant = module.partition(":")
    for series in Series:
        if series.value == series_text.strip().upper():
            return name, series, variant.strip() or None
    known = " and ".join(series.value for series in Series)
    raise OperatorError(f"slot {text!r}: no series {series_text!r}", remedy=f"the series are {known}")
