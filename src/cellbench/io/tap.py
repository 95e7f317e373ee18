"""The tap: a pipe around a pipe that stamps every byte that passes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible
from cellbench.base.trace import Direction, TraceRecord, TraceSink
from cellbench.io.frame import Frame, FramedPort
from cellbench.io.pipe import HasFileno, LinePort, Pipe

_LONG = 1024
Stamp: TypeAlias = tuple[int, int, int, str, str, bytes]
"""A trace record as a plain tuple: sequence, monotonic_ns, utc_ns, port, the direction's mark, data."""


@runtime_checkable
class QuickSink(Protocol):
    """A sink that takes records as plain tuples, which cost a tenth of an object and no garbage
    collection."""

    @property
    def quick(self) -> Callable[[Stamp], None]:
        """Takes one record."""
        ...

    def took_long(self, size: int) -> None:
        """Told after a record of more than 1 KB, so that the sink can bound its memory."""
        ...


def _ignored(size: int) -> None:
    """For sinks that bound themselves."""


class Tap:
    """Passes everything on and records it: bytes with their direction and time, and events of the port.

    The time of bytes sent is taken when they are given to the driver, that of bytes received when they were
    read.
    """

    __slots__ = ("_count", "_monotonic_ns", "_pipe", "_quick", "_read", "_record", "_took_long", "_utc_ns",
                 "_write", "name", "sequence")

    def __init__(self, pipe: Pipe, sink: TraceSink, name: str, sequence: int = 0) -> None:
        """``sequence``: the number of the first record; a port that moves to another pipe goes on
        counting."""
        self.name = name
        self.sequence = sequence
        self._count = itertools.count(sequence)  # counted from two threads: one writes, another may read
        self._pipe = pipe
        self._record = sink.record
        self._quick = sink.quick if isinstance(sink, QuickSink) else self._slow
        self._took_long = sink.took_long if isinstance(sink, QuickSink) else _ignored
        self._read = pipe.read
        self._write = pipe.write
        self._monotonic_ns = time.monotonic_ns
        self._utc_ns = time.time_ns

    @property
    def pipe(self) -> Pipe:
        """The pipe below."""
        return self._pipe

    def fileno(self) -> int:
        """The descriptor of the pipe below; -1 where it has none."""
        return self._pipe.fileno() if isinstance(self._pipe, HasFileno) else -1

    def open(self) -> None:
        """See Pipe.open."""
        self._pipe.open()
        self.event(f"opened {self._pipe.name}")

    def close(self) -> None:
        """See Pipe.close."""
        self._pipe.close()
        self.event(f"closed {self._pipe.name}")

    def read(self, limit: int, timeout_s: float) -> bytes:
        """See Pipe.read."""
        data = self._read(limit, timeout_s)
        if data:
            sequence = next(self._count)
            self.sequence = sequence + 1
            self._quick((sequence, self._monotonic_ns(), self._utc_ns(), self.name, "<", data))
            if len(data) > _LONG:
                self._took_long(len(data))
        return data

    def write(self, data: bytes, deadline: Deadline) -> None:
        """See Pipe.write. What was tried is recorded even when the port did not take it."""
        sequence = next(self._count)
        self.sequence = sequence + 1
        monotonic_ns, utc_ns = self._monotonic_ns(), self._utc_ns()
        try:
            self._write(data, deadline)
        finally:
            # While the module already works on it; another thread may have recorded the answer before.
            self._quick((sequence, monotonic_ns, utc_ns, self.name, ">", data))
            if len(data) > _LONG:
                self._took_long(len(data))

    def _slow(self, stamp: Stamp) -> None:
        sequence, monotonic_ns, utc_ns, port, mark, data = stamp
        self._record(TraceRecord(sequence, monotonic_ns, utc_ns, port, Direction(mark), data))

    def event(self, text: str) -> None:
        """Record something that happened to the port."""
        sequence = next(self._count)
        self.sequence = sequence + 1
        self._record(TraceRecord(sequence, self._monotonic_ns(), self._utc_ns(), self.name, Direction.EVENT,
                                 text.encode()))

    def set_rate(self, bit_s: int) -> None:
        """See LinePort.set_rate."""
        self._line_port().set_rate(bit_s)
        self.event(f"rate {bit_s}")

    def set_frame(self, frame: Frame) -> None:
        """See FramedPort.set_frame. Raises NotPossible."""
        port = self._line_port()
        if not isinstance(port, FramedPort):
            raise NotPossible(f"{self.name} has no character format to set")
        port.set_frame(frame)
        self.event(f"frame {frame}")

    def set_output(self, line: str, on: bool) -> None:
        """See LinePort.set_output."""
        self._line_port().set_output(line, on)
        self.event(f"{line} {'on' if on else 'off'}")

    def read_inputs(self) -> Mapping[str, bool]:
        """See LinePort.read_inputs."""
        return self._line_port().read_inputs()

    def _line_port(self) -> LinePort:
        if not isinstance(self._pipe, LinePort):
            raise NotPossible(f"{self.name} has neither rate nor lines (it runs over {self._pipe.name})")
        return self._pipe
