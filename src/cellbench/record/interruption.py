"""What an interruption matrix writes down: its header, each cell before and after.

A matrix is a chain of journal records (:mod:`cellbench.record.journal`) in a file of its own: the header,
then for each cell one record before it starts and one when it has ended. A cell that was begun and has not
ended was cut with its matrix.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.errors import OperatorError, Owner
from cellbench.record.codec import decode
from cellbench.record.header import ProcessEntry
from cellbench.record.reading import read_records

FILE_NAME = "cells.jsonl"


class MatrixKind(enum.StrEnum):
    """The kinds of records, with the class of their data."""

    HEADER = "matrix.header"  # MatrixHeader
    BEGUN = "cell.begun"  # CellBegun
    ENDED = "cell.ended"  # CellRecord


class Interruption(enum.Enum):
    """What is done to an update; the last two are no interruptions but what the others are compared with."""

    SUPPLY_CUT = "supply-cut"
    USB_PULLED = "usb-pulled"
    HOST_KILLED = "host-killed"
    SERVER_GONE = "server-gone"
    LINK_LOST = "link-lost"
    NOTHING = "nothing"
    WRONG_PACKAGE = "wrong-package"


class CellOutcome(enum.Enum):
    """How a cell ended; the word is what people read."""

    OLD = "old version"
    NEW = "new version"
    RECOVERED = "recovered"
    REFUSED = "package refused"
    BRICKED = "BRICKED"
    WRONG_VERSION = "WRONG VERSION"
    FALSE_128 = "FALSE 128"
    WRONG_START = "ACCEPTED WRONG START"
    LOST_CERTIFICATES = "LOST CERTIFICATES"
    LOST_DATA = "LOST DATA"
    UNDOCUMENTED = "UNDOCUMENTED WAY"
    NO_UPDATE = "TAKES NO UPDATE"
    NOT_REACHED = "place not reached"
    ERROR = "error"
    NOT_RUN = "not run"
    NOT_POSSIBLE = "not possible"
    NOT_APPLICABLE = "not applicable"

    @property
    def good(self) -> bool:
        """True when the unit did what it must."""
        return self in _GOOD

    @property
    def finding(self) -> bool:
        """True when the unit did what it must not."""
        return self in _FINDINGS

    @property
    def settled(self) -> bool:
        """True when the cell need not be run again."""
        return self.good or self.finding or self is CellOutcome.NOT_APPLICABLE


_GOOD = frozenset({CellOutcome.OLD, CellOutcome.NEW, CellOutcome.RECOVERED, CellOutcome.REFUSED})
_FINDINGS = frozenset({
    CellOutcome.BRICKED, CellOutcome.WRONG_VERSION, CellOutcome.FALSE_128, CellOutcome.WRONG_START,
    CellOutcome.LOST_CERTIFICATES, CellOutcome.LOST_DATA, CellOutcome.UNDOCUMENTED,
    CellOutcome.NO_UPDATE,
})


@dataclass(frozen=True, slots=True)
class CellEntry:
    """A cell of the plan. ``cell`` is unique in the matrix ("LENA-R8/foat/writing-50/supply-cut"); ``place``
    is where in the update, in words for people; ``row`` orders the places of a method."""

    cell: str
    series: str
    method: str
    place: str
    kind: Interruption
    row: int = 0


@dataclass(frozen=True, slots=True)
class PackageEntry:
    """A package that the matrix updates with."""

    file: str
    series: str
    kind: str
    start: str
    end: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class MatrixHeader:
    """The first record. ``matrix`` tells one matrix from another: rig, slots and packages. ``evidence`` is
    measured or simulated, ``timing`` real or fast."""

    matrix: str
    rig: str
    rig_file: str = ""
    evidence: str = "measured"
    timing: str = "real"
    slots: Mapping[str, str] = field(default_factory=dict)  # name: series
    packages: tuple[PackageEntry, ...] = ()
    cells: tuple[CellEntry, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    process: ProcessEntry | None = None


@dataclass(frozen=True, slots=True)
class CellBegun:
    """A cell starts on a slot's unit."""

    cell: str
    slot: str


@dataclass(frozen=True, slots=True)
class CellRecord:
    """A cell that has ended. ``owner`` is who has to act, None when nobody has; ``recovery`` is the way back
    that was used; ``before``, ``after`` and ``wanted`` are versions (ATI9) before, after recovery, and the
    package's; ``evidence`` is what was seen, a line each; ``seconds`` are of the whole cell."""

    cell: str
    outcome: CellOutcome
    slot: str = ""
    owner: Owner | None = None
    reason: str = ""
    recovery: str = ""
    before: str = ""
    after: str = ""
    wanted: str = ""
    place_seen: str = ""
    evidence: tuple[str, ...] = ()
    seconds: float = 0.0
    recovery_s: float | None = None


@dataclass(frozen=True, slots=True)
class MatrixRecord:
    """A matrix as its file tells it: the last record of each cell, and cells that were cut (cell → slot)."""

    header: MatrixHeader
    cells: Mapping[str, CellRecord]
    cut: Mapping[str, str]
    head: str
    last_utc_ns: int
    torn_bytes: int = 0

    def of(self, series: str) -> tuple[tuple[CellEntry, CellRecord | None], ...]:
        """The cells of one series in the order of the plan, with what became of them."""
        return tuple((entry, self.cells.get(entry.cell)) for entry in self.header.cells
                     if entry.series == series)

    def series(self) -> tuple[str, ...]:
        """The series of the matrix, in the order of the plan."""
        return tuple(dict.fromkeys(entry.series for entry in self.header.cells))

    def count(self, outcomes: Iterable[CellOutcome]) -> int:
        """How many cells ended so."""
        wanted = frozenset(outcomes)
        return sum(record.outcome in wanted for record in self.cells.values())


def read_matrix(path: Path) -> MatrixRecord:
    """Read a matrix, or the one in a folder; a torn last line is left out. OperatorError when it is none."""
    path = path / FILE_NAME if path.is_dir() else path
    chain = read_records(path)
    if not chain.records or chain.records[0].kind != MatrixKind.HEADER:
        raise OperatorError(f"{path} is no interruption matrix: it does not begin with a matrix's header")
    cells: dict[str, CellRecord] = {}
    cut: dict[str, str] = {}
    try:
        header = decode(MatrixHeader, chain.records[0].data)
        for record in chain.records[1:]:
            if record.kind == MatrixKind.BEGUN:
                begun = decode(CellBegun, record.data)
                cut[begun.cell] = begun.slot
            elif record.kind == MatrixKind.ENDED:
                ended = decode(CellRecord, record.data)
                cells[ended.cell] = ended
                cut.pop(ended.cell, None)
    except ValueError as problem:
        raise OperatorError(f"{path}: a record does not fit: {problem}") from None
    return MatrixRecord(header, cells, cut, chain.head, chain.records[-1].utc_ns, chain.torn_bytes)
