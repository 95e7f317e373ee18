r"""Transcripts: the bytes of one port as a text file that people and programs read alike.

One record a line, fields separated by one blank::

    17 2026-11-05T10:22:33.123456Z 81223345678901 uart > AT+CGMM\r\n

sequence number, UTC time, monotonic time in nanoseconds, port, direction (``>`` to the module, ``<`` from
it, ``!`` an event of the port), data with ``\r``, ``\n``, ``\t``, ``\\`` and ``\xNN``. A line that begins
with ``#`` says what was left out to keep the file within its bound. Secrets are gone before records come
here (io.tap holds bytes back until the layer above has marked them).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cellbench.base.trace import Direction, Span, TraceRecord
from cellbench.record.attempt import TraceFile

LIMIT_BYTES = 262_144

_PLAIN = {0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t", 0x5C: "\\\\"}
_ESCAPES = tuple(_PLAIN.get(byte, chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02X}")
                 for byte in range(256))
_BACK = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
_ESCAPED = re.compile(r"\\(x[0-9A-Fa-f]{2}|[rnt\\])")
_LINE = re.compile(r"(\d+) (\S+)Z (\d+) (\S+) ([<>!]) (.*)")


def escape(data: bytes) -> str:
    """Bytes as the transcript shows them."""
    return "".join([_ESCAPES[byte] for byte in data])


def unescape(text: str) -> bytes:
    """The bytes of a transcript's text."""
    return _ESCAPED.sub(lambda found: chr(int(found[1][1:], 16)) if found[1][0] == "x" else _BACK[found[1]],
                        text).encode("latin-1")


def format_record(record: TraceRecord) -> str:
    """One line of a transcript, without its line end."""
    time = utc_text(record.utc_ns, "microseconds")
    return (f"{record.sequence} {time} {record.monotonic_ns} {record.port} {record.direction.value} "
            f"{escape(record.data)}")


def parse_record(line: str) -> TraceRecord | None:
    """The record of one line; None for a remark or a line cut short."""
    found = _LINE.fullmatch(line.rstrip("\n"))
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[2]).replace(tzinfo=UTC)
    except ValueError:
        return None
    utc_ns = int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
    return TraceRecord(int(found[1]), int(found[3]), utc_ns, found[4], Direction(found[5]),
                       unescape(found[6]))


def write_transcript(folder: Path, attempt: str, records: Iterable[TraceRecord],
                     limit_bytes: int = LIMIT_BYTES) -> list[TraceFile]:
    """Write what passed during an attempt, a file for each port (``trace/ATTEMPT-PORT.txt`` in the run's
    ``folder``), and return the journal's records of them.

    When a port's records take more than ``limit_bytes`` their middle is left out: how an exchange began
    and how it ended say most.
    """
    ports: dict[str, list[TraceRecord]] = {}
    for record in records:
        ports.setdefault(record.port, []).append(record)
    if ports:
        (folder / "trace").mkdir(parents=True, exist_ok=True)
    files = []
    for port, own in ports.items():
        kept, dropped = _bounded([format_record(record) for record in own], limit_bytes)
        name = "trace/" + re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{attempt}-{port}") + ".txt"
        (folder / name).write_text("\n".join(kept) + "\n", encoding="ascii")
        files.append(TraceFile(attempt, port, name, own[0].sequence, own[-1].sequence, dropped))
    return files


def read_transcript(path: Path) -> tuple[TraceRecord, ...]:
    """All records of a transcript; () when it is not there (a report must not fail for it)."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ()
    return tuple(record for line in text.splitlines() if (record := parse_record(line)) is not None)


def within(records: Iterable[TraceRecord], span: Span) -> tuple[TraceRecord, ...]:
    """The records that a span names."""
    return tuple(record for record in records
                 if record.port == span.port and span.first <= record.sequence <= span.last)


def utc_text(utc_ns: int, precision: str = "milliseconds") -> str:
    """A UTC time in ISO 8601 with Z; ``precision`` is seconds, milliseconds or microseconds."""
    moment = datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC).replace(
        microsecond=utc_ns % 1_000_000_000 // 1000)
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _bounded(lines: list[str], limit_bytes: int) -> tuple[list[str], int]:
    if sum(len(line) + 1 for line in lines) <= limit_bytes:
        return lines, 0
    first = _fitting(lines, limit_bytes // 2)
    last = _fitting(lines[:first - 1 if first else None:-1], limit_bytes - limit_bytes // 2)
    dropped = len(lines) - first - last
    return [*lines[:first], f"# {dropped} records left out", *lines[len(lines) - last:]], dropped


def _fitting(lines: Iterable[str], limit_bytes: int) -> int:
    count = size = 0
    for line in lines:
        size += len(line) + 1
        if size > limit_bytes:
            break
        count += 1
    return count
