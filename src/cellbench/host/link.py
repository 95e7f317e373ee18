"""One reader at a time: the pipe under a channel, its tap, the read token and the port's own thread.

Whoever holds the token may read the pipe. A call that waits for an answer takes the token and reads for
itself; as long as nobody does, the port's thread reads, so that URCs are seen the moment they come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from cellbench.base.errors import CellbenchError
from cellbench.base.trace import TraceSink
from cellbench.io.pipe import Pipe, PortLost
from cellbench.io.tap import Tap
from cellbench.io.watch import Watch, watch_for

READ_LIMIT = 65536
_SLICE_S = 0.5  # the longest single read of a waiting call: how late it may notice that the link stopped


class Link:
    """The reading side of one port. ``feed`` gets every chunk, always from one thread at a time, with
    ``mutex`` held when the reader is not the one who sent the command; ``lost`` is told when the port
    vanished."""

    def __init__(self, name: str, sink: TraceSink, feed: Callable[[bytes], None],
                 lost: Callable[[PortLost], None], monotonic: Callable[[], float]) -> None:
        self.name = name
        self.token = threading.Lock()
        self.mutex = threading.RLock()
        self.tap: Tap | None = None
        self.watch: Watch | None = None
        self.failure: PortLost | None = None
        self._sink = sink
        self._feed = feed
        self._lost = lost
        self._monotonic = monotonic
        self._news = threading.Condition()
        self._waiters = 0
        self._thread: threading.Thread | None = None
        self._sequence = 0

    @property
    def is_up(self) -> bool:
        """True while the port is open and has not vanished."""
        return self.tap is not None and self.failure is None

    @property
    def sequence(self) -> int:
        """The number that the next trace record gets."""
        return self.tap.sequence if self.tap is not None else self._sequence

    def start(self, pipe: Pipe) -> None:
        """Open the pipe and begin to read. Raises PortMissing."""
        tap = Tap(pipe, self._sink, self.name, self._sequence)
        tap.open()
        self.failure = None
        self.tap = tap
        self.watch = watch_for(pipe)
        self._thread = threading.Thread(target=self._idle_reading, args=(tap, self.watch),
                                        name=f"port {self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop reading and close the pipe; calls that wait on it raise PortLost."""
        tap, watch, thread = self.tap, self.watch, self._thread
        if tap is None or watch is None:
            return
        self.tap = self.watch = self._thread = None
        watch.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with self.token:  # whoever still reads leaves within a slice
            tap.close()
            watch.release()
            self._sequence = tap.sequence
        self.tell()

    def take(self) -> bool:
        """Take the read token if it is free. The port's thread stays asleep from ``hush`` on."""
        return self.token.acquire(False)

    def hush(self) -> None:
        """Keep the port's thread from waking up for bytes that the token's holder reads."""
        if self.watch is not None:
            self.watch.disarm()

    def give(self) -> None:
        """Give the token back; the port's thread reads again."""
        watch = self.watch
        if watch is not None:
            watch.arm()
        self.token.release()
        if self._waiters:
            self.tell()

    def tell(self) -> None:
        """Wake the calls that wait for what another one reads."""
        with self._news:
            self._news.notify_all()

    def current(self) -> Tap:
        """The tap to read and write. Raises PortLost when the port is not open or vanished."""
        if self.failure is not None:
            raise self.failure
        if self.tap is None:
            raise PortLost(f"{self.name}: the port is not open")
        return self.tap

    def wait(self, ready: Callable[[], bool], until: float) -> bool:
        """Read, or let the one who holds the token read, until ``ready()`` or the instant ``until``
        (monotonic seconds). Raises PortLost."""
        while not ready():
            left = until - self._monotonic()
            if left <= 0:
                return False
            self.current()
            if self.take():
                try:
                    self.hush()
                    self._read_on(ready, until)
                finally:
                    self.give()
                continue
            with self._news:
                self._waiters += 1
                try:
                    if not ready():
                        self._news.wait(min(left, 0.05))
                finally:
                    self._waiters -= 1
        return True

    def _read_on(self, ready: Callable[[], bool], until: float) -> None:
        while not ready():
            left = until - self._monotonic()
            if left <= 0:
                return
            self.read_once(min(left, _SLICE_S))

    def read_once(self, timeout_s: float) -> bool:
        """One read by whoever holds the token; False when nothing came. Raises PortLost."""
        tap = self.current()
        try:
            data = tap.read(READ_LIMIT, timeout_s)
        except PortLost as error:
            self.vanished(error)
            raise
        if not data:
            return False
        with self.mutex:
            self._feed(data)
        if self._waiters:
            self.tell()
        return True

    def drain(self) -> None:
        """Take what a control call may have read on its way, unless another call is reading anyway."""
        if self.is_up and self.take():
            try:
                while self.read_once(0):
                    pass
            finally:
                self.give()

    def vanished(self, error: PortLost) -> None:
        """The port is gone: every call on it fails from now on, until it is started anew."""
        if self.failure is None:
            self.failure = error
            if self.tap is not None:
                self.tap.event(f"lost: {error.message}")
            self._lost(error)
        self.tell()

    def _idle_reading(self, tap: Tap, watch: Watch) -> None:
        while watch.wait():
            with self.token:
                if self.tap is not tap or self.failure is not None:
                    return
                try:
                    self.read_once(watch.slice_s)
                except CellbenchError as error:
                    if not isinstance(error, PortLost):
                        self.vanished(PortLost(str(error)))
                    return
                watch.arm()

