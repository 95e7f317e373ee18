"""Bytes that are no command line: a payload after a prompt, and the escape sequence inside data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cellbench.virtual.front.context import DataLink

_ESCAPE = 3  # characters of the escape sequence
_LAST_CHARACTER = 127


class PayloadTaking:
    """A payload being taken."""

    __slots__ = ("done", "early_until", "echo", "size", "taken", "timeout_s", "timer")

    def __init__(self, size: int | None, done: asyncio.Future[bytes | None], echo: bool, timeout_s: float,
                 early_until: float) -> None:
        self.size = size
        self.done = done
        self.echo = echo
        self.timeout_s = timeout_s
        self.early_until = early_until
        self.taken = bytearray()
        self.timer: asyncio.TimerHandle | None = None


class OpenLink(DataLink):
    """The DataLink of a port, until it is no longer ``open``."""

    __slots__ = ("_finish", "_send", "open")

    def __init__(self, send: Callable[[bytes], None], finish: Callable[[], None]) -> None:
        self._send = send
        self._finish = finish
        self.open = True

    def send(self, data: bytes) -> None:
        if self.open:
            self._send(data)

    def finish(self) -> None:
        if self.open:
            self._finish()


class EscapeFinder:
    """Finds the escape sequence in what comes from the DTE (V.250 has none; guides 5.8.2, 9.1.4).

    Three times ``char`` count when ``guard`` seconds of silence went before them, no gap inside is longer
    than ``gap`` and silence follows, which whoever holds the clock sees. Held characters are released as data
    otherwise. Above 127 there is no escape character.
    """

    __slots__ = ("_run", "gap", "guard", "held", "last")

    def __init__(self, char: int, guard: float, gap: float, now: float) -> None:
        self._run = bytes([char]) * _ESCAPE if char <= _LAST_CHARACTER else b""
        self.gap = gap
        self.guard = guard
        self.held = b""
        self.last = now

    @property
    def complete(self) -> bool:
        """True when the sequence is there, if silence follows."""
        return len(self.held) == _ESCAPE

    def take(self, data: bytes, now: float) -> bytes:
        """Bytes that are data for sure; the rest is held."""
        quiet = now - self.last
        self.last = now
        joined = self.held + data
        in_time = quiet <= self.gap if self.held else quiet >= self.guard
        if in_time and data and self._run.startswith(joined):
            self.held = joined
            return b""
        self.held = b""
        return joined
