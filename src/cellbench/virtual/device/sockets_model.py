"""The module's sockets: what each one keeps, and when unread data is announced.

Rules of announcing (LARA-R6 guide 5.5 and 5.7): data that comes into an empty buffer is announced at once;
data that comes on top of unread data is not; a read that leaves data is followed by a URC that counts what is
there by then. Of datagrams, a packet read in part is counted alone, else all stored ones together.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from cellbench.virtual.net.failure import SocketError
from cellbench.virtual.net.route import Peer, Source
from cellbench.virtual.net.secure import Link, SecureDatagrams
from cellbench.virtual.net.tcp import TcpAcceptor
from cellbench.virtual.net.udp import UdpPort


class Protocols(enum.IntEnum):
    """<protocol> of +USOCR: the numbers of IP."""

    TCP = 6
    UDP = 17


class TcpState(enum.IntEnum):
    """+USOCTL=<socket>,10 (sibling's manual; 4 and 7 also LARA-R6 guide 5.8)."""

    INACTIVE = 0
    LISTEN = 1
    SYN_SENT = 2
    SYN_RECEIVED = 3
    ESTABLISHED = 4
    FIN_WAIT_1 = 5
    FIN_WAIT_2 = 6
    CLOSE_WAIT = 7
    CLOSING = 8
    LAST_ACK = 9
    TIME_WAIT = 10


class Owner(Protocol):
    """What a socket tells the engine."""

    def announce(self, socket: AnySocket, amount: int) -> None:
        """Unread data is to be announced."""
        ...

    def over(self, socket: AnySocket, number: SocketError) -> None:
        """The connection is over and nothing is left to read: the socket is to be freed and announced so."""
        ...


class Direct(Protocol):
    """A port that takes a socket's data as it comes (+USODL)."""

    def pass_on(self, data: bytes) -> None:
        """Bytes from the far side."""
        ...

    def finish(self) -> None:
        """The socket is over."""
        ...


class Announcer:
    """Decides when unread data is announced."""

    def __init__(self, say: Callable[[], None],
                 later: Callable[[Callable[[], None]], asyncio.TimerHandle]) -> None:
        self._say = say
        self._later = later
        self._timer: asyncio.TimerHandle | None = None

    def arrived(self, was_empty: bool) -> None:
        """Data came in."""
        if was_empty and self._timer is None:
            self._say()

    def read(self, left: bool) -> None:
        """The host read; ``left``: something is still there."""
        self.silence()
        if left:
            self._timer = self._later(self._due)

    def silence(self) -> None:
        """Nothing is to be announced any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        self._say()


@dataclass(slots=True, eq=False)
class BaseSocket:
    """What TCP and UDP sockets have in common. ``local_port`` 0: the stack chooses."""

    number: int
    source: Source
    local_port: int
    ipv6: bool
    owner: Owner
    announcer: Announcer = field(init=False)
    error: SocketError = SocketError.NONE
    sent: int = 0
    received: int = 0
    direct: Direct | None = None
    options: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    secure: bool = False  # +USOSEC
    profile: int | None = None  # its security profile


@dataclass(slots=True, eq=False)
class TcpSocket(BaseSocket):
    """One TCP socket; a ``TcpUser`` of its link."""

    queue: int = 12288
    buffer: bytearray = field(default_factory=bytearray)
    link: Link | None = None
    acceptor: TcpAcceptor | None = None
    connecting: asyncio.Task[None] | None = None
    closing: bool = False
    remote_closed: bool = False

    @property
    def state(self) -> TcpState:
        """The state as +USOCTL shows it."""
        if self.acceptor is not None:
            return TcpState.LISTEN
        if self.connecting is not None:
            return TcpState.SYN_SENT
        if self.link is None:
            return TcpState.INACTIVE
        if self.closing:
            return TcpState.LAST_ACK if self.remote_closed else TcpState.FIN_WAIT_1
        return TcpState.CLOSE_WAIT if self.remote_closed else TcpState.ESTABLISHED

    @property
    def unread(self) -> int:
        """Bytes in the buffer."""
        return len(self.buffer)

    @property
    def announced(self) -> int:
        """What a URC about unread data counts."""
        return len(self.buffer)

    def window(self) -> int:
        """Room in the buffer."""
        return self.queue - len(self.buffer)

    def received_data(self, data: bytes) -> None:
        """Data for the buffer, or for the port bound to this socket."""
        self.received += len(data)
        if self.direct is not None:
            self.direct.pass_on(data)
            return
        was_empty = not self.buffer
        self.buffer += data
        self.announcer.arrived(was_empty)

    def take(self, count: int) -> bytes:
        """Read up to ``count`` bytes."""
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        self.announcer.read(bool(self.buffer))
        if self.remote_closed and not self.buffer:
            self.owner.over(self, SocketError.NONE)
        elif self.link is not None:
            self.link.resume()
        return data

    def ended(self) -> None:
        """The peer closed in order."""
        self.remote_closed = True
        if not self.buffer:
            self.owner.over(self, SocketError.NONE)

    def failed(self, number: SocketError) -> None:
        """The connection is gone."""
        self.link = None
        self.owner.over(self, number)


class LinkUser:
    """The face that a TCP socket shows to its link."""

    __slots__ = ("_socket",)

    def __init__(self, socket: TcpSocket) -> None:
        self._socket = socket

    def window(self) -> int:
        """Room in the socket's buffer."""
        return self._socket.window()

    def received(self, data: bytes) -> None:
        """Bytes from the peer."""
        self._socket.received_data(data)

    def ended(self) -> None:
        """The peer closed in order."""
        self._socket.ended()

    def failed(self, number: SocketError) -> None:
        """The connection is gone."""
        self._socket.failed(number)


@dataclass(slots=True)
class Datagram:
    """A received datagram, or what is left of it."""

    peer: Peer
    data: bytes
    begun: bool = False


@dataclass(slots=True, eq=False)
class UdpSocket(BaseSocket):
    """One UDP socket."""

    queue: int = 12288
    stored: deque[Datagram] = field(default_factory=deque)
    port: UdpPort | None = None
    peer: Peer | None = None  # set by +USOCO
    dtls: SecureDatagrams | None = None

    @property
    def unread(self) -> int:
        """Bytes of all stored datagrams."""
        return sum(len(one.data) for one in self.stored)

    @property
    def announced(self) -> int:
        """What a URC about unread data counts: the rest of a datagram begun, else all that is stored."""
        return len(self.stored[0].data) if self.stored and self.stored[0].begun else self.unread

    def received_datagram(self, data: bytes, peer: Peer) -> None:
        """A datagram came in; a connected socket takes its peer's alone."""
        if self.dtls is not None:
            if peer == self.peer:
                self.dtls.received(data)
            return
        self.deliver(data, peer)

    def deliver(self, data: bytes, peer: Peer) -> None:
        """A datagram in the clear; one that finds no room is lost."""
        if not data or self.unread + len(data) > self.queue or self.peer not in (None, peer):
            return
        self.received += len(data)
        if self.direct is not None:
            self.direct.pass_on(data)
            return
        was_empty = not self.stored
        self.stored.append(Datagram(peer, data))
        self.announcer.arrived(was_empty)

    def take(self, count: int) -> Datagram | None:
        """Read up to ``count`` bytes of the oldest datagram; None when there is none."""
        if not self.stored:
            return None
        oldest = self.stored[0]
        taken = Datagram(oldest.peer, oldest.data[:count])
        oldest.data, oldest.begun = oldest.data[count:], True
        if not oldest.data:
            self.stored.popleft()
        self.announcer.read(bool(self.stored))
        return taken


AnySocket = TcpSocket | UdpSocket
