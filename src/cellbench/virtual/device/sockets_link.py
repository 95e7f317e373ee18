"""+USODL: a port bound straight to a socket until +++ (sibling's manual)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellbench.virtual.device.sockets_model import AnySocket, TcpSocket
from cellbench.virtual.front.context import DataLink
from cellbench.virtual.net.failure import NetFailure

if TYPE_CHECKING:
    from cellbench.virtual.device.sockets_engine import SocketEngine


class DirectLink:
    """A port in data mode on one side (a ``DataSink``), a connected socket on the other."""

    def __init__(self, engine: SocketEngine, one: AnySocket) -> None:
        self._engine = engine
        self._socket = one
        self._link: DataLink | None = None

    def opened(self, link: DataLink) -> None:
        """Data mode begins; what waits unread goes to the port first."""
        self._link = link
        self._socket.announcer.silence()
        self._socket.direct = self
        while self._socket.unread:
            taken = self._socket.take(self._socket.unread)
            self.pass_on(taken if isinstance(taken, bytes) else taken.data if taken is not None else b"")

    def received(self, data: bytes) -> None:
        """Bytes from the DTE."""
        try:
            self._engine.write(self._socket, data, whole=False)
        except NetFailure:
            self.finish()

    def pass_on(self, data: bytes) -> None:
        """Bytes from the far side."""
        if self._link is not None:
            self._link.send(data)

    def finish(self) -> None:
        """The socket is over: data mode ends."""
        if self._link is not None:
            self._link.finish()

    def closed(self) -> None:
        """The port left data mode; the socket goes on as before."""
        self._link = None
        self._socket.direct = None
        if isinstance(self._socket, TcpSocket) and self._socket.link is not None:
            self._socket.link.resume()
