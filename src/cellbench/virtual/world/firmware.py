"""The firmware packages that the world's FTP and HTTP servers offer (docs/firmware-packages.md)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

from cellbench.catalogue.model import Series
from cellbench.virtual.device.update_package import Kind, PackageDefect, fitting

GUIDE_PATH = "/fw/delta"
"""The path that the LENA-R8 guide prints (Tables 49 and 50)."""
SERVERS = ("ftp-firmware", "http-firmware")
SLOW_BYTES_S = 16384
"""What a slow server sends in a second: a package takes some seconds, as over a weak link."""
_SERVED = (PackageDefect.WRONG_START, PackageDefect.CORRUPT, PackageDefect.UNSIGNED)
OFFERED = ("delta", *(defect.value for defect in _SERVED))
"""Names of the packages in the folder of a series."""


@functools.cache
def _package(series: Series, installed: str, defect: PackageDefect | None) -> bytes:
    return fitting(series, installed, Kind.DELTA, defect=defect)


def served(installed: Mapping[Series, str]) -> Mapping[str, bytes]:
    """Path → package: one that fits each series' firmware, and those that are refused."""
    files: dict[str, bytes] = {}
    for series, version in installed.items():
        folder = f"/fw/{series.value.lower()}"
        files[f"{folder}/delta"] = _package(series, version, None)
        for defect in _SERVED:
            files[f"{folder}/{defect.value}"] = _package(series, version, defect)
    files[GUIDE_PATH] = files[f"/fw/{Series.LENA_R8.value.lower()}/delta"]
    return MappingProxyType(files)
