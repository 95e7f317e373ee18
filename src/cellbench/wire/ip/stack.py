"""A host's IP stack on one point-to-point link, in user space: sockets above, packets below.

No I/O and no clock. ``receive`` takes packets of the link, ``outgoing`` gives them; the owner says what time
it is and calls ``tick`` at ``deadline``. It answers echo requests, resets what nobody asked for, and keeps
the last packets that belonged to nothing in ``unclaimed``.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from cellbench.wire.ip.checksum import Address
from cellbench.wire.ip.icmp import IcmpKind, IcmpMessage, echo_request, parse_icmp
from cellbench.wire.ip.ndp import ALL_ROUTERS, HOP_LIMIT
from cellbench.wire.ip.packets import (
    USUAL_TTL,
    V4_HEADER,
    V6_HEADER,
    BadPacket,
    IpPacket,
    IpProtocol,
    parse_ip,
)
from cellbench.wire.ip.segment import HEADER as TCP_HEADER
from cellbench.wire.ip.segment import Flag, Segment, parse_segment
from cellbench.wire.ip.slaac import Autoconfiguration
from cellbench.wire.ip.tcp import Connection, TcpSettings
from cellbench.wire.ip.udp import UdpDatagram, parse_udp, ports_of

PORTS = (49_152, 65_535)
"""Ports that are given to who asks for none (RFC 6335 6)."""

_KEPT = 200
_DEFAULT_MSS = {4: 536, 6: 1220}  # RFC 9293 3.7.1


class Received(NamedTuple):
    """A datagram and where it came from."""

    data: bytes
    address: Address
    port: int


class Echoed(NamedTuple):
    """What came back to an echo request: an echo reply, or an error about it; ``address`` sent it."""

    kind: IcmpKind
    address: Address
    ttl: int
    data: bytes
    at: float


@dataclass(slots=True)
class UdpPort:
    """A local UDP port; ``refused`` holds what routers and hosts said of datagrams from it."""

    port: int
    inbox: deque[Received] = field(default_factory=lambda: deque(maxlen=_KEPT))
    refused: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT))


@dataclass(slots=True)
class Echo:
    """An echo request that waits for its answer."""

    identifier: int
    sequence: int
    sent: float
    answer: Echoed | None = None


class IpStack:
    """One host. ``mtu`` is the longest packet that the link takes."""

    def __init__(self, mtu: int = 1500, chance: random.Random | None = None) -> None:
        self.mtu = mtu
        self.ipv4: IPv4Address | None = None
        self.slaac: Autoconfiguration | None = None
        self.unclaimed: deque[IpPacket] = deque(maxlen=_KEPT)
        self.broken = 0
        """Packets that were none: wrong checksums, fragments."""
        self._chance = chance or random.SystemRandom()
        self._out: deque[IpPacket] = deque()
        self._udp: dict[int, UdpPort] = {}
        self._tcp: dict[tuple[int, Address, int], Connection] = {}
        self._echoes: dict[tuple[int, int], Echo] = {}
        self._identification = self._chance.randrange(0x10000)
        self._next_port = self._chance.randrange(PORTS[0], PORTS[1])

    # -- the link ----------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When ``tick`` wants to be called; None for never."""
        due = [one.deadline for one in self._tcp.values()]
        due.append(self.slaac.deadline if self.slaac is not None else None)
        return min((at for at in due if at is not None), default=None)

    def tick(self, now: float) -> None:
        """Let the timers whose time has come act."""
        for key, connection in tuple(self._tcp.items()):
            connection.tick(now)
            self._collect(key, connection)
        if self.slaac is not None and self.slaac.tick(now):
            message = self.slaac.solicitation()
            payload = message.encode(self.slaac.link_local, ALL_ROUTERS)
            self._out.append(IpPacket(self.slaac.link_local, ALL_ROUTERS, IpProtocol.ICMPV6, payload,
                                      HOP_LIMIT))

    def outgoing(self) -> list[bytes]:
        """Packets for the link, each once."""
        for key, connection in tuple(self._tcp.items()):
            self._collect(key, connection)
        packets = [packet.encode() for packet in self._out]
        self._out.clear()
        return packets

    def receive(self, data: bytes, now: float) -> None:
        """One packet from the link."""
        try:
            packet = parse_ip(data)
            if not self._is_ours(packet.destination):
                self.unclaimed.append(packet)
                return
            match packet.protocol:
                case IpProtocol.TCP:
                    self._take_segment(packet, parse_segment(packet), now)
                case IpProtocol.UDP:
                    self._take_datagram(packet, parse_udp(packet))
                case IpProtocol.ICMP | IpProtocol.ICMPV6:
                    self._take_message(packet, parse_icmp(packet), now)
                case _:
                    self.unclaimed.append(packet)
        except BadPacket:
            self.broken += 1

    def configure_ipv6(self, identifier: bytes, now: float) -> None:
        """Begin SLAAC with an interface identifier of 8 octets."""
        self.slaac = Autoconfiguration(identifier, now)

    def address_for(self, destination: Address) -> Address | None:
        """Our address toward a destination; None when we have none of its kind."""
        if isinstance(destination, IPv4Address):
            return self.ipv4
        if self.slaac is None:
            return None
        if destination.is_link_local or destination.is_multicast:
            return self.slaac.link_local
        return self.slaac.address

    def _is_ours(self, address: Address) -> bool:
        if isinstance(address, IPv4Address):
            return address == self.ipv4
        ours = self.slaac
        return ours is not None and (address in ours.addresses or address == IPv6Address("ff02::1"))

    def _emit(self, destination: Address, protocol: IpProtocol, payload: bytes, ttl: int = USUAL_TTL) -> bool:
        """False when there is no address to send from."""
        source = self.address_for(destination)
        if source is None:
            return False
        self._identification = (self._identification + 1) & 0xFFFF
        self._out.append(IpPacket(source, destination, protocol, payload, ttl, self._identification))
        return True

    def _payload_room(self, destination: Address) -> int:
        """Bytes of payload that one packet takes."""
        return self.mtu - (V6_HEADER if destination.version == 6 else V4_HEADER)

    # -- echoes ------------------------------------------------------------------------------------------

    def ping(self, destination: Address, identifier: int, sequence: int, data: bytes, ttl: int,
             now: float) -> Echo:
        """Send an echo request. ValueError when it is longer than a packet or has no address to go from."""
        source = self.address_for(destination)
        if source is None or len(data) + 8 > self._payload_room(destination):
            raise ValueError(f"{len(data)} bytes cannot go to {destination}")
        echo = self._echoes[identifier, sequence] = Echo(identifier, sequence, now)
        payload = echo_request(identifier, sequence, data).encode(source, destination)
        self._emit(destination, IpProtocol.ICMPV6 if destination.version == 6 else IpProtocol.ICMP, payload,
                   ttl)
        return echo

    def forget(self, echo: Echo) -> None:
        """Stop waiting for an answer."""
        self._echoes.pop((echo.identifier, echo.sequence), None)

    def _take_message(self, packet: IpPacket, message: IcmpMessage, now: float) -> None:
        match message.kind:
            case IcmpKind.ECHO_REQUEST:
                answer = IcmpMessage(IcmpKind.ECHO_REPLY, 0, message.rest, message.data)
                source = self.address_for(packet.source)
                if source is not None:
                    self._emit(packet.source, IpProtocol(packet.protocol),
                               answer.encode(source, packet.source))
            case IcmpKind.ECHO_REPLY:
                self._answered(packet, message, (message.identifier, message.sequence), message.data, now)
            case IcmpKind.ROUTER_ADVERTISEMENT:
                self._advertised(packet, message)
            case _ if message.is_error:
                self._take_error(packet, message, now)
            case _:
                self.unclaimed.append(packet)

    def _answered(self, packet: IpPacket, message: IcmpMessage, key: tuple[int, int], data: bytes,
                  now: float) -> None:
        echo = self._echoes.get(key)
        if echo is not None and echo.answer is None:
            echo.answer = Echoed(message.kind, packet.source, packet.ttl, data, now)
        else:
            self.unclaimed.append(packet)

    def _advertised(self, packet: IpPacket, message: IcmpMessage) -> None:
        if self.slaac is not None and isinstance(packet.source, IPv6Address):
            self.slaac.advertised(packet.source, packet.ttl, message)
            if self.slaac.mtu:
                self.mtu = min(self.mtu, self.slaac.mtu)

    def _take_error(self, packet: IpPacket, message: IcmpMessage, now: float) -> None:
        about = message.quoted()
        if about is None:
            return
        ports = ports_of(about.payload)
        said = f"{packet.source}: {message.kind.value}, code {message.code}"
        if about.protocol in (IpProtocol.ICMP, IpProtocol.ICMPV6) and len(about.payload) >= 8:
            key = int.from_bytes(about.payload[4:6], "big"), int.from_bytes(about.payload[6:8], "big")
            self._answered(packet, message, key, b"", now)
        elif about.protocol == IpProtocol.UDP and ports is not None and ports[0] in self._udp:
            self._udp[ports[0]].refused.append(said)
        elif about.protocol == IpProtocol.TCP and ports is not None:
            key_of = (ports[0], about.destination, ports[1])
            connection = self._tcp.get(key_of)
            if connection is None:
                return
            if message.kind is IcmpKind.TOO_BIG:
                head = V6_HEADER if about.is_v6 else V4_HEADER
                connection.limit(message.mtu - head - TCP_HEADER, now)
            else:
                connection.unreachable(said)
            self._collect(key_of, connection)

    # -- UDP ---------------------------------------------------------------------------------------------

    def udp(self, port: int = 0) -> UdpPort:
        """Open a local port, a free one for 0. ValueError when it is open already."""
        number = port or self._free_port(lambda candidate: candidate not in self._udp)
        if number in self._udp:
            raise ValueError(f"UDP port {number} is open already")
        opened = self._udp[number] = UdpPort(number)
        return opened

    def close_udp(self, port: UdpPort) -> None:
        """Close a local port."""
        self._udp.pop(port.port, None)

    def send_to(self, port: UdpPort, data: bytes, destination: Address, remote_port: int) -> None:
        """Send one datagram. ValueError when it is longer than a packet or has no address to go from."""
        source = self.address_for(destination)
        datagram = UdpDatagram(port.port, remote_port, data)
        if source is None or len(data) + 8 > self._payload_room(destination):
            raise ValueError(f"{len(data)} bytes cannot go to {destination}")
        self._emit(destination, IpProtocol.UDP, datagram.encode(source, destination))

    def _take_datagram(self, packet: IpPacket, datagram: UdpDatagram) -> None:
        port = self._udp.get(datagram.destination_port)
        if port is None:
            self.unclaimed.append(packet)
        else:
            port.inbox.append(Received(datagram.data, packet.source, datagram.source_port))

    # -- TCP ---------------------------------------------------------------------------------------------

    def connect(self, destination: Address, port: int, now: float, *, local_port: int = 0,
                settings: TcpSettings | None = None) -> Connection:
        """Begin a connection. ValueError when there is no address to go from or the port is in use."""
        if self.address_for(destination) is None:
            raise ValueError(f"no address to reach {destination} from")
        number = local_port or self._free_port(lambda one: (one, destination, port) not in self._tcp)
        key = (number, destination, port)
        if key in self._tcp:
            raise ValueError(f"TCP port {number} is in use toward {destination}")
        connection = Connection(number, port, self._payload_room(destination) - TCP_HEADER,
                                self._chance.randrange(1 << 32), settings=settings,
                                default_mss=_DEFAULT_MSS[destination.version])
        self._tcp[key] = connection
        connection.open(now)
        self._collect(key, connection)
        return connection

    def _collect(self, key: tuple[int, Address, int], connection: Connection) -> None:
        for segment in connection.segments():
            self._emit_segment(key[1], segment)
        if connection.is_over:
            self._tcp.pop(key, None)

    def _emit_segment(self, destination: Address, segment: Segment) -> None:
        source = self.address_for(destination)
        if source is not None:
            self._emit(destination, IpProtocol.TCP, segment.encode(source, destination))

    def _take_segment(self, packet: IpPacket, segment: Segment, now: float) -> None:
        key = (segment.destination_port, packet.source, segment.source_port)
        connection = self._tcp.get(key)
        if connection is not None:
            connection.receive(segment, now)
            return
        self.unclaimed.append(packet)
        if not segment.flags & Flag.RST:
            self._emit_segment(packet.source, _reset_of(segment))

    def _free_port(self, is_free: Callable[[int], bool]) -> int:
        for _ in range(PORTS[1] - PORTS[0] + 1):
            self._next_port = PORTS[0] if self._next_port >= PORTS[1] else self._next_port + 1
            if is_free(self._next_port):
                return self._next_port
        raise ValueError("every port is in use")


def _reset_of(segment: Segment) -> Segment:
    """The answer to a segment of no connection (RFC 9293 3.10.7.1)."""
    ports = segment.destination_port, segment.source_port
    if segment.flags & Flag.ACK:
        return Segment(*ports, segment.acknowledgment, 0, Flag.RST, 0)
    return Segment(*ports, 0, segment.sequence + segment.length, Flag.RST | Flag.ACK, 0)
