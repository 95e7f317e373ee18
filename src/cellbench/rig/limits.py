"""Limits of one product: a versioned YAML file, checked like the rig file, as measurements use it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cellbench.base.errors import FileErrors, Finding
from cellbench.catalogue.model import Evidence
from cellbench.instruments.settings import Strict, Text
from cellbench.record.measurement import Limit
from cellbench.rig.strict import check, nearest
from cellbench.rig.yamlpos import Document, read_document

LimitName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Unit = Literal["", "s", "ms", "V", "A", "mA", "W", "dBm", "dB", "bit/s", "B", "1", "%", "°C"]


class LimitEntry(Strict):
    """One limit: a range (`low`, `high` or both, bounds included) or a text (`equals`, `one_of`)."""

    title: Text | None = None
    """What is measured, as reports print it; unset: the name."""
    unit: Unit = ""
    """Unit of the value and of the bounds; empty for texts, `1` for counts."""
    low: float | None = None
    """Least value that passes."""
    high: float | None = None
    """Greatest value that passes."""
    marginal: Annotated[float, Field(ge=0)] = 0.0
    """Width of the band inside each bound that passes as MARGINAL, in the unit."""
    equals: str | None = None
    """The text that passes."""
    one_of: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """The texts that pass."""
    source: Text
    """Where the limit comes from: guide, data sheet, golden unit, with section or date."""
    evidence: Evidence
    """How well it is known; what rests on a guess alone never decides a FAIL."""

    @model_validator(mode="after")
    def _one_kind(self) -> LimitEntry:
        is_range = self.low is not None or self.high is not None
        texts = (self.equals is not None) + (self.one_of is not None)
        if is_range + texts != 1:
            raise ValueError("give a range (low, high), or equals, or one_of, and only one of them")
        if is_range and not self.unit:
            raise ValueError("a range needs a unit (1 for counts)")
        if texts and (self.unit or self.marginal):
            raise ValueError("a text has neither unit nor marginal")
        if self.low is not None and self.high is not None:
            if self.low > self.high:
                raise ValueError(f"low {self.low:g} is above high {self.high:g}")
            if 2 * self.marginal > self.high - self.low:
                raise ValueError(f"two marginal bands of {self.marginal:g} do not fit between {self.low:g} "
                                 f"and {self.high:g}")
        return self


class LimitsFile(Strict):
    """The limits of one product."""

    product: Text
    """Series, variant or ordering code that the limits are for."""
    version: Annotated[int, Field(ge=1)]
    """Version of this file; raise it with each change."""
    released: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] | None = None
    """Date of this version, as text (`"2026-11-21"` or 2026-11-21)."""
    limits: Annotated[dict[LimitName, LimitEntry], Field(min_length=1)]
    """The limits, by name of the measurement."""


@dataclass(frozen=True, slots=True)
class NamedLimit:
    """A limit as a measurement takes it, with what reports print."""

    name: str
    title: str
    unit: str
    limit: Limit
    evidence: Evidence

    @property
    def advisory(self) -> bool:
        """True when the limit rests on a guess, so that it never decides a FAIL alone."""
        return self.evidence is Evidence.GUESS


@dataclass(frozen=True, slots=True)
class ProductLimits:
    """A limits file, loaded. ``sha256`` is of the file's bytes."""

    product: str
    version: int
    file: Path
    sha256: str
    entries: Mapping[str, NamedLimit]

    def get(self, name: str) -> NamedLimit | None:
        """The limit of a measurement; None: it is recorded without judgement."""
        return self.entries.get(name)


def load_limits(path: Path) -> ProductLimits:
    """Load a limits file; FileErrors with all its mistakes."""
    loaded, findings = read_limits(path)
    if findings or loaded is None:
        raise FileErrors(findings)
    return loaded


def read_limits(path: Path, shown_as: str | None = None) -> tuple[ProductLimits | None, tuple[Finding, ...]]:
    """The limits of a file, and its mistakes; None when there are any."""
    document = read_document(path, shown_as)
    model, findings = check(document, LimitsFile)
    if model is None or findings:
        return None, findings
    entries = {name: _named(name, entry) for name, entry in model.limits.items()}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ProductLimits(model.product, model.version, path, digest, entries), ()


def looks_like_limits(document: Document) -> bool:
    """True when a file means to be a limits file rather than a rig file."""
    data = document.data
    return isinstance(data, dict) and "product" in data and "rig" not in data


def product_remedy(product: str, known: tuple[str, ...]) -> str:
    """The remedy for a product that nobody knows."""
    return nearest(product, known)


def _named(name: str, entry: LimitEntry) -> NamedLimit:
    limit = Limit(low=entry.low, high=entry.high, equals=entry.equals, one_of=entry.one_of or (),
                  marginal=entry.marginal, source=entry.source)
    return NamedLimit(name, entry.title or name.replace("_", " "), entry.unit, limit, entry.evidence)
