"""One reader at a time: the pipe under a channel, its tap, the read token and the port's own thread.

Whoever holds the token may read the pipe. A call that waits for an answer takes the token and reads for
itself; as long as nobody does, the port's thread reads, so that URCs are seen the moment they come.

Waking and hushing that thread costs system calls that a quick answer would feel. So after an answer that came
within a millisecond the thread is not set on the port again at once: it dozes, looks every 2 ms whether such
commands still follow each other, and goes back to the port when they do not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cellbench.base.errors import CellbenchError
from cellbench.base.trace import TraceSink
from cellbench.io.pipe import Pipe, PortLost
from cellbench.io.tap import Tap
from cellbench.io.watch import Watch, watch_for

READ_LIMIT = 65536
SLICE_S = 0.5  # the longest single read of a waiting call: how late it may notice that the link stopped
_QUICK_S = 0.001  # a token held no longer than this was held for a quick answer
_DOZE_S = 0.002
_LONGEST_DOZE_S = 0.01


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
        self.sink = sink
        self._feed = feed
        self._lost = lost
        self._monotonic = monotonic
        self._news = threading.Condition()
        self._waiters = 0
        # What the token's holder and the port's thread agree on; changed only with the token held.
        self._armed = False  # the watch wakes the thread when bytes come
        self._dozing = False  # the thread looks by itself whether to go back to the watch
        self._can_doze = False
        self._given = 0.0  # when the token was given back after a quick answer
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

    def count_from(self, sequence: int) -> None:
        """The number of the next trace record, for a port that goes on where an earlier one ended."""
        self._sequence = max(self._sequence, sequence)

    def start(self, pipe: Pipe) -> None:
        """Open the pipe and begin to read; what was open before is closed. Raises PortMissing."""
        self.stop()
        tap = Tap(pipe, self.sink, self.name, self._sequence)
        tap.open()
        self.failure = None
        self.tap = tap
        self.watch = watch_for(pipe)
        self._armed, self._dozing, self._can_doze = True, False, self.watch.can_doze
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

    def divert(self, feed: Callable[[bytes], None], lost: Callable[[PortLost], None]) -> None:
        """From now on what is read, and the news that the port vanished, go to somebody else."""
        with self.token, self.mutex:
            self._feed, self._lost = feed, lost

    def take(self) -> bool:
        """Take the read token if it is free. The port's thread stays asleep from ``hush`` on."""
        return self.token.acquire(False)

    def hush(self) -> None:
        """Keep the port's thread from waking up for bytes that the token's holder reads."""
        if self._armed and self.watch is not None:
            self.watch.disarm()
            self._armed = False

    def give(self, held_s: float = 1.0, now: float = 0.0) -> None:
        """Give the token back, which was held for ``held_s`` seconds up to ``now``; the port's thread reads
        again."""
        if not self._armed:
            if held_s < _QUICK_S and self._can_doze:
                self._given = now
                if not self._dozing:
                    self._dozing = True
                    if self.watch is not None:
                        self.watch.nudge()
            else:
                self._arm()
        self.token.release()
        if self._waiters:
            self.tell()

    def _arm(self) -> None:
        if self.watch is not None:
            self.watch.arm()
            self._armed = True

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Inside the block nobody reads."""
        with self.token:
            self.hush()
            try:
                yield
            finally:
                self._arm()

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
            self.read_once(min(left, SLICE_S))

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

    def hand_on(self, data: bytes) -> None:
        """Give bytes to whom the port belongs that somebody else read on it."""
        if data:
            with self.mutex:
                self._feed(data)
            self.tell()

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
            if self._dozing and not self._doze(tap):
                return
            with self.token:
                if self.tap is not tap or self.failure is not None:
                    return
                self._armed = False
                try:
                    self.read_once(watch.slice_s)
                except CellbenchError as error:
                    if not isinstance(error, PortLost):
                        self.vanished(PortLost(str(error)))
                    return
                self._arm()

    def _doze(self, tap: Tap) -> bool:
        """Sleep while quick answers follow each other; False when the link stopped meanwhile."""
        nap_s = _DOZE_S
        while True:
            time.sleep(nap_s)
            if self.tap is not tap:
                return False
            if self._monotonic() - self._given >= _DOZE_S and self.token.acquire(False):
                self._dozing = False
                self.token.release()
                return True
            nap_s = min(2 * nap_s, _LONGEST_DOZE_S) if self.token.locked() else _DOZE_S
