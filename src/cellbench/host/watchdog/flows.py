"""Ready ways of an application's data: a socket of the module, a data call that ends on this host."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable

from cellbench.base.errors import CellbenchError
from cellbench.catalogue.watchdog import Level
from cellbench.host.channel import Channel
from cellbench.host.ppp import PppLink
from cellbench.host.sockets import Socket, Sockets

_PROBE = 12


class SocketFlow:
    """A TCP socket to a server that sends back what it is sent (or answers by other means: see ``ask``)."""

    def __init__(self, at: Callable[[], Channel], host: str, port: int, *, cid: int | None = None,
                 ask: Callable[[Socket, float], bool] | None = None) -> None:
        """``at``: the channel whose sockets are used, asked for at each opening; ``cid``: the context, where
        the series lets one choose; ``ask``: sends and receives within the seconds given, True when that
        went well (default: an echo)."""
        self._at = at
        self._host, self._port, self._cid = host, port, cid
        self._ask = ask or _echoed
        self.socket: Socket | None = None

    @property
    def level(self) -> Level:
        """Level.SOCKET."""
        return Level.SOCKET

    def works(self, timeout_s: float) -> bool:
        """See Flow."""
        if self.socket is None or self.socket.is_closed:
            return False
        try:
            return self._ask(self.socket, timeout_s)
        except CellbenchError:
            return False

    def open(self) -> None:
        """See Flow."""
        self.drop()
        self.socket = Sockets(self._at()).tcp(cid=self._cid)
        self.socket.connect(self._host, self._port)

    def drop(self, *, silent: bool = False) -> None:
        """See Flow."""
        held, self.socket = self.socket, None
        if held is None:
            return
        if silent:
            held.abandon()
            return
        with contextlib.suppress(CellbenchError):
            held.close()


def _echoed(socket: Socket, timeout_s: float) -> bool:
    """True when a few bytes that nobody can guess come back; older ones before them are let go."""
    probe, seen = secrets.token_hex(_PROBE // 2).encode(), b""
    until = time.monotonic() + timeout_s
    socket.send(probe)
    while probe not in seen:
        left = until - time.monotonic()
        if left <= 0:
            return False
        seen += socket.recv(1024, left)
    return True


class CallFlow:
    """A data call by PPP. The ladder asks AT on another port than the call's."""

    def __init__(self, dial: Callable[[], PppLink], reaches: Callable[[PppLink, float], bool]) -> None:
        """``dial``: a new link, not yet open (``lambda: dut.ppp(port="uart")``); ``reaches``: whether the far
        end answers through it within the seconds given."""
        self._dial = dial
        self._reaches = reaches
        self.link: PppLink | None = None

    @property
    def level(self) -> Level:
        """Level.DIAL_UP."""
        return Level.DIAL_UP

    def works(self, timeout_s: float) -> bool:
        """See Flow."""
        if self.link is None or not self.link.is_up:
            return False
        try:
            return self._reaches(self.link, timeout_s)
        except CellbenchError:
            return False

    def open(self) -> None:
        """See Flow."""
        self.drop()
        link = self._dial()
        link.open()
        self.link = link

    def drop(self, *, silent: bool = False) -> None:
        """See Flow; a call that nobody answers to ends with its port."""
        held, self.link = self.link, None
        if held is not None and not silent:
            with contextlib.suppress(CellbenchError):
                held.hang_up()
