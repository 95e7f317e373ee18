"""The cells of an interruption matrix: place × kind for each method and series, and which make sense."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cellbench.base.errors import OperatorError
from cellbench.campaign.places import PLACES, WHOLE, Place
from cellbench.host.firmware.model import Method, Stage
from cellbench.record.interruption import CellEntry, Interruption

_NETWORK = (Interruption.SERVER_GONE, Interruption.LINK_LOST)
_COMPARISONS = (Interruption.NOTHING, Interruption.WRONG_PACKAGE)
_STORED = (Method.FTP, Method.HTTP, Method.SERIAL)
_SERVED = (Method.FTP, Method.HTTP)
_WORDS = {Method.FTP: "FTP", Method.HTTP: "HTTP", Method.SERIAL: "serial file"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. ``why_not`` says why it makes no sense; "" for one that is run."""

    series: str
    method: Method
    place: Place
    kind: Interruption
    row: int
    why_not: str = ""

    @property
    def id(self) -> str:
        """Unique in a matrix."""
        return f"{self.series}/{self.method.value}/{self.place.name}/{self.kind.value}"

    @property
    def over_network(self) -> bool:
        """True when the package comes from a server."""
        return self.method in _SERVED

    def entry(self) -> CellEntry:
        """The cell as the record names it."""
        return CellEntry(self.id, self.series, self.method.value, self.place.words, self.kind, self.row)


def cells_of(series: str, lacking: dict[Method, str], stored: Method = Method.SERIAL) -> tuple[Cell, ...]:
    """All cells of a series; ``lacking`` tells which methods it has not, and why; ``stored``: the way by
    which packages come whose installation is interrupted."""
    found = []
    for method, places in PLACES.items():
        for row, place in enumerate((*places, WHOLE)):
            for kind in Interruption:
                if (place is WHOLE) is (kind in _COMPARISONS):
                    why = lacking.get(method, "") or _why_not(method, place, kind, stored)
                    found.append(Cell(series, method, place, kind, row, why))
    return tuple(found)


def matching(cells: Iterable[Cell], patterns: Sequence[str]) -> tuple[Cell, ...]:
    """The cells whose id fits one of the patterns (shell style; all where there are none). OperatorError for
    a pattern that fits none."""
    cells = tuple(cells)
    if not patterns:
        return cells
    idle = [pattern for pattern in patterns if not any(fnmatch.fnmatch(cell.id, pattern) for cell in cells)]
    if idle:
        raise OperatorError(f"no cell is named {idle[0]!r}", remedy=f"cells are named as {cells[0].id}")
    return tuple(cell for cell in cells if any(fnmatch.fnmatch(cell.id, pattern) for pattern in patterns))


def _why_not(method: Method, place: Place, kind: Interruption, stored: Method) -> str:
    """Why a cell makes no sense; "" for one that does."""
    if method in _STORED and place.stage is not Stage.DOWNLOADING and place is not WHOLE:
        if method is not stored:
            return f"as by {_WORDS[stored]}: +UFWINSTALL takes the stored package, however it came"
        if kind in _NETWORK:
            return "the package is stored in the module: neither server nor network has a part in it any more"
    if kind in _NETWORK and method not in _SERVED:
        return "the package comes from the host: neither server nor network has a part in it"
    if method in _SERVED and kind is Interruption.WRONG_PACKAGE:
        return "as by serial file: +UFWINSTALL takes the stored package, however it came"
    if method is Method.FLASH and kind is Interruption.WRONG_PACKAGE:
        return "a full image fits any release"
    return ""
