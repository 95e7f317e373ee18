"""The transcript: every byte of every port of a unit, with time and direction, bounded in size.

The bytes are kept raw in memory, because what is secret in them may be learnt later than they pass; whatever
leaves this class has been redacted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cellbench.base.trace import Direction, Span, TraceRecord
from cellbench.host.secrets import Secrets
from cellbench.io.tap import Stamp

Places = Callable[[bytes], Iterable[tuple[int, int, int]]]
"""Channel, begin and end of each piece of information in a stream of frames."""

_LONG = 1024  # bytes; shorter records are bounded by their number


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One line of the readable form."""

    utc_ns: int
    monotonic_ns: int
    port: str
    direction: Direction
    text: str  # CR, LF and what cannot be printed are written as <CR>, <LF>, <07>

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.utc_ns // 1_000_000_000, UTC)
        fraction = self.utc_ns // 1000 % 1_000_000
        return f"{moment:%H:%M:%S}.{fraction:06d} {self.port} {self.direction.value} {self.text}"


class Transcript:
    """Takes trace records (a TraceSink) of any number of ports."""

    def __init__(self, secrets: Secrets | None = None, *, limit_records: int = 32_768,
                 limit_bytes: int = 16 * 1024 * 1024) -> None:
        """The oldest records fall out beyond ``limit_records``, or when long ones (over 1 KB) take more than
        ``limit_bytes``: 64 MB at the very most, some 5 MB with ordinary traffic."""
        self.secrets = secrets if secrets is not None else Secrets()
        self._stamps: deque[Stamp] = deque(maxlen=limit_records)
        self._limit = limit_bytes
        self._long_bytes = 0  # of records over _LONG, also of those that fell out since the last count
        self._dropped = False
        self._framed: dict[str, Places] = {}
        self.quick: Callable[[Stamp], None] = self._stamps.append
        """Takes one record as a plain tuple (see io.tap.QuickSink)."""

    def carries_frames(self, port: str, places: Places) -> None:
        """A port below a multiplexer: ``places`` finds the pieces of each channel in its bytes, so that a
        secret is found across frames too."""
        self._framed[port] = places

    def record(self, record: TraceRecord) -> None:
        """Take one record."""
        self.quick((record.sequence, record.monotonic_ns, record.utc_ns, record.port, record.direction.value,
                    record.data))
        self.took_long(len(record.data))

    def took_long(self, size: int) -> None:
        """A record of ``size`` bytes was taken; called for those over 1 KB (see io.tap.QuickSink)."""
        if size <= _LONG:
            return
        self._long_bytes += size
        if self._long_bytes > self._limit:
            self._trim()

    @property
    def dropped(self) -> bool:
        """True when records fell out because the transcript was full."""
        return self._dropped or len(self._stamps) == self._stamps.maxlen

    @staticmethod
    def mark() -> int:
        """A place in the transcript: what comes later is ``since`` it (nanoseconds of the monotonic
        clock)."""
        return time.monotonic_ns()

    def records(self, since: int = 0) -> tuple[TraceRecord, ...]:
        """The records from a mark on, redacted; secrets are found across records too (an echo comes in
        pieces)."""
        return _redacted(tuple(
            TraceRecord(sequence, monotonic_ns, utc_ns, port, Direction(mark), data)
            for sequence, monotonic_ns, utc_ns, port, mark, data in sorted(self._stamps.copy(), key=_moment)
            if monotonic_ns >= since), self.secrets, self._framed)

    def lines_for(self, span: Span) -> tuple[TranscriptLine, ...]:
        """What passed one port in a span, redacted, in the readable form."""
        return tuple(_line(record) for record in self.records()
                     if record.port == span.port and span.first <= record.sequence <= span.last)

    def lines(self, since: int = 0) -> tuple[TranscriptLine, ...]:
        """Everything from a mark on, redacted, in the readable form."""
        return tuple(_line(record) for record in self.records(since))

    def export(self, since: int = 0) -> str:
        """The readable form as text: a line for each record, with UTC time, port and direction."""
        lines = [str(line) for line in self.lines(since)]
        if self.dropped and not since:
            lines.insert(0, "(older records were dropped: the transcript is bounded)")
        return "\n".join(lines) + "\n"

    def clear(self) -> None:
        """Forget everything (a new test begins)."""
        self._stamps.clear()
        self._long_bytes = 0
        self._dropped = False

    def _trim(self) -> None:
        size = sum(len(stamp[5]) for stamp in tuple(self._stamps) if len(stamp[5]) > _LONG)
        # A quarter at once, so that a full transcript does not trim for each record.
        while size > self._limit * 3 // 4 and self._stamps:
            gone = len(self._stamps.popleft()[5])
            size -= gone if gone > _LONG else 0
            self._dropped = True
        self._long_bytes = size


def _moment(stamp: Stamp) -> tuple[int, int]:
    return stamp[1], stamp[0]


def _redacted(records: tuple[TraceRecord, ...], secrets: Secrets,
              framed: Mapping[str, Places]) -> tuple[TraceRecord, ...]:
    if not secrets.any:
        return records
    streams: dict[tuple[str, Direction], list[int]] = {}
    for index, record in enumerate(records):
        streams.setdefault((record.port, record.direction), []).append(index)
    clean = list(records)
    for (port, direction), places in streams.items():
        whole = b"".join(records[index].data for index in places)
        blanked = secrets.redact(whole)
        if port in framed and direction is not Direction.EVENT:
            blanked = _redacted_in_frames(blanked, framed[port](whole), secrets)
        if blanked == whole:
            continue
        at = 0
        for index in places:
            size = len(records[index].data)
            clean[index] = replace(records[index], data=blanked[at:at + size])
            at += size
    return tuple(clean)


def _redacted_in_frames(stream: bytes, pieces: Iterable[tuple[int, int, int]], secrets: Secrets) -> bytes:
    """A stream whose pieces (channel, begin, end) are redacted channel by channel."""
    channels: dict[int, list[tuple[int, int]]] = {}
    for channel, begin, end in pieces:
        channels.setdefault(channel, []).append((begin, end))
    clean = bytearray(stream)
    for spans in channels.values():
        whole = b"".join(stream[begin:end] for begin, end in spans)
        blanked = secrets.redact(whole)
        if blanked == whole:
            continue
        at = 0
        for begin, end in spans:
            clean[begin:end] = blanked[at:at + end - begin]
            at += end - begin
    return bytes(clean)


def _line(record: TraceRecord) -> TranscriptLine:
    text = "".join(_printable(byte) for byte in record.data)
    return TranscriptLine(record.utc_ns, record.monotonic_ns, record.port, record.direction, text)


def _printable(byte: int) -> str:
    if byte == 13:
        return "<CR>"
    if byte == 10:
        return "<LF>"
    return chr(byte) if 32 <= byte < 127 else f"<{byte:02X}>"
