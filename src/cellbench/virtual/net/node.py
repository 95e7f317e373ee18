"""A module's place in the virtual internet: its loopback address, its link, its flows, its visitors."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import socket
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cellbench.base.protocols import Endpoint

from .failure import NetFailure, SocketError, number_of
from .route import Flow, Peer, Reach, Route, Source
from .tcp import TcpAcceptor, TcpLink
from .udp import UdpPort

if TYPE_CHECKING:
    from .internet import Internet


ANY = "0.0.0.0"
ARRIVAL_S = 5.0
"""How long a visitor waits for a module that takes connections, in seconds."""
Diversion = Callable[[bytes, Peer, Peer], None]
"""Takes a datagram for a port inside the module: data, remote and local place."""


class Blockable(Protocol):
    """The way to a host behind the module, which stands still with the module's user data."""

    def takes(self, port: int) -> bool:
        """True when what comes for a port comes to that host."""
        ...

    async def visit(self, port: int, data: bytes) -> int:
        """A remote host connects to that host and sends; its own port. Raises NetFailure."""
        ...

    def set_blocked(self, blocked: bool) -> None:
        """Stand still, or go on."""
        ...


@dataclass(slots=True)
class _UdpRoutes:
    """The way of one UDP socket's datagrams, noting its flows."""

    node: Node
    source: Source
    local_port: int = 0

    def endpoint_of(self, peer: Peer) -> tuple[str, int] | None:
        route = self.node.route(peer, "udp", self.source)
        self.node.note(route.service, Flow(self.source.cid, self.local_port, peer.port))
        return None if route.endpoint is None else (route.endpoint.host, route.endpoint.port)

    def sender_of(self, place: tuple[str, int]) -> Peer:
        return Peer(self.node.remote_host, place[1])


class Node:
    """One module on the virtual internet.

    It has a loopback address of its own (``loopback``), so that a local port that the module chooses is truly
    the port which servers see, and so that foreign programs can connect to a listening module.
    """

    def __init__(self, internet: Internet, name: str, chance: random.Random) -> None:
        self._internet = internet
        self.name = name
        self.loopback = _own_loopback(chance)
        self.blocked = False
        self.flows: dict[str, Flow] = {}
        self._links: set[TcpLink] = set()
        self._ports: set[UdpPort] = set()
        self._acceptors: set[TcpAcceptor] = set()
        self._visitors: set[asyncio.Transport] = set()
        self._arrivals: dict[int, asyncio.Future[TcpLink]] = {}  # by the port of the remote host
        self._frozen: weakref.WeakSet[TcpLink | UdpPort] = weakref.WeakSet()  # stand still for good
        self._unblocked = asyncio.Event()
        self._unblocked.set()
        self._gateways: set[Blockable] = set()
        self.embedded_ports: range | None = None  # where clients inside the module take their ports from
        self._next_port = 0
        self._diversions: dict[int, Diversion] = {}
        self._diversion_ends = asyncio.Event()

    @property
    def source(self) -> str:
        """The address that datagrams leave from: the module's own, or any where servers are elsewhere."""
        return ANY if self._internet.elsewhere else self.loopback

    @property
    def remote_host(self) -> str:
        """The guide address of a host that nobody wrote to before."""
        return self._internet.world.remote_host

    @property
    def resolvers(self) -> tuple[str, ...]:
        """The two resolvers that the network hands out, primary first."""
        return self._internet.resolvers

    def set_blocked(self, blocked: bool) -> None:
        """Let user data stand still, or pass again; connections stay."""
        self.blocked = blocked
        if blocked:
            self._unblocked.clear()
        else:
            self._unblocked.set()
        for link in tuple(self._links):
            link.set_blocked(blocked or link in self._frozen)
        for port in tuple(self._ports):
            port.set_blocked(blocked or port in self._frozen)
        self._listen_or_not()
        for gateway in tuple(self._gateways):
            gateway.set_blocked(blocked)

    def freeze(self, cid: int | None = None) -> int:
        """Let the flows there are of clients inside stand still for good, those of a context or all; how many
        there are."""
        every: list[TcpLink | UdpPort] = [*self._links, *self._ports]
        flows = [one for one in every if not one.host and cid in (None, one.cid)]
        for one in flows:
            self._frozen.add(one)
            one.set_blocked(True)
        return len(flows)

    def _listen_or_not(self) -> None:
        for acceptor in tuple(self._acceptors):
            deaf = acceptor.cid in self._diversions and not self._kept(acceptor.port)
            acceptor.set_blocked(self.blocked or deaf)

    def join(self, gateway: Blockable) -> None:
        """A gateway of this module is to hear when user data stands still."""
        self._gateways.add(gateway)
        gateway.set_blocked(self.blocked)

    def part(self, gateway: Blockable) -> None:
        """The gateway is gone."""
        self._gateways.discard(gateway)

    def divert(self, cid: int, diversion: Diversion | None) -> None:
        """What comes on a context goes to a host behind the module, ``diversion(data, remote, local)`` for
        datagrams; clients inside get only what comes to ports kept for them. None ends it."""
        if diversion is None:
            self._diversions.pop(cid, None)
            ended, self._diversion_ends = self._diversion_ends, asyncio.Event()
            ended.set()
        else:
            self._diversions[cid] = diversion
        for link in tuple(self._links):
            link.set_deaf(link.cid in self._diversions and not self._kept(link.local.port))
        for port in tuple(self._ports):
            port.diverted = self._diversion(port)
        self._listen_or_not()

    def _kept(self, port: int) -> bool:
        return self.embedded_ports is not None and port in self.embedded_ports

    def _diversion(self, port: UdpPort) -> Callable[[bytes, Peer], None] | None:
        taker = self._diversions.get(port.cid)
        if taker is None or self._kept(port.local.port):
            return None
        return lambda data, peer: taker(data, peer, port.local)

    def deaf(self, source: Source, port: int) -> bool:
        """True when what comes for a client's ``port`` goes elsewhere."""
        return source.cid in self._diversions and not source.host and not self._kept(port)

    async def passing(self) -> None:
        """Return when user data passes."""
        await self._unblocked.wait()

    def route(self, peer: Peer, transport: str, source: Source) -> Route:
        """The way to a peer."""
        return self._internet.route(peer.host, peer.port, transport, source.apn)

    def icmp_endpoint(self, target: str, source: Source) -> Endpoint | None:
        """Where packets with ICMP messages to ``target`` go; None when they vanish."""
        return self._internet.icmp_endpoint(target, source.apn)

    def ipv4_of(self, address: str) -> str | None:
        """An IPv4 address of the host that has this one, None when it has none."""
        return self._internet.ipv4_of(address)

    def note(self, service: str, flow: Flow) -> None:
        """Remember the last flow of a service."""
        if service:
            self.flows[service] = flow

    async def connect_tcp(self, source: Source, remote: Peer, *, local_port: int = 0) -> TcpLink:
        """Connect; waits as long as nobody answers (the caller has the time-out).

        Raises NetFailure: unreachable, refused, local port in use.
        """
        await self.passing()
        while self.deaf(source, local_port or self._first_port):
            await self._diversion_ends.wait()  # nobody hears the other side's answer
        route = self.route(remote, "tcp", source)
        if route.endpoint is None:
            await self._nobody(route)
            raise NetFailure(SocketError.UNREACHABLE)
        near = ipaddress.ip_address(route.endpoint.host).is_loopback
        sock, port = self._bound(socket.SOCK_STREAM, local_port, self.loopback if near else ANY, source)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(sock, (route.endpoint.host, route.endpoint.port))
        except OSError as error:
            sock.close()
            raise NetFailure(number_of(error)) from error
        except asyncio.CancelledError:
            sock.close()
            raise
        port = port or int(sock.getsockname()[1])
        self.note(route.service, Flow(source.cid, port, remote.port))
        return self._link(sock, Peer(source.address, port), remote, source)

    async def _nobody(self, route: Route) -> None:
        """Raise what a host without that server answers; wait for ever where nothing answers."""
        if route.reach is Reach.REFUSED:
            raise NetFailure(SocketError.REFUSED)
        if route.reach is Reach.SILENT:
            await asyncio.get_running_loop().create_future()

    def open_udp(self, source: Source, received: Callable[[bytes, Peer], None], *,
                 local_port: int = 0) -> UdpPort:
        """Open a UDP socket. Raises NetFailure when the local port is in use."""
        sock, port = self.udp_socket(source, local_port)
        opened = UdpPort(sock, Peer(source.address, port), _UdpRoutes(self, source, port), received,
                         blocked=self.blocked, forget=self._ports.discard)
        opened.host = source.host
        if not source.host:
            opened.cid = source.cid
            opened.diverted = self._diversion(opened)
        self._ports.add(opened)
        return opened

    def udp_socket(self, source: Source, local_port: int = 0) -> tuple[socket.socket, int]:
        """A UDP socket of the module and its port. Raises NetFailure when the local port is in use."""
        sock, port = self._bound(socket.SOCK_DGRAM, local_port, self.source, source)
        return sock, port or int(sock.getsockname()[1])

    def address_towards(self, remote: Peer, source: Source) -> str:
        """The address by which ``remote`` can call back: programs of this machine that are reached directly
        know the loopback one."""
        return self.loopback if ipaddress.ip_address(remote.host).is_loopback else source.address

    def listen_tcp(self, source: Source, port: int, accepted: Callable[[TcpLink], None]) -> TcpAcceptor:
        """Listen on ``port`` (0: any). Raises NetFailure when it is in use."""
        sock, port = self._bound(socket.SOCK_STREAM, port, self.loopback, source)
        port = port or int(sock.getsockname()[1])
        sock.listen(8)

        def arrived(connection: socket.socket, remote_port: int) -> None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.note("listen", Flow(source.cid, port, remote_port))
            link = self._link(connection, Peer(source.address, port), Peer(self.remote_host, remote_port),
                              source)
            accepted(link)
            waiting = self._arrivals.get(remote_port)
            if waiting is not None and not waiting.done():
                waiting.set_result(link)

        acceptor = TcpAcceptor(sock, port, arrived, blocked=self.blocked, forget=self._acceptors.discard)
        acceptor.cid = source.cid
        self._acceptors.add(acceptor)
        self._listen_or_not()
        return acceptor

    async def visit(self, port: int, data: bytes) -> int:
        """A remote host connects to the module's listening ``port`` and sends ``data``; its own port.

        Returns when the module has taken connection and data, as far as its link and its buffers let it.
        Raises NetFailure: REFUSED when nothing listens there, RESET when the module has no socket left.
        """
        acceptor = next((one for one in self._acceptors if one.port == port), None)
        if acceptor is None or (acceptor.cid in self._diversions and not self._kept(port)):
            behind = next((one for one in self._gateways if one.takes(port)), None)
            if behind is not None:
                return await behind.visit(port, data)
        if acceptor is None:
            raise NetFailure(SocketError.REFUSED)
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        own_port = int(sock.getsockname()[1])
        self._arrivals[own_port] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ARRIVAL_S):
                await self._arrive(sock, acceptor.bound_port, data)
        except TimeoutError:
            raise NetFailure(SocketError.TIMED_OUT) from None
        except OSError as error:
            raise NetFailure(number_of(error)) from error
        finally:
            del self._arrivals[own_port]
        return own_port

    async def _arrive(self, sock: socket.socket, port: int, data: bytes) -> None:
        """Connect a visitor's socket and hand over its data; return when the module took them."""
        loop = asyncio.get_running_loop()
        arrival = self._arrivals[int(sock.getsockname()[1])]
        try:
            await loop.sock_connect(sock, (self.loopback, port))
        except (OSError, asyncio.CancelledError):
            sock.close()
            raise
        visitor, _ = await loop.create_connection(lambda: _Visitor(self._visitors), sock=sock)
        visitor.write(data)
        if self.blocked:
            return  # it waits at the module's door until the link passes data again
        link = await arrival
        await link.taken_up_to(len(data))
        if not link.open:
            raise NetFailure(SocketError.RESET)

    def describe(self) -> dict[str, object]:
        """Loopback address and listening ports, plain enough for JSON."""
        listening = {str(one.port): f"{self.loopback}:{one.bound_port}" for one in self._acceptors}
        return {"loopback": self.loopback, "listening": listening}

    def close(self) -> None:
        """End everything at once."""
        for link in tuple(self._links):
            link.abort()
        for port in tuple(self._ports):
            port.close()
        for acceptor in tuple(self._acceptors):
            acceptor.close()
        for visitor in tuple(self._visitors):
            visitor.abort()

    def _link(self, sock: socket.socket, local: Peer, remote: Peer, source: Source) -> TcpLink:
        link = TcpLink(sock, local, remote, blocked=self.blocked, forget=self._links.discard)
        link.host = source.host
        if not source.host:
            link.cid = source.cid
            link.set_deaf(self.deaf(source, local.port))
        self._links.add(link)
        return link

    @property
    def _first_port(self) -> int:
        """A port of those that are kept for the clients inside, 0 when none are."""
        return 0 if self.embedded_ports is None else self.embedded_ports.start

    def _bound(self, kind: socket.SocketKind, port: int, address: str,
               source: Source) -> tuple[socket.socket, int]:
        """As ``_bound_at``; a client inside that names no port gets one of those that are kept for them."""
        kept = self.embedded_ports
        if port or kept is None or source.host:
            return self._bound_at(kind, port, address)
        for _ in kept:
            self._next_port += 1
            with contextlib.suppress(NetFailure):
                return self._bound_at(kind, kept[self._next_port % len(kept)], address)
        raise NetFailure(SocketError.IN_USE)

    def _bound_at(self, kind: socket.SocketKind, port: int, address: str) -> tuple[socket.socket, int]:
        """A socket on an address of the module, and ``port``.

        A port that this user may not bind (below 1024) is the module's alone: the host's socket takes any.
        """
        sock = socket.socket(socket.AF_INET, kind)
        sock.setblocking(False)
        if kind is socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, port))
        except PermissionError:
            sock.bind((address, 0))
        except OSError as error:
            if address == ANY:  # on it the modules of a rack share their ports with each other and the host
                sock.bind((address, 0))
                return sock, port
            sock.close()
            raise NetFailure(number_of(error)) from error
        return sock, port


class _Visitor(asyncio.Protocol):
    """The remote host's end of a connection to a listening module: takes everything, says nothing."""

    def __init__(self, visitors: set[asyncio.Transport]) -> None:
        self._visitors = visitors
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._visitors.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._visitors.discard(self._transport)


def _own_loopback(chance: random.Random) -> str:
    """An address of 127.0.0.0/8 that this host lets one bind; 127.0.0.1 where it knows that one alone."""
    address = f"127.{chance.randint(64, 127)}.{chance.randint(1, 254)}.{chance.randint(1, 254)}"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return "127.0.0.1"
    return address
