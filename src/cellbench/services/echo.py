"""The echo server: TCP (RFC 862) and UDP on one port number."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from cellbench.base.protocols import Endpoint

from .places import TcpPlace, UdpPlace
from .server import PLAIN_STATES, SLOW_S, State

_CHUNK = 4096


class EchoServer:
    """Sends back what comes in.

    ``mute`` reads and drops; ``slow`` sends back ``slow_s`` seconds later; data dropped while mute stays
    dropped.
    """

    def __init__(self, definition: Mapping[str, object]) -> None:
        self._slow_s = float(str(definition.get("slow_s", SLOW_S)))
        self._state = State.UP
        self._tcp = TcpPlace(self._converse)
        self._udp = UdpPlace(self._datagram)
        self._last: dict[str, str] = {}
        self._bytes = {"tcp": 0, "udp": 0}

    @property
    def states(self) -> frozenset[State]:
        """up, down, mute, slow."""
        return PLAIN_STATES

    async def start(self) -> None:
        """Listen on TCP and UDP, on the same port number if it can be had."""
        await self._tcp.open()
        self._udp = UdpPlace(self._datagram, port=self._tcp.endpoint.port)
        await self._udp.open()

    async def stop(self) -> None:
        """Close both places and every connection."""
        await self._tcp.close()
        await self._udp.close()

    async def set_state(self, state: State) -> None:
        """Take a state; going down ends the connections."""
        self._state = state
        if state is State.DOWN:
            await self.stop()
        else:
            await self._tcp.open()
            await self._udp.open()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The TCP place and the UDP place."""
        return self._tcp.endpoint, self._udp.endpoint

    def report(self) -> Mapping[str, str]:
        """The last peer and how much was taken in since the start."""
        return {"tcp_bytes": str(self._bytes["tcp"]), "udp_bytes": str(self._bytes["udp"]),
                "tcp_connections": str(self._tcp.connections), **self._last}

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            self._saw("tcp", data, writer.get_extra_info("peername"))
            if self._state is State.MUTE:
                continue
            if self._state is State.SLOW:
                await asyncio.sleep(self._slow_s)
            writer.write(data)
            await writer.drain()

    def _datagram(self, data: bytes, peer: tuple[str, int]) -> None:
        self._saw("udp", data, peer)
        if self._state is State.SLOW:
            asyncio.get_running_loop().call_later(self._slow_s, self._udp.send, data, peer)
        elif self._state is not State.MUTE:
            self._udp.send(data, peer)

    def _saw(self, transport: str, data: bytes, peer: tuple[str, int]) -> None:
        self._bytes[transport] += len(data)
        self._last = {"transport": transport, "peer": f"{peer[0]}:{peer[1]}", "last_bytes": str(len(data))}
