"""Writing a journal (its form: :mod:`cellbench.record.journal`)."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from cellbench.base.clock import SYSTEM_CLOCK, Clock
from cellbench.base.errors import FrameworkError, OperatorError
from cellbench.record.attempt import Kind, SegmentMerged, SegmentStarted
from cellbench.record.codec import encode
from cellbench.record.header import Header

SCHEMA = 1
GENESIS = "0" * 64
FILE_NAME = "journal.jsonl"

_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


class JournalWriter:
    """Writes one journal file; safe to use from several threads.

    Each append is one write to the operating system, so that it survives the death of this process;
    with ``sync`` it is on disk, too, when the call returns. What cannot be written raises OperatorError
    (no space, no right) and leaves the file ending in the last whole record.
    """

    __slots__ = ("_clock", "_fd", "_head", "_lock", "_size", "path")

    def __init__(self, path: Path, prev: str, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._head = prev
        self._size = 0
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as problem:
            if path.exists():
                raise OperatorError(f"{path} exists: a journal is never written over",
                                    remedy="give the run another name") from None
            raise OperatorError(f"cannot write the journal {path}: {problem.strerror}",
                                remedy="choose another folder with --results") from problem

    @classmethod
    def begin(cls, path: Path, kind: str, header: object, *, clock: Clock = SYSTEM_CLOCK) -> JournalWriter:
        """Begin a chain of its own kind with its first record (synced); OperatorError as :meth:`create`."""
        journal = cls(path, GENESIS, clock)
        journal.append(kind, header, sync=True)
        return journal

    @classmethod
    def resume(cls, path: Path, head: str, torn_bytes: int, *, clock: Clock = SYSTEM_CLOCK) -> JournalWriter:
        """Go on with a chain that was read (its head hash and torn bytes); an unfinished last line, which
        nobody can have counted on, is taken off. OperatorError when the file cannot be written."""
        journal = cls.__new__(cls)
        journal.path, journal._clock, journal._head = path, clock, head
        journal._lock = threading.Lock()
        try:
            journal._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            journal._size = os.fstat(journal._fd).st_size - torn_bytes
            os.ftruncate(journal._fd, journal._size)
        except OSError as problem:
            raise OperatorError(f"cannot go on with {path}: {problem.strerror}",
                                remedy="choose another folder with --results") from problem
        return journal

    @classmethod
    def create(cls, path: Path, header: Header, *, clock: Clock = SYSTEM_CLOCK) -> JournalWriter:
        """Begin a run's journal with its header (synced); OperatorError if the file exists or the
        place cannot be written."""
        return cls.begin(path, Kind.HEADER, header, clock=clock)

    @classmethod
    def segment(cls, path: Path, *, run: str, worker: str, slot: str, anchor: str,
                clock: Clock = SYSTEM_CLOCK) -> JournalWriter:
        """Begin a worker's segment; ``anchor`` is :attr:`head` of the controller's journal right
        after :meth:`create` (give it to the workers in ``workerinput``)."""
        journal = cls(path, anchor, clock)
        journal.append(Kind.SEGMENT, SegmentStarted(run, worker, slot, anchor))
        return journal

    @property
    def head(self) -> str:
        """The sha256 of the last line written."""
        return self._head

    def append(self, kind: str, data: object, sync: bool = False) -> int:
        """Write one record; ``data`` is a mapping of JSON values or one of the payload classes of
        record/attempt.py and record/header.py. Returns its UTC time in nanoseconds."""
        try:
            payload = _to_json(encode(data))
        except (TypeError, ValueError, RecursionError) as problem:
            raise FrameworkError(f"a {kind} record that no journal can hold: {problem}") from problem
        with self._lock:
            utc_ns = self._clock.utc_ns()
            mono_ns = round(self._clock.monotonic() * 1e9)
            line = (f'{{"schema":{SCHEMA},"utc_ns":{utc_ns},"mono_ns":{mono_ns},"kind":"{kind!s}",'
                    f'"data":{payload},"prev":"{self._head}"}}').encode("ascii")
            self._write(line + b"\n")
            self._head = sha256(line).hexdigest()
            if sync:
                self._sync()
        return utc_ns

    def merge(self, segments: Mapping[str, Path]) -> None:
        """Take in the workers' segments (worker → file), ordered by worker; torn last lines are left
        out and counted. The files are removed once their lines are synced here."""
        present = [(worker, segments[worker]) for worker in sorted(segments, key=worker_order)
                   if segments[worker].exists()]
        for worker, path in present:
            content = path.read_bytes()
            whole = content[:content.rfind(b"\n") + 1]
            lines = whole.splitlines()
            head = sha256(lines[-1]).hexdigest() if lines else GENESIS
            slot = str(json.loads(lines[0])["data"].get("slot", "")) if lines else ""
            self.append(Kind.MERGED, SegmentMerged(worker, slot, len(lines), head, len(content) - len(whole)))
            with self._lock:
                self._write(whole)
        with self._lock:
            self._sync()
        for _, path in present:
            path.unlink()

    def close(self) -> None:
        """Sync and close; harmless when called again."""
        with self._lock:
            if self._fd >= 0:
                self._sync()
                os.close(self._fd)
                self._fd = -1

    def _write(self, data: bytes) -> None:
        if self._fd < 0:
            raise FrameworkError(f"the journal {self.path} is closed")
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view):]
        except OSError as problem:
            os.ftruncate(self._fd, self._size)
            raise OperatorError(f"cannot write the journal {self.path}: {problem.strerror}",
                                remedy="make room on the disk of the results folder") from problem
        self._size += len(data)

    def _sync(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as problem:
            raise OperatorError(f"cannot sync the journal {self.path}: {problem.strerror}",
                                remedy="check the disk of the results folder") from problem


def worker_order(worker: str) -> tuple[tuple[int, int | str], ...]:
    """A sort key under which gw2 comes before gw10."""
    return tuple((0, int(part)) if part.isdigit() else (1, part)
                 for part in re.split(r"(\d+)", worker) if part)


def segment_path(folder: Path, worker: str) -> Path:
    """Where a worker's segment lies in a run's folder."""
    return folder / f"journal-{worker}.jsonl"


def segment_paths(folder: Path) -> dict[str, Path]:
    """The segments in a run's folder that were not merged yet, by worker, in merging order."""
    found = {path.stem.removeprefix("journal-"): path for path in folder.glob("journal-*.jsonl")}
    return {worker: found[worker] for worker in sorted(found, key=worker_order)}
