"""The file of a matrix: every cell is on disk before the next one starts, and what is there is never changed.

A matrix goes on where it stopped: cells that are settled stay, those that a fault of bench, network or person
kept from an answer are run again, and so is the cell in which the matrix was cut.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from cellbench.base.errors import OperatorError
from cellbench.record.interruption import (
    FILE_NAME,
    CellBegun,
    CellRecord,
    MatrixHeader,
    MatrixKind,
    read_matrix,
)
from cellbench.record.writer import JournalWriter


class Ledger:
    """The open file of one matrix; safe to use from several threads."""

    __slots__ = ("_guard", "_journal", "_lock", "_records", "cut", "folder")

    def __init__(self, folder: Path, header: MatrixHeader) -> None:
        """Begin the matrix in ``folder``, or go on with it. OperatorError when another process has it open,
        or when the matrix there is another one."""
        self.folder = folder
        self.cut: Mapping[str, str] = {}
        self._guard = threading.Lock()
        self._records: dict[str, CellRecord] = {}
        self._lock = _locked(folder)
        path = folder / FILE_NAME
        try:
            if path.exists() and path.stat().st_size:
                self._journal = self._resume(path, header)
            else:
                path.unlink(missing_ok=True)
                self._journal = JournalWriter.begin(path, MatrixKind.HEADER, header)
        except BaseException:
            os.close(self._lock)
            raise

    def _resume(self, path: Path, header: MatrixHeader) -> JournalWriter:
        found = read_matrix(path)
        if found.header.matrix != header.matrix:
            raise OperatorError(
                f"{path} is the matrix {found.header.matrix}, not {header.matrix}: other packages or slots",
                remedy="name another folder with --results")
        self._records = {name: record for name, record in found.cells.items() if record.outcome.settled}
        self.cut = dict(found.cut)
        return JournalWriter.resume(path, found.head, found.torn_bytes)

    def settled(self, cell: str) -> bool:
        """True for a cell that need not be run."""
        with self._guard:
            record = self._records.get(cell)
        return record is not None and record.outcome.settled

    def begin(self, cell: str, slot: str) -> None:
        """Write down that a cell starts; on disk when this returns."""
        self._journal.append(MatrixKind.BEGUN, CellBegun(cell, slot), sync=True)

    def end(self, record: CellRecord, *, sync: bool = True) -> None:
        """Write down how a cell ended; with ``sync`` on disk when this returns."""
        self._journal.append(MatrixKind.ENDED, record, sync=sync)
        with self._guard:
            self._records[record.cell] = record

    def records(self) -> Mapping[str, CellRecord]:
        """What is known of each cell."""
        with self._guard:
            return dict(self._records)

    def close(self) -> None:
        """Close the file and let others have it."""
        self._journal.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as problem:
        raise OperatorError(f"cannot write into {folder}: {problem.strerror}",
                            remedy="choose another folder with --results") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise OperatorError(f"the matrix in {folder} is under way in another process",
                            remedy="wait for it, or end it") from None
    return descriptor
