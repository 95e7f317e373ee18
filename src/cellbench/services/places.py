"""Places where servers listen: a TCP or a UDP port that can go down and come back.

A place keeps its port number over a down time, so that a client's address stays good. Where it listens, and
what clients may do there, is said by whoever starts the servers (``listening``): loopback and no limits
otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import SupportsIndex, TypeVar, cast

from cellbench.base.protocols import Endpoint

from .guard import Guard

_T = TypeVar("_T")

LOOPBACK = "127.0.0.1"
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DatagramSink = Callable[[bytes, tuple[str, int]], None]

_CHECK_S = 1.0
_UDP_PEERS = 256
_LINGER_NOT = struct.pack("ii", 1, 0)  # close sends a reset (SO_LINGER with no time, socket(7))


@dataclass(slots=True)
class Peer:
    """A client of a place: a connection, or somebody who sent datagrams. ``since`` is by time.monotonic."""

    transport: str
    address: tuple[str, int]
    since: float
    send: Callable[[bytes], None]
    """What whoever steers the servers has sent: no limit holds it back."""
    end: Callable[[bool], None] | None
    """Close the connection, or reset it when called with True; None where there is no connection."""


@dataclass(slots=True)
class Listening:
    """Where the places listen that are made inside ``listening``.

    ``port``: the one wanted for the first TCP and the first UDP place, 0 for any. ``guard`` None: no limits.
    ``peers``: the clients of these places by a number that is never used again. ``shared``: what servers
    that are started together have in common, by name.
    """

    host: str = LOOPBACK
    port: int = 0
    guard: Guard | None = None
    peers: dict[int, Peer] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    shared: dict[str, object] = field(default_factory=dict)
    _given: set[socket.SocketKind] = field(default_factory=set)

    def wanted(self, kind: socket.SocketKind) -> int:
        """The port for the next place of a kind."""
        if kind in self._given:
            return 0
        self._given.add(kind)
        return self.port


_AMBIENT: ContextVar[Listening | None] = ContextVar("listening", default=None)


@contextlib.contextmanager
def listening(how: Listening) -> Iterator[None]:
    """Places made inside listen so."""
    before = _AMBIENT.set(how)
    try:
        yield
    finally:
        _AMBIENT.reset(before)


def here() -> Listening:
    """How what is made now is to listen."""
    return _AMBIENT.get() or Listening()


def shared(name: str, make: Callable[[], _T]) -> _T:
    """What the servers that are started together have in common by that name; the first one makes it."""
    how = _AMBIENT.get()
    return make() if how is None else cast("_T", how.shared.setdefault(name, make()))


class TcpPlace:
    """A listening TCP port; each connection is one ``conversation``, ended when the place goes down."""

    def __init__(self, conversation: Conversation, *, port: int = 0) -> None:
        self._conversation = conversation
        self._how = here()
        self._fixed = self._how.wanted(socket.SOCK_STREAM)
        self._port = port or self._fixed
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, or listened before it went down."""
        return Endpoint("tcp", self._how.host, self._port)

    async def open(self) -> None:
        """Listen, on the port of the last time if it is still free; an open place stays as it is."""
        if self._server is None:
            sock = bound(self._how.host, socket.SOCK_STREAM, self._port, fixed=bool(self._fixed))
            self._server = await asyncio.get_running_loop().create_server(self._protocol, sock=sock)
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

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        reader = _Reader(self._how.guard)
        return asyncio.StreamReaderProtocol(reader, self._accepted)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        guard, peer = self._how.guard, writer.get_extra_info("peername") or ("", 0)
        if task is None or self._server is None or (guard and not guard.connected(peer[0])):
            writer.transport.abort()
            return
        self._tasks.add(task)
        self.connections += 1
        number = next(self._how.numbers)
        self._how.peers[number] = Peer("tcp", peer[:2], time.monotonic(), writer.write,
                                       lambda reset: _end(writer, reset=reset))
        watch = asyncio.create_task(_watch(guard, reader, writer)) if guard else None
        try:
            await self._conversation(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the peer left, or the place went down: both end the conversation, neither is a failure
        finally:
            self._tasks.discard(task)
            del self._how.peers[number]
            if guard and watch:
                watch.cancel()
                guard.disconnected(peer[0])
            with contextlib.suppress(ConnectionError):
                writer.close()


class UdpPlace(asyncio.DatagramProtocol):
    """A UDP port; each datagram goes to ``sink``, answers go out by ``send``."""

    def __init__(self, sink: DatagramSink, *, port: int = 0) -> None:
        self._sink = sink
        self._how = here()
        self._fixed = self._how.wanted(socket.SOCK_DGRAM)
        self._port = port or self._fixed
        self._transport: asyncio.DatagramTransport | None = None
        self._known: dict[tuple[str, int], int] = {}

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, or listened before it went down."""
        return Endpoint("udp", self._how.host, self._port)

    async def open(self) -> None:
        """Listen, on the port of the last time if it is still free; an open place stays as it is."""
        if self._transport is None:
            sock = bound(self._how.host, socket.SOCK_DGRAM, self._port, fixed=bool(self._fixed))
            self._port = int(sock.getsockname()[1])
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=sock)

    async def close(self) -> None:
        """Nothing listens from now on: whoever sends gets a port unreachable."""
        transport, self._transport = self._transport, None
        for number in self._known.values():
            self._how.peers.pop(number, None)
        self._known.clear()
        if transport is not None:
            transport.abort()
            await asyncio.sleep(0)  # abort closes the socket in the loop's next round

    def send(self, data: bytes, to: tuple[str, int], *, proven: bool = False) -> None:
        """Send one datagram; dropped while the place is closed, and where it would amplify.

        ``proven``: the client has shown that it is where it says to be (DTLS with cookies), so that answers
        may be larger than what came.
        """
        guard = self._how.guard
        if guard is None or proven or guard.answer(to[0], len(data)):
            self._out(data, to)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One datagram came in (asyncio's name)."""
        guard = self._how.guard
        if guard is not None and not guard.datagram(addr[0], len(data)):
            return
        if addr not in self._known:
            self._note(addr)
        self._sink(data, addr)

    def error_received(self, exc: Exception) -> None:
        """A client that is gone answers with a port unreachable; that is its affair (asyncio's name)."""

    def _out(self, data: bytes, to: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(data, to)

    def _note(self, address: tuple[str, int]) -> None:
        while len(self._known) >= _UDP_PEERS:
            oldest = next(iter(self._known))
            self._how.peers.pop(self._known.pop(oldest), None)
        number = self._known[address] = next(self._how.numbers)
        self._how.peers[number] = Peer("udp", address, time.monotonic(),
                                       lambda data: self._out(data, address), None)


class _Reader(asyncio.StreamReader):
    """A stream that counts what comes, and stops taking from a client that sends too much."""

    def __init__(self, guard: Guard | None) -> None:
        super().__init__()
        self._guard = guard
        self._below: asyncio.Transport | None = None
        self.taken = 0
        self.at = time.monotonic()

    def set_transport(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's name."""
        super().set_transport(transport)
        self._below = transport if isinstance(transport, asyncio.Transport) else None

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """asyncio's name."""
        data = bytes(data)
        self.taken += len(data)
        self.at = time.monotonic()
        below, guard = self._below, self._guard
        if below is not None and guard is not None:
            address = (below.get_extra_info("peername") or ("",))[0]
            if self.taken > guard.limits.bytes_per_connection or not guard.received(address, len(data)):
                below.abort()
                return
        super().feed_data(data)


async def _watch(guard: Guard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End a connection that says nothing for long, or that lasts too long."""
    began = time.monotonic()
    while isinstance(reader, _Reader):
        await asyncio.sleep(min(_CHECK_S, guard.limits.idle_s / 4))
        now = time.monotonic()
        if now - reader.at > guard.limits.idle_s or now - began > guard.limits.longest_s:
            writer.transport.abort()
            return


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if not reset:
        writer.close()
        return
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()


def bound(host: str, kind: socket.SocketKind, port: int, *, fixed: bool) -> socket.socket:
    """A socket bound to ``port``, or to any free one when another has it by now; OSError when it is fixed."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.setblocking(False)
    if kind is socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        if fixed:
            sock.close()
            raise
        sock.bind((host, 0))
    return sock


def words(peers: Mapping[int, Peer], since: float) -> dict[str, str]:
    """Clients that came after ``since``, for people: number → transport and address."""
    return {str(number): f"{peer.transport} {peer.address[0]}:{peer.address[1]}"
            for number, peer in peers.items() if peer.since >= since}
