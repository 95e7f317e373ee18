"""Places where servers listen: a TCP or a UDP port on loopback that can go down and come back.

A place keeps its port number over a down time, so that a client's address stays good.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from cellbench.base.protocols import Endpoint

LOOPBACK = "127.0.0.1"
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DatagramSink = Callable[[bytes, tuple[str, int]], None]


class TcpPlace:
    """A listening TCP port; each connection is one ``conversation``, ended when the place goes down."""

    def __init__(self, conversation: Conversation, *, port: int = 0) -> None:
        self._conversation = conversation
        self._port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, or listened before it went down."""
        return Endpoint("tcp", LOOPBACK, self._port)

    async def open(self) -> None:
        """Listen, on the port of the last time if it is still free; an open place stays as it is."""
        if self._server is None:
            sock = _bound(socket.SOCK_STREAM, self._port)
            self._server = await asyncio.start_server(self._accepted, sock=sock)
            self._port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Refuse from now on and end the conversations in order."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._server is None:
            writer.transport.abort()
            return
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._conversation(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the peer left, or the place went down: both end the conversation, neither is a failure
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(ConnectionError):
                writer.close()


class UdpPlace(asyncio.DatagramProtocol):
    """A UDP port; each datagram goes to ``sink``, answers go out by ``send``."""

    def __init__(self, sink: DatagramSink, *, port: int = 0) -> None:
        self._sink = sink
        self._port = port
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, or listened before it went down."""
        return Endpoint("udp", LOOPBACK, self._port)

    async def open(self) -> None:
        """Listen, on the port of the last time if it is still free; an open place stays as it is."""
        if self._transport is None:
            sock = _bound(socket.SOCK_DGRAM, self._port)
            self._port = int(sock.getsockname()[1])
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=sock)

    async def close(self) -> None:
        """Nothing listens from now on: whoever sends gets a port unreachable."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
            await asyncio.sleep(0)  # abort closes the socket in the loop's next round

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send one datagram; dropped while the place is closed."""
        if self._transport is not None:
            self._transport.sendto(data, to)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One datagram came in (asyncio's name)."""
        self._sink(data, addr)

    def error_received(self, exc: Exception) -> None:
        """A client that is gone answers with a port unreachable; that is its affair (asyncio's name)."""


def _bound(kind: socket.SocketKind, port: int) -> socket.socket:
    """A socket bound to ``port`` of the loopback, or to any free one when another has it by now."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.setblocking(False)
    if kind is socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((LOOPBACK, port))
    except OSError:
        sock.bind((LOOPBACK, 0))
    return sock
