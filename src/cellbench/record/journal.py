"""The journal: the append-only truth of one run, one JSON line per record.

A line is ``{"schema", "utc_ns", "mono_ns", "kind", "data", "prev"}``; ``prev`` is the sha256 (hex) of
the line before, without its line end. The first line of a run has 64 zeros there, the first line of a
worker's segment the sha256 of the controller's header line. The head hash is the sha256 of the last line
of the main chain.

A merged segment stands in the controller's file as it was written: a ``segment.merged`` record of the
main chain says how many lines follow and which hash they end in; the next record of the main chain goes
on from the ``segment.merged`` record. So no line is ever written twice or changed, and a segment cannot
be swapped for that of another run.
"""

from __future__ import annotations

from cellbench.record.reading import (
    ChainProblem,
    Journal,
    Record,
    Verification,
    journal_path,
    read_journal,
    verify,
)
from cellbench.record.writer import FILE_NAME, GENESIS, SCHEMA, JournalWriter, segment_path, segment_paths

__all__ = [
    "FILE_NAME",
    "GENESIS",
    "SCHEMA",
    "ChainProblem",
    "Journal",
    "JournalWriter",
    "Record",
    "Verification",
    "journal_path",
    "read_journal",
    "segment_path",
    "segment_paths",
    "verify",
]
