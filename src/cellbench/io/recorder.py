"""Records what a port streams, in a ring bounded by bytes and age, in a thread of its own.

The port is only read, never written. It may vanish and come back: that is a gap, counted. What falls out of
the ring is counted too; bytes that a driver dropped because nobody read in time are beyond any program's
sight.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from cellbench.base.errors import CellbenchError
from cellbench.io.pipe import Pipe

_READ_LIMIT = 65_536
_READ_S = 0.2
_RETRY_S = 0.25


@dataclass(frozen=True, slots=True)
class Recording:
    """What a ring held of a stretch. ``dropped`` bytes of it had fallen out before; ``gaps`` counts how
    often the port vanished in it; ``problem`` says why nothing could be recorded last, "" when it could."""

    data: bytes
    began_utc_ns: int
    ended_utc_ns: int
    dropped: int
    gaps: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a stream: bytes seen and gaps counted before it."""

    offset: int
    gaps: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    offset: int
    utc_ns: int
    monotonic_s: float
    data: bytes


class StreamRecorder:
    """Reads ``pipe`` from ``start`` to ``stop``; keeps the last ``limit_bytes``, none older than ``keep_s``
    seconds."""

    def __init__(self, name: str, pipe: Pipe, *, limit_bytes: int, keep_s: float) -> None:
        self.name = name
        self._pipe = pipe
        self._limit = limit_bytes
        self._keep_s = keep_s
        self._chunks: deque[_Chunk] = deque()
        self._held = 0
        self._seen = 0
        self._gaps = 0
        self._problem = "not opened yet"
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def port_name(self) -> str:
        """The port's own name: a device node, an address."""
        return self._pipe.name

    @property
    def seen(self) -> int:
        """Bytes that came since ``start``."""
        return self._seen

    def start(self) -> None:
        """Begin to read; a port that is not there yet is waited for."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name=f"record {self.name}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End reading and close the port; what was recorded stays."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            thread.join()

    def mark(self) -> Mark:
        """The present place in the stream."""
        with self._lock:
            return Mark(self._seen, self._gaps)

    def since(self, mark: Mark) -> Recording:
        """What the ring holds from a mark on."""
        with self._lock:
            return self._cut(mark.offset, self._gaps - mark.gaps)

    def all(self) -> Recording:
        """Everything the ring holds; what fell out before is no drop here."""
        with self._lock:
            first = self._chunks[0].offset if self._chunks else self._seen
            return self._cut(first, self._gaps)

    def _cut(self, offset: int, gaps: int) -> Recording:
        kept = [chunk for chunk in self._chunks if chunk.offset + len(chunk.data) > offset]
        if not kept:
            now = time.time_ns()
            return Recording(b"", now, now, self._seen - offset, gaps, self._problem)
        first = kept[0]
        data = b"".join(chunk.data for chunk in kept)[max(0, offset - first.offset):]
        dropped = max(0, first.offset - offset)
        return Recording(data, first.utc_ns, kept[-1].utc_ns, dropped, gaps, self._problem)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._guarded(self._pipe.open):
                while not self._stopping.is_set() and self._guarded(self._read_once):
                    pass
                self._pipe.close()
                if not self._stopping.is_set():
                    with self._lock:
                        self._gaps += 1
            self._stopping.wait(_RETRY_S)

    def _guarded(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except CellbenchError as error:
            self._problem = str(error)
            return False
        self._problem = ""
        return True

    def _read_once(self) -> None:
        data = self._pipe.read(_READ_LIMIT, _READ_S)
        if data:
            self._append(data)

    def _append(self, data: bytes) -> None:
        now = time.monotonic()
        with self._lock:
            self._chunks.append(_Chunk(self._seen, time.time_ns(), now, data))
            self._seen += len(data)
            self._held += len(data)
            while self._chunks and (self._held > self._limit
                                    or now - self._chunks[0].monotonic_s > self._keep_s):
                self._held -= len(self._chunks.popleft().data)
