"""A host of the internet that connects to a port of the host behind the module, sends, and ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from ..failure import NetFailure, SocketError
from .segments import Segment
from .tcp import Event, Settings, State, TcpEnd


class Visit:
    """One such connection; ``send`` takes its segments, ``over`` is called when it is gone."""

    def __init__(self, ports: tuple[int, int], data: bytes, settings: Settings,
                 loop: asyncio.AbstractEventLoop, send: Callable[[Segment], None],
                 over: Callable[[], None]) -> None:
        self._loop = loop
        self._send = send
        self._over = over
        self._timer: asyncio.TimerHandle | None = None
        self._opened = False
        self.taken: asyncio.Future[None] = loop.create_future()
        self._end = TcpEnd(None, random.getrandbits(32), settings, loop.time(), ports=ports)
        self._end.send(data, loop.time())
        self._end.finish(loop.time())
        self._work()

    def segment(self, segment: Segment) -> None:
        """The host answers."""
        self._end.receive(segment, self._loop.time())
        self._work()

    def close(self) -> None:
        """The way is gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._tell(SocketError.NETWORK_DOWN)

    @property
    def waiting(self) -> bool:
        """True in TIME-WAIT."""
        return self._end.state is State.TIME_WAIT

    def _tell(self, failure: SocketError | None) -> None:
        if self.taken.done():
            return
        if failure is None:
            self.taken.set_result(None)
        else:
            self.taken.set_exception(NetFailure(failure))

    def _tick(self) -> None:
        self._end.expire(self._loop.time())
        self._work()

    def _work(self) -> None:
        for event in self._end.events():
            self._opened = self._opened or event is Event.OPENED
            if event is Event.RESET:
                self._tell(SocketError.RESET if self._opened else SocketError.REFUSED)
            elif event is Event.LOST:
                self._tell(SocketError.TIMED_OUT)
        self._end.read()
        self._end.set_room(65535, self._loop.time())
        if self._opened and self._end.heard:
            self._tell(None)
        for segment in self._end.outgoing():
            self._send(segment)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._end.state is State.CLOSED:
            self._tell(SocketError.RESET)
            self._over()
        elif self._end.deadline is not None:
            self._timer = self._loop.call_at(self._end.deadline, self._tick)
