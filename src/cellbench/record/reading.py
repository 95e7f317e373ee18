"""Reading a journal back and checking its chain.

One walk over the lines serves both: it tells for each line which chain it belongs to and what its
``prev`` must be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cellbench.base.errors import OperatorError
from cellbench.record.attempt import Kind
from cellbench.record.writer import FILE_NAME, GENESIS, SCHEMA, segment_paths

# What makes a record of an older schema into one of the schema after it, by the older number.
_UPGRADES: Mapping[int, Callable[[str, dict[str, object]], dict[str, object]]] = {}


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a journal, read. ``worker`` is "" in the main chain; ``line`` counts from 1."""

    schema: int
    utc_ns: int
    mono_ns: int
    kind: str
    data: dict[str, object]
    line: int
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal that was read: its records in file order, the head hash of its main chain.

    ``torn_bytes`` counts the bytes of unfinished last lines (a cut run), which are left out.
    """

    path: Path
    records: tuple[Record, ...]
    head: str
    torn_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """Where and how a chain is broken; ``line`` counts from 1 in ``file``."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What :func:`verify` found: sound when ``problems`` is empty.

    A sound journal that has not ``ended`` belongs to a run that was cut or still goes on.
    """

    records: int
    head: str
    problems: tuple[ChainProblem, ...]
    torn_bytes: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Walk:
    """What is learned while walking over a journal's files."""

    main: str = GENESIS
    header: str = GENESIS
    torn_bytes: int = 0
    last_kind: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line, parsed (None when it is no JSON object), with what its chain demands of ``prev``."""

    file: str
    number: int
    raw: bytes
    value: dict[str, object] | None
    worker: str
    wanted: str


def read_journal(path: Path) -> Journal:
    """Read a journal (or the one in a run's folder) of any known schema.

    Segments that were never merged (a cut run) are taken from the files beside it. A torn last line
    is left out. OperatorError when it is no journal or a line before the last is damaged.
    """
    journal = read_records(journal_path(path))
    if not journal.records or journal.records[0].kind != Kind.HEADER:
        raise OperatorError(f"{journal.path} is no journal: it does not begin with a run's header")
    return journal


def read_records(path: Path) -> Journal:
    """Read a chain of records, whatever its first one is; else as :func:`read_journal`."""
    walk = _Walk()
    records = []
    for line in _walk(path, walk):
        record = _parse(line)
        if record is None:
            raise OperatorError(f"{line.file}:{line.number}: this line is no journal record",
                                remedy=f"see cellbench journal verify {path}")
        records.append(record)
    return Journal(path, tuple(records), walk.main, walk.torn_bytes)


def verify(path: Path) -> Verification:
    """Check every link of the chain, the segments' anchors and heads; OperatorError when there is no
    such file."""
    path = journal_path(path)
    walk = _Walk()
    problems: list[ChainProblem] = []
    count = 0
    segment_heads: dict[str, tuple[str, int, str]] = {}  # worker: head declared, line of it, head found
    for line in _walk(path, walk):
        count += 1
        problems += _check(line, walk)
        record = line.value
        if line.worker and line.worker in segment_heads:
            declared, number, _ = segment_heads[line.worker]
            segment_heads[line.worker] = declared, number, sha256(line.raw).hexdigest()
        elif not line.worker and record is not None and record.get("kind") == Kind.MERGED:
            data = _mapping(record.get("data"))
            segment_heads[str(data.get("worker"))] = str(data.get("head")), line.number, GENESIS
    problems += [ChainProblem(path.name, number, f"the segment of {worker} does not end in the hash that "
                              "the controller wrote down") for worker, (declared, number, found)
                 in segment_heads.items() if declared != found]
    if not count:
        problems.append(ChainProblem(path.name, 1, "the journal is empty"))
    return Verification(count, walk.main, tuple(problems), walk.torn_bytes, walk.last_kind == Kind.RUN_ENDED)


def journal_path(path: Path) -> Path:
    """The journal file itself, when its folder was named."""
    return path / FILE_NAME if path.is_dir() else path


def _check(line: _Line, walk: _Walk) -> Iterator[ChainProblem]:
    record = line.value
    if record is None or _parse(line) is None:
        yield ChainProblem(line.file, line.number, "this line is no journal record")
    elif record.get("kind") == Kind.SEGMENT and _mapping(record.get("data")).get("header") != walk.header:
        yield ChainProblem(line.file, line.number, "this segment belongs to the journal of another run")
    elif record.get("prev") != line.wanted:
        yield ChainProblem(line.file, line.number,
                           "prev is not the hash of the line before: this line or the one before it was "
                           "changed, taken out or put in")


def _walk(path: Path, walk: _Walk) -> Iterator[_Line]:
    """All lines of the main file, then those of segments that it has not taken in whole."""
    segments = segment_paths(path.parent) if path.name == FILE_NAME else {}
    lines = _whole_lines(path, walk)
    number = 0
    while number < len(lines):
        raw = lines[number]
        number += 1
        value = _loads(raw)
        yield _Line(path.name, number, raw, value, "", walk.main)
        walk.main = sha256(raw).hexdigest()
        walk.header = walk.main if number == 1 else walk.header
        record = value or {}
        walk.last_kind = str(record.get("kind"))
        if walk.last_kind == Kind.MERGED:
            data = _mapping(record.get("data"))
            worker, size = str(data.get("worker")), _count(data.get("records"))
            if number + size > len(lines) and worker in segments:
                break  # the merge itself was cut: the segment's own file is whole
            segments.pop(worker, None)
            yield from _segment_lines(path.name, lines[number:number + size], worker, walk.header, number)
            number += size
    for worker, file in segments.items():
        yield from _segment_lines(file.name, _whole_lines(file, walk), worker, walk.header, 0)


def _segment_lines(file: str, lines: list[bytes], worker: str, anchor: str, before: int) -> Iterator[_Line]:
    wanted = anchor
    for index, raw in enumerate(lines, before + 1):
        yield _Line(file, index, raw, _loads(raw), worker, wanted)
        wanted = sha256(raw).hexdigest()


def _whole_lines(path: Path, walk: _Walk) -> list[bytes]:
    """The lines of a file; an unfinished last one is counted and left out."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise OperatorError(f"cannot read the journal {path}: {problem.strerror}") from problem
    end = content.rfind(b"\n") + 1
    walk.torn_bytes += len(content) - end
    return content[:end].split(b"\n")[:-1]


def _loads(raw: bytes) -> dict[str, object] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _parse(line: _Line) -> Record | None:
    """The record of a line, brought to the newest schema; None when it is none."""
    value = line.value
    if value is None or not isinstance(value.get("data"), dict):
        return None
    schema, kind, data = value.get("schema"), value.get("kind"), _mapping(value["data"])
    if not isinstance(schema, int) or not isinstance(kind, str):
        return None
    if schema > SCHEMA:
        raise OperatorError(f"{line.file}:{line.number}: journal schema {schema} is newer than this program "
                            f"(it knows {SCHEMA})", remedy="read it with a newer cellbench")
    for older in range(schema, SCHEMA):
        data = _UPGRADES[older](kind, data)
    return Record(schema, _count(value.get("utc_ns")), _count(value.get("mono_ns")), kind, data, line.number,
                  line.worker)


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
