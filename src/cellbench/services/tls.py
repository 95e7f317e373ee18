"""Servers over TLS and DTLS: streams and datagrams in the clear on one side, io.tls on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from cellbench.base.protocols import Endpoint
from cellbench.io.tls.engine import Closed, Event, Failed, Opened, Received, State, TlsEngine, TlsServer

from .places import Conversation, DatagramSink, UdpPlace

_CHUNK = 65_536
_HANDSHAKE_S = 30.0
_MOST_PEERS = 256
_IDLE_S = 300.0


@dataclass(frozen=True, slots=True)
class HandshakeFacts:
    """What a server saw of a handshake; ``sent`` counts the bytes to the client until it was done."""

    version: str
    suite: str
    resumed: bool
    name: str
    sent: int
    client: bytes | None

    def as_report(self) -> dict[str, str]:
        """The facts as a server reports them."""
        return {"tls_version": self.version, "tls_suite": self.suite,
                "tls_resumed": "yes" if self.resumed else "no", "tls_sni": self.name,
                "handshake_bytes": str(self.sent), "tls_client_certificate": "yes" if self.client else "no"}


class HandshakeError(ConnectionError):
    """The handshake failed; the text says why."""


def _facts(engine: TlsEngine, opened: Opened, sent: int) -> HandshakeFacts:
    version = opened.version.name if opened.version is not None else "?"
    return HandshakeFacts(version, opened.suite, opened.resumed, engine.indicated_name, sent, opened.peer)


class _EngineTransport(asyncio.Transport):
    """The clear side of an engine as asyncio's streams want it."""

    def __init__(self, engine: TlsEngine, below: asyncio.StreamWriter) -> None:
        super().__init__()
        self._engine = engine
        self._below = below
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and pass on."""
        if self._engine.state is State.OPEN and not self._closing:
            self._engine.send(bytes(data))
            self.flush()

    def flush(self) -> None:
        """Pass on what the engine wants to send."""
        for data in self._engine.outgoing():
            self._below.write(data)

    def close(self) -> None:
        """close_notify, then the end of the connection below."""
        if not self._closing:
            self._closing = True
            self._engine.close()
            self.flush()
            self._below.close()

    def abort(self) -> None:
        """End at once, without close_notify."""
        self._closing = True
        self._below.transport.abort()

    def is_closing(self) -> bool:
        """True once it was closed."""
        return self._closing or self._below.is_closing()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """What the connection below knows."""
        return self._below.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """Bytes not sent yet."""
        return self._below.transport.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """TLS has no half-closed state that all clients understand."""
        return False


class TlsStream:
    """One connection over TLS: ``reader`` and ``writer`` carry the clear text."""

    def __init__(self, engine: TlsEngine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        self._engine = engine
        self._below_reader, self._below_writer = reader, writer
        self._transport = _EngineTransport(engine, writer)
        self._sent = 0
        self.reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(self.reader)
        protocol.connection_made(self._transport)
        self.writer = asyncio.StreamWriter(self._transport, protocol, self.reader, loop)
        self.facts: HandshakeFacts | None = None
        self._pump: asyncio.Task[None] | None = None

    async def handshake(self) -> HandshakeFacts:
        """Do the handshake; HandshakeError when it fails, TimeoutError when the client is silent."""
        async with asyncio.timeout(_HANDSHAKE_S):
            while True:
                data = await self._below_reader.read(_CHUNK)
                events = self._engine.receive(data) if data else self._engine.end_of_input()
                if not data and not events:
                    # the engine has not begun: the end of the wire is no event to it, and would come for ever
                    raise HandshakeError("the client left without a word")
                await self._flush()
                done = self._settle(events)
                if done:
                    break
        assert self.facts is not None
        self._pump = asyncio.get_running_loop().create_task(self._carry())
        return self.facts

    async def end(self) -> None:
        """Close in order and stop carrying."""
        self.writer.close()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    def _settle(self, events: tuple[Event, ...]) -> bool:
        for event in events:
            if isinstance(event, Failed):
                raise HandshakeError(f"{event.why.value} ({event.detail})")
            if isinstance(event, Opened):
                self.facts = _facts(self._engine, event, self._sent)
        self._take(tuple(event for event in events if not isinstance(event, Opened)))
        return self.facts is not None

    async def _flush(self) -> None:
        for data in self._engine.outgoing():
            self._sent += len(data)
            self._below_writer.write(data)
        await self._below_writer.drain()

    async def _carry(self) -> None:
        try:
            while data := await self._below_reader.read(_CHUNK):
                if self._take(self._engine.receive(data)):
                    break
                self._transport.flush()
            self.reader.feed_eof()
        except ConnectionError:
            self.reader.feed_eof()

    def _take(self, events: tuple[Event, ...]) -> bool:
        """Clear text to the reader; True at the end."""
        ended = False
        for event in events:
            if isinstance(event, Received):
                self.reader.feed_data(event.data)
            elif isinstance(event, Closed | Failed):
                ended = True
        return ended


def over_tls(server: TlsServer, conversation: Conversation,
             seen: Callable[[HandshakeFacts], None], refused: Callable[[str], None]) -> Conversation:
    """A conversation that begins with a handshake; ``seen`` and ``refused`` hear how it went."""

    async def secured(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = TlsStream(server.accept(), reader, writer)
        try:
            try:
                seen(await stream.handshake())
            except (HandshakeError, TimeoutError) as error:
                refused(str(error) or "the client did not finish the handshake")
                return
            await conversation(stream.reader, stream.writer)
        finally:
            await stream.end()  # a stream that is left open complains when it is found, long after its loop

    return secured


class _Peer:
    """One DTLS association."""

    __slots__ = ("engine", "last", "sent", "timer")

    def __init__(self, engine: TlsEngine, now: float) -> None:
        self.engine = engine
        self.timer: asyncio.TimerHandle | None = None
        self.last = now
        self.sent = 0


class DtlsPlace:
    """A UDP port that speaks DTLS; clear datagrams go to ``sink``, answers by ``send``.

    At most 256 associations are kept; the longest silent goes first.
    """

    def __init__(self, server: TlsServer, sink: DatagramSink, *, seen: Callable[[HandshakeFacts], None],
                 refused: Callable[[str], None], port: int = 0) -> None:
        self._server = server
        self._sink = sink
        self._seen = seen
        self._refused = refused
        self._peers: dict[tuple[str, int], _Peer] = {}
        self._place = UdpPlace(self._received, port=port)

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, or listened before it went down."""
        return self._place.endpoint

    async def open(self) -> None:
        """Listen."""
        await self._place.open()

    async def close(self) -> None:
        """Close every association in order and listen no more."""
        for peer in tuple(self._peers):
            self._drop(peer)
        await self._place.close()

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send one clear datagram; dropped when the peer has no association."""
        peer = self._peers.get(to)
        if peer is not None and peer.engine.state is State.OPEN:
            peer.engine.send(data)
            self._flush(to, peer)

    def hang_up(self, to: tuple[str, int]) -> None:
        """End one association in order."""
        self._drop(to)

    def renew(self, server: TlsServer) -> None:
        """Associations that begin from now on are this server's: sessions of the old one are unknown."""
        self._server = server

    def _received(self, data: bytes, address: tuple[str, int]) -> None:
        now = asyncio.get_running_loop().time()
        peer = self._peers.get(address)
        if peer is None or (_client_hello(data) and peer.engine.state is State.OPEN):
            # a new hello from a known address: the client has lost its state (RFC 6347 4.2.8)
            self._drop(address)
            self._make_room(now)
            peer = self._peers[address] = _Peer(self._server.accept(repr(address).encode()), now)
        peer.last = now
        events = peer.engine.receive(data)
        self._flush(address, peer)
        self._react(events, address, peer)

    def _react(self, events: tuple[Event, ...], address: tuple[str, int], peer: _Peer) -> None:
        for event in events:
            if isinstance(event, Opened):
                self._seen(_facts(peer.engine, event, peer.sent))
            elif isinstance(event, Received):
                self._sink(event.data, address)
            elif isinstance(event, Closed):
                self._drop(address)
            elif isinstance(event, Failed):
                self._refused(f"{event.why.value} ({event.detail})")
                self._drop(address)

    def _flush(self, address: tuple[str, int], peer: _Peer) -> None:
        for datagram in peer.engine.outgoing():
            peer.sent += len(datagram)
            self._place.send(datagram, address, proven=peer.engine.proven)
        if peer.timer is not None:
            peer.timer.cancel()
            peer.timer = None
        wait = peer.engine.timeout_s()
        if wait is not None:
            peer.timer = asyncio.get_running_loop().call_later(wait + 0.001, self._expired, address, peer)

    def _expired(self, address: tuple[str, int], peer: _Peer) -> None:
        events = peer.engine.expired()
        self._flush(address, peer)
        self._react(events, address, peer)

    def _drop(self, address: tuple[str, int]) -> None:
        peer = self._peers.pop(address, None)
        if peer is None:
            return
        if peer.timer is not None:
            peer.timer.cancel()
        peer.engine.close()
        for datagram in peer.engine.outgoing():
            self._place.send(datagram, address, proven=peer.engine.proven)

    def _make_room(self, now: float) -> None:
        for address in [one for one, peer in self._peers.items() if now - peer.last > _IDLE_S]:
            self._drop(address)
        if len(self._peers) >= _MOST_PEERS:
            self._drop(min(self._peers, key=lambda one: self._peers[one].last))


def _client_hello(data: bytes) -> bool:
    return len(data) > 13 and data[0] == 22 and data[13] == 1
