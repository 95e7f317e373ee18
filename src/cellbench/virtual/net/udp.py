"""UDP sockets of a module on real loopback sockets, with the network's doings in between."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

from .failure import NetFailure, SocketError
from .route import Peer

_LARGEST = 65535
QUEUE_BYTES = 8192
"""What a blocked socket holds back before it refuses more."""


class UdpRouter(Protocol):
    """Where datagrams go and who their senders are."""

    def endpoint_of(self, peer: Peer) -> tuple[str, int] | None:
        """The loopback place of a guide address; None when datagrams to it vanish."""
        ...

    def sender_of(self, place: tuple[str, int]) -> Peer:
        """The guide address of a program on this machine that nobody wrote to before."""
        ...


class UdpPort:
    """One UDP socket; ``received(data, peer)`` for each datagram."""

    def __init__(self, sock: socket.socket, local: Peer, router: UdpRouter,
                 received: Callable[[bytes, Peer], None], *, blocked: bool,
                 forget: Callable[[UdpPort], None]) -> None:
        self.local = local
        self.last_peer: Peer | None = None
        self.cid = 0
        self.host = False  # of a host behind the module
        self.diverted: Callable[[bytes, Peer], None] | None = None  # takes what comes in place of the user
        self._sock = sock
        self._router = router
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._blocked = blocked
        self._forget = forget
        self._known: dict[tuple[str, int], Peer] = {}
        self._incoming: deque[tuple[bytes, Peer]] = deque()
        self._outgoing: deque[tuple[bytes, Peer]] = deque()
        self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def open(self) -> bool:
        """True until closed."""
        return self._sock.fileno() >= 0

    @property
    def held(self) -> int:
        """Bytes that wait for a blocked link."""
        return sum(len(data) for data, _ in self._outgoing)

    def send(self, data: bytes, peer: Peer) -> None:
        """Send one datagram; it vanishes when nobody is there. NetFailure(AGAIN) when too much is held back
        by a blocked link."""
        self.last_peer = peer
        if not self._blocked:
            self._out(data, peer)
        elif self.held + len(data) > QUEUE_BYTES:
            raise NetFailure(SocketError.AGAIN)
        else:
            self._outgoing.append((data, peer))

    def inject(self, data: bytes, peer: Peer) -> None:
        """``peer`` sends one datagram."""
        if self._blocked:
            self._incoming.append((data, peer))
        else:
            self._deliver(data, peer)

    def _deliver(self, data: bytes, peer: Peer) -> None:
        (self._received if self.diverted is None else self.diverted)(data, peer)

    def set_blocked(self, blocked: bool) -> None:
        """Let datagrams stand still, or pass again."""
        self._blocked = blocked
        while self._incoming and not self._blocked:
            self._deliver(*self._incoming.popleft())
        while self._outgoing and not self._blocked:
            self._out(*self._outgoing.popleft())

    def close(self) -> None:
        """Free the port."""
        if self.open:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
            self._forget(self)

    def _out(self, data: bytes, peer: Peer) -> None:
        place = self._router.endpoint_of(peer)
        if place is None or not self.open:
            return
        self._known[place] = peer
        try:
            self._sock.sendto(data, place)
        except OSError:
            return  # a datagram that cannot leave is lost, as datagrams are

    def _readable(self) -> None:
        try:
            data, place = self._sock.recvfrom(_LARGEST)
        except OSError:
            return  # nothing there, or the port unreachable of a datagram sent before
        key = (str(place[0]), int(place[1]))
        self.inject(data, self._known.get(key) or self._router.sender_of(key))
