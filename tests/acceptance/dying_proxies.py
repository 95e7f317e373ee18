"""Proxies before real servers that let the server die at an exact moment of what it says.

Moments are counted in what the server has sent: bytes of a connection, datagrams. Real sockets of asyncio.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import random
import socket
import struct
from dataclasses import dataclass, field

_ALWAYS = 10**9
_RUBBISH = 300


class Fault(enum.Enum):
    """How a server dies."""

    NONE = "stays well"
    RESET = "resets the connection"
    CLOSE = "closes the connection in order"
    STALL = "falls silent"
    RUBBISH = "sends rubbish"


@dataclass(slots=True)
class Plan:
    """What happens, and after how much of what the server says; ``well`` from then on."""

    fault: Fault = Fault.NONE
    after: int = _ALWAYS
    seed: int = 0

    def rubbish(self) -> bytes:
        """The same for the same plan."""
        return random.Random(f"{self.seed} {self.after}").randbytes(_RUBBISH)


@dataclass(slots=True)
class Heard:
    """What a server said: sizes of the pieces, in order."""

    pieces: list[int] = field(default_factory=list)

    @property
    def whole(self) -> int:
        """All of it."""
        return sum(self.pieces)

    def moments(self) -> list[int]:
        """At once (-1), before anything is said, the ends of the pieces, and the middle of each."""
        found, place = [0], 0
        for size in self.pieces:
            found += [place + 1, place + size // 2, place + size]
            place += size
        return [-1, *sorted({one for one in found if one < self.whole})]


class TcpProxy:
    """Before a server that speaks TCP: a plan for its connections, another for those that FTP opens beside
    them, each through ``before``."""

    def __init__(self, host: str, port: int) -> None:
        self.plan = Plan()
        self.data_plan = Plan()
        self.heard = Heard()
        self.data_heard = Heard()
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._inner: list[TcpProxy] = []
        self._opening: set[asyncio.Future[None]] = set()
        self.port = 0

    async def open(self) -> TcpProxy:
        """Listen."""
        await self._listen(_bound())
        return self

    async def _listen(self, sock: socket.socket) -> None:
        self.port = sock.getsockname()[1]
        self._server = await asyncio.start_server(self._accepted, sock=sock)

    def before(self, host: str, port: int) -> int:
        """The port of a proxy before a data port, which begins at once."""
        inner = TcpProxy(host, port)
        inner.plan, inner.heard = self.data_plan, self.data_heard
        sock = _bound()
        opening = asyncio.ensure_future(inner._listen(sock))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        self._inner.append(inner)
        return int(sock.getsockname()[1])

    async def close(self) -> None:
        """End it with all its connections."""
        for inner in self._inner:
            await inner.close()
        self._inner.clear()
        if self._server is not None:
            self._server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def prepare(self, plan: Plan, data: Plan | None = None) -> None:
        """For the connections from now on; what was heard is forgotten."""
        self.plan, self.data_plan = plan, data or Plan()
        self.heard, self.data_heard = Heard(), Heard()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        up_writer = None
        try:
            plan, heard = self.plan, self.heard
            if plan.after < 0:
                await self._die(writer, plan, asyncio.ensure_future(_ended(reader)))
                return
            up_reader, up_writer = await asyncio.open_connection(*self._target)
            up = asyncio.ensure_future(self._up(reader, up_writer))
            try:
                await self._down(up_reader, writer, plan, heard, up)
            finally:
                up.cancel()
                await asyncio.gather(up, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for one in (writer, up_writer):
                if one is not None:
                    one.close()
            self._tasks.discard(task)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plan: Plan,
                    heard: Heard, up: asyncio.Future[None]) -> None:
        """From the server to the module, up to the moment of the plan."""
        while data := await reader.read(65_536):
            left = plan.after - heard.whole
            if plan.fault is Fault.NONE or left > len(data):
                heard.pieces.append(len(data))
                writer.write(data)
                await writer.drain()
                continue
            heard.pieces.append(max(left, 0))
            writer.write(data[:max(left, 0)])
            await writer.drain()
            await self._die(writer, plan, up)
            return

    async def _die(self, writer: asyncio.StreamWriter, plan: Plan, up: asyncio.Future[None]) -> None:
        if plan.fault is Fault.RESET:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        if plan.fault is Fault.CLOSE:
            return
        if plan.fault is Fault.RUBBISH:
            writer.write(plan.rubbish())
            await writer.drain()
        with contextlib.suppress(OSError):
            await asyncio.shield(up)  # silent until the module has gone


def _bound() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    sock.setblocking(False)
    return sock


async def _ended(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(65_536):
            pass


class UdpProxy(asyncio.DatagramProtocol):
    """Before a server that speaks UDP. RESET: nobody is there any more (port unreachable); CLOSE: half a
    datagram, then silence."""

    def __init__(self, host: str, port: int) -> None:
        self.plan = Plan()
        self.heard = Heard()
        self._target = (host, port)
        self._up: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0

    async def open(self) -> UdpProxy:
        """Listen."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))
        assert self._transport is not None
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def prepare(self, plan: Plan, data: Plan | None = None) -> None:
        """For the datagrams from now on."""
        self.plan, self.heard = plan, Heard()
        for one in self._up.values():
            one.close()
        self._up.clear()
        if self._transport is None or self._transport.is_closing():
            await self.open()

    async def close(self) -> None:
        """End it."""
        for one in self._up.values():
            one.close()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        known = self._up.get(addr)
        if known is not None:
            known.sendto(data)
            return
        loop = asyncio.get_running_loop()
        opening = loop.create_task(loop.create_datagram_endpoint(
            lambda: _Back(self, addr), remote_addr=self._target))

        def opened(done: asyncio.Task[tuple[asyncio.DatagramTransport, _Back]]) -> None:
            self._up[addr] = done.result()[0]
            self._up[addr].sendto(data)

        opening.add_done_callback(opened)

    def back(self, data: bytes, addr: tuple[str, int]) -> None:
        """A datagram of the server."""
        if self._transport is None or self._transport.is_closing():
            return
        place, plan = len(self.heard.pieces), self.plan
        self.heard.pieces.append(1)
        if plan.fault is Fault.NONE or place < plan.after:
            self._transport.sendto(data, addr)
        elif plan.fault is Fault.RESET:
            self._transport.close()
        elif plan.fault is Fault.CLOSE and place == plan.after:
            self._transport.sendto(data[:len(data) // 2], addr)
        elif plan.fault is Fault.RUBBISH:
            self._transport.sendto(plan.rubbish()[:random.Random(place).randrange(1, 200)], addr)


class _Back(asyncio.DatagramProtocol):
    """The way back from the server."""

    def __init__(self, proxy: UdpProxy, addr: tuple[str, int]) -> None:
        self._proxy = proxy
        self._addr = addr

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._proxy.back(data, self._addr)

    def error_received(self, exc: Exception) -> None:
        pass
