"""One command at a time, whatever port it came from: what the MQTT and the MQTT-SN client have in common."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

C = TypeVar("C")


class CommandTurn(Generic[C]):
    """The command that runs, and what waits until its result has been told."""

    def __init__(self) -> None:
        self.running: C | None = None
        self._task: asyncio.Task[None] | None = None
        self._after: deque[Callable[[], None]] = deque()

    def start(self, command: C, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Run ``work``, now or after the command of another port that was faster. It calls ``finish``, tells
        its result, and calls ``release``."""
        if self.running is not None:
            self.when_idle(lambda: self.start(command, work))
            return
        self.running = command
        self._task = asyncio.ensure_future(work())

    def when_idle(self, action: Callable[[], None]) -> None:
        """Now, or once the running command's result has been told."""
        if self.running is None:
            action()
        elif action not in self._after:
            self._after.append(action)

    def finish(self) -> None:
        """The command is over; what waits still does."""
        self.running = None

    def release(self) -> None:
        """The result has been told: what waits happens in order, up to the next command."""
        while self._after and self.running is None:
            self._after.popleft()()

    def cancel(self) -> None:
        """Power off: the command ends without a word."""
        if self._task is not None:
            self._task.cancel()
