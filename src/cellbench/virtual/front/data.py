"""Data mode of a port: from CONNECT to the way back to commands (LENA-R8 guide 4.3, 5.8.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cellbench.virtual.device.pace import Pace
from cellbench.virtual.front.bytestream import EscapeFinder, OpenLink
from cellbench.virtual.front.context import DataEnd, DataSink

_SURE = 1.2  # how much longer than the longest gap plus signs are held: a late one may be on its way


class DataMode:
    """The bytes of one port in data mode; ``sink`` gets those of the host, ``send`` takes those to the host.

    ``after_s``: silence behind the escape sequence before it counts.
    """

    __slots__ = ("_after_s", "_done", "_pace", "_sink", "_timer", "escape", "link")

    def __init__(self, pace: Pace, sink: DataSink, send: Callable[[bytes], None], escape: EscapeFinder,
                 after_s: float) -> None:
        self.link = OpenLink(send, lambda: self.end(DataEnd.FINISHED))
        self.escape = escape
        self._pace = pace
        self._sink = sink
        self._after_s = after_s
        self._timer: asyncio.TimerHandle | None = None
        self._done: asyncio.Future[DataEnd] = pace.loop.create_future()

    async def run(self) -> DataEnd:
        """Pass bytes until data mode ends; why it did."""
        self._sink.opened(self.link)
        try:
            return await self._done
        finally:
            self.link.open = False
            self._stop_timer()

    def end(self, why: DataEnd) -> None:
        """Leave data mode; plus signs that were held and are no escape sequence go on as data."""
        if self._done.done():
            return
        if why is not DataEnd.ESCAPED:
            self._release()
        self.link.open = False
        self._done.set_result(why)

    def receive(self, data: bytes) -> None:
        """Bytes of the host."""
        if not data or self._done.done():
            return
        self._stop_timer()
        passed = self.escape.take(data, self._pace.now())
        if passed:
            self._sink.received(passed)
        elif self.escape.complete:
            self._timer = self._pace.later_true(self._after_s, lambda: self.end(DataEnd.ESCAPED))
        else:
            self._timer = self._pace.later_true(self.escape.gap * _SURE, self._release)

    def _release(self) -> None:
        """A plus or two alone were data after all."""
        held, self.escape.held = self.escape.held, b""
        if held:
            self._sink.received(held)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
