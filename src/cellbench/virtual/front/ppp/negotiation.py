"""One control protocol at work: the automaton with its counters, its timer and the packets it sends.

What the options are is the business of a policy; what a layer does when it is up, that of the peer. Time is
an argument of every call.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from .automaton import TIMED, Action, Automaton, Event, State
from .packets import Code, Option, Packet, encode_options, parse_options


@dataclass(frozen=True, slots=True)
class Limits:
    """Counters and timers of RFC 1661 4.6; ``linger_s``: the pause after a Terminate-Ack (4.4, zrc)."""

    restart_s: float = 3.0
    linger_s: float = 3.0
    max_configure: int = 10
    max_terminate: int = 2
    max_failure: int = 5


DEFAULT_LIMITS = Limits()


class Signal(enum.Enum):
    """What a layer tells the one above (RFC 1661 4.4)."""

    UP = "up"
    DOWN = "down"
    STARTED = "started"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a Configure-Request: options to reject, or values that would be taken."""

    rejected: tuple[Option, ...] = ()
    wanted: tuple[Option, ...] = ()

    @property
    def good(self) -> bool:
        """True when the request is taken as it is."""
        return not self.rejected and not self.wanted


class Policy(Interface):
    """The options of one protocol."""

    def begin(self) -> None:
        """A new negotiation: every option at its default."""
        ...

    def request(self) -> tuple[Option, ...]:
        """The options to ask for now."""
        ...

    def judge(self, options: Sequence[Option]) -> Verdict:
        """What of the peer's request can be taken."""
        ...

    def accept(self, options: Sequence[Option]) -> None:
        """The peer's request is acknowledged."""
        ...

    def naked(self, options: Sequence[Option]) -> None:
        """The peer wants other values of ours."""
        ...

    def rejected(self, options: Sequence[Option]) -> None:
        """The peer does not know options of ours."""
        ...


class ControlProtocol:
    """LCP or a network control protocol.

    ``send`` takes a packet for the line, ``tell`` a signal of the layer; ``other`` is asked about packets
    with codes beyond Code-Reject and says whether it knew them.
    """

    def __init__(self, policy: Policy, limits: Limits, send: Callable[[Packet], None],
                 tell: Callable[[Signal], None]) -> None:
        self.policy = policy
        self.other: Callable[[Packet], bool] | None = None
        self._limits = limits
        self._send = send
        self._tell = tell
        self._automaton = Automaton()
        self._count = 0
        self._identifier = 0
        self._requested: Packet | None = None
        self._failures = 0
        self._deadline: float | None = None
        self._now = 0.0

    @property
    def state(self) -> State:
        """Where the automaton stands."""
        return self._automaton.state

    @property
    def opened(self) -> bool:
        """True while the layer is up."""
        return self.state is State.OPENED

    @property
    def deadline(self) -> float | None:
        """When the Restart timer ends; None while it does not run."""
        return self._deadline

    # from above and below
    def drive(self, event: Event, now: float) -> None:
        """Up, Down, Open or Close."""
        self._now = now
        if event is Event.UP:
            self.policy.begin()
            self._failures = 0
        self._happen(event)

    def expire(self, now: float) -> None:
        """Time has passed."""
        if self._deadline is None or now < self._deadline:
            return
        self._now, self._deadline = now, None
        self._happen(Event.TO_PLUS if self._count > 0 else Event.TO_MINUS)

    def refused(self, now: float) -> None:
        """The peer does not know this protocol (a Protocol-Reject: RXJ-)."""
        self._now = now
        if self.state not in (State.INITIAL, State.STARTING):
            self._happen(Event.RXJ_MINUS)

    # from the peer
    def receive(self, packet: Packet, now: float) -> None:
        """One packet of this protocol; without a lower layer it is discarded."""
        self._now = now
        if self.state in (State.INITIAL, State.STARTING):
            return
        if packet.code == Code.CONFIGURE_REQUEST:
            self._configure_request(packet)
        elif packet.code in (Code.CONFIGURE_ACK, Code.CONFIGURE_NAK, Code.CONFIGURE_REJECT):
            self._answer(packet)
        elif packet.code == Code.TERMINATE_REQUEST:
            self._happen(Event.RTR, packet)
        elif packet.code == Code.TERMINATE_ACK:
            self._happen(Event.RTA)
        elif packet.code == Code.CODE_REJECT:
            essential = packet.data[:1] and packet.data[0] <= Code.CODE_REJECT
            self._happen(Event.RXJ_MINUS if essential else Event.RXJ_PLUS)
        elif self.other is None or not self.other(packet):
            self._happen(Event.RUC, packet)

    def happen(self, event: Event, now: float, packet: Packet | None = None) -> None:
        """An event that ``other`` found: RXR, RXJ+ or RXJ-."""
        self._now = now
        self._happen(event, packet)

    def _configure_request(self, packet: Packet) -> None:
        options = parse_options(packet.data)
        if options is None:
            return  # discarded in silence
        if self.state in (State.CLOSED, State.CLOSING, State.STOPPING):
            self._happen(Event.RCR_PLUS, packet)
            return
        if self.state in (State.OPENED, State.STOPPED):
            self.policy.begin()
            self._failures = 0
        verdict = self.policy.judge(options)
        if verdict.good:
            self._failures = 0
            self.policy.accept(options)
            self._happen(Event.RCR_PLUS, packet)
        else:
            self._happen(Event.RCR_MINUS, self._refusal(packet, options, verdict))

    def _refusal(self, packet: Packet, options: Sequence[Option], verdict: Verdict) -> Packet:
        """Configure-Reject before Configure-Nak; after Max-Failure Naks only rejects (RFC 1661 4.6)."""
        if verdict.rejected:
            return Packet(Code.CONFIGURE_REJECT, packet.identifier, encode_options(verdict.rejected))
        self._failures += 1
        if self._failures <= self._limits.max_failure:
            return Packet(Code.CONFIGURE_NAK, packet.identifier, encode_options(verdict.wanted))
        kinds = {option.kind for option in verdict.wanted}
        given = tuple(option for option in options if option.kind in kinds)
        return Packet(Code.CONFIGURE_REJECT, packet.identifier, encode_options(given))

    def _answer(self, packet: Packet) -> None:
        """Ack, Nak or Reject of what was asked last; any other is discarded (RFC 1661 5.2 to 5.4)."""
        asked = self._requested
        options = parse_options(packet.data)
        if asked is None or packet.identifier != asked.identifier or options is None:
            return
        if packet.code == Code.CONFIGURE_ACK:
            if packet.data == asked.data:
                self._requested = None
                self._happen(Event.RCA)
            return
        known = {option.kind for option in parse_options(asked.data) or ()}
        if packet.code == Code.CONFIGURE_REJECT:
            if not options or any(option.kind not in known for option in options):
                return
            self.policy.rejected(options)
        else:
            self.policy.naked(options)
        self._requested = None
        self._happen(Event.RCN)

    # what the automaton says
    def _happen(self, event: Event, packet: Packet | None = None) -> None:
        for action in self._automaton.happen(event):
            self._do(action, event, packet)
        if self.state not in TIMED:
            self._deadline = None

    def _do(self, action: Action, event: Event, packet: Packet | None) -> None:
        if action in _SIGNALS:
            self._tell(_SIGNALS[action])
        elif action is Action.IRC:
            closing = self.state in (State.CLOSING, State.STOPPING)
            self._count = self._limits.max_terminate if closing else self._limits.max_configure
        elif action is Action.ZRC:
            self._count = 0
            self._deadline = self._now + self._limits.linger_s
        elif action is Action.SCR:
            self._configure(again=event is Event.TO_PLUS)
        elif action is Action.STR:
            self._restart()
            self._send(Packet(Code.TERMINATE_REQUEST, self._next(again=event is Event.TO_PLUS)))
        elif packet is not None:
            self._reply(action, packet)
        elif action is Action.STA:
            self._send(Packet(Code.TERMINATE_ACK, self._next()))

    def _reply(self, action: Action, packet: Packet) -> None:
        if action is Action.SCA:
            self._send(Packet(Code.CONFIGURE_ACK, packet.identifier, packet.data))
        elif action is Action.SCN:
            self._send(packet)
        elif action is Action.STA:
            self._send(Packet(Code.TERMINATE_ACK, packet.identifier))
        elif action is Action.SCJ:
            self._send(Packet(Code.CODE_REJECT, self._next(), packet.encoded()))
        elif action is Action.SER:
            self._send(packet)

    def _configure(self, *, again: bool) -> None:
        """A Configure-Request; the same once more when the timer says so."""
        self._restart()
        if not again or self._requested is None:
            data = encode_options(self.policy.request())
            self._requested = Packet(Code.CONFIGURE_REQUEST, self._next(), data)
        self._send(self._requested)

    def _restart(self) -> None:
        self._count -= 1
        self._deadline = self._now + self._limits.restart_s

    def _next(self, *, again: bool = False) -> int:
        if not again:
            self._identifier = (self._identifier + 1) & 0xFF
        return self._identifier


_SIGNALS = {Action.TLU: Signal.UP, Action.TLD: Signal.DOWN, Action.TLS: Signal.STARTED,
            Action.TLF: Signal.FINISHED}
