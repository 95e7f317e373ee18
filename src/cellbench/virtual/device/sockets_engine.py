"""The socket layer of one module between boot and power-off: creation, connection, data, end."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from cellbench.virtual.device.clients.dns import Dns
from cellbench.virtual.device.contexts import CLAT_ADDRESS
from cellbench.virtual.device.secure import SecureConnections
from cellbench.virtual.device.sockets_model import (
    Announcer,
    AnySocket,
    BaseSocket,
    LinkUser,
    Protocols,
    TcpSocket,
    UdpSocket,
)
from cellbench.virtual.device.sockets_options import apply_all
from cellbench.virtual.net.failure import NetFailure, SocketError
from cellbench.virtual.net.node import Node
from cellbench.virtual.net.resolver import LookupTrouble
from cellbench.virtual.net.route import Peer, Source
from cellbench.virtual.net.secure import Link
from cellbench.virtual.net.tcp import TcpLink

if TYPE_CHECKING:
    from cellbench.virtual.device.contexts import Context
    from cellbench.virtual.device.module import Module

T = TypeVar("T")


class SocketEngine:
    """All sockets of a module; a subsystem (``module.subsystem(SocketEngine)``).

    Every method that can fail raises NetFailure and remembers its number for +USOER and +USOCTL=n,1.
    """

    def __init__(self, module: Module) -> None:
        self._module = module
        self._facts = module.config.behaviour
        self._tasks: set[asyncio.Task[None]] = set()
        self.sockets: dict[int, AnySocket] = {}
        self.last_error = SocketError.NONE
        module.contexts.on_change(self._context_changed)

    @property
    def node(self) -> Node:
        """The module's place in the internet; NetFailure(NETWORK_DOWN) without one."""
        internet = self._module.internet
        if internet is None:
            raise self.failure(SocketError.NETWORK_DOWN)
        return internet.node(self._module.name)

    # creation and search

    def create(self, protocol: Protocols, local_port: int = 0, ipv6: bool | None = None,
               cid: int | None = None) -> AnySocket:
        """A new socket with the lowest free number. ``ipv6`` None: as the context has it, IPv4 first."""
        context = self._module.contexts.for_socket(cid)
        if context is None:
            raise self.failure(SocketError.NETWORK_DOWN)
        source, is_ipv6 = self._source(context, ipv6)
        number = self._free_number()
        if local_port and any(one.local_port == local_port and isinstance(one, UdpSocket) is
                              (protocol is Protocols.UDP) for one in self.sockets.values()):
            raise self.failure(SocketError.IN_USE)
        made: AnySocket
        if protocol is Protocols.TCP:
            made = TcpSocket(number, source, local_port, is_ipv6, self, queue=self._facts.read_queue)
        else:
            made = UdpSocket(number, source, local_port, is_ipv6, self, queue=self._facts.read_queue)
            made.port = self._guarded(made, lambda: self.node.open_udp(source, made.received_datagram,
                                                                       local_port=local_port))
            made.local_port = made.port.local.port
        return self._register(made)

    def get(self, number: int) -> AnySocket:
        """A socket by number."""
        found = self.sockets.get(number)
        if found is None:
            raise self.failure(SocketError.INVALID)
        return found

    def tcp(self, number: int) -> TcpSocket:
        """A TCP socket by number."""
        found = self.get(number)
        if not isinstance(found, TcpSocket):
            raise self.failure(SocketError.WRONG_TYPE, found)
        return found

    def udp(self, number: int) -> UdpSocket:
        """A UDP socket by number."""
        found = self.get(number)
        if not isinstance(found, UdpSocket):
            raise self.failure(SocketError.WRONG_TYPE, found)
        return found

    # connection

    async def peer_of(self, one: AnySocket, host: str, port: int) -> Peer:
        """The peer for an address or a name, which is resolved."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            try:
                found = await self._module.subsystem(Dns).lookup(host, ipv6=one.ipv6, source=one.source)
            except LookupTrouble:
                raise self.failure(SocketError.NOT_A_NAME, one) from None
            return Peer(found[0], port)
        if (address.version == 6) is not one.ipv6:
            raise self.failure(SocketError.FAMILY, one)
        return Peer(str(address), port)

    async def connect(self, one: AnySocket, host: str, port: int) -> None:
        """Connect; a failed attempt frees the socket (LENA-R8 guide 9.2.1, LARA-R6 guide 5.1)."""
        try:
            if isinstance(one, UdpSocket):
                peer = await self.peer_of(one, host, port)
                if one.secure:
                    await self._secure_udp(one, peer)
                one.peer = peer
            else:
                await self._connect_tcp(one, host, port)
        except NetFailure as failure:
            if self.sockets.get(one.number) is one:
                self.over(one, failure.number)
            raise
        except asyncio.CancelledError:
            if self.sockets.get(one.number) is one:
                self.over(one, SocketError.NONE)
            raise

    def connect_later(self, one: TcpSocket, host: str, port: int) -> None:
        """Connect in the background; +UUSOCO tells the outcome."""
        one.connecting = self._background(self._connect_and_tell(one, host, port))

    @property
    def connecting(self) -> bool:
        """True while a connection attempt of the background runs."""
        return any(isinstance(one, TcpSocket) and one.connecting is not None for one in self.sockets.values())

    async def _connect_and_tell(self, one: TcpSocket, host: str, port: int) -> None:
        try:
            await self._connect_tcp(one, host, port)
        except NetFailure as failure:
            one.connecting = None
            if self.sockets.get(one.number) is one:
                self._module.urc(f"+UUSOCO: {one.number},{int(failure.number)}")
                self.over(one, failure.number)
        else:
            one.connecting = None
            self._module.urc(f"+UUSOCO: {one.number},0")

    async def _connect_tcp(self, one: TcpSocket, host: str, port: int) -> None:
        if one.link is not None or one.acceptor is not None:
            raise self.failure(SocketError.CONNECTED, one)
        pace = self._module.pace
        try:
            async with asyncio.timeout(pace.own(self._facts.connect_timeout_s)):
                peer = await self.peer_of(one, host, port)
                await pace.take(self._facts.connect_s)
                plain = await self.node.connect_tcp(one.source, peer, local_port=one.local_port)
                link: Link = plain
                if one.secure:
                    link = await self._module.subsystem(SecureConnections).over_tcp(plain, one.profile)
        except TimeoutError:
            raise self.failure(SocketError.TIMED_OUT, one) from None
        except NetFailure as failure:
            raise self.failure(failure.number, one) from None
        if self.sockets.get(one.number) is not one:
            link.abort()  # the socket was closed or lost its context meanwhile
            raise self.failure(SocketError.NETWORK_DOWN)
        self._attach(one, link)

    def listen(self, one: AnySocket, port: int) -> None:
        """Listen on ``port`` of the context's address."""
        if not isinstance(one, TcpSocket):
            raise self.failure(SocketError.NOT_SUPPORTED, one)
        if one.link is not None or one.acceptor is not None or one.connecting is not None:
            raise self.failure(SocketError.CONNECTED, one)
        one.acceptor = self._guarded(one, lambda: self.node.listen_tcp(
            one.source, port, lambda link: self._arrived(one, link)))
        one.local_port = port

    def _arrived(self, listener: TcpSocket, link: TcpLink) -> None:
        try:
            number = self._free_number()
        except NetFailure:
            link.abort()
            return
        new = TcpSocket(number, listener.source, link.local.port, listener.ipv6, self,
                        queue=self._facts.read_queue)
        self._register(new)
        self._module.urc(f'+UUSOLI: {number},"{link.remote.host}",{link.remote.port},{listener.number},'
                         f'"{link.local.host}",{link.local.port}')
        self._attach(new, link)

    async def _secure_udp(self, one: UdpSocket, peer: Peer) -> None:
        """The DTLS handshake with the peer, inside +USOCO (facts sheet internet 7)."""
        try:
            async with asyncio.timeout(self._module.pace.own(self._facts.connect_timeout_s)):
                await self._module.subsystem(SecureConnections).over_socket(
                    one, peer, lambda number: self.over(one, number))
        except TimeoutError:
            raise self.failure(SocketError.TIMED_OUT, one) from None
        except NetFailure as failure:
            raise self.failure(failure.number, one) from None

    def _attach(self, one: TcpSocket, link: Link) -> None:
        one.link = link
        one.local_port = link.local.port
        apply_all(one)
        link.start(LinkUser(one))

    # data

    def writable(self, one: AnySocket) -> None:
        """NetFailure unless +USOWR makes sense on this socket."""
        if isinstance(one, UdpSocket):
            if one.peer is None:
                raise self.failure(SocketError.NO_DESTINATION, one)
        elif one.link is None or one.closing:
            raise self.failure(SocketError.NOT_CONNECTED, one)

    def write(self, one: AnySocket, data: bytes, *, whole: bool = True) -> int:
        """Send on a connected socket; how much was taken: all, or 0 when the peer has closed already.

        NetFailure(AGAIN) when the queue has no room for all of it: nothing is taken. Without ``whole`` the
        data of a direct link goes in anyway.
        """
        self._module.contexts.traffic()
        if self.sockets.get(one.number) is not one:
            if isinstance(one, TcpSocket) and one.remote_closed:
                return 0  # it went while the host was typing
            raise self.failure(SocketError.NOT_CONNECTED)
        self.writable(one)
        if isinstance(one, UdpSocket):
            if one.peer is not None:
                self.send_to(one, one.peer, data)
            return len(data)
        if one.remote_closed or one.link is None:
            return 0
        queue = self._facts.secure_write_queue if one.secure else self._facts.write_queue
        if whole and one.link.unacknowledged + len(data) > queue:
            raise self.failure(SocketError.AGAIN, one)
        one.sent += len(data)
        one.link.send(data)
        return len(data)

    def send_to(self, one: UdpSocket, peer: Peer, data: bytes) -> None:
        """Send one datagram."""
        self._module.contexts.traffic()
        if one.port is None or self.sockets.get(one.number) is not one:
            raise self.failure(SocketError.INVALID, one)
        try:
            if one.dtls is not None:
                one.dtls.send(data)
            else:
                one.port.send(data, peer)
        except NetFailure as failure:
            raise self.failure(failure.number, one) from None
        one.sent += len(data)

    # end

    async def close(self, one: AnySocket) -> None:
        """Close in order and free the number; no URC."""
        one.announcer.silence()
        if isinstance(one, TcpSocket):
            one.closing = True
            if one.connecting is not None:
                one.connecting.cancel()
            if one.link is not None:
                await one.link.close(self._module.pace.own(self._facts.socket_linger_s))
        self._drop(one)

    def close_later(self, one: AnySocket) -> None:
        """Close in the background; +UUSOCL tells the end."""
        self._background(self._close_and_tell(one))

    async def _close_and_tell(self, one: AnySocket) -> None:
        await self.close(one)
        self._module.urc(f"+UUSOCL: {one.number}")

    def over(self, socket: AnySocket, number: SocketError) -> None:
        """The socket is over without the host's doing: free it and say so."""
        if number is not SocketError.NONE:
            self.failure(number, socket)
        if self.sockets.get(socket.number) is not socket:
            return
        if isinstance(socket, TcpSocket) and socket.closing:
            return  # the host closes it already, and gets no URC
        if socket.direct is not None:
            socket.direct.finish()
        link = socket.link if isinstance(socket, TcpSocket) else None
        if isinstance(socket, TcpSocket):
            socket.link = None  # what follows is between the stacks; the number is free
        self._drop(socket)
        if link is not None and link.open:
            self._background(link.close(self._module.pace.own(self._facts.socket_linger_s)))
        self._module.urc(f"+UUSOCL: {socket.number}")

    def announce(self, socket: AnySocket, amount: int) -> None:
        """Say that there is unread data."""
        self._module.contexts.traffic()
        if self.sockets.get(socket.number) is socket and amount:
            prefix = self._facts.unread_prefix if isinstance(socket, UdpSocket) else "+UUSORD"
            self._module.urc(f"{prefix}: {socket.number},{amount}")

    def failure(self, number: SocketError, socket: BaseSocket | None = None) -> NetFailure:
        """Remember an error and make the exception for it."""
        self.last_error = number
        if socket is not None:
            socket.error = number
        return NetFailure(number)

    def power_off(self) -> None:
        """Everything is gone at once; the far side sees resets."""
        for task in self._tasks:
            task.cancel()
        for one in tuple(self.sockets.values()):
            self._drop(one)

    # within

    def _context_changed(self, context: Context, active: bool) -> None:
        if active:
            return
        for one in tuple(self.sockets.values()):
            if one.source.cid == context.cid:
                if isinstance(one, TcpSocket) and one.link is not None:
                    one.link.abort()
                self.over(one, SocketError.NETWORK_DOWN)

    def _drop(self, one: AnySocket) -> None:
        """Free number and resources."""
        one.announcer.silence()
        if isinstance(one, UdpSocket):
            if one.dtls is not None:
                dtls, one.dtls = one.dtls, None
                dtls.close()
                self._module.subsystem(SecureConnections).over(dtls)
            if one.port is not None:
                one.port.close()
        else:
            if one.connecting is not None and one.connecting is not asyncio.current_task():
                one.connecting.cancel()
            if one.acceptor is not None:
                one.acceptor.close()
            if one.link is not None:
                one.link.abort()
        if self.sockets.get(one.number) is one:
            del self.sockets[one.number]

    def _register(self, one: AnySocket) -> AnySocket:
        pace, again_s = self._module.pace, self._facts.unread_again_s
        one.announcer = Announcer(lambda: self.announce(one, one.announced),
                                  lambda action: pace.later_true(again_s, action))
        self.sockets[one.number] = one
        return one

    def _free_number(self) -> int:
        for number in range(self._module.profile.sockets.value):
            if number not in self.sockets:
                return number
        raise self.failure(SocketError.NO_BUFFERS)

    def _source(self, context: Context, ipv6: bool | None) -> tuple[Source, bool]:
        ipv4 = context.ipv4 or (CLAT_ADDRESS if context.xlat else None)
        wanted = ipv6
        if wanted is None:
            wanted = ipv4 is None or (self._prefers_ipv6() and context.ipv6 is not None)
        address = context.ipv6 if wanted else ipv4
        if address is None:
            raise self.failure(SocketError.FAMILY)
        return Source(context.cid, address, context.apn), wanted

    def _prefers_ipv6(self) -> bool:
        """The preferred IP type of +UDCONF=19, as it was at the boot (LARA-R6 guide 2.3.1)."""
        follows = self._module.profile.bearers.internet_follows_udconf19
        return follows and tuple(self._module.radio.boot_udconf19[1:2]) == (1,)

    def _guarded(self, one: AnySocket, action: Callable[[], T]) -> T:
        try:
            return action()
        except NetFailure as failure:
            raise self.failure(failure.number, one) from None

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
