"""TLS and DTLS of a module over its connections: io.tls on top of a TCP link or a connected UDP port.

A secure link has the face of a TCP link, so that sockets and clients never learn which one they have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from cellbench.io.tls.engine import Closed, Event, Failed, Failure, Opened, Received, State, TlsEngine

from .failure import NetFailure, SocketError
from .route import Peer
from .tcp import TcpLink, TcpUser

_CHUNK = 16_384
_HELD = 65_536  # clear bytes that may wait for the user


class Link(Protocol):
    """A stream to the far side, in the clear or not, as its user sees it."""

    local: Peer
    remote: Peer
    taken: int

    def start(self, user: TcpUser) -> None:
        """Begin to deliver to ``user``."""
        ...

    @property
    def open(self) -> bool:
        """True until the connection is closed, aborted or failed."""
        ...

    @property
    def unacknowledged(self) -> int:
        """Bytes sent by the user and not yet taken by the far side's stack."""
        ...

    async def taken_up_to(self, amount: int) -> None:
        """Return when the user took ``amount`` bytes since the start, or cannot take more for now."""
        ...

    def set_option(self, level: int, option: int, value: int) -> None:
        """Set an option of the kernel's socket."""
        ...

    def send(self, data: bytes) -> None:
        """Queue bytes for the far side."""
        ...

    def resume(self) -> None:
        """The user has room again."""
        ...

    def inject(self, data: bytes) -> None:
        """The far side sends ``data``."""
        ...

    def inject_end(self) -> None:
        """The far side closes its end in order."""
        ...

    def inject_reset(self) -> None:
        """The far side resets the connection."""
        ...

    async def close(self, linger_s: float) -> None:
        """Send what is queued, end in order; after ``linger_s`` seconds reset instead."""
        ...

    def abort(self) -> None:
        """End at once."""
        ...


class SecureFailure(NetFailure):
    """The handshake failed, or the connection broke TLS; ``why`` tells it as the client saw it."""

    def __init__(self, why: Failure, detail: str) -> None:
        super().__init__(SocketError.RESET if why is Failure.CUT else SocketError.NOT_CONNECTED)
        self.why = why
        self.detail = detail


class SecureLink:
    """TLS over a TCP link: the link's user below, a link above."""

    def __init__(self, below: TcpLink, engine: TlsEngine, ended: Callable[[SecureLink], None]) -> None:
        self.local = below.local
        self.remote = below.remote
        self.user: TcpUser | None = None
        self.taken = 0
        self.opened: Opened | None = None
        self._below = below
        self._engine = engine
        self._told_end = ended
        self._clear = bytearray()
        self._finished = False  # no more clear bytes will come
        self._lost: SocketError | None = None  # by what it broke
        self._stalled = False  # the link below was told that there is no room
        self._wire = asyncio.Event()  # bytes of the wire were handled
        self._progress = asyncio.Event()
        self._shaken: asyncio.Future[Opened] = asyncio.get_running_loop().create_future()

    async def handshake(self) -> Opened:
        """Do the handshake; SecureFailure or NetFailure when it fails, with the connection gone."""
        self._below.start(self)
        try:
            self._handle(self._engine.start())
            self._flush()
            self.opened = await self._shaken
        except BaseException:
            self.abort()
            raise
        return self.opened

    @property
    def engine(self) -> TlsEngine:
        """The connection's TLS, for its session."""
        return self._engine

    # -- towards the user ------------------------------------------------------------------------

    def start(self, user: TcpUser) -> None:
        """Begin to deliver to ``user``; also that the connection broke before there was one."""
        self.user = user
        if self._lost is None:
            self._pump()
        else:
            asyncio.get_running_loop().call_soon(self._tell_lost, self._lost)

    def _tell_lost(self, number: SocketError) -> None:
        user, self.user = self.user, None
        if user is not None:
            user.failed(number)

    @property
    def open(self) -> bool:
        """True until the connection is closed, aborted or failed."""
        return self._below.open

    @property
    def unacknowledged(self) -> int:
        """Bytes of the wire not yet taken by the far side's stack."""
        return self._below.unacknowledged

    async def taken_up_to(self, amount: int) -> None:
        """As of a TCP link, in clear bytes."""
        while self.open and self.taken < amount:
            if self.user is not None and self.user.window() <= 0:
                return
            self._progress.clear()
            await self._progress.wait()

    def set_option(self, level: int, option: int, value: int) -> None:
        """Set an option of the kernel's socket."""
        self._below.set_option(level, option, value)

    def send(self, data: bytes) -> None:
        """Encrypt and queue for the far side; dropped when the far side has ended the connection."""
        if self._engine.state is State.OPEN:
            self._engine.send(data)
            self._flush()

    def resume(self) -> None:
        """The user has room again."""
        self._pump()

    def inject(self, data: bytes) -> None:
        """The far side sends ``data``, as if it had come decrypted."""
        self._clear += data
        self._pump()

    def inject_end(self) -> None:
        """The far side closes its end in order."""
        self._below.inject_end()

    def inject_reset(self) -> None:
        """The far side resets the connection."""
        self._below.inject_reset()

    async def close(self, linger_s: float) -> None:
        """close_notify, what is queued, and the end in order; after ``linger_s`` seconds a reset instead."""
        self.user = None
        self._engine.close()
        self._flush()
        self._over()
        await self._below.close(linger_s)

    def abort(self) -> None:
        """End at once."""
        self.user = None
        self._below.abort()
        self._over()

    # -- towards the wire ------------------------------------------------------------------------

    def window(self) -> int:
        """Room for bytes of the wire."""
        self._stalled = len(self._clear) >= _HELD
        return 0 if self._stalled else _CHUNK

    def received(self, data: bytes) -> None:
        """Bytes of the wire."""
        self._handle(self._engine.receive(data))
        self._flush()
        self._wire.set()
        self._pump()

    async def ticket_came(self, within_s: float) -> bool:
        """True once the session can be resumed by a ticket, which TLS 1.3 sends after the handshake
        (RFC 8446 4.6.1); False when none came in that time."""
        try:
            async with asyncio.timeout(within_s):
                while self.open and not ((session := self._engine.session()) and session.ticket):
                    self._wire.clear()
                    await self._wire.wait()
        except TimeoutError:
            return False
        return self.open

    def ended(self) -> None:
        """The far side closed the connection below; without close_notify it counts as the end too."""
        self._finish()
        self._pump()

    def failed(self, number: SocketError) -> None:
        """The connection below is gone."""
        if not self._shaken.done():
            self._shaken.set_exception(NetFailure(number))
        self._lost = number
        self._over()
        self._tell_lost(number)

    def _handle(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, Opened) and not self._shaken.done():
                self._shaken.set_result(event)
            elif isinstance(event, Received):
                self._clear += event.data
            elif isinstance(event, Closed):
                self._finish()
            elif isinstance(event, Failed):
                self._broken(event)

    def _broken(self, event: Failed) -> None:
        if not self._shaken.done():
            self._shaken.set_exception(SecureFailure(event.why, event.detail))
            return
        self._flush()
        user = self.user
        self.abort()
        self._lost = SocketError.RESET
        if user is not None:
            user.failed(self._lost)

    def _finish(self) -> None:
        if not self._shaken.done():
            self._shaken.set_exception(SecureFailure(Failure.CUT, "the server ended the connection"))
        self._finished = True

    def _flush(self) -> None:
        for data in self._engine.outgoing():
            if self._below.open:
                self._below.send(data)

    def _pump(self) -> None:
        while self._clear and self.user is not None and (room := self.user.window()) > 0:
            part = bytes(self._clear[:room])
            del self._clear[: len(part)]
            self.taken += len(part)
            self._progress.set()
            self.user.received(part)
        if self._finished and not self._clear and self.user is not None:
            user, self.user = self.user, None
            user.ended()
        elif self._stalled and self._below.open and len(self._clear) < _HELD:
            self._stalled = False
            self._below.resume()

    def _over(self) -> None:
        self._progress.set()
        self._told_end(self)


class SecureDatagrams:
    """DTLS over a connected UDP port: clear datagrams above, ``out`` sends those of the wire."""

    def __init__(self, engine: TlsEngine, out: Callable[[bytes], None], deliver: Callable[[bytes], None],
                 failed: Callable[[SocketError], None]) -> None:
        self._engine = engine
        self._out = out
        self._deliver = deliver
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._shaken: asyncio.Future[Opened] = self._loop.create_future()

    async def handshake(self) -> Opened:
        """Do the handshake; SecureFailure when it fails."""
        try:
            self._handle(self._engine.start())
            return await self._shaken
        except BaseException:
            self._stop_timer()
            raise

    @property
    def engine(self) -> TlsEngine:
        """The connection's DTLS, for its session."""
        return self._engine

    def received(self, data: bytes) -> None:
        """A datagram of the wire."""
        self._handle(self._engine.receive(data))

    def send(self, data: bytes) -> None:
        """A clear datagram for the far side."""
        if self._engine.state is State.OPEN:
            self._engine.send(data)
            self._handle(())

    def close(self) -> None:
        """close_notify; nothing is delivered afterwards."""
        self._engine.close()
        self._handle(())
        self._stop_timer()

    def _handle(self, events: tuple[Event, ...]) -> None:
        for datagram in self._engine.outgoing():
            self._out(datagram)
        self._stop_timer()
        wait = self._engine.timeout_s()
        if wait is not None:
            self._timer = self._loop.call_later(wait + 0.001, self._expired)
        for event in events:
            if isinstance(event, Opened) and not self._shaken.done():
                self._shaken.set_result(event)
            elif isinstance(event, Received):
                self._deliver(event.data)
            elif isinstance(event, Closed):
                self._failed(SocketError.NONE)
            elif isinstance(event, Failed) and not self._shaken.done():
                self._shaken.set_exception(SecureFailure(event.why, event.detail))
            elif isinstance(event, Failed):
                self._failed(SocketError.RESET)

    def _expired(self) -> None:
        self._timer = None
        self._handle(self._engine.expired())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
