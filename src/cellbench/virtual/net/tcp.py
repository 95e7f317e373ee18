"""TCP connections of a module: real loopback sockets in the kernel, with the network's doings in between.

A link can stand still (user data blocked, the connection stays), and the far side can be made to send,
close or reset at a word: what it sends is put into the stream as if it had come over the wire, and what it
ends is ended for the real server too.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from collections import deque
from collections.abc import Callable
from typing import Protocol

from .failure import SocketError, number_of
from .route import Peer

_CHUNK = 16384


class TcpUser(Protocol):
    """What a connection tells its owner. Calls come in the loop's thread."""

    def window(self) -> int:
        """How many bytes can be taken now."""
        ...

    def received(self, data: bytes) -> None:
        """Bytes from the far side, at most ``window()``."""
        ...

    def ended(self) -> None:
        """The far side closed in order; all its data was received before."""
        ...

    def failed(self, number: SocketError) -> None:
        """The connection is gone; what was not received is lost."""
        ...


class _Mark:
    """The end of the far side's stream among its data."""


_END = _Mark()


class TcpLink:
    """One connection; ``local`` and ``remote`` are addresses as the module knows them."""

    def __init__(self, sock: socket.socket, local: Peer, remote: Peer, *, blocked: bool,
                 forget: Callable[[TcpLink], None]) -> None:
        self.local = local
        self.remote = remote
        self.user: TcpUser | None = None
        self.taken = 0  # bytes handed to the user
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self.cid = 0
        self.host = False  # of a host behind the module
        self.on_room: Callable[[], None] | None = None  # called when nothing waits for the far side any more
        self._blocked = blocked
        self._deaf = False
        self._finishing = False
        self._forget = forget
        self._incoming: deque[bytes | _Mark] = deque()
        self._outgoing = bytearray()
        self._heard_end = False  # the far side's end was delivered, or came while closing
        self._said_end = False
        self._progress = asyncio.Event()  # something was taken, or the link ended
        self._drained: asyncio.Future[None] | None = None  # set while closing: the far side closed too
        self._reading = False
        self._writing = False

    def start(self, user: TcpUser) -> None:
        """Begin to deliver to ``user``."""
        self.user = user
        self._pump()

    @property
    def open(self) -> bool:
        """True until the connection is closed, aborted or failed."""
        return self._sock.fileno() >= 0

    @property
    def unacknowledged(self) -> int:
        """Bytes sent by the user and not yet taken by the far side's stack."""
        if not self.open:
            return 0
        answer = fcntl.ioctl(self._sock.fileno(), termios.TIOCOUTQ, bytes(4))
        return len(self._outgoing) + int(struct.unpack("i", answer)[0])

    async def taken_up_to(self, amount: int) -> None:
        """Return when the user took ``amount`` bytes since the start, or cannot take more for now."""
        while self.open and not self._blocked and self.taken < amount:
            if self.user is not None and self.user.window() <= 0:
                return
            self._progress.clear()
            await self._progress.wait()

    def set_option(self, level: int, option: int, value: int) -> None:
        """Set an option of the kernel's socket (keep alive, TTL ...); numbers as in module socket."""
        if self.open:
            self._sock.setsockopt(level, option, value)

    def send(self, data: bytes) -> None:
        """Queue bytes for the far side."""
        self._outgoing += data
        self._flush()

    def resume(self) -> None:
        """The user has room again."""
        self._pump()

    def set_blocked(self, blocked: bool) -> None:
        """Let user data stand still, or pass again."""
        self._blocked = blocked
        self._progress.set()
        self._pump()
        self._flush()

    def set_deaf(self, deaf: bool) -> None:
        """Let nothing of the far side arrive while the module's data goes out, or let it arrive again."""
        if deaf is not self._deaf:
            self._deaf = deaf
            self._pump()

    @property
    def queued(self) -> int:
        """Bytes that the far side's stack has not taken."""
        return len(self._outgoing)

    def finish(self) -> None:
        """End the module's side in order once all is sent; what the far side sends still comes."""
        self._finishing = True
        self._flush()

    def inject(self, data: bytes) -> None:
        """The far side sends ``data``."""
        self._incoming.append(data)
        self._pump()

    def inject_end(self) -> None:
        """The far side closes its end in order; the real server sees the connection end."""
        self._stop_reading()
        self._incoming.append(_END)
        self._pump()

    def inject_reset(self) -> None:
        """The far side resets the connection."""
        user = self.user
        self.abort()
        if user is not None:
            user.failed(SocketError.RESET)

    async def close(self, linger_s: float) -> None:
        """Send what is queued, end in order, wait for the far side to end too; after ``linger_s`` seconds
        reset instead."""
        if not self.open:
            return
        self.user = None
        self._incoming.clear()
        self._drained = self._loop.create_future()
        self._flush()
        self._pump()
        try:
            async with asyncio.timeout(linger_s):
                await self._drained
        except TimeoutError:
            pass  # then the far side gets a reset
        finally:
            self.abort()

    def abort(self) -> None:
        """End at once; the far side sees a reset unless both had ended in order."""
        if not self.open:
            return
        self._stop_reading()
        self._stop_writing()
        drained = self._drained
        finished = drained is not None and drained.done()
        if drained is not None and not drained.done():
            drained.set_result(None)  # whoever waits for the end in order waits no longer
        if not finished:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()
        self.user = None
        self._incoming.clear()
        self._outgoing.clear()
        self._progress.set()
        self._forget(self)

    # what the far side sends

    def _pump(self) -> None:
        """Hand over what waits, as far as there is room, then read on if there is more room."""
        while self._incoming and not self._blocked and not self._deaf and self.user is not None:
            item = self._incoming[0]
            if isinstance(item, _Mark):
                self._incoming.clear()
                self._heard_end = True
                self.user.ended()
                break
            room = self.user.window()
            if room <= 0:
                break
            self._incoming.popleft()
            if len(item) > room:
                self._incoming.appendleft(item[room:])
            self.taken += min(len(item), room)
            self._progress.set()
            self.user.received(item[:room])
        self._arm()

    def _arm(self) -> None:
        """Watch the kernel's socket exactly while something could be done with its data."""
        still = self._blocked or self._deaf
        wanted = self.open and not still and not self._incoming and not self._heard_end
        if wanted and self._drained is None:
            wanted = self.user is not None and self.user.window() > 0
        if wanted and not self._reading:
            self._loop.add_reader(self._sock.fileno(), self._readable)
            self._reading = True
        elif not wanted:
            self._stop_reading()

    def _stop_reading(self) -> None:
        if self._reading and self.open:
            self._loop.remove_reader(self._sock.fileno())
        self._reading = False

    def _readable(self) -> None:
        room = _CHUNK if self.user is None else max(1, min(_CHUNK, self.user.window()))
        try:
            data = self._sock.recv(room)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(number_of(error))
            return
        if self._drained is not None:
            if not data:
                self._heard_end = True
                self._far_side_done()
            return
        self._incoming.append(data or _END)
        self._pump()

    def _far_side_done(self) -> None:
        self._stop_reading()
        if self._drained is not None and not self._drained.done() and not self._outgoing:
            self._drained.set_result(None)

    # what the module sends

    def _flush(self) -> None:
        while self._outgoing and not self._blocked and self.open:
            try:
                del self._outgoing[:self._sock.send(self._outgoing)]
            except (BlockingIOError, InterruptedError):
                self._start_writing()
                return
            except OSError as error:
                self._fail(number_of(error))
                return
        self._stop_writing()
        if self._drained is not None and not self._blocked and self.open:
            self._end_own_side()
        elif self._finishing and not (self._outgoing or self._blocked or self._said_end) and self.open:
            self._said_end = True
            with contextlib.suppress(OSError):  # gone already: the reader tells
                self._sock.shutdown(socket.SHUT_WR)
        if self.on_room is not None and not self._outgoing:
            self.on_room()

    def _end_own_side(self) -> None:
        if not self._said_end:
            self._said_end = True
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError:
                self._heard_end = True  # it is gone already: nothing more will come
        if self._heard_end:
            self._far_side_done()

    def _start_writing(self) -> None:
        if not self._writing:
            self._loop.add_writer(self._sock.fileno(), self._flush)
            self._writing = True

    def _stop_writing(self) -> None:
        if self._writing and self.open:
            self._loop.remove_writer(self._sock.fileno())
        self._writing = False

    def _fail(self, number: SocketError) -> None:
        user, closing = self.user, self._drained
        if closing is not None and not closing.done():
            closing.set_result(None)
        self.abort()
        if user is not None:
            user.failed(number)


class TcpAcceptor:
    """A listening port of a module: ``accepted(socket, port of the remote host)`` for each connection."""

    def __init__(self, sock: socket.socket, port: int, accepted: Callable[[socket.socket, int], None], *,
                 blocked: bool, forget: Callable[[TcpAcceptor], None]) -> None:
        self.port = port
        self.cid = 0
        self.bound_port = int(sock.getsockname()[1])
        self._sock = sock
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self._forget = forget
        self._watching = False
        self.set_blocked(blocked)

    def set_blocked(self, blocked: bool) -> None:
        """Let connection requests stand still, or take them again."""
        if self._sock.fileno() < 0 or self._watching is not blocked:
            return
        if blocked:
            self._loop.remove_reader(self._sock.fileno())
        else:
            self._loop.add_reader(self._sock.fileno(), self._readable)
        self._watching = not blocked

    def close(self) -> None:
        """Listen no more."""
        if self._sock.fileno() >= 0:
            if self._watching:
                self._loop.remove_reader(self._sock.fileno())
            self._watching = False
            self._sock.close()
            self._forget(self)

    def _readable(self) -> None:
        try:
            sock, address = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        sock.setblocking(False)
        self._accepted(sock, int(address[1]))
