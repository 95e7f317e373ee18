"""The journal: the append-only truth of one run, one JSON line per record.

A line is ``{"schema", "utc_ns", "mono_ns", "kind", "data", "prev"}``; ``prev`` is the sha256 (hex) of
the line before, without its line end. The first line of a run has 64 zeros there, the first line of a
worker's segment the sha256 of the controller's header line. The head hash is the sha256 of the last line
of the main chain.

A merged segment stands in the controller's file as it was written: a ``segment.merged`` record of the
main chain says how many lines follow and which hash they end in; the next record of the main chain goes
on from the ``segment.merged`` record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.clock import SYSTEM_CLOCK, Clock
from cellbench.record.header import Header

SCHEMA = 1
GENESIS = "0" * 64
FILE_NAME = "journal.jsonl"


class JournalWriter:
    """Writes one journal file; safe to use from several threads.

    Each append is one write to the operating system, so that it survives the death of this process;
    with ``sync`` it is on disk, too, when the call returns.
    """

    @classmethod
    def create(cls, path: Path, header: Header, *, clock: Clock = SYSTEM_CLOCK) -> JournalWriter:
        """Begin a run's journal with its header (synced); OperatorError if the file exists or the
        place cannot be written."""
        raise NotImplementedError

    @classmethod
    def segment(cls, path: Path, *, run: str, worker: str, slot: str, anchor: str,
                clock: Clock = SYSTEM_CLOCK) -> JournalWriter:
        """Begin a worker's segment; ``anchor`` is :attr:`head` of the controller's journal right
        after :meth:`create` (give it to the workers in ``workerinput``)."""
        raise NotImplementedError

    @property
    def head(self) -> str:
        """The sha256 of the last line written."""
        raise NotImplementedError

    def append(self, kind: str, data: object, sync: bool = False) -> int:
        """Write one record; ``data`` is a mapping of JSON values or one of the payload classes of
        record/attempt.py and record/header.py. Returns its UTC time in nanoseconds."""
        raise NotImplementedError

    def merge(self, segments: Mapping[str, Path]) -> None:
        """Take in the workers' segments (worker → file), ordered by worker; torn last lines are left
        out and counted. The files are removed once their lines are synced here."""
        raise NotImplementedError

    def close(self) -> None:
        """Sync and close; harmless when called again."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a journal, read. ``worker`` is "" in the main chain."""

    schema: int
    utc_ns: int
    mono_ns: int
    kind: str
    data: Mapping[str, object]
    line: int
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal that was read: its records in file order, the head hash of its main chain.

    ``torn_bytes`` counts the bytes of an unfinished last line (a cut run), which is left out.
    """

    path: Path
    records: tuple[Record, ...]
    head: str
    torn_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """Where and how a chain is broken; ``line`` counts from 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What :func:`verify` found: sound when ``problems`` is empty."""

    records: int
    head: str
    problems: tuple[ChainProblem, ...]
    torn_bytes: int = 0
    ended: bool = False


def read_journal(path: Path) -> Journal:
    """Read a journal of any known schema; segments that were never merged (a cut run) are taken from
    the files beside it. A torn last line is left out. OperatorError when it is no journal."""
    raise NotImplementedError


def verify(path: Path) -> Verification:
    """Check every link of the chain, the segments' anchors and heads."""
    raise NotImplementedError
