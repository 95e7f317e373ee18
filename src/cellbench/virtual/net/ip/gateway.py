"""The way of IP packets between a host behind the module and the virtual internet.

The host's TCP connections end here and go on as real ones on loopback; datagrams leave by real sockets of
the module; echo requests travel whole to whoever plays the network's hosts. What the host has no address
for vanishes, as it does in a network.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..failure import NetFailure, SocketError
from ..node import ARRIVAL_S, Node
from ..route import Peer, Reach, Source
from ..udp import UdpPort
from . import icmp, segments
from .echoes import Echoes
from .fragments import Reassembly, cut
from .icmp import Router, Trouble
from .packets import ICMP, ICMP6, TCP, UDP, Packet, build, packed, parse, parse_udp, text, udp
from .segments import Flag, Segment
from .splice import Splice, Way
from .tcp import Settings
from .tcp_sender import PACE, Pace
from .visit import Visit

CONNECTIONS, DATAGRAM_PORTS = 256, 256
HELD_OCTETS = 65536
"""What waits in either direction while user data stands still; more is lost."""
_LINK_LOCAL = bytes.fromhex("fe80000000000000")
_HEADERS = {False: 40, True: 60}  # IP and TCP


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses on the link: the host's and the module's IPv4 address, the address that the network knows
    (another one where the module translates), the module's IPv6 address, whose prefix is the host's too."""

    host4: str | None = None
    own4: str | None = None
    public4: str | None = None
    module6: str | None = None


class Gateway:
    """One link's gateway; ``deliver`` takes packets for the host, ``traffic`` hears of each that passes.

    ``kept`` says of a local port that what comes for it belongs to clients inside the module.
    """

    def __init__(self, node: Node, source: Source, addresses: Addresses, mtu: int,
                 deliver: Callable[[bytes], None], loop: asyncio.AbstractEventLoop, *,
                 kept: Callable[[int], bool] = lambda port: False,
                 traffic: Callable[[], None] = lambda: None, pace: Pace = PACE,
                 time_wait_s: float = 60.0) -> None:
        self.mtu = mtu
        self._node = node
        self._source = source
        self._deliver = deliver
        self._kept = kept
        self._traffic = traffic
        self._pace, self._time_wait_s = pace, time_wait_s
        self._loop = loop
        self._host4, self._own4 = (None if one is None else packed(one)
                                   for one in (addresses.host4, addresses.own4))
        self._exposed = addresses.host4 is not None and addresses.public4 in (None, addresses.host4)
        self._module6 = None if addresses.module6 is None else packed(addresses.module6)
        self._router = None if self._module6 is None else Router(
            _LINK_LOCAL + self._module6[8:], self._module6, mtu)
        self._reassembly = Reassembly()
        self._splices: dict[tuple[bytes, int, bytes, int], Splice | Visit] = {}
        self._udp: dict[tuple[bytes, int], UdpPort] = {}
        public = packed(addresses.public4) if addresses.public4 is not None else self._host4
        self._echoes = Echoes(node, source, public or bytes(4), self._to_host, loop)
        self._identifier = 0
        self._blocked = False
        self._held: deque[tuple[Callable[[bytes], None], bytes]] = deque()
        self._closed = False
        node.join(self)

    def close(self) -> None:
        """The link is gone: so is everything that went over it."""
        self._closed = True
        self._node.part(self)
        self._held.clear()
        for splice in tuple(self._splices.values()):
            splice.close()
        for port in self._udp.values():
            port.close()
        self._splices.clear()
        self._udp.clear()
        self._echoes.close()

    def set_blocked(self, blocked: bool) -> None:
        """User data stands still, or passes again: first what waited."""
        self._blocked = blocked
        while self._held and not self._blocked:
            action, data = self._held.popleft()
            action(data)

    def _hold(self, action: Callable[[bytes], None], data: bytes) -> None:
        if sum(len(waiting) for _, waiting in self._held) + len(data) <= HELD_OCTETS:
            self._held.append((action, data))

    # from the host
    def from_host(self, data: bytes) -> None:
        """An IP packet of the host."""
        if self._closed:
            return
        if self._blocked:
            self._hold(self.from_host, data)
            return
        piece = parse(data)
        packet = None if piece is None else self._reassembly.take(piece, self._loop.time())
        if packet is None or not self._is_hosts(packet):
            return
        self._traffic()
        if packet.protocol in (ICMP, ICMP6):
            self._icmp(packet)
        elif not _somebody(packet.target):
            return
        elif packet.protocol == UDP:
            self._datagram(packet)
        elif packet.protocol == TCP:
            self._segment(packet)

    def _is_hosts(self, packet: Packet) -> bool:
        """The network takes packets with the host's own address only."""
        if not packet.v6:
            return packet.source == self._host4
        if self._module6 is None:
            return False
        local = packet.source == icmp.ANYBODY or packet.source.startswith(_LINK_LOCAL)
        ours = packet.source[:8] == self._module6[:8] and packet.source != self._module6
        return ours or (local and packet.protocol == ICMP6)

    def _icmp(self, packet: Packet) -> None:
        message = icmp.parse(packet)
        if message is None:
            return
        near = packet.target in (self._own4, self._router.address if self._router else None)
        if packet.v6 and self._router is not None:
            answer = self._router.answer(packet, message)
            if answer is not None:
                self._to_host(answer)
                return
        if message.kind != icmp.ECHO[packet.v6][0]:
            return
        if near:
            self._to_host(icmp.echo_reply(packet, message))
        elif _somebody(packet.target) and not packet.source.startswith(_LINK_LOCAL):
            self._echoes.ask(packet, message)

    def _trouble(self, about: Packet, why: Trouble) -> None:
        router = self._router.address if about.v6 and self._router is not None else self._own4
        if router is not None:
            self._to_host(icmp.trouble(about, why, router, self.mtu))

    # datagrams
    def _datagram(self, packet: Packet) -> None:
        datagram = parse_udp(packet)
        if datagram is None:
            return
        peer = Peer(text(packet.target), datagram.target_port)
        reach = self._node.route(peer, "udp", self._source).reach
        if reach in (Reach.REFUSED, Reach.UNREACHABLE):
            self._trouble(packet, Trouble.NO_PORT if reach is Reach.REFUSED else Trouble.NO_ROUTE)
            return
        port = self._udp_port(packet.source, datagram.source_port)
        with contextlib.suppress(NetFailure):  # the link has just come to a standstill: lost
            port.send(datagram.data, peer)

    def _udp_port(self, address: bytes, number: int) -> UdpPort:
        key = address, number
        found = self._udp.pop(key, None)
        if found is None:
            found = self._open_udp(address, number)
        self._udp[key] = found  # the latest used stands last
        while len(self._udp) > DATAGRAM_PORTS:
            self._udp.pop(next(iter(self._udp))).close()
        return found

    def _open_udp(self, address: bytes, number: int) -> UdpPort:
        def received(data: bytes, peer: Peer) -> None:
            self._datagram_in(data, peer, address, number)

        try:
            return self._node.open_udp(self._source, received, local_port=number)
        except NetFailure:  # the port is a client's inside, or the machine's
            return self._node.open_udp(self._source, received)

    def _datagram_in(self, data: bytes, peer: Peer, address: bytes, number: int) -> None:
        source = packed(peer.host)
        if len(source) == len(address) and not self._kept(number):
            self._to_host(udp((source, peer.port), (address, number), data))

    def diverted(self, data: bytes, remote: Peer, local: Peer) -> None:
        """A datagram for a client inside the module that the host gets instead (LARA-R6 guide 4.3.2)."""
        source = packed(remote.host)
        if len(source) == 4 and self._host4 is not None:
            self._to_host(udp((source, remote.port), (self._host4, local.port), data))

    # connections
    def _segment(self, packet: Packet) -> None:
        segment = segments.parse(packet)
        if segment is None:
            return
        key = packet.source, segment.source_port, packet.target, segment.target_port
        splice = self._splices.get(key)
        opens = Flag.SYN in segment.flags and Flag.ACK not in segment.flags
        if splice is not None and opens and splice.waiting:
            splice.close()
            splice = self._splices.pop(key) and None
        if splice is not None:
            splice.segment(segment)
        elif opens and Flag.RST not in segment.flags:
            if len(self._splices) < CONNECTIONS:
                self._open(packet, segment, key)
        elif Flag.RST not in segment.flags:
            self._refuse(packet, segment)

    def _open(self, packet: Packet, syn: Segment, key: tuple[bytes, int, bytes, int]) -> None:
        target, host = packet.target, packet.source

        def refused(number: SocketError) -> None:
            if number in (SocketError.UNREACHABLE, SocketError.NO_ROUTE):
                self._trouble(packet, Trouble.NO_ROUTE)
            elif number is not SocketError.TIMED_OUT:
                self._refuse(packet, syn)

        def send(segment: Segment) -> None:
            if not self._kept(segment.target_port):
                self._to_host(segments.packet(target, host, segment))

        way = Way(self._loop, self._node, self._source, Peer(text(target), syn.target_port), send,
                  lambda: self._drop(key), refused)
        settings = Settings(self.mtu - _HEADERS[packet.v6], packet.v6, self._pace, self._time_wait_s)
        self._splices[key] = Splice(syn, way, settings)

    def takes(self, port: int) -> bool:
        """True when what comes for a port of the network's address comes to the host."""
        return self._exposed and not self._kept(port)

    async def visit(self, port: int, data: bytes) -> int:
        """A host of the internet connects to the host's ``port`` and sends ``data``; its own port.

        Returns when the host has acknowledged all of it, at once while user data stands still. Raises
        NetFailure: REFUSED, RESET, TIMED_OUT.
        """
        remote, host, own = packed(self._node.remote_host), self._host4 or b"", random.randint(49152, 65535)
        key = host, port, remote, own
        settings = Settings(self.mtu - _HEADERS[False], False, self._pace, self._time_wait_s)
        caller = Visit((own, port), data, settings, self._loop,
                       lambda segment: self._to_host(segments.packet(remote, host, segment)),
                       lambda: self._drop(key))
        self._splices[key] = caller
        if self._blocked:
            caller.taken.cancel()  # nobody waits
            return own
        try:
            async with asyncio.timeout(ARRIVAL_S):
                await caller.taken
        except TimeoutError:
            raise NetFailure(SocketError.TIMED_OUT) from None
        return own

    def _drop(self, key: tuple[bytes, int, bytes, int]) -> None:
        self._splices.pop(key, None)

    def _refuse(self, packet: Packet, segment: Segment) -> None:
        """A segment for nobody is answered with a reset (RFC 9293 3.10.7.1)."""
        ports = segment.target_port, segment.source_port
        if Flag.ACK in segment.flags:
            answer = Segment(*ports, segment.ack, 0, Flag.RST)
        else:
            ack = (segment.seq + segment.length) & segments.WRAP
            answer = Segment(*ports, 0, ack, Flag.RST | Flag.ACK)
        if not self._kept(answer.target_port):
            self._to_host(segments.packet(packet.target, packet.source, answer))

    # to the host
    def _to_host(self, packet: Packet) -> None:
        """Cut to what the link takes, and away."""
        if self._closed:
            return
        self._identifier = (self._identifier + 1) & 0xFFFF
        for piece in cut(packet, self.mtu, self._identifier):
            self._out(build(piece))

    def _out(self, data: bytes) -> None:
        if self._blocked:
            self._hold(self._out, data)
        else:
            self._traffic()
            self._deliver(data)


def _somebody(address: bytes) -> bool:
    """False for addresses of many, of none, and of a link."""
    if len(address) == 4:
        return address[0] not in (0, *range(224, 256))
    return address[0] != 0xFF and not address.startswith(_LINK_LOCAL) and any(address)
