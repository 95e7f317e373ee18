"""One control protocol at work: the automaton with its packets, counters and timer (RFC 1661 4, 5).

No clock inside: whoever calls says what time it is (seconds of a monotonic clock) and calls ``tick`` at
``deadline``. What is agreed on is the protocol's own business: an ``Options`` object.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol as Shape

from cellbench.wire.ppp.automaton import TIMED, TRANSITIONS, Action, Event, State
from cellbench.wire.ppp.packets import Code, Option, Packet, encode_options, parse_options, parse_packet


@dataclass(frozen=True, slots=True)
class Pace:
    """Timer (seconds) and counters of RFC 1661 4.6, at the RFC's defaults."""

    restart_s: float = 3.0
    max_configure: int = 10
    max_terminate: int = 2
    max_failure: int = 5


class Layer(enum.Enum):
    """What a protocol tells its neighbours."""

    UP = "up"
    DOWN = "down"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with the options that the far end asked for; nothing when both are empty. Rejected ones
    come before any that are wanted otherwise."""

    rejected: tuple[Option, ...] = ()
    otherwise: tuple[Option, ...] = ()


class Options(Shape):
    """What one protocol asks for and grants."""

    def request(self) -> Sequence[Option]:
        """What we ask for now."""
        ...

    def judge(self, asked: Sequence[Option]) -> Judgement:
        """What is wrong with what the far end asks for."""
        ...

    def granted(self, asked: Sequence[Option]) -> None:
        """We have agreed to what the far end asks for."""
        ...

    def suggested(self, options: Sequence[Option]) -> None:
        """The far end wants other values (Configure-Nak)."""
        ...

    def refused(self, options: Sequence[Option]) -> None:
        """The far end will not have these options at all (Configure-Reject)."""
        ...


Extra = Callable[[Packet, float], bool]
"""Takes packets of codes beyond Code-Reject; False for a code that is not known."""


class Negotiator:
    """One protocol's end. ``send`` gets each packet, ``tell`` what the layer does."""

    def __init__(self, name: str, options: Options, send: Callable[[Packet], None],
                 tell: Callable[[Layer], None], pace: Pace, extra: Extra | None = None) -> None:
        self.name = name
        self.state = State.INITIAL
        self.deadline: float | None = None
        self.no_answer = False
        """True when the far end left the last request unanswered to the end."""
        self.rejected = False
        """True when the far end knows nothing of the protocol, or of a code it needs."""
        self.terminated_by_peer = False
        self.last_words = ""
        """What the far end gave as its reason with its Terminate-Request, printable characters."""
        self._options = options
        self._send = send
        self._tell = tell
        self._pace = pace
        self._extra = extra
        self._restarts = 0
        self._failures = 0
        self._identifier = 0
        self._asked: tuple[int, bytes] | None = None  # identifier and options of our open request
        self._packet: Packet | None = None  # the one under way
        self._answer: Packet | None = None

    @property
    def is_opened(self) -> bool:
        """True while both ends agree."""
        return self.state is State.OPENED

    # -- from the neighbours -----------------------------------------------------------------------------

    def up(self, now: float) -> None:
        """The layer below is there."""
        self._do(Event.UP, now)

    def down(self, now: float) -> None:
        """The layer below is gone."""
        self._do(Event.DOWN, now)

    def open(self, now: float) -> None:
        """Begin to negotiate when the layer below is there."""
        self.no_answer = self.rejected = self.terminated_by_peer = False
        self._do(Event.OPEN, now)

    def close(self, now: float) -> None:
        """End in order: Terminate-Request."""
        self._do(Event.CLOSE, now)

    def give_up(self, now: float) -> None:
        """The far end rejected the protocol or a code it cannot do without (RXJ-)."""
        self.rejected = True
        self._do(Event.RXJ_BAD, now)

    def tick(self, now: float) -> None:
        """The restart timer, when its time has come."""
        if self.deadline is None or now < self.deadline:
            return
        self.no_answer = self._restarts <= 0 and self.state is not State.STOPPING
        self._do(Event.TIMEOUT if self._restarts > 0 else Event.TIMEOUT_LAST, now)

    # -- from the far end --------------------------------------------------------------------------------

    def receive(self, information: bytes, now: float) -> None:
        """One information field of this protocol."""
        packet = parse_packet(information)
        if packet is None or self.state in (State.INITIAL, State.STARTING):
            return
        self._packet = packet
        match packet.code:
            case Code.CONFIGURE_REQUEST:
                self._configure_request(packet, now)
            case Code.CONFIGURE_ACK | Code.CONFIGURE_NAK | Code.CONFIGURE_REJECT:
                self._configure_answer(packet, now)
            case Code.TERMINATE_REQUEST:
                if self.state not in (State.CLOSING, State.STOPPING):
                    self.terminated_by_peer = True
                    self.last_words = "".join(chr(octet) for octet in packet.data if 32 <= octet < 127)
                self._do(Event.RTR, now)
            case Code.TERMINATE_ACK:
                self._do(Event.RTA, now)
            case Code.CODE_REJECT:
                self._code_reject(packet, now)
            case _:
                if self._extra is None or not self._extra(packet, now):
                    self._do(Event.RUC, now)

    def echo(self, now: float) -> None:
        """An Echo-Request or Discard-Request came (LCP's RXR event)."""
        self._do(Event.RXR, now)

    def _configure_request(self, packet: Packet, now: float) -> None:
        asked = parse_options(packet.data)
        if asked is None:
            return
        judgement = self._options.judge(asked)
        if judgement.rejected:
            code, listed = Code.CONFIGURE_REJECT, judgement.rejected
        elif judgement.otherwise:
            # RFC 1661 4.6: after Max-Failure Naks without agreement, what is disputed is rejected
            self._failures += 1
            given_up = self._failures > self._pace.max_failure
            disputed = {option.kind for option in judgement.otherwise}
            code = Code.CONFIGURE_REJECT if given_up else Code.CONFIGURE_NAK
            listed = (tuple(option for option in asked if option.kind in disputed) if given_up
                      else judgement.otherwise)
        else:
            self._answer = Packet(Code.CONFIGURE_ACK, packet.identifier, packet.data)
            self._failures = 0
            if Action.SEND_CONFIGURE_ACK in self._actions(Event.RCR_GOOD):
                self._options.granted(asked)
            self._do(Event.RCR_GOOD, now)
            return
        self._answer = Packet(code, packet.identifier, encode_options(listed))
        self._do(Event.RCR_BAD, now)

    def _configure_answer(self, packet: Packet, now: float) -> None:
        """RFC 1661 5.2 to 5.4: an answer to anything but our last request is silently discarded."""
        if self._asked is None or packet.identifier != self._asked[0]:
            return
        if packet.code == Code.CONFIGURE_ACK:
            if packet.data == self._asked[1]:
                self._asked = None
                self._do(Event.RCA, now)
            return
        options = parse_options(packet.data)
        if options is None:
            return
        if packet.code == Code.CONFIGURE_REJECT:
            ours = parse_options(self._asked[1]) or ()
            if not options or any(option not in ours for option in options):
                return
            self._options.refused(options)
        else:
            self._options.suggested(options)
        self._asked = None
        self._do(Event.RCN, now)

    def _code_reject(self, packet: Packet, now: float) -> None:
        needed = bool(packet.data) and Code.CONFIGURE_REQUEST <= packet.data[0] <= Code.CODE_REJECT
        if needed:
            self.give_up(now)
        else:
            self._do(Event.RXJ_GOOD, now)

    # -- the automaton -----------------------------------------------------------------------------------

    def _actions(self, event: Event) -> tuple[Action, ...]:
        step = TRANSITIONS[event].get(self.state)
        return step.actions if step is not None else ()

    def _do(self, event: Event, now: float) -> None:
        step = TRANSITIONS[event].get(self.state)
        if step is None:
            return  # packets that crossed the end of the layer below
        self.state = step.following
        told: list[Layer] = []
        for action in step.actions:
            self._act(action, event, now, told)
        if self.state not in TIMED:
            self.deadline = None
        elif self.deadline is None:
            self.deadline = now + self._pace.restart_s
        for layer in told:  # last, for a neighbour may call back
            self._tell(layer)

    def _act(self, action: Action, event: Event, now: float, told: list[Layer]) -> None:
        match action:
            case Action.THIS_LAYER_UP:
                told.append(Layer.UP)
            case Action.THIS_LAYER_DOWN:
                told.append(Layer.DOWN)
            case Action.THIS_LAYER_FINISHED:
                told.append(Layer.FINISHED)
            case Action.INIT_RESTART_COUNT:
                ends = self.state in (State.CLOSING, State.STOPPING)
                self._restarts = self._pace.max_terminate if ends else self._pace.max_configure
            case Action.ZERO_RESTART_COUNT:
                # RFC 1661 4.4: one Restart time passes before the far end's Terminate-Request is obeyed
                self._restarts = 0
                self.deadline = now + self._pace.restart_s
            case Action.SEND_CONFIGURE_REQUEST:
                self._configure(now)
            case Action.SEND_TERMINATE_REQUEST:
                self._restarts -= 1
                self.deadline = now + self._pace.restart_s
                self._emit(Packet(Code.TERMINATE_REQUEST, self._next_identifier()))
            case Action.SEND_TERMINATE_ACK:
                asked = self._packet if event is Event.RTR else None
                self._emit(Packet(Code.TERMINATE_ACK,
                                  asked.identifier if asked is not None else self._next_identifier()))
            case Action.SEND_CODE_REJECT:
                assert self._packet is not None
                self._emit(Packet(Code.CODE_REJECT, self._next_identifier(), self._packet.encode()[:1000]))
            case Action.SEND_CONFIGURE_ACK | Action.SEND_CONFIGURE_NAK:
                assert self._answer is not None
                self._emit(self._answer)
            case Action.SEND_ECHO_REPLY | Action.THIS_LAYER_STARTED:
                pass  # LCP answers echoes itself; the layer below is opened by whoever dials

    def _configure(self, now: float) -> None:
        self._restarts -= 1
        data = encode_options(self._options.request())
        # RFC 1661 5.1: a request that is sent again may keep its identifier, another one must not
        if self._asked is None or self._asked[1] != data:
            self._asked = (self._next_identifier(), data)
        self.deadline = now + self._pace.restart_s
        self._emit(Packet(Code.CONFIGURE_REQUEST, *self._asked))

    def _next_identifier(self) -> int:
        self._identifier = self._identifier % 255 + 1
        return self._identifier

    def _emit(self, packet: Packet) -> None:
        self._send(packet)
