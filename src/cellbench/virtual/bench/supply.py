"""The virtual supply: one dialect's instrument over TCP, with its outputs and its faults.

One client at a time; a second one waits (see tcp.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .dialects.generic import GENERIC
from .dialects.model import Family
from .faults import Cut, TalkFaults
from .output import SupplyOutput
from .scpi import MAX_MESSAGE
from .tcp import Link, OneClientServer

REGULATE_S = 0.25
"""How often the outputs that are on look at their load between measurements."""


class Supply:
    """The instrument on the bench: its outputs, its connection, its dialect."""

    def __init__(self, number: int, outputs: Sequence[SupplyOutput], family: Family = GENERIC) -> None:
        self.family = family
        self.outputs = tuple(outputs)
        self.faults = TalkFaults()
        self._instrument = family.build(family, number, self.outputs)
        self.identity = self._instrument.identity
        self._buffer = bytearray()
        self._overrun = False
        self._link: Link | None = None
        self._server = OneClientServer(self)
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> int:
        """Listen; returns the port."""
        port = await self._server.start()
        self._regulate(asyncio.get_running_loop())
        return port

    async def stop(self, cause: str) -> None:
        """All outputs off, all connections closed."""
        if self._timer is not None:
            self._timer.cancel()
        for output in self.outputs:
            output.close(cause)
        await self._server.stop()

    def pretend(self, identity: str | None) -> None:
        """Answer *IDN? with another text; None: its own again."""
        self._instrument.identity = self.identity if identity is None else identity

    async def cut(self, how: Cut) -> None:
        """Cut the connection, or mend it."""
        before, self.faults.cut = self.faults.cut, how
        if how is Cut.DEAD:
            await self._server.stop()
        elif before is Cut.DEAD:
            await self._server.start()

    async def mend(self) -> None:
        """End every fault of the conversation."""
        await self.cut(Cut.NO)
        self.faults = TalkFaults(left_over=self.faults.left_over)

    def opened(self, link: Link) -> None:
        """A client has the place: nothing of the one before is left in the buffers."""
        self._link = link
        self._buffer.clear()
        self._overrun = False

    def received(self, data: bytes) -> None:
        """Collect messages and answer them; a message ends with LF."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if self._overrun or len(line) > MAX_MESSAGE:
                self._overrun_seen()
                self._overrun = False
                continue
            self._take(line.decode("ascii", "replace").strip())
        if len(self._buffer) > MAX_MESSAGE:
            self._buffer.clear()
            self._overrun_seen()

    def _take(self, message: str) -> None:
        made = self._instrument.handle(message)
        if self.faults.error is not None and sets_something(message):
            self._instrument.raise_error(self.faults.error)
        answer = self.faults.answer(made)
        if answer is None or self._link is None:
            return
        data = answer.encode("latin-1") + self.family.terminator.encode("ascii")
        if self.faults.cut is Cut.ANSWER:
            self._link.send(data[: max(1, len(data) // 2)])
            self._link.close()
            return
        self._link.send(data)

    def _overrun_seen(self) -> None:
        """One error for a message that is too long; the rest of it up to its terminator is dropped."""
        if not self._overrun:
            self._instrument.raise_error(-363)
        self._overrun = True

    def closed(self) -> None:
        """The client left; a supply keeps its outputs as they are."""
        self._link = None

    def _regulate(self, loop: asyncio.AbstractEventLoop) -> None:
        for output in self.outputs:
            if output.enabled:
                output.regulate()
        self._timer = loop.call_later(REGULATE_S, self._regulate, loop)


def sets_something(message: str) -> bool:
    """True when a part of the message is a command of the device (no query, no common command)."""
    return any(part.strip() and "?" not in part and not part.strip().startswith("*")
               for part in message.split(";"))
