"""What a virtual rack is asked to hold: the slot specifications of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,31}")
MAX_SLOTS = 64
RESERVED = frozenset({"sysfs", "dev", "control", "lock", "log", "rig.yaml"})
"""Entries of the rack's directory that are not slots."""


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
