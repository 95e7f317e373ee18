"""Variants that installed packages bring: the entry points of the group ``cellbench.variants``.

The object of an entry point is a :class:`VariantOverride` with its ``series``, or a tuple of them. Ours
cannot be replaced: what a package says of a variant that is here already is a mistake of that package.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import metadata

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series

from .building import with_variant
from .model import ModuleProfile, VariantOverride

GROUP = "cellbench.variants"
_REMEDY = "mend or uninstall the package that brings it"


@cache
def installed_variants() -> Mapping[Series, tuple[VariantOverride, ...]]:
    """The variants of installed packages, by series; OperatorError names the entry point that brings none."""
    found: dict[Series, list[VariantOverride]] = {series: [] for series in Series}
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda one: one.name):
        for override in _declared(entry):
            assert override.series is not None
            found[override.series].append(override)
    return {series: tuple(overrides) for series, overrides in found.items()}


def check_fits(base: ModuleProfile, override: VariantOverride) -> None:
    """OperatorError when a package's variant cannot be laid over the profile of its series."""
    try:
        with_variant(base, override)
    except (ValueError, TypeError) as problem:
        raise OperatorError(f"the variant {override.variant} does not fit {base.series.value}: {problem}",
                            remedy=_REMEDY) from problem


def _declared(entry: metadata.EntryPoint) -> tuple[VariantOverride, ...]:
    where = f"the variant {entry.name} ({entry.value})"
    try:
        loaded = entry.load()
    except Exception as problem:  # a foreign package may fail in any way
        raise OperatorError(f"{where} cannot be loaded: {problem}", remedy=_REMEDY) from problem
    declared = loaded if isinstance(loaded, tuple) else (loaded,)
    for one in declared:
        if not isinstance(one, VariantOverride) or one.series is None:
            raise OperatorError(f"{where} is no VariantOverride with a series", remedy=_REMEDY)
        if one.variant != one.variant.strip().upper() or not one.ordering_codes:
            raise OperatorError(f"{where}: {one.variant!r} must be in capitals and name its ordering codes",
                                remedy=_REMEDY)
    return declared
