"""A TCP instrument with one place for a client, as most bench equipment has.

A second client is accepted but not served: what it sends waits until the first leaves. More than
``WAITING`` clients are refused (the connection is closed at once).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol, cast

HOST = "127.0.0.1"
WAITING = 4
MAX_UNSENT = 4 * 1024 * 1024
"""Bytes kept for a client that does not read; beyond it, output is lost as in a full serial buffer."""


class Session(Protocol):
    """What an instrument does with its one client."""

    def opened(self, link: Link) -> None:
        """The client is served from now on; ``link.send`` reaches it."""
        ...

    def received(self, data: bytes) -> None:
        """Bytes came from the client."""
        ...

    def closed(self) -> None:
        """The client is gone."""
        ...


class Link(asyncio.Protocol):
    """One TCP connection, served or waiting."""

    __slots__ = ("_owner", "_transport")

    def __init__(self, owner: OneClientServer) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the queue; nothing is read before it is this client's turn."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.pause_reading()
        self._owner.joined(self)

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the session."""
        self._owner.received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the queue or the place."""
        self._transport = None
        self._owner.left(self)

    def serve(self) -> None:
        """It is this client's turn."""
        if self._transport is not None:
            self._transport.resume_reading()

    def send(self, data: bytes) -> bool:
        """Send to the client; False when it is gone or has not read ``MAX_UNSENT`` bytes."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > MAX_UNSENT:
            return False
        transport.write(data)
        return True

    def close(self) -> None:
        """End the connection in order."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()


class OneClientServer:
    """Listens on loopback and gives its one place to one client after the other."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._active: Link | None = None
        self._waiting: deque[Link] = deque()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> int:
        """Listen on a free port of the loopback address, after a stop on the same one; returns it."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Link(self), HOST, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is None:
            return
        self._server.close()
        waiting, self._waiting = self._waiting, deque()
        for link in waiting:
            link.abort()
        if self._active is not None:
            self._active.abort()
        # One turn of the loop, so that the aborted transports close their sockets.
        await asyncio.sleep(0)
        self._server = None

    @property
    def occupied(self) -> bool:
        """True while a client has the place."""
        return self._active is not None

    def joined(self, link: Link) -> None:
        """A connection came in."""
        if self._active is None:
            self._admit(link)
        elif len(self._waiting) < WAITING:
            self._waiting.append(link)
        else:
            link.abort()

    def received(self, link: Link, data: bytes) -> None:
        """Bytes of the served client."""
        if link is self._active:
            self._session.received(data)

    def left(self, link: Link) -> None:
        """A connection ended; the next one in the queue gets the place."""
        if link is not self._active:
            if link in self._waiting:
                self._waiting.remove(link)
            return
        self._active = None
        self._session.closed()
        if self._waiting:
            self._admit(self._waiting.popleft())

    def _admit(self, link: Link) -> None:
        self._active = link
        self._session.opened(link)
        link.serve()
