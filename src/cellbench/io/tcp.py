"""A raw TCP connection as a pipe (socket://host:port): a serial port without rate and lines."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Mapping

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible
from cellbench.io.pipe import PortLost, PortMissing, PortStuck

_CONNECT_S = 5.0


def connect(name: str, address: tuple[str, int]) -> socket.socket:
    """A non-blocking connection without send delay. Raises PortMissing."""
    try:
        link = socket.create_connection(address, _CONNECT_S)
    except OSError as error:
        raise PortMissing(f"{name}: nothing answers there ({error.strerror or error})",
                          remedy="is the server running?") from error
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setblocking(False)
    acknowledge(link)
    return link


def acknowledge(link: socket.socket) -> None:
    """Acknowledge at once what came. Servers without TCP_NODELAY hold their next small write back until then,
    and the kernel's habit of waiting 40 ms for company would show in every answer. It holds for a while only,
    so it is asked for after each read."""
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def send_all(name: str, link: socket.socket, data: bytes, deadline: Deadline | None) -> None:
    """Send everything. Raises PortLost, PortStuck."""
    rest: bytes | memoryview = data
    while True:
        try:
            sent = link.send(rest)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise PortLost(f"{name}: the connection broke ({error.strerror or error})") from error
        if sent == len(rest):
            return
        rest = memoryview(rest)[sent:]
        left = deadline.remaining if deadline is not None else _CONNECT_S
        ready = select.poll()
        ready.register(link, select.POLLOUT)
        if left <= 0 or not ready.poll(left * 1000):
            raise PortStuck(f"{name}: {len(rest)} bytes were not taken in time")


class TcpPort:
    """A TCP connection that carries bytes as they are."""

    def __init__(self, host: str, port: int) -> None:
        self.name = f"socket://{host}:{port}"
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._poll = select.poll()

    def fileno(self) -> int:
        """The socket's descriptor, or -1 while closed."""
        return self._socket.fileno() if self._socket is not None else -1

    def open(self) -> None:
        """Connect. Raises PortMissing."""
        self.close()
        self._socket = connect(self.name, self._address)
        self._poll.register(self._socket, select.POLLIN)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            with contextlib.suppress(OSError, KeyError):
                self._poll.unregister(self._socket)
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def read(self, limit: int, timeout_s: float) -> bytes:
        """See Pipe.read."""
        link = self._socket
        if link is None:
            raise PortLost(f"{self.name}: not open")
        try:
            if timeout_s > 0 and not self._poll.poll(timeout_s * 1000 + 0.999):
                return b""
            data = link.recv(limit)
            acknowledge(link)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortLost(f"{self.name}: the connection broke ({error.strerror or error})") from error
        if not data:
            raise PortLost(f"{self.name}: the other end closed the connection")
        return data

    def write(self, data: bytes, deadline: Deadline) -> None:
        """See Pipe.write."""
        if self._socket is None:
            raise PortLost(f"{self.name}: not open")
        send_all(self.name, self._socket, data, deadline)

    def set_rate(self, bit_s: int) -> None:
        """Never possible: a raw connection has no rate."""
        raise NotPossible(f"{self.name} has no bit rate to set", remedy="use rfc2217:// or a device node")

    def set_output(self, line: str, on: bool) -> None:
        """Never possible: a raw connection has no lines."""
        raise NotPossible(f"{self.name} has no control lines", remedy="use rfc2217:// or a device node")

    def read_inputs(self) -> Mapping[str, bool]:
        """Never possible: a raw connection has no lines."""
        raise NotPossible(f"{self.name} has no control lines", remedy="use rfc2217:// or a device node")
