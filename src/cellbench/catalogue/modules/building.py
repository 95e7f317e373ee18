"""Small helpers with which the profiles are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from cellbench.catalogue.model import Source

from .model import Known, ModuleProfile, UsbInterface, VariantOverride

T = TypeVar("T")

Setting = tuple[tuple[str, ...], object, Source]
"""Names that share one factory value, the value, and where it is known from."""


def known(value: T, source: Source) -> Known[T]:
    """A fact."""
    return Known(value, source)


def factory(settings: Iterable[Setting]) -> dict[str, object]:
    """Factory values by command name; ValueError for a name given twice."""
    values: dict[str, object] = {}
    for names, value, _ in settings:
        for name in names:
            if name in values:
                raise ValueError(f"factory setting {name} is given twice")
            values[name] = value
    return values


def factory_sources(settings: Iterable[Setting]) -> dict[str, Source]:
    """Sources of factory values by command name."""
    return {name: source for names, _, source in settings for name in names}


def interfaces(*roles: str, name: str = "{}") -> tuple[UsbInterface, ...]:
    """Serial interfaces in descriptor order; ``name`` is filled with the number."""
    return tuple(UsbInterface(name.format(number), role) for number, role in enumerate(roles))


def with_variant(base: ModuleProfile, override: VariantOverride) -> ModuleProfile:
    """The series' profile with one variant's changes; ValueError for a field that does not exist.

    A mapping among the changes is laid over the base's mapping of that field, a frozenset is added to
    it; anything else replaces the base's value.
    """
    names = {one.name for one in fields(ModuleProfile)}
    changes: dict[str, Any] = {}
    for name, value in override.changes.items():
        if name not in names:
            raise ValueError(f"{override.variant}: a profile has no field {name}")
        standing = getattr(base, name)
        if isinstance(value, Mapping):
            changes[name] = {**standing, **value}
        elif isinstance(value, frozenset):
            changes[name] = standing | value
        else:
            changes[name] = value
    return replace(base, variant=override.variant, ordering_codes=override.ordering_codes, **changes)
