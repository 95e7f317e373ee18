"""Echo requests of the module as real IPv4 packets (RFC 791, RFC 792), carried in UDP datagrams to whoever
plays the network's hosts and routers."""

from __future__ import annotations

import asyncio
import enum
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from .node import Node
from .route import Flow, Source

SERVICE = "icmp"
_IP = struct.Struct("!BBHHHBBH4s4s")
_ECHO = struct.Struct("!BBHHH")
_PROTOCOL = 1


class Outcome(enum.Enum):
    """What became of an echo request."""

    REPLY = "reply"
    TIME_EXCEEDED = "time exceeded"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Echo:
    """The outcome of one request; ``ttl``: that of the packet that came back, ``rtt_s`` in seconds."""

    outcome: Outcome
    ttl: int = 0
    rtt_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """One echo request: identifier and sequence number, bytes of payload, TTL."""

    target: str
    identifier: int
    sequence: int
    size: int
    ttl: int


def sum16(data: bytes) -> int:
    """The ones' complement checksum of RFC 1071."""
    if len(data) & 1:
        data += b"\x00"
    total = 0
    for high, low in zip(data[::2], data[1::2], strict=True):
        total += high << 8 | low
    total = (total >> 16) + (total & 0xFFFF)
    return (total + (total >> 16)) & 0xFFFF ^ 0xFFFF


def packet(source: str, request: Request) -> bytes:
    """The IPv4 packet of an echo request, its payload being the alphabet over and over."""
    payload = bytes(ord("a") + index % 23 for index in range(request.size))
    head = _ECHO.pack(8, 0, 0, request.identifier, request.sequence)
    icmp = _ECHO.pack(8, 0, sum16(head + payload), request.identifier, request.sequence) + payload
    ends = IPv4Address(source).packed, IPv4Address(request.target).packed
    total = _IP.size + len(icmp)
    header = _IP.pack(0x45, 0, total, request.sequence, 0, request.ttl, _PROTOCOL, 0, *ends)
    return _IP.pack(0x45, 0, total, request.sequence, 0, request.ttl, _PROTOCOL, sum16(header), *ends) + icmp


def read_answer(data: bytes, request: Request) -> tuple[Outcome, int] | None:
    """Outcome and TTL of a packet that belongs to ``request``; None when it does not, or is damaged."""
    if len(data) < _IP.size + _ECHO.size or data[0] >> 4 != 4:
        return None
    length = (data[0] & 0x0F) * 4
    total = int.from_bytes(data[2:4], "big")
    icmp = data[length:total]
    if sum16(data[:length]) or sum16(icmp) or data[9] != _PROTOCOL or len(icmp) < _ECHO.size:
        return None
    kind, ttl = icmp[0], data[8]
    if kind == 0:
        _, _, _, identifier, sequence = _ECHO.unpack_from(icmp)
        outcome = Outcome.REPLY
    elif kind in (3, 11):
        quoted = icmp[8:]
        inner = quoted[(quoted[0] & 0x0F) * 4:] if quoted else b""
        if len(inner) < _ECHO.size:
            return None
        _, _, _, identifier, sequence = _ECHO.unpack_from(inner)
        outcome = Outcome.TIME_EXCEEDED if kind == 11 else Outcome.UNREACHABLE
    else:
        return None
    return (outcome, ttl) if (identifier, sequence) == (request.identifier, request.sequence) else None


class _Waiting(asyncio.DatagramProtocol):
    def __init__(self, request: Request) -> None:
        self._request = request
        self.answer: asyncio.Future[tuple[Outcome, int]] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        found = read_answer(data, self._request)
        if found is not None and not self.answer.done():
            self.answer.set_result(found)

    def error_received(self, exc: Exception) -> None:
        """Nobody plays the network: no answer will come (asyncio's name)."""


async def echo(node: Node, source: Source, request: Request, timeout_s: float) -> Echo:
    """Send one echo request and wait for what comes back, ``timeout_s`` seconds at most."""
    loop = asyncio.get_running_loop()
    endpoint = node.icmp_endpoint(request.target, source)
    started = loop.time()
    transport: asyncio.DatagramTransport | None = None
    try:
        async with asyncio.timeout(timeout_s):
            await node.passing()
            if endpoint is None:
                await loop.create_future()  # nothing will come
                return Echo(Outcome.TIMEOUT)
            transport, waiting = await loop.create_datagram_endpoint(
                lambda: _Waiting(request), local_addr=(node.source, 0),
                remote_addr=(endpoint.host, endpoint.port))
            node.note(SERVICE, Flow(source.cid, 0, 0))
            transport.sendto(packet(source.address, request))
            outcome, ttl = await waiting.answer
            if node.deaf(source, 0):
                await loop.create_future()  # the answer went to the host behind the module
    except TimeoutError:
        return Echo(Outcome.TIMEOUT)
    finally:
        if transport is not None:
            transport.abort()
    return Echo(outcome, ttl, loop.time() - started)
