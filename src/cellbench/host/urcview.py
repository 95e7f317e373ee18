"""URCs of a module with several ports: copies of one event are one event.

Some modules repeat each URC on every AT port (LARA-R6), at different moments, because a busy port keeps them
back until its command has ended. Whoever waits for an event wants it once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType

from cellbench.host.channel import Channel
from cellbench.host.urclog import Expectation, UrcEvent, UrcLog, Where

COPY_WINDOW_S = 200.0
"""How much later than the first a copy may come: a busy port keeps URCs back, for up to 180 s."""

_REMEMBERED = 1000


@dataclass(slots=True)
class _Known:
    event: UrcEvent
    ports: set[str] = field(default_factory=set)


class UrcView:
    """The URCs of several channels as one ordered log; ``urcs`` holds each event once, under the port and
    with the time of the copy that came first. As a context manager it stops listening at the end."""

    def __init__(self, channels: Mapping[str, Channel], *, window_s: float = COPY_WINDOW_S) -> None:
        self.urcs = UrcLog()
        self._channels = dict(channels)
        self._window_s = window_s
        self._known: deque[_Known] = deque(maxlen=_REMEMBERED)
        self._lock = threading.Lock()
        self._news = threading.Condition()
        self._forget = [channel.urcs.listen(self._hear) for channel in self._channels.values()]

    def __enter__(self) -> UrcView:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening to the channels."""
        for forget in self._forget:
            forget()
        self._forget = []

    def expect(self, prefix: str, where: Where | None = None) -> Expectation:
        """Wait for an event on whichever port it comes first; its copies are consumed with it."""
        return Expectation(self, self.urcs, prefix, where)

    def copies(self, event: UrcEvent) -> frozenset[str]:
        """The ports on which an event of this view has come so far."""
        with self._lock:
            return next((frozenset(known.ports) for known in self._known if known.event.index == event.index),
                        frozenset())

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until ``ready()`` or the time is over; the ports' own threads read. Whether it is ready."""
        with self._news:
            return self._news.wait_for(ready, timeout_s)

    def _hear(self, event: UrcEvent) -> None:
        with self._lock:
            if not self._is_copy(event):
                first = replace(event, index=self.urcs.mark())
                self._known.append(_Known(first, {event.port}))
                self.urcs.append(first)
        with self._news:
            self._news.notify_all()

    def _is_copy(self, event: UrcEvent) -> bool:
        """True when an event with this text, not yet seen on this port, came on another one before."""
        for known in self._known:
            fresh = event.monotonic_s - known.event.monotonic_s <= self._window_s
            if fresh and known.event.text == event.text and event.port not in known.ports:
                known.ports.add(event.port)
                return True
        return False
