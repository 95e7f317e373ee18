"""The echo server over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from cellbench.base.protocols import Endpoint
from cellbench.io.tls.engine import TlsServer
from cellbench.io.tls.settings import ServerSettings

from .places import TcpPlace
from .server import PLAIN_STATES, SLOW_S, State
from .tls import HandshakeFacts, over_tls

_CHUNK = 4096


class EchoTlsServer:
    """Sends back what comes in over TLS; ``definition["tls"]`` are its ServerSettings.

    ``mute`` reads and drops, ``slow`` sends back later, ``reset`` forgets TLS sessions.
    """

    def __init__(self, definition: Mapping[str, object]) -> None:
        settings = definition.get("tls")
        if not isinstance(settings, ServerSettings):
            raise ValueError("an echo server over TLS needs tls: its settings")
        self._settings = settings
        self._slow_s = float(str(definition.get("slow_s", SLOW_S)))
        self._state = State.UP
        self._last: dict[str, str] = {}
        self._secure = TlsServer(settings)
        self._tcp = TcpPlace(self._first)

    @property
    def states(self) -> frozenset[State]:
        """up, down, mute, slow, reset."""
        return PLAIN_STATES | {State.RESET}

    async def start(self) -> None:
        """Listen."""
        await self._tcp.open()

    async def stop(self) -> None:
        """Close the place and every connection."""
        await self._tcp.close()

    async def set_state(self, state: State) -> None:
        """Take a state; going down ends the connections."""
        if state is State.RESET:
            self._secure, state = TlsServer(self._settings), State.UP
        self._state = state
        if state is State.DOWN:
            await self._tcp.close()
        else:
            await self._tcp.open()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The TCP place."""
        return (self._tcp.endpoint,)

    def report(self) -> Mapping[str, str]:
        """How many connections came, and the last handshake."""
        return {"connections": str(self._tcp.connections), **self._last}

    async def _first(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over_tls(self._secure, self._converse, self._saw, self._refused)(reader, writer)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self._state is State.MUTE:
                continue
            if self._state is State.SLOW:
                await asyncio.sleep(self._slow_s)
            writer.write(data)
            await writer.drain()

    def _saw(self, facts: HandshakeFacts) -> None:
        self._last = facts.as_report()

    def _refused(self, why: str) -> None:
        self._last = {"handshake": why}
