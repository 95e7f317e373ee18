"""Echo requests of the host on their way to whoever plays the network's hosts and routers, and what comes
back. That server speaks IPv4: requests to IPv6 hosts go to the same host's other address and back again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from ..icmp import SERVICE
from ..node import Node
from ..route import Flow, Source
from . import icmp
from .icmp import Message
from .packets import HOPS, Packet, build, packed, parse, text

_OPEN = 256
"""Requests that are remembered."""
_EXCEEDED, _EXCEEDED6 = 11, 3
_TRANSLATED = bytes.fromhex("0064ff9b0000000000000000")
"""The prefix of IPv4 addresses in IPv6 (RFC 6052 2.1): routers that have no other."""


class _Carrier(asyncio.DatagramProtocol):
    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._heard(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody plays the network: no answer will come (asyncio's name)."""


class Echoes:
    """The requests of one link; ``public``: the address that the network knows the host by."""

    def __init__(self, node: Node, source: Source, public: bytes, answer: Callable[[Packet], None],
                 loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._node = node
        self._source = source
        self._public = public
        self._answer = answer
        self._asked: dict[tuple[bytes, bytes], Packet] = {}  # by target and identifier with number
        self._waiting: list[bytes] = []
        self._transport: asyncio.DatagramTransport | None = None
        self._opening: asyncio.Task[None] | None = None

    def close(self) -> None:
        """No more answers."""
        if self._opening is not None:
            self._opening.cancel()
        if self._transport is not None:
            self._transport.abort()

    def ask(self, request: Packet, message: Message) -> None:
        """Pass a request on; it vanishes where nothing answers."""
        target = text(request.target)
        near = self._node.ipv4_of(target) if request.v6 else target
        if near is None or self._node.icmp_endpoint(near, self._source) is None:
            return
        plain = replace(message, kind=icmp.ECHO[False][0])
        out = icmp.packet(self._public, packed(near), plain, request.hops)
        while len(self._asked) >= _OPEN:
            del self._asked[next(iter(self._asked))]
        self._asked[out.target, message.rest] = request
        self._node.note(SERVICE, Flow(self._source.cid, 0, 0))
        self._send(build(out), near)

    def _send(self, data: bytes, target: str) -> None:
        if self._transport is not None:
            self._transport.sendto(data)
            return
        self._waiting.append(data)
        if self._opening is None:
            self._opening = self._loop.create_task(self._open(target))

    async def _open(self, target: str) -> None:
        endpoint = self._node.icmp_endpoint(target, self._source)
        if endpoint is None:
            return
        self._transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _Carrier(self._heard), local_addr=(self._node.source, 0),
            remote_addr=(endpoint.host, endpoint.port))
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self._transport.sendto(data)

    def _heard(self, data: bytes) -> None:
        """An answer, or word of a router: as the host knows its request."""
        packet = parse(data)
        message = None if packet is None else icmp.parse(packet)
        if packet is None or message is None:
            return
        if message.kind == icmp.ECHO[False][1]:
            request = self._asked.pop((packet.source, message.rest), None)
            if request is not None:
                kind = icmp.ECHO[request.v6][1]
                self._answer(icmp.packet(request.target, request.source, replace(message, kind=kind),
                                         packet.hops))
            return
        quoted = message.body
        inner = quoted[(quoted[0] & 15) * 4:][:8] if quoted else b""
        request = self._asked.pop((quoted[16:20], inner[4:8]), None)
        if request is not None:
            self._complaint(packet, message, request)

    def _complaint(self, packet: Packet, message: Message, request: Packet) -> None:
        """A router's word, quoting the request as the host sent it."""
        quoted = build(request)
        if not request.v6:
            self._answer(icmp.packet(packet.source, request.source, replace(message, body=quoted[:28]),
                                     packet.hops))
            return
        kind = _EXCEEDED6 if message.kind == _EXCEEDED else 1
        told = Message(kind, 0 if kind == _EXCEEDED6 else 3, bytes(4), quoted[:1232])
        self._answer(icmp.packet(_TRANSLATED + packet.source, request.source, told, HOPS))
