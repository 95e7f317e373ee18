"""A TCP connection of the host behind the module, joined to a real one of the module on loopback."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from ..failure import NetFailure, SocketError
from ..node import Node
from ..route import Peer, Source
from ..tcp import TcpLink
from .segments import Flag, Segment
from .tcp import Event, Settings, State, TcpEnd

_QUEUE = 65536
"""Octets of the host that may wait for the server's stack."""
LINGER_S = 10.0
PATIENCE_S = 120.0
"""How long a server may let a connection wait, in seconds."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a connection leads: the module's place, its context, the server; what to do with segments, and
    with the news that it is over."""

    loop: asyncio.AbstractEventLoop
    node: Node
    source: Source
    remote: Peer
    send: Callable[[Segment], None]
    over: Callable[[], None]
    refused: Callable[[SocketError], None]


class Splice:
    """One connection. It is the user of its link."""

    def __init__(self, syn: Segment, way: Way, settings: Settings) -> None:
        self._syn = syn
        self._way = way
        self._settings = settings
        self._loop = way.loop
        self._end: TcpEnd | None = None
        self._link: TcpLink | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self._server_ended = self._host_ended = False
        self._working = False
        self._task = self._loop.create_task(self._connect())

    # beginning and end
    async def _connect(self) -> None:
        way, port = self._way, self._syn.source_port
        try:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    link = await way.node.connect_tcp(way.source, way.remote, local_port=port)
            except NetFailure as failure:
                if failure.number not in (SocketError.IN_USE, SocketError.CANNOT_ASSIGN):
                    raise
                link = await way.node.connect_tcp(way.source, way.remote)  # the port is a client's inside
        except TimeoutError:
            self._finish()
            return
        except NetFailure as failure:
            self._finish()
            way.refused(failure.number)
            return
        self._link = link
        link.on_room = self._work
        self._end = TcpEnd(self._syn, random.getrandbits(32), self._settings, self._loop.time())
        link.start(self)
        self._work()

    def close(self) -> None:
        """End everything at once; the host is told nothing more."""
        self._is_over = True
        self._task.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self._link is not None:
            self._link.on_room = None
            self._link.abort()

    def _finish(self) -> None:
        if not self._is_over:
            self._is_over = True
            if self._timer is not None:
                self._timer.cancel()
            self._way.over()

    @property
    def waiting(self) -> bool:
        """True when nothing but time holds it (TIME-WAIT): the same ports may be used anew."""
        return self._end is not None and self._end.state is State.TIME_WAIT

    # what the server does
    def window(self) -> int:
        """Octets that can be taken for the host."""
        return 0 if self._end is None else self._end.room

    def received(self, data: bytes) -> None:
        """Octets from the server."""
        if self._end is not None:
            self._end.send(data, self._loop.time())
            self._work()

    def ended(self) -> None:
        """The server sends no more."""
        self._server_ended = True
        if self._end is not None:
            self._end.finish(self._loop.time())
            self._work()

    def failed(self, number: SocketError) -> None:
        """The connection to the server is gone: so is the host's."""
        del number
        if self._end is not None:
            self._end.abort()
            self._work()
        self._finish()

    # what the host does
    def segment(self, segment: Segment) -> None:
        """A segment of the host; while the server has not answered there is nothing to say."""
        if self._end is None and Flag.RST in segment.flags:
            self.close()
            self._way.over()
        elif self._end is not None:
            self._end.receive(segment, self._loop.time())
            self._work()

    def _tick(self) -> None:
        self._timer = None
        if self._end is not None:
            self._end.expire(self._loop.time())
            self._work()

    def _work(self) -> None:
        """Pass on what there is in both directions; what this brings about comes back here only once."""
        end, link = self._end, self._link
        if end is None or link is None or self._working or self._is_over:
            return
        self._working = True
        for event in end.events():
            self._event(event, end, link)
        if link.open:
            data = end.read()
            if data:
                link.send(data)
            end.set_room(_QUEUE - link.queued, self._loop.time())
            link.resume()
        self._working = False
        for segment in end.outgoing():
            self._way.send(segment)
        if end.state is State.CLOSED:
            self._finish()
        elif not self._is_over:
            self._arm(end.deadline)

    def _event(self, event: Event, end: TcpEnd, link: TcpLink) -> None:
        if event is Event.ENDED:
            self._host_ended = True
            link.send(end.read())
            link.finish()
        elif event in (Event.RESET, Event.LOST):
            link.on_room = None
            link.abort()
        elif event is Event.CLOSED:
            link.on_room = None
            self._task = self._loop.create_task(link.close(LINGER_S))

    def _arm(self, deadline: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._tick)
