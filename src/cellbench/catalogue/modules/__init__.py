"""Module series and variants as data; the only place where they differ."""

from __future__ import annotations

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series

from . import lara_r6, lena_r8
from .building import with_variant
from .installed import check_fits, installed_variants
from .model import ModuleProfile, VariantOverride

__all__ = ["profile_by_identity", "profile_for", "series_named", "variants_of"]

_SERIES: dict[Series, tuple[ModuleProfile, tuple[VariantOverride, ...]]] = {
    Series.LENA_R8: (lena_r8.PROFILE, lena_r8.VARIANTS),
    Series.LARA_R6: (lara_r6.PROFILE, lara_r6.VARIANTS),
}


def variants_of(series: Series) -> tuple[str, ...]:
    """Names of a series' variants, those of installed packages last; the first is taken where none is named.

    OperatorError when an installed package brings what is no variant.
    """
    return tuple(one.variant for one in _overrides(series))


def profile_for(series: Series, variant: str | None = None) -> ModuleProfile:
    """The profile of a series' variant (None: its first); OperatorError lists the variants there are."""
    base, overrides = _SERIES[series][0], _overrides(series)
    wanted = overrides[0].variant if variant is None else variant.strip().upper()
    for override in overrides:
        if override.variant == wanted:
            return with_variant(base, override)
    raise OperatorError(f"{series.value} has no variant {variant!r}",
                        remedy=f"the variants are {', '.join(variants_of(series))}")


def profile_by_identity(ati: str) -> ModuleProfile:
    """The profile of the module that says ``ati`` of itself (type number or model, "LARA-R6001D-00B-00").

    Of several variants that fit, the one with the longest name is taken. A type number of a series whose
    variant is not known gives the series' first variant. OperatorError when no series fits.
    """
    text = ati.strip().upper()
    fitting = [(len(one.variant), series, one.variant) for series in Series for one in _overrides(series)
               if text == one.variant or text.startswith(f"{one.variant}-")]
    if fitting:
        _, series, variant = max(fitting, key=lambda one: one[0])
        return profile_for(series, variant)
    for series, (base, _) in _SERIES.items():
        if text.startswith(base.model_prefix):
            return profile_for(series)
    raise OperatorError(f"a module that calls itself {ati.strip()!r} is of no known series",
                        remedy=f"known are {' and '.join(series.value for series in Series)}")


def _overrides(series: Series) -> tuple[VariantOverride, ...]:
    """The series' variants: the house's own, then those of installed packages."""
    base, own = _SERIES[series]
    more = installed_variants()[series]
    names = [one.variant for one in (*own, *more)]
    for override in more:
        if names.count(override.variant) > 1:
            raise OperatorError(f"the variant {override.variant} is declared twice",
                                remedy="rename or uninstall the one of the installed package")
        check_fits(base, override)
    return (*own, *more)


def series_named(text: str) -> Series:
    """The series of a name in any case ("lena-r8", "LARA-R6"); OperatorError lists them."""
    for series in Series:
        if series.value == text.strip().upper():
            return series
    raise OperatorError(f"there is no series {text!r}",
                        remedy=f"the series are {' and '.join(series.value for series in Series)}")
