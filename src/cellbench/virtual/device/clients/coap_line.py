"""Ways to a CoAP server: UDP, DTLS, TCP or TLS, by the scheme of the URI (RFC 7252 6, RFC 8323 8)."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

from cellbench.io.tls.settings import ClientSettings
from cellbench.virtual.device.clients.coap_exchange import Exchange, StreamState
from cellbench.virtual.device.clients.coap_messages import Message
from cellbench.virtual.device.clients.outward import Outward, OutwardFailure, Stage, Stream, Wanted
from cellbench.virtual.device.secure import SecureConnections
from cellbench.virtual.net.failure import NetFailure, SocketError
from cellbench.virtual.net.route import Peer, Source
from cellbench.virtual.net.secure import SecureDatagrams, SecureFailure
from cellbench.virtual.net.udp import UdpPort

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

_SCHEMES = {"coap": (False, False), "coaps": (False, True), "coap+tcp": (True, False),
            "coaps+tcp": (True, True)}
_PORT, _SECURE_PORT = 5683, 5684
_LONGEST_PART = 255
_LINGER_S = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """What a URI says; ``named_port`` is the port if the URI names one."""

    reliable: bool
    secure: bool
    host: str
    named_port: int | None
    path: tuple[bytes, ...]
    query: tuple[bytes, ...]

    @property
    def port(self) -> int:
        """The server's port."""
        return self.named_port or (_SECURE_PORT if self.secure else _PORT)


def parse_uri(text: str) -> Target:
    """A URI as the module takes it; ValueError for another scheme, no host, a part of more than 255
    characters, or what is no URI."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("characters that no URI has")
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES or parts.fragment or parts.username is not None:
        raise ValueError("no CoAP URI")
    host, port = parts.hostname, parts.port
    if not host or port == 0:
        raise ValueError("no host, or port 0")
    path = parts.path.removeprefix("/")
    if max(map(len, (host, path, parts.query))) > _LONGEST_PART:
        raise ValueError("a part of more than 255 characters")
    reliable, secure = _SCHEMES[parts.scheme]
    return Target(reliable, secure, host, port,
                  tuple(unquote_to_bytes(one) for one in path.split("/")) if path else (),
                  tuple(unquote_to_bytes(one) for one in parts.query.split("&")) if parts.query else ())


class Line(Protocol):
    """Carries requests to one server, one after another."""

    source: Source

    @property
    def alive(self) -> bool:
        """True until the server or the network has ended it."""
        ...

    def send(self, data: bytes) -> None:
        """OutwardFailure(LOST) when it is gone."""
        ...

    async def receive(self) -> bytes:
        """What came; OutwardFailure(LOST) when it is gone."""
        ...

    def cut(self) -> None:
        """The network takes it away: whoever waits is told."""
        ...

    def close(self) -> None:
        """End it in order."""
        ...


class DatagramLine:
    """UDP to one server, with DTLS once ``secure`` was awaited."""

    def __init__(self, module: Module, source: Source, peer: Peer) -> None:
        internet = module.internet
        if internet is None:
            raise OutwardFailure(Stage.CONTEXT)
        self.source = source
        self._peer = peer
        self._secured = module.subsystem(SecureConnections)
        self._dtls: SecureDatagrams | None = None
        self._came: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._gone = False
        try:
            self._port: UdpPort = module.subsystem(Outward).open_udp(source, self._datagram)
        except NetFailure as failure:
            raise OutwardFailure(Stage.CONNECT, failure.number) from None

    @property
    def alive(self) -> bool:
        """True until the server or the network has ended it."""
        return not self._gone

    async def secure(self, profile: int | None, settings: ClientSettings | None = None) -> None:
        """DTLS from now on, by a profile or by settings of its own; OutwardFailure(SECURE) when it fails."""
        try:
            await self._secured.over_udp(profile, self._begun, self._out, self._clear, self._failed,
                                         settings=settings)
        except SecureFailure as failure:
            raise OutwardFailure(Stage.SECURE, failure.number) from None
        except NetFailure as failure:
            raise OutwardFailure(Stage.LOST, failure.number) from None

    def send(self, data: bytes) -> None:
        """One datagram."""
        if self._gone:
            raise OutwardFailure(Stage.LOST, SocketError.NOT_CONNECTED)
        if self._dtls is not None:
            self._dtls.send(data)
        else:
            self._out(data)

    async def receive(self) -> bytes:
        """One datagram."""
        while not self._came:
            if self._gone:
                raise OutwardFailure(Stage.LOST, SocketError.NOT_CONNECTED)
            self._changed.clear()
            await self._changed.wait()
        return self._came.popleft()

    def cut(self) -> None:
        """The network takes it away."""
        self._failed(SocketError.NETWORK_DOWN)
        self._port.close()

    def close(self) -> None:
        """End it in order."""
        self._gone = True
        dtls, self._dtls = self._dtls, None
        if dtls is not None:
            dtls.close()
            self._secured.over(dtls)
        self._port.close()

    def _begun(self, dtls: SecureDatagrams) -> None:
        self._dtls = dtls

    def _out(self, data: bytes) -> None:
        if not self._port.open:
            return
        try:
            self._port.send(data, self._peer)
        except NetFailure:
            return  # a blocked link holds no more back: lost, as datagrams are

    def _datagram(self, data: bytes, peer: Peer) -> None:
        if peer != self._peer:
            return
        if self._dtls is not None:
            self._dtls.received(data)
        else:
            self._clear(data)

    def _clear(self, data: bytes) -> None:
        self._came.append(data)
        self._changed.set()

    def _failed(self, number: SocketError) -> None:
        self._gone = True
        self._changed.set()


class StreamLine:
    """TCP or TLS to one server."""

    def __init__(self, stream: Stream) -> None:
        self.source = stream.source
        self.state = StreamState()
        self._stream = stream

    @property
    def alive(self) -> bool:
        """True until the server or the network has ended it."""
        return self._stream.alive

    def send(self, data: bytes) -> None:
        """Bytes."""
        self._stream.send(data)

    async def receive(self) -> bytes:
        """Bytes."""
        data = await self._stream.read()
        if not data:
            raise OutwardFailure(Stage.LOST, SocketError.RESET)
        return data

    def cut(self) -> None:
        """The network takes it away: the stream is told by its owner."""

    def close(self) -> None:
        """End it in order."""
        closing = asyncio.ensure_future(self._stream.close(_LINGER_S))
        closing.add_done_callback(lambda done: done.cancelled() or done.exception())


async def open_line(module: Module, target: Target, *, cid: int | None, ipv6: bool | None,
                    profile: int | None, settings: ClientSettings | None = None
                    ) -> DatagramLine | StreamLine:
    """The way to a server; OutwardFailure says at which stage it failed. Time-outs are the caller's.

    ``settings``: DTLS of a client that has its own in place of a profile.
    """
    outward = module.subsystem(Outward)
    if target.reliable:
        return StreamLine(await outward.open(
            Wanted(target.host, target.port, cid, ipv6, target.secure, profile)))
    source, wanted = outward.source(cid, ipv6)
    address = await outward.address(target.host, source, ipv6=wanted)
    module.contexts.traffic()
    line = DatagramLine(module, source, Peer(address, target.port))
    if target.secure:
        try:
            await line.secure(profile, settings)
        except BaseException:
            line.close()
            raise
    return line


async def carry(exchange: Exchange, line: Line) -> Message:
    """One exchange over a line: its answer. TimeoutError when none comes, OutwardFailure when the line is
    gone, Rejected as the exchange says."""
    loop = asyncio.get_running_loop()
    for data in exchange.start(loop.time()):
        line.send(data)
    while exchange.answer is None:
        sent = None
        try:
            async with asyncio.timeout_at(exchange.due):
                came = await line.receive()
        except TimeoutError:
            sent = exchange.expired(loop.time())
            if sent is None:
                raise
        else:
            sent = exchange.received(came)
        for data in sent:
            line.send(data)
    return exchange.answer
