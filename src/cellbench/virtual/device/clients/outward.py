"""Connections of the embedded clients: context, name, connection, TLS, and bytes to await.

A client asks for a stream and reads and writes; everything that can go wrong on the way is one exception
that names the stage, from which each client takes its own class and code.
"""

from __future__ import annotations

import asyncio
import enum
import ipaddress
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellbench.io.tls.sessions import Session
from cellbench.virtual.device.clients.dns import Dns
from cellbench.virtual.device.contexts import CLAT_ADDRESS
from cellbench.virtual.device.secure import SecureConnections
from cellbench.virtual.net.failure import NetFailure, SocketError
from cellbench.virtual.net.resolver import LookupTrouble
from cellbench.virtual.net.route import Peer, Source
from cellbench.virtual.net.secure import Link, SecureFailure, SecureLink
from cellbench.virtual.net.tcp import TcpAcceptor, TcpLink
from cellbench.virtual.net.udp import UdpPort

if TYPE_CHECKING:
    from cellbench.virtual.device.contexts import Context
    from cellbench.virtual.device.module import Module

_ROOM = 65_536
_LAST_PORT = 65_535
_TRIES = 100
_TAKEN = frozenset({SocketError.IN_USE, SocketError.CANNOT_ASSIGN})


class Stage(enum.Enum):
    """Where a client's connection failed."""

    CONTEXT = "no packet data connection"
    NAME = "the host name is not resolved"
    CONNECT = "the server does not take the connection"
    SECURE = "no secure connection"
    LOST = "the connection is lost"


class OutwardFailure(Exception):
    """A client's connection cannot be had, or is gone."""

    def __init__(self, stage: Stage, number: SocketError = SocketError.NONE) -> None:
        super().__init__(stage.value)
        self.stage = stage
        self.number = number


@dataclass(frozen=True, slots=True)
class Wanted:
    """A connection that a client wants; ``cid`` None: the series' default context for clients."""

    host: str
    port: int
    cid: int | None = None
    ipv6: bool | None = None
    secure: bool = False
    profile: int | None = None


class Stream:
    """A client's connection as bytes to await; the user of its link."""

    def __init__(self, link: Link, source: Source, over: Callable[[Stream], None]) -> None:
        self.source = source
        self.local = link.local
        self.remote = link.remote
        self._link = link
        self._over = over
        self._buffer = bytearray()
        self._ended = False
        self._failed: SocketError | None = None
        self._changed = asyncio.Event()
        link.start(self)

    # what the link tells
    def window(self) -> int:
        """Room for bytes that came and were not read."""
        return _ROOM - len(self._buffer)

    def received(self, data: bytes) -> None:
        """Bytes from the server."""
        self._buffer += data
        self._changed.set()

    def ended(self) -> None:
        """The server closed in order."""
        self._ended = True
        self._changed.set()

    def failed(self, number: SocketError) -> None:
        """The connection is gone."""
        self._failed = number
        self._changed.set()

    # what the client does
    @property
    def alive(self) -> bool:
        """True until the server has ended it or it broke."""
        return self._link.open and not self._ended and self._failed is None

    @property
    def session(self) -> Session | None:
        """The TLS session, None where there is none."""
        return self._link.engine.session() if isinstance(self._link, SecureLink) else None

    @property
    def plain(self) -> TcpLink | None:
        """The connection below, None when it speaks TLS already."""
        return self._link if isinstance(self._link, TcpLink) else None

    def go_over(self, link: SecureLink) -> None:
        """From now on the bytes are those of TLS over the same connection."""
        self._link = link
        link.start(self)

    @property
    def waiting(self) -> int:
        """Bytes that came and were not read."""
        return len(self._buffer)

    async def read(self, most: int = _ROOM) -> bytes:
        """What has come, at least one byte; b"" at the end. OutwardFailure(LOST) when it broke."""
        while not self._buffer:
            if self._failed is not None:
                raise OutwardFailure(Stage.LOST, self._failed)
            if self._ended:
                return b""
            self._changed.clear()
            await self._changed.wait()
        data = bytes(self._buffer[:most])
        del self._buffer[: len(data)]
        if self._link.open:
            self._link.resume()
        return data

    def send(self, data: bytes) -> None:
        """Queue bytes for the server; OutwardFailure(LOST) when the connection is gone."""
        if self._failed is not None or not self._link.open:
            raise OutwardFailure(Stage.LOST, self._failed or SocketError.NOT_CONNECTED)
        self._link.send(data)

    async def sent(self) -> None:
        """Return when the far side's stack has taken all; OutwardFailure(LOST) when it breaks."""
        while self._link.open and self._link.unacknowledged:
            await asyncio.sleep(0.002)
        if self._failed is not None:
            raise OutwardFailure(Stage.LOST, self._failed)

    async def close(self, linger_s: float) -> None:
        """End in order; after ``linger_s`` seconds reset."""
        try:
            await self._link.close(linger_s)
        finally:
            self._over(self)  # until then it goes with its context, and with the module's power

    def abort(self, number: SocketError = SocketError.NETWORK_DOWN) -> None:
        """End at once; whoever reads is told."""
        self._over(self)
        self._link.abort()
        if self._failed is None and not self._ended:
            self.failed(number)


def _while_shaking(failure: NetFailure) -> Stage:
    """A server that breaks off in the handshake is as one that refuses it; the module's own end of the
    context is no matter of TLS."""
    return Stage.LOST if failure.number is SocketError.NETWORK_DOWN else Stage.SECURE


class Outward:
    """The connections of all embedded clients of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._streams: set[Stream] = set()
        module.contexts.on_change(self._context_changed)
        self._ports = _ports(module.settings.items("+UEMBPF"))
        if module.internet is not None:
            module.internet.node(module.name).embedded_ports = self._ports or None

    def power_off(self) -> None:
        """Everything ends at once."""
        for stream in tuple(self._streams):
            stream.abort()

    def source(self, cid: int | None, ipv6: bool | None) -> tuple[Source, bool]:
        """Context and address of a client; OutwardFailure(CONTEXT) without one."""
        contexts = self._module.contexts
        context = contexts.usable(cid) if cid is not None else contexts.for_client()
        if context is None or self._module.internet is None:
            raise OutwardFailure(Stage.CONTEXT)
        ipv4 = context.ipv4 or (CLAT_ADDRESS if context.xlat else None)
        wanted = (bool(ipv6) and context.ipv6 is not None) or ipv4 is None
        address = context.ipv6 if wanted else ipv4
        if address is None:
            raise OutwardFailure(Stage.CONTEXT)
        return Source(context.cid, address, context.apn), wanted

    async def address(self, host: str, source: Source, *, ipv6: bool) -> str:
        """The address of a name or of itself; OutwardFailure(NAME). An address with a zone (RFC 4007) is that
        of a link, which nobody has here."""
        try:
            if "%" not in host:
                return str(ipaddress.ip_address(host))
        except ValueError:
            pass
        try:
            return (await self._module.subsystem(Dns).lookup(host, ipv6=ipv6, source=source))[0]
        except LookupTrouble:
            raise OutwardFailure(Stage.NAME) from None

    async def open(self, wanted: Wanted) -> Stream:
        """Connect; OutwardFailure says at which stage it failed. Time-outs are the caller's."""
        module = self._module
        source, ipv6 = self.source(wanted.cid, wanted.ipv6)
        address = await self.address(wanted.host, source, ipv6=ipv6)
        module.contexts.traffic()
        internet = module.internet
        if internet is None:
            raise OutwardFailure(Stage.CONTEXT)
        try:
            plain = await self._connect(source, Peer(address, wanted.port))
        except NetFailure as failure:
            raise OutwardFailure(Stage.CONNECT, failure.number) from None
        link: Link = plain
        if wanted.secure:
            try:
                link = await module.subsystem(SecureConnections).over_tcp(plain, wanted.profile)
            except SecureFailure as failure:
                raise OutwardFailure(Stage.SECURE, failure.number) from None
            except NetFailure as failure:
                raise OutwardFailure(_while_shaking(failure), failure.number) from None
        return self._stream(link, source)

    # -- the port that a client sends from (LARA-R6 guide 4.3) -------------------------------------

    def owns_port(self, port: int) -> bool:
        """True for a port that is reserved for embedded clients, in this boot (+UEMBPF)."""
        return port in self._ports

    def open_udp(self, source: Source, received: Callable[[bytes, Peer], None]) -> UdpPort:
        """A UDP port of an embedded client; NetFailure when there is none."""
        internet = self._module.internet
        if internet is None:
            raise NetFailure(SocketError.UNREACHABLE)
        node = internet.node(self._module.name)
        for port in self._choices():
            try:
                return node.open_udp(source, received, local_port=port)
            except NetFailure as failure:
                if failure.number not in _TAKEN:
                    raise
        raise NetFailure(SocketError.IN_USE)

    async def _connect(self, source: Source, peer: Peer) -> TcpLink:
        internet = self._module.internet
        if internet is None:
            raise NetFailure(SocketError.UNREACHABLE)
        node = internet.node(self._module.name)
        for port in self._choices():
            try:
                return await node.connect_tcp(source, peer, local_port=port)
            except NetFailure as failure:
                if failure.number not in _TAKEN:
                    raise
        raise NetFailure(SocketError.IN_USE)

    def _choices(self) -> list[int]:
        """Some ports of the range in a random order; 0 lets the stack choose where there is no range."""
        return random.sample(self._ports, min(_TRIES, len(self._ports))) if self._ports else [0]

    async def secure(self, stream: Stream, profile: int | None, session: Session | None = None) -> None:
        """TLS over a connection that is there; OutwardFailure when it fails, the connection gone."""
        plain = stream.plain
        if plain is None or not plain.open:
            raise OutwardFailure(Stage.LOST, SocketError.NOT_CONNECTED)
        try:
            link = await self._module.subsystem(SecureConnections).over_tcp(plain, profile, session=session)
        except SecureFailure as failure:
            stream.abort(failure.number)
            raise OutwardFailure(Stage.SECURE, failure.number) from None
        except NetFailure as failure:
            stream.abort(failure.number)
            raise OutwardFailure(_while_shaking(failure), failure.number) from None
        stream.go_over(link)

    def listen(self, source: Source, accepted: Callable[[Stream], None]) -> TcpAcceptor:
        """Take connections at any free port; OutwardFailure(CONNECT) when there is none."""
        internet = self._module.internet
        if internet is None:
            raise OutwardFailure(Stage.CONTEXT)
        node = internet.node(self._module.name)
        try:
            return node.listen_tcp(source, 0, lambda link: accepted(self._stream(link, source)))
        except NetFailure as failure:
            raise OutwardFailure(Stage.CONNECT, failure.number) from None

    def address_towards(self, remote: Peer, source: Source) -> str:
        """The address by which a server can call back."""
        internet = self._module.internet
        return source.address if internet is None else \
            internet.node(self._module.name).address_towards(remote, source)

    def _stream(self, link: Link, source: Source) -> Stream:
        stream = Stream(link, source, self._streams.discard)
        self._streams.add(stream)
        return stream

    def _context_changed(self, context: Context, active: bool) -> None:
        if not active:
            for stream in tuple(self._streams):
                if stream.source.cid == context.cid:
                    stream.abort()


def _ports(setting: list[object]) -> range:
    """The range of +UEMBPF as [mode, "first-last"]; empty while it is off."""
    if len(setting) < 2 or setting[0] != 1:
        return range(0)
    first, _, last = str(setting[1]).partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        return range(0)
    return range(max(1, int(first)), min(_LAST_PORT, int(last)) + 1)
