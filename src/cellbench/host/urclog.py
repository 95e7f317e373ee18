"""The ordered log of a port's URCs, and expectations armed on it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from cellbench.wire.at.values import Fields, fields_of

Where = Callable[["UrcEvent"], bool]


@dataclass(frozen=True, slots=True)
class UrcEvent:
    """One URC. ``index`` counts the port's URCs from 0; ``monotonic_s`` and ``utc_ns`` are the moment its last
    byte was read; ``sequence`` is the trace record that held it."""

    index: int
    port: str
    prefix: str
    text: str
    monotonic_s: float
    utc_ns: int
    sequence: int

    @property
    def fields(self) -> Fields:
        """The typed fields behind the prefix."""
        return fields_of(self.text)


class UrcLog:
    """URCs in the order they came; the oldest fall out beyond ``capacity``."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._events: deque[UrcEvent] = deque(maxlen=capacity)
        self._count = 0
        self._listeners: tuple[Callable[[UrcEvent], None], ...] = ()
        self._lock = threading.Lock()

    def mark(self) -> int:
        """A place in the log: what comes later is ``since(mark)``."""
        return self._count

    def since(self, mark: int) -> tuple[UrcEvent, ...]:
        """All URCs from ``mark`` on that are still kept."""
        with self._lock:
            return tuple(event for event in self._events if event.index >= mark)

    def append(self, event: UrcEvent) -> None:
        """Take one URC and tell the listeners; called by whoever reads the port."""
        with self._lock:
            self._events.append(event)
            self._count = event.index + 1
        for listener in self._listeners:
            listener(event)

    def listen(self, listener: Callable[[UrcEvent], None]) -> Callable[[], None]:
        """Call ``listener`` for each URC, in the reading thread: it must be quick and must not send.
        Returns what ends it."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def forget() -> None:
            with self._lock:
                self._listeners = tuple(known for known in self._listeners if known is not listener)

        return forget
