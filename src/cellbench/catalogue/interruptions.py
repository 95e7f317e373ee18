"""What an interrupted update over AT leaves before anything was written, by series."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .model import Series
from .modules.model import Known
from .sources import r8_guide, sibling

_NOTE = "SARA-R5 firmware update note UBX-20033314 R03"

WAITS_AFTER_CUT: Mapping[Series, Known[bool]] = MappingProxyType({
    Series.LENA_R8: Known(False, r8_guide("11.1.1: unchanged and usable until it is checked")),
    Series.LARA_R6: Known(True, sibling(f"{_NOTE}: a power loss leaves update mode, which waits for Xmodem")),
})
"""True where update mode may wait for Xmodem anew at the next start, before the old firmware runs again."""
