"""Death signs: what says that a module restarted or vanished when nobody asked it to."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class DeathKind(enum.Enum):
    """How a module's end shows."""

    GREETING = "greeting"  # the start-up text where no reboot was declared
    PORT_LOST = "port lost"  # the port vanished where no reboot was declared


@dataclass(frozen=True, slots=True)
class DeathSign:
    """One sign, seen on one port."""

    kind: DeathKind
    port: str
    text: str
    monotonic_s: float


class DeathWatch:
    """Takes signs, keeps them quiet while a reboot is declared, and tells the listeners otherwise."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._declared: list[float] = []  # the ends of the declared windows, one for each open block
        self._listeners: tuple[Callable[[DeathSign], None], ...] = ()
        self.signs: tuple[DeathSign, ...] = ()

    @property
    def expected(self) -> bool:
        """True while a reboot is declared."""
        return any(self._monotonic() < end for end in self._declared)

    @contextmanager
    def declare(self, timeout_s: float) -> Iterator[None]:
        """Inside the block, at most ``timeout_s`` seconds, nothing is a sign."""
        end = self._monotonic() + timeout_s
        self._declared.append(end)
        try:
            yield
        finally:
            self._declared.remove(end)

    def listen(self, listener: Callable[[DeathSign], None]) -> Callable[[], None]:
        """Call ``listener`` for each sign, in the reading thread. Returns what ends it."""
        self._listeners = (*self._listeners, listener)

        def forget() -> None:
            self._listeners = tuple(known for known in self._listeners if known is not listener)

        return forget

    def see(self, sign: DeathSign) -> bool:
        """Take one sign; True when no reboot was declared."""
        if self.expected:
            return False
        self.signs = (*self.signs[-99:], sign)
        for listener in self._listeners:
            listener(sign)
        return True
