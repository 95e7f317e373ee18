"""The module's end of a PPP link through all phases of RFC 1661 3: framing, LCP, authentication, networks.

Bytes of the line go into ``receive``, which returns what happened; ``outgoing`` gives the bytes for the line.
There is no clock inside: every call takes the time, ``deadline`` says when ``expire`` is due.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from .authentication import ANYBODY, PATIENCE, Account, Chap, Claim, Outcome, Pap, Patience
from .automaton import Event, State
from .framing import PLAIN, Decoder, Encoder, Frame
from .lcp import LOOPS, MRU, LinkOptions, Method
from .negotiation import DEFAULT_LIMITS, ControlProtocol, Limits, Signal
from .network import Ip6Options, IpOptions
from .packets import Code, Packet, Protocol, parse


class Phase(enum.Enum):
    """RFC 1661 3.2."""

    DEAD = "dead"
    ESTABLISH = "establish"
    AUTHENTICATE = "authenticate"
    NETWORK = "network"
    TERMINATE = "terminate"


class Reason(enum.Enum):
    """Why a link ended."""

    HOST = "the host ended it"
    MODULE = "the module ended it"
    SILENCE = "the host does not negotiate"
    AUTHENTICATION = "the host did not authenticate"
    LOOP = "the line is looped back"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a link is to be. Without ``ipv4`` (host's and module's address) there is no IPCP, without ``ipv6``
    (the module's interface identifier) no IPv6CP."""

    ipv4: tuple[str, str] | None
    ipv6: bytes | None = None
    dns: tuple[str, ...] = ()
    methods: tuple[Method, ...] = ()
    required: bool = False
    account: Account = ANYBODY
    name: str = "module"
    limits: Limits = DEFAULT_LIMITS
    patience: Patience = PATIENCE
    mru: int = MRU


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The host has shown who it is."""

    method: Method
    claim: Claim


@dataclass(frozen=True, slots=True)
class NetworkUp:
    """Packets of a protocol may pass; ``identifier``: the host's half of its link-local IPv6 address."""

    protocol: Protocol
    identifier: bytes = b""


@dataclass(frozen=True, slots=True)
class NetworkDown:
    """They may not any more."""

    protocol: Protocol


@dataclass(frozen=True, slots=True)
class PacketIn:
    """An IP packet from the host."""

    protocol: Protocol
    data: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """The link is down for good."""

    reason: Reason


Happening = Authenticated | NetworkUp | NetworkDown | PacketIn | Finished
_NETWORKS = {Protocol.IPCP: Protocol.IP, Protocol.IPV6CP: Protocol.IPV6}


@dataclass(slots=True)
class _Waiting:
    """What has happened and what is to be sent, until somebody asks."""

    happenings: list[Happening] = field(default_factory=list)
    out: bytearray = field(default_factory=bytearray)


class PppPeer:
    """One link."""

    def __init__(self, settings: Settings, chance: random.Random | None = None) -> None:
        self.settings = settings
        self.phase = Phase.DEAD
        self._chance = chance if chance is not None else random.Random()
        self._waiting = _Waiting()
        self._encoder, self._decoder = Encoder(), Decoder()
        self._now = 0.0
        self._reason = Reason.SILENCE
        self._identifier = 0
        self._auth: Pap | Chap | None = None
        self._options = LinkOptions(settings.methods, required=settings.required, chance=self._chance,
                                    mru=settings.mru)
        self._lcp = ControlProtocol(self._options, settings.limits, partial(self._control, Protocol.LCP),
                                    self._link_signal)
        self._lcp.other = self._link_packet
        self._networks: Mapping[Protocol, ControlProtocol] = self._network_protocols()

    def _network_protocols(self) -> dict[Protocol, ControlProtocol]:
        made: dict[Protocol, ControlProtocol] = {}
        if self.settings.ipv4 is not None:
            host, own = self.settings.ipv4
            made[Protocol.IPCP] = self._network(Protocol.IPCP, IpOptions(host, own, self.settings.dns))
        if self.settings.ipv6 is not None:
            self._ip6 = Ip6Options(self.settings.ipv6, self._chance)
            made[Protocol.IPV6CP] = self._network(Protocol.IPV6CP, self._ip6)
        return made

    def _network(self, number: Protocol, policy: IpOptions | Ip6Options) -> ControlProtocol:
        return ControlProtocol(policy, self.settings.limits, partial(self._control, number),
                               partial(self._network_signal, number))

    # the outside
    @property
    def damaged(self) -> int:
        """Frames from the host that were not whole."""
        return self._decoder.damaged

    @property
    def mru(self) -> int:
        """The largest packet that the host takes."""
        return min(MRU, self._options.taken.mru)

    def start(self, now: float) -> list[Happening]:
        """The line is there: negotiate."""
        self._now = now
        self._lcp.drive(Event.OPEN, now)
        self._lcp.drive(Event.UP, now)
        return self._taken()

    def close(self, now: float) -> list[Happening]:
        """End the link in order; Finished follows."""
        self._now = now
        if self.phase is not Phase.DEAD:
            self._end(Reason.MODULE)
        return self._taken()

    def receive(self, data: bytes, now: float) -> list[Happening]:
        """Bytes from the line."""
        self._now = now
        for frame in self._decoder.frames(data):
            if self.phase is not Phase.DEAD:
                self._frame(frame)
        return self._taken()

    def expire(self, now: float) -> list[Happening]:
        """Time has passed."""
        self._now = now
        for one in (self._lcp, *self._networks.values()):
            one.expire(now)
        if self._auth is not None:
            self._auth.expire(now)
            self._authenticated()
        return self._taken()

    @property
    def deadline(self) -> float | None:
        """When ``expire`` is due, None while nothing is waited for."""
        times = [one.deadline for one in (self._lcp, *self._networks.values(), self._auth) if one is not None]
        return min((time for time in times if time is not None), default=None)

    def send(self, protocol: Protocol, packet: bytes) -> bool:
        """An IP packet for the host; False when its protocol is not up."""
        number = next(control for control, carried in _NETWORKS.items() if carried is protocol)
        network = self._networks.get(number)
        if self.phase is not Phase.NETWORK or network is None or not network.opened:
            return False
        self._waiting.out += self._encoder.encode(protocol, packet)
        return True

    def outgoing(self) -> bytes:
        """Bytes for the line, each only once."""
        data = bytes(self._waiting.out)
        self._waiting.out.clear()
        return data

    def _taken(self) -> list[Happening]:
        happenings, self._waiting.happenings = self._waiting.happenings, []
        return happenings

    def _tell(self, happening: Happening) -> None:
        self._waiting.happenings.append(happening)

    # frames
    def _control(self, protocol: Protocol, packet: Packet) -> None:
        self._waiting.out += self._encoder.encode(protocol, packet.encoded(), plain=protocol is Protocol.LCP)

    def _frame(self, frame: Frame) -> None:
        if frame.protocol == Protocol.LCP:
            packet = parse(frame.information)
            if packet is not None:
                self._lcp.receive(packet, self._now)
                self._look_at_options()
        elif not self._lcp.opened:
            return  # only LCP before the link is up (RFC 1661 3.4)
        elif frame.protocol in (Protocol.PAP, Protocol.CHAP) and self.settings.methods:
            self._authenticate(frame)
        elif frame.protocol in self._networks:
            packet = parse(frame.information)
            if packet is not None and self.phase is Phase.NETWORK:
                self._networks[Protocol(frame.protocol)].receive(packet, self._now)
        elif frame.protocol in (Protocol.IP, Protocol.IPV6) and self._carries(frame.protocol):
            self._packet(frame)
        else:
            self._reject(frame)

    def _carries(self, protocol: int) -> bool:
        return any(carried == protocol and control in self._networks
                   for control, carried in _NETWORKS.items())

    def _packet(self, frame: Frame) -> None:
        """An IP packet counts while its protocol is up, else it is discarded (RFC 1661 3.7)."""
        for control, carried in _NETWORKS.items():
            up = self.phase is Phase.NETWORK and carried == frame.protocol and control in self._networks
            if up and self._networks[control].opened:
                self._tell(PacketIn(carried, frame.information))

    def _reject(self, frame: Frame) -> None:
        """Protocol-Reject (RFC 1661 5.7), cut to what the host can take."""
        if self.phase not in (Phase.AUTHENTICATE, Phase.NETWORK):
            return
        self._identifier = (self._identifier + 1) & 0xFF
        body = frame.protocol.to_bytes(2, "big") + frame.information
        packet = Packet(Code.PROTOCOL_REJECT, self._identifier, body[:self.mru - 4])
        self._control(Protocol.LCP, packet)

    # LCP
    def _link_packet(self, packet: Packet) -> bool:
        """Packets of LCP beyond the codes that all protocols have; False for an unknown code."""
        if packet.code == Code.PROTOCOL_REJECT:
            self._protocol_rejected(int.from_bytes(packet.data[:2], "big"))
        elif packet.code in (Code.ECHO_REQUEST, Code.ECHO_REPLY, Code.DISCARD_REQUEST):
            if packet.code == Code.ECHO_REQUEST and self._lcp.opened:
                answer = self._options.magic.to_bytes(4, "big") + packet.data[4:]
                reply = Packet(Code.ECHO_REPLY, packet.identifier, answer[:self.mru - 4])
                if len(packet.data) >= 4:
                    self._lcp.happen(Event.RXR, self._now, reply)
        else:
            return False
        return True

    def _protocol_rejected(self, number: int) -> None:
        """The host does not know a protocol; counts while the link is open (RFC 1661 5.7)."""
        if not self._lcp.opened:
            return
        if number == Protocol.LCP:
            self._lcp.happen(Event.RXJ_MINUS, self._now)
            return
        for control, carried in _NETWORKS.items():
            if number in (control, carried) and control in self._networks:
                self._networks[control].refused(self._now)

    def _look_at_options(self) -> None:
        """What the host refused may leave nothing to agree on."""
        if self._options.unwilling:
            self._options.unwilling = False
            self._end(Reason.AUTHENTICATION)
        elif self._options.loops >= LOOPS:
            self._options.loops = 0
            self._end(Reason.LOOP)

    def _end(self, reason: Reason) -> None:
        if self.phase is not Phase.TERMINATE:
            self._reason = reason
            self._lcp.drive(Event.CLOSE, self._now)

    def _link_signal(self, signal: Signal) -> None:
        if signal is Signal.STARTED:
            self.phase = Phase.ESTABLISH
        elif signal is Signal.UP:
            self._link_up()
        elif signal is Signal.DOWN:
            self._link_down()
        elif self.phase is not Phase.DEAD:
            self._set_plain()
            self.phase = Phase.DEAD
            self._tell(Finished(self._reason))

    def _link_up(self) -> None:
        options = self._options
        self._encoder.sending = options.taken.sending
        self._decoder.accm = options.accm
        self._decoder.compressed_protocol = options.compressed_protocol
        self._decoder.compressed_address = options.compressed_address
        self._reason = Reason.HOST  # from here on it is the host who leaves, unless the module says so
        if options.method is None:
            self._network_phase()
            return
        self.phase = Phase.AUTHENTICATE
        account, patience = self.settings.account, self.settings.patience
        if options.method is Method.PAP:
            self._auth = Pap(account, partial(self._control, Protocol.PAP), patience)
        else:
            self._auth = Chap(account, partial(self._control, Protocol.CHAP), patience, self.settings.name,
                              self._chance)
        self._auth.start(self._now)

    def _link_down(self) -> None:
        for network in self._networks.values():
            if network.state not in (State.INITIAL, State.STARTING):
                network.drive(Event.DOWN, self._now)
        self._auth = None
        self._set_plain()
        ending = self._lcp.state in (State.CLOSING, State.STOPPING)
        self.phase = Phase.TERMINATE if ending else Phase.ESTABLISH
        if not ending:
            self._reason = Reason.SILENCE

    def _set_plain(self) -> None:
        """Everything at its default, as negotiation wants it."""
        self._encoder.sending = PLAIN
        self._decoder.compressed_protocol = self._decoder.compressed_address = False

    # authentication and networks
    def _authenticate(self, frame: Frame) -> None:
        expected = Protocol.PAP if isinstance(self._auth, Pap) else Protocol.CHAP
        packet = parse(frame.information)
        if self._auth is None or frame.protocol != expected or packet is None:
            return
        self._auth.receive(packet, self._now)
        self._authenticated()

    def _authenticated(self) -> None:
        auth, method = self._auth, self._options.method
        if auth is None or auth.outcome is None or self.phase is not Phase.AUTHENTICATE:
            return
        if auth.outcome is Outcome.GOOD and auth.claim is not None and method is not None:
            self._tell(Authenticated(method, auth.claim))
            self._network_phase()
        else:
            self._end(Reason.AUTHENTICATION)

    def _network_phase(self) -> None:
        self.phase = Phase.NETWORK
        for network in self._networks.values():
            if network.state is State.INITIAL:
                network.drive(Event.OPEN, self._now)
            network.drive(Event.UP, self._now)

    def _network_signal(self, control: Protocol, signal: Signal) -> None:
        if signal is Signal.UP:
            identifier = self._ip6.host if control is Protocol.IPV6CP else b""
            self._tell(NetworkUp(_NETWORKS[control], identifier))
        elif signal is Signal.DOWN:
            self._tell(NetworkDown(_NETWORKS[control]))
