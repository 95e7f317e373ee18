"""The DTE's end of a PPP link: the phases of RFC 1661 3 over framing, LCP, authentication, IPCP, IPv6CP.

No I/O and no clock: bytes come in by ``receive``, go out by ``outgoing``; the caller says what time it is
and calls ``tick`` at ``deadline``.
"""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass, field
from functools import partial

from cellbench.wire.ppp.auth import Authentication, Credentials, Outcome
from cellbench.wire.ppp.events import (
    Arrived,
    Authenticated,
    EchoAnswered,
    Ended,
    Ipv4Opened,
    Ipv6Opened,
    LinkOpened,
    NetworkClosed,
    PppEvent,
    Why,
)
from cellbench.wire.ppp.hdlc import DEFAULT_ACCM, Damaged, Deframer, Framer
from cellbench.wire.ppp.lcp import MRU_AT_FIRST, LcpOptions
from cellbench.wire.ppp.ncp import IpcpOptions, Ipv6cpOptions
from cellbench.wire.ppp.negotiation import Layer, Negotiator, Pace
from cellbench.wire.ppp.packets import Code, Packet, Protocol

_LOOPS = 10  # as many Naks of a magic number as a random clash cannot bring


class Phase(enum.Enum):
    """RFC 1661 3.1."""

    DEAD = "dead"
    ESTABLISH = "establish"
    AUTHENTICATE = "authenticate"
    NETWORK = "network"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class PppSettings:
    """What our end wants. Without ``credentials`` a far end that asks for them is told that there are none;
    ``ways`` are the ways that are allowed, the best one first. ``echo_s``: seconds between echo requests,
    None for none; the link is over after ``echo_lost`` without an answer."""

    credentials: Credentials | None = None
    ways: tuple[Protocol, ...] = (Protocol.CHAP, Protocol.PAP)
    ipv4: bool = True
    ipv6: bool = False
    mru: int = MRU_AT_FIRST
    pace: Pace = field(default_factory=Pace)
    echo_s: float | None = None
    echo_lost: int = 4


class PppEngine:
    """One link, from ``start`` to the event Ended."""

    def __init__(self, settings: PppSettings, chance: random.Random | None = None) -> None:
        self.phase = Phase.DEAD
        self._settings = settings
        self._chance = chance or random.SystemRandom()
        self._framer, self._deframer = Framer(), Deframer()
        self._out = bytearray()
        self._events: list[PppEvent] = []
        ways = settings.ways if settings.credentials is not None else ()
        self.lcp_options = LcpOptions(settings.mru, ways, lambda: self._chance.randrange(1, 1 << 32))
        self.ipcp_options = IpcpOptions()
        self.ipv6cp_options = Ipv6cpOptions(lambda: self._chance.randbytes(8))
        self._lcp = Negotiator("LCP", self.lcp_options, partial(self._send_control, Protocol.LCP),
                               self._lcp_tells, settings.pace, self._lcp_extra)
        self._networks = {}
        if settings.ipv4:
            self._networks[Protocol.IPCP] = Negotiator(
                "IPCP", self.ipcp_options, partial(self._send_control, Protocol.IPCP),
                partial(self._network_tells, Protocol.IPCP), settings.pace)
        if settings.ipv6:
            self._networks[Protocol.IPV6CP] = Negotiator(
                "IPv6CP", self.ipv6cp_options, partial(self._send_control, Protocol.IPV6CP),
                partial(self._network_tells, Protocol.IPV6CP), settings.pace)
        self._auth: Authentication | None = None
        self._why: Why | None = None
        self._text = ""
        self._now = 0.0
        self._echo_at: float | None = None
        self._echo_sent = 0.0
        self._echoes = 0  # requests without an answer
        self._identifier = 0
        self.rejected: list[int] = []
        """Protocols that the far end has rejected."""

    # -- the owner's side --------------------------------------------------------------------------------

    @property
    def damaged(self) -> int:
        """Frames that came broken."""
        return self._deframer.damaged

    @property
    def open_octets(self) -> bytes:
        """What came behind the last flag: where the module's result code stands when data mode ended."""
        return self._deframer.open_octets

    @property
    def deadline(self) -> float | None:
        """When ``tick`` wants to be called; None for never."""
        due = [self._lcp.deadline, self._echo_at, *(one.deadline for one in self._networks.values())]
        if self._auth is not None:
            due.append(self._auth.deadline)
        return min((at for at in due if at is not None), default=None)

    @property
    def ending(self) -> Ended | None:
        """Why the link ends, as soon as it is known; Ended comes when both ends have agreed, or waited."""
        if self._why is not None:
            return Ended(self._why, self._text)
        return Ended(Why.PEER, self._lcp.last_words) if self._lcp.terminated_by_peer else None

    def start(self, now: float) -> None:
        """The line is in data mode: begin to negotiate."""
        self._now = now
        self.phase = Phase.ESTABLISH
        self._lcp.open(now)
        self._lcp.up(now)

    def terminate(self, now: float) -> None:
        """End in order: Terminate-Request. Ended comes when the far end agreed, or did not answer."""
        self._now = now
        self._because(Why.ASKED)
        self._lcp.close(now)

    def receive(self, data: bytes, now: float) -> tuple[PppEvent, ...]:
        """Bytes of the line; what they mean."""
        self._now = now
        for frame in self._deframer.receive(data):
            if not isinstance(frame, Damaged):
                self._take(frame.protocol, frame.information)
        return self._flush_events()

    def tick(self, now: float) -> tuple[PppEvent, ...]:
        """Let the timers whose time has come act."""
        self._now = now
        self._lcp.tick(now)
        for network in self._networks.values():
            network.tick(now)
        if self._auth is not None:
            self._auth.tick(now)
            self._judge_auth(self._auth)
        if self._echo_at is not None and now >= self._echo_at:
            self._echo_due()
        return self._flush_events()

    def send(self, protocol: Protocol, packet: bytes) -> bool:
        """An IP packet; False when its protocol is not open or it is longer than the far end takes."""
        control = {Protocol.IP: Protocol.IPCP, Protocol.IPV6: Protocol.IPV6CP}[protocol]
        network = self._networks.get(control)
        if network is None or not network.is_opened or len(packet) > self.lcp_options.far.mru:
            return False
        self._out += self._framer.encode(protocol, packet)
        return True

    def echo(self, now: float) -> None:
        """An Echo-Request; EchoAnswered comes with the answer."""
        self._now = now
        if self._lcp.is_opened:
            self._identifier = self._identifier % 255 + 1
            self._echo_sent = now
            self._echoes += 1
            self._send_control(Protocol.LCP, Packet(Code.ECHO_REQUEST, self._identifier, self._magic()))

    def outgoing(self) -> bytes:
        """Bytes for the line; each is given once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def resync(self) -> None:
        """Data mode begins again after an escape: what was half received is no frame."""
        self._deframer.reset()

    # -- frames ------------------------------------------------------------------------------------------

    def _take(self, protocol: int, information: bytes) -> None:
        if protocol == Protocol.LCP:
            self._lcp.receive(information, self._now)
        elif not self._lcp.is_opened:
            pass  # RFC 1661 3.4: anything else is silently discarded
        elif self._auth is not None and protocol == self._auth.way:
            self._auth.receive(information, self._now)
            self._judge_auth(self._auth)
        elif protocol in self._networks and self.phase is Phase.NETWORK:
            self._networks[Protocol(protocol)].receive(information, self._now)
        elif protocol in (Protocol.IP, Protocol.IPV6):
            control = Protocol.IPCP if protocol == Protocol.IP else Protocol.IPV6CP
            if control in self._networks and self._networks[control].is_opened:
                self._events.append(Arrived(Protocol(protocol), information))
        elif protocol not in self._networks:
            self._identifier = self._identifier % 255 + 1
            data = protocol.to_bytes(2, "big") + information[:1000]
            self._send_control(Protocol.LCP, Packet(Code.PROTOCOL_REJECT, self._identifier, data))

    def _send_control(self, protocol: Protocol, packet: Packet) -> None:
        self._send_frame(protocol, packet.encode())

    def _send_frame(self, protocol: Protocol, information: bytes) -> None:
        # LCP's packets must go in the plain form. The other protocols' may, and so reach a far end, too, that
        # reads a packet right behind its Configure-Ack by the rules from before it.
        self._out += self._framer.encode(protocol, information, plain=True)

    def _magic(self) -> bytes:
        return self.lcp_options.magic.to_bytes(4, "big")

    # -- LCP ---------------------------------------------------------------------------------------------

    def _lcp_extra(self, packet: Packet, now: float) -> bool:
        match packet.code:
            case Code.PROTOCOL_REJECT:
                self._protocol_reject(int.from_bytes(packet.data[:2], "big"), now)
            case Code.ECHO_REQUEST:
                self._lcp.echo(now)
                if self._lcp.is_opened:
                    answer = Packet(Code.ECHO_REPLY, packet.identifier, self._magic() + packet.data[4:])
                    self._send_control(Protocol.LCP, answer)
            case Code.ECHO_REPLY:
                if self._echoes and packet.identifier == self._identifier:
                    self._echoes = 0
                    self._events.append(EchoAnswered(now - self._echo_sent))
            case Code.DISCARD_REQUEST:
                pass
            case _:
                return False
        return True

    def _protocol_reject(self, protocol: int, now: float) -> None:
        self.rejected.append(protocol)
        network = self._networks.get(protocol)  # type: ignore[call-overload]
        if network is not None:
            network.give_up(now)
        elif protocol == Protocol.LCP:
            self._because(Why.REJECTED)
            self._lcp.give_up(now)

    def _lcp_tells(self, layer: Layer) -> None:
        if layer is Layer.UP:
            self._link_up()
        elif layer is Layer.DOWN:
            self._link_down()
        else:
            self._finish()

    def _link_up(self) -> None:
        far = self.lcp_options.far
        self._framer.set_accm(far.accm)
        self._framer.short_protocol, self._framer.short_address = far.short_protocol, far.short_address
        self._deframer.set_accm(self.lcp_options.own_accm)
        self._events.append(LinkOpened(far.mru, far.authentication))
        if self._settings.echo_s is not None:
            self._echo_at = self._now + self._settings.echo_s
        if far.authentication is None:
            self._network_phase()
            return
        self.phase = Phase.AUTHENTICATE
        assert self._settings.credentials is not None  # else the option was rejected
        self._auth = Authentication(far.authentication, self._settings.credentials, self._send_frame,
                                    self._now)

    def _link_down(self) -> None:
        self.phase = Phase.TERMINATE if self._why is not None or self._lcp.terminated_by_peer else (
            Phase.ESTABLISH)
        self._auth = None
        self._echo_at = None
        self._framer.reset()
        self._deframer.set_accm(DEFAULT_ACCM)
        for network in self._networks.values():
            network.down(self._now)
        if self._lcp.terminated_by_peer:
            self._because(Why.PEER, self._lcp.last_words)

    def _finish(self) -> None:
        if self.phase is Phase.DEAD:
            return
        if self._lcp.terminated_by_peer:
            self._because(Why.PEER, self._lcp.last_words)
        if self._lcp.rejected:
            self._because(Why.REJECTED)
        if self.lcp_options.looped >= 1:
            self._because(Why.LOOPED)
        self._because(Why.NO_ANSWER)
        assert self._why is not None
        self.phase = Phase.DEAD
        self._echo_at = None
        self._events.append(Ended(self._why, self._text))

    def _because(self, why: Why, text: str = "") -> None:
        """The first cause counts: what follows is its consequence."""
        if self._why is None:
            self._why, self._text = why, text

    # -- authentication and networks ---------------------------------------------------------------------

    def _judge_auth(self, auth: Authentication) -> None:
        if auth.outcome is Outcome.PASSED and self.phase is Phase.AUTHENTICATE:
            self._events.append(Authenticated(auth.way, auth.message))
            self._network_phase()
        elif auth.outcome in (Outcome.REFUSED, Outcome.NO_ANSWER) and self._why is None:
            refused = auth.outcome is Outcome.REFUSED
            self._because(Why.REFUSED if refused else Why.NO_ANSWER, auth.message)
            self._lcp.close(self._now)

    def _network_phase(self) -> None:
        self.phase = Phase.NETWORK
        for network in self._networks.values():
            network.open(self._now)
            network.up(self._now)

    def _network_tells(self, protocol: Protocol, layer: Layer) -> None:
        if layer is Layer.UP and protocol is Protocol.IPCP:
            ours = self.ipcp_options
            if ours.address is None:  # agreed on nothing: no address, no network
                self._networks[protocol].close(self._now)
                return
            self._events.append(Ipv4Opened(ours.address, ours.peer, ours.dns))
        elif layer is Layer.UP:
            self._events.append(Ipv6Opened(self.ipv6cp_options.identifier, self.ipv6cp_options.peer))
        else:
            self._events.append(NetworkClosed(protocol))
            if layer is Layer.FINISHED and self.phase is Phase.NETWORK and not any(
                    network.state.value >= 6 for network in self._networks.values()):
                self._because(Why.NO_NETWORK)
                self._lcp.close(self._now)

    def _echo_due(self) -> None:
        assert self._settings.echo_s is not None
        if self._echoes >= self._settings.echo_lost:
            self._because(Why.NO_ECHO)
            self._echo_at = None
            self._lcp.close(self._now)
            return
        self._echo_at = self._now + self._settings.echo_s
        self.echo(self._now)

    def _flush_events(self) -> tuple[PppEvent, ...]:
        if self.lcp_options.looped >= _LOOPS and self.phase is Phase.ESTABLISH and self._why is None:
            self._because(Why.LOOPED)
            self._lcp.close(self._now)
        events = tuple(self._events)
        self._events.clear()
        return events


