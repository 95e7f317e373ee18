"""Where a firmware package lies in a module, by which ways it comes there, and what may not run beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .model import Series, Source
from .sources import guess, r6_app_note, r8_guide, sibling

PACKAGE_NAME = "updatePackage.bin"
PACKAGE_TAG = "FOAT"
PACKAGE_SOURCE = r8_guide("11.2, 11.2.1.1.2, 11.2.1.2.2: both are required by +UFWINSTALL")

BY_FTP, BY_HTTP, BY_SERIAL = "+UFTPC=100", "+UHTTPC=<profile>,100", "+UDWNFILE to FOAT"

WAYS: Mapping[Series, Mapping[str, Source]] = MappingProxyType({
    Series.LENA_R8: MappingProxyType({
        BY_FTP: r8_guide("11.2.1.1, Table 49"),
        BY_HTTP: r8_guide("11.2.1.2, Table 50"),
        BY_SERIAL: r8_guide("11.2.1.3, Table 51"),
    }),
    Series.LARA_R6: MappingProxyType({
        BY_FTP: r6_app_note("firmware update over the air by +UFTPC"),
        BY_HTTP: r6_app_note("firmware update over the air by +UHTTPC"),
        BY_SERIAL: guess("as on LENA-R8 and SARA-R5; no document of the series at hand names it"),
    }),
})
"""By which command a package comes into a module, and who says so."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """While ``running`` is under way, ``refused`` is refused or forbidden."""

    running: str
    refused: str
    source: Source


_NOTE = sibling("SARA-R5 firmware update note UBX-20033314 R03")
_ONE_WAY = sibling("SARA-R5 firmware update note UBX-20033314 R03: one way of download at a time")

EXCLUSIONS: tuple[Exclusion, ...] = (
    Exclusion("uFOTA", BY_FTP, _NOTE),
    Exclusion("uFOTA", "+UFTPC=6", _NOTE),
    Exclusion("uFOTA", "+UFTPC=7", _NOTE),
    Exclusion("uFOTA", BY_SERIAL, _NOTE),
    Exclusion("uFOTA", "+USODL", _NOTE),
    Exclusion("uFOTA", BY_HTTP, _ONE_WAY),
    Exclusion(BY_FTP, "+USODL", _NOTE),
    Exclusion(BY_FTP, "uFOTA", _NOTE),
    Exclusion(BY_FTP, BY_HTTP, _ONE_WAY),
    Exclusion(BY_FTP, BY_SERIAL, _ONE_WAY),
    Exclusion(BY_HTTP, BY_FTP, _ONE_WAY),
    Exclusion(BY_HTTP, BY_SERIAL, _ONE_WAY),
    Exclusion("+UFWUPD", BY_FTP, _NOTE),
    Exclusion("+UFWUPD", "+USODL", _NOTE),
    Exclusion("+UFWUPD", "uFOTA", _NOTE),
    Exclusion(BY_SERIAL, BY_FTP, _NOTE),
    Exclusion(BY_SERIAL, "+USODL", _NOTE),
    Exclusion(BY_SERIAL, "uFOTA", _NOTE),
)
"""What may not run together. A sibling's note alone: a breach is noted, it is no FAIL."""


def way_source(series: Series, way: str) -> Source:
    """Who says that a series takes packages by a way."""
    return WAYS[series][way]
