"""A responder for real IPv4 packets with ICMP echo requests, carried in UDP datagrams on loopback.

The virtual module may not open raw sockets, so its IP packets travel whole inside datagrams; what comes back
is what the hosts and the routers on the way would send: echo replies, time exceeded, destination unreachable.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from cellbench.base.protocols import Endpoint

from .places import UdpPlace
from .server import PLAIN_STATES, SLOW_S, State

_HEADER = struct.Struct("!BBHHHBBH4s4s")  # RFC 791 3.1, without options
_ICMP = 1
_ECHO_REPLY, _UNREACHABLE, _ECHO_REQUEST, _TIME_EXCEEDED = 0, 3, 8, 11
_ROUTER_TTL = 64


@dataclass(frozen=True, slots=True)
class Host:
    """One host that answers: TTL at the start of its answers, routers between it and whoever asks."""

    ttl: int
    hops: int


@dataclass(frozen=True, slots=True)
class Packet:
    """The parts of an IPv4 packet that matter here."""

    source: bytes
    target: bytes
    ttl: int
    protocol: int
    payload: bytes
    head: bytes  # header and first eight bytes: what an ICMP error quotes (RFC 792)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def parse(data: bytes) -> Packet | None:
    """An IPv4 packet; None when it is none or its header checksum is wrong."""
    if len(data) < _HEADER.size or data[0] >> 4 != 4:
        return None
    length = (data[0] & 15) * 4
    _, _, total, _, _, ttl, protocol, _, source, target = _HEADER.unpack_from(data)
    if length < _HEADER.size or not length <= total <= len(data) or checksum(data[:length]):
        return None
    return Packet(source, target, ttl, protocol, data[length:total], data[:length + 8])


def build(source: bytes, target: bytes, ttl: int, payload: bytes) -> bytes:
    """An IPv4 packet with an ICMP message."""
    fields = (0x45, 0, _HEADER.size + len(payload), 0, 0, ttl, _ICMP)
    header = _HEADER.pack(*fields, 0, source, target)
    return _HEADER.pack(*fields, checksum(header), source, target) + payload


def message(kind: int, code: int, rest: bytes) -> bytes:
    """An ICMP message; ``rest`` is what follows the checksum."""
    sum16 = checksum(struct.pack("!BBH", kind, code, 0) + rest)
    return struct.pack("!BBH", kind, code, sum16) + rest


class IcmpServer:
    """Answers for all hosts of ``definition["hosts"]`` (address → ttl, hops).

    ``latency_s``: time a packet takes there and back. ``lose_every``: each n-th request is lost (0: none).
    ``unknown``: what packets to another host bring: "silence" (default) or "time-exceeded" from the second
    packet on, as some networks do (LARA-R6 guide 2.4.1: first -1, then -2). ``down``: a router says that the
    host is unreachable; ``mute``: nothing comes back.
    """

    def __init__(self, definition: Mapping[str, object]) -> None:
        hosts = definition.get("hosts", {})
        if not isinstance(hosts, Mapping):
            raise ValueError("hosts: a mapping from address to ttl and hops")
        self._hosts = {ipaddress.IPv4Address(address).packed: Host(int(host["ttl"]), int(host["hops"]))
                       for address, host in hosts.items()}
        self._latency_s = float(str(definition.get("latency_s", 0.0)))
        self._lose_every = int(str(definition.get("lose_every", 0)))
        self._time_exceeded_for_unknown = definition.get("unknown") == "time-exceeded"
        self._router = ipaddress.IPv4Address(str(definition.get("router", "10.80.0.254"))).packed
        self._slow_s = float(str(definition.get("slow_s", SLOW_S)))
        self._state = State.UP
        self._udp = UdpPlace(self._datagram)
        self._asked_for: set[bytes] = set()
        self._requests = 0
        self._last: dict[str, str] = {}

    @property
    def states(self) -> frozenset[State]:
        """up, down, mute, slow."""
        return PLAIN_STATES

    async def start(self) -> None:
        """Take packets on a free UDP port."""
        await self._udp.open()

    async def stop(self) -> None:
        """Close the port."""
        await self._udp.close()

    async def set_state(self, state: State) -> None:
        """Take a state; the carrying port stays open, for the network does not vanish with a host."""
        self._state = state

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The UDP port that takes IP packets."""
        return (self._udp.endpoint,)

    def report(self) -> Mapping[str, str]:
        """How many requests came, and the last one."""
        return {"requests": str(self._requests), **self._last}

    def _datagram(self, data: bytes, peer: tuple[str, int]) -> None:
        packet = parse(data)
        if packet is None or packet.protocol != _ICMP or len(packet.payload) < 8 or checksum(packet.payload):
            return
        if packet.payload[0] != _ECHO_REQUEST:
            return
        self._requests += 1
        self._last = {"target": str(ipaddress.IPv4Address(packet.target)), "ttl": str(packet.ttl),
                      "bytes": str(len(packet.payload) - 8)}
        lost = self._lose_every > 0 and self._requests % self._lose_every == 0
        answer = None if lost or self._state is State.MUTE else self._answer(packet)
        if answer is not None:
            delay = self._latency_s + (self._slow_s if self._state is State.SLOW else 0.0)
            asyncio.get_running_loop().call_later(delay, self._udp.send, answer, peer)

    def _network_complains(self, target: bytes) -> bool:
        """True when the network says of an unknown host that the packet's time is exceeded."""
        first = target not in self._asked_for
        self._asked_for.add(target)
        return self._time_exceeded_for_unknown and not first

    def _answer(self, packet: Packet) -> bytes | None:
        host = self._hosts.get(packet.target)
        quoted = bytes(4) + packet.head
        if host is None and not self._network_complains(packet.target):
            return None
        if host is None or packet.ttl <= host.hops:
            return build(self._router, packet.source, _ROUTER_TTL, message(_TIME_EXCEEDED, 0, quoted))
        if self._state is State.DOWN:
            return build(self._router, packet.source, _ROUTER_TTL, message(_UNREACHABLE, 1, quoted))
        reply = message(_ECHO_REPLY, 0, packet.payload[4:])
        return build(packet.target, packet.source, host.ttl - host.hops, reply)
