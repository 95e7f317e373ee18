"""The AT ports of one module share one parser (LENA-R8 guide 4.2.2): a command may have to wait for another
port's."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(slots=True)
class _Use:
    until: float  # when the command under way must have answered
    ended: float | None = None


class PortGroup:
    """Knows which ports of a module have a command under way, so that a command's time-out starts to count
    only when the module can have begun with it."""

    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}
        self._lock = threading.Lock()

    def enter(self, port: str, until: float) -> None:
        """A command began on ``port``; it has to end at the instant ``until`` (monotonic seconds)."""
        with self._lock:
            self._uses[port] = _Use(until)

    def leave(self, port: str, now: float) -> None:
        """The command on ``port`` ended."""
        with self._lock:
            use = self._uses.get(port)
            if use is not None:
                use.ended = now

    def busy_beside(self, port: str) -> bool:
        """True while another port than this one has a command under way."""
        with self._lock:
            return any(use.ended is None for name, use in self._uses.items() if name != port)

    def deadline(self, port: str, timeout_s: float) -> float:
        """The instant at which a command of ``port`` is overdue, seen from what the other ports did; 0 when
        none did anything."""
        with self._lock:
            others = [use for name, use in self._uses.items() if name != port]
        ends = [use.until if use.ended is None else use.ended for use in others]
        return max(ends) + timeout_s if ends else 0.0
