"""Firmware releases of each series that a document or a public program names, oldest first.

Texts are those of ATI9: modem version, comma, application version. Which release can be updated to which is
nowhere told: a delta package names its start release, and the module compares it with its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from .model import Series, Source
from .sources import guess, r6_data_sheet, r8_guide, ubxlib


@dataclass(frozen=True, slots=True)
class Release:
    """One firmware release; ``variants``: the variants it is named for, empty for the whole series."""

    series: Series
    version: str
    source: Source
    variants: tuple[str, ...] = ()


RELEASES: tuple[Release, ...] = (
    Release(Series.LENA_R8, "02.00,A01.22", r8_guide("8.1.2, Table 20: ATI0I9")),
    Release(Series.LENA_R8, "02.00,A01.40", ubxlib("was run by its makers on it")),
    Release(Series.LARA_R6, "00.13,A00.01", r6_data_sheet("product versions: R6001D-00B"), ("LARA-R6001D",)),
    Release(Series.LARA_R6, "01.14,A00.01", r6_data_sheet("product versions: R6401D-00B"), ("LARA-R6401D",)),
    Release(Series.LARA_R6, "02.14,A00.01", r6_data_sheet("product versions: LARA-R6001, R6401, R6801 -00B")),
    Release(Series.LARA_R6, "04.19,A00.01", ubxlib("was run by its makers on it")),
)

OTHER_START: dict[Series, str] = {Series.LENA_R8: "01.00,A01.01", Series.LARA_R6: "01.01,A00.01"}
"""A release that no module of the series has: the start of a package that fits none."""
OTHER_START_SOURCE = guess("made up")


def releases_of(series: Series) -> tuple[Release, ...]:
    """The releases of a series, oldest first."""
    return tuple(one for one in RELEASES if one.series is series)


def newest(series: Series) -> Release:
    """The newest release of a series."""
    return releases_of(series)[-1]
