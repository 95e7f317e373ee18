"""Module series and variants as data; the only place where they differ."""

from __future__ import annotations

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series

from . import lara_r6, lena_r8
from .building import with_variant
from .model import ModuleProfile, VariantOverride

__all__ = ["profile_by_identity", "profile_for", "series_named", "variants_of"]

_SERIES: dict[Series, tuple[ModuleProfile, tuple[VariantOverride, ...]]] = {
    Series.LENA_R8: (lena_r8.PROFILE, lena_r8.VARIANTS),
    Series.LARA_R6: (lara_r6.PROFILE, lara_r6.VARIANTS),
}


def variants_of(series: Series) -> tuple[str, ...]:
    """Names of a series' variants; the first is taken where none is named."""
    return tuple(one.variant for one in _SERIES[series][1])


def profile_for(series: Series, variant: str | None = None) -> ModuleProfile:
    """The profile of a series' variant (None: its first); OperatorError lists the variants there are."""
    base, overrides = _SERIES[series]
    wanted = overrides[0].variant if variant is None else variant.strip().upper()
    for override in overrides:
        if override.variant == wanted:
            return with_variant(base, override)
    raise OperatorError(f"{series.value} has no variant {variant!r}",
                        remedy=f"the variants are {', '.join(variants_of(series))}")


def profile_by_identity(ati: str) -> ModuleProfile:
    """The profile of the module that says ``ati`` of itself (type number or model, "LARA-R6001D-00B-00").

    A type number of a series whose variant is not known gives the series' first variant. OperatorError
    when no series fits.
    """
    text = ati.strip().upper()
    for series, (base, overrides) in _SERIES.items():
        if text.startswith(base.model_prefix):
            model = "-".join(text.split("-")[:2])
            return profile_for(series, model if any(one.variant == model for one in overrides) else None)
    raise OperatorError(f"a module that calls itself {ati.strip()!r} is of no known series",
                        remedy=f"known are {' and '.join(series.value for series in Series)}")


def series_named(text: str) -> Series:
    """The series of a name in any case ("lena-r8", "LARA-R6"); OperatorError lists them."""
    for series in Series:
        if series.value == text.strip().upper():
            return series
    raise OperatorError(f"there is no series {text!r}",
                        remedy=f"the series are {' and '.join(series.value for series in Series)}")
