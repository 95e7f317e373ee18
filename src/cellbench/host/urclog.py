"""The ordered log of a port's URCs, and expectations armed on it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from cellbench.base.errors import UnitError
from cellbench.wire.at.values import Fields, fields_of

Where = Callable[["UrcEvent"], bool]


class UrcTimeout(UnitError):
    """A URC that had to come did not come in time."""


@dataclass(frozen=True, slots=True)
class UrcEvent:
    """One URC. ``index`` counts the port's URCs from 0; ``prefix`` is ``+UUSORD``, ``RING`` or, for the
    module's start-up text, ``greeting``; ``monotonic_s`` and ``utc_ns`` are the moment its last byte was
    read; ``sequence`` is the trace record that held it."""

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

    def begins(self, prefix: str) -> bool:
        """True when this is a URC of the prefix."""
        if self.prefix == prefix:
            return True
        return self.text.startswith(prefix) and self.text[len(prefix):len(prefix) + 1] in (":", "")


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


class WaitsForUrcs(Protocol):
    """Something that can read on until a condition holds: a channel, or several of them."""

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Read until ``ready()`` or the time is over; whether it is ready."""
        ...


class Expectation:
    """URCs of one kind that are waited for; armed from its creation on, so that none that comes later is
    missed.

    As a context manager it stops listening at the end of the block; so it does by itself once it is closed.
    """

    def __init__(self, source: WaitsForUrcs, log: UrcLog, prefix: str | tuple[str, ...], where: Where | None
                 ) -> None:
        self._source = source
        self._prefixes = (prefix,) if isinstance(prefix, str) else prefix
        self._where = where
        self._found: deque[UrcEvent] = deque()
        self._forget = log.listen(self._hear)

    def _hear(self, event: UrcEvent) -> None:
        if any(map(event.begins, self._prefixes)) and (self._where is None or self._where(event)):
            self._found.append(event)

    def wait(self, timeout_s: float) -> UrcEvent:
        """The next URC that fits, also one that came before this call. Called again, it gives the one after.
        Raises UrcTimeout, PortLost."""
        if not self._found and not self._source.wait_until(lambda: bool(self._found), timeout_s):
            fitting = " that fits" if self._where is not None else ""
            raise UrcTimeout(f"no {' or '.join(self._prefixes)}{fitting} within {timeout_s:g} s")
        return self._found.popleft()

    @property
    def heard(self) -> tuple[UrcEvent, ...]:
        """What fits and was not yet taken by ``wait``."""
        return tuple(self._found)

    def close(self) -> None:
        """Stop listening."""
        self._forget()

    def __enter__(self) -> Expectation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()
