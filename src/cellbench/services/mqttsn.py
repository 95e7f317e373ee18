"""The MQTT-SN gateway of the far side, over UDP and DTLS, in front of the park's MQTT broker.

No kept library carries a gateway; this one is written from the MQTT-SN Protocol Specification, version 1.2.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cellbench.base.protocols import Endpoint
from cellbench.io.tls.engine import TlsServer

from .mqtt_broker import Broker
from .mqtt_packets import Message as Publication
from .mqttsn_codec import Kind, MalformedMessage, Message, ReturnCode, TopicType, decode, encode
from .mqttsn_delivery import Counters, Limits
from .mqttsn_session import Phase, Session
from .mqttsn_topics import short_name, text_of
from .mqttsn_upstream import Upstream
from .places import UdpPlace, shared
from .server import PLAIN_STATES, SLOW_S, State
from .tls import DtlsPlace, HandshakeFacts
from .tls_settings import tls_settings

Address = tuple[str, int]
PREDEFINED: Mapping[int, str] = {1: "predefined/one", 2: "predefined/two"}
"""Topics by id that every client knows beforehand, unless the definition names others."""

_GATEWAY_ID = 1
_MOST_CLIENTS = 500
_RUBBISH = b"\x03\xff\xff" + bytes(range(64))
_ANSWER_WITH_CODE: Mapping[Kind, Kind] = {
    Kind.CONNECT: Kind.CONNACK, Kind.REGISTER: Kind.REGACK, Kind.PUBLISH: Kind.PUBACK,
    Kind.SUBSCRIBE: Kind.SUBACK, Kind.WILLTOPICUPD: Kind.WILLTOPICRESP, Kind.WILLMSGUPD: Kind.WILLMSGRESP,
}


class Fault(enum.Enum):
    """How the gateway misbehaves towards a client on purpose."""

    DIES = "dies"  # forgets the client
    STALLS = "stalls"  # answers no more
    RUBBISH = "rubbish"  # sends what is no MQTT-SN, and then answers no more
    LOSES = "loses"  # loses each such message when it comes for the first time
    CONGESTION = "congestion"  # return code 1
    TOPIC = "topic"  # return code 2
    REFUSES = "refuses"  # return code 3


_CODES = {Fault.CONGESTION: ReturnCode.CONGESTION, Fault.TOPIC: ReturnCode.INVALID_TOPIC_ID,
          Fault.REFUSES: ReturnCode.NOT_SUPPORTED}


@dataclass(slots=True)
class _Client:
    """Who sends from an address: its session, None before CONNECT, and the fault that its name asks for."""

    session: Session | None = None
    fault: Fault | None = None
    with_kind: Kind | None = None
    lost: set[bytes] = field(default_factory=set)
    silent: bool = False

    def name(self, client_id: str) -> None:
        """``broken/<fault>/<message>``: the fault comes with the first message of that type."""
        self.fault = self.with_kind = None
        self.silent = False
        parts = client_id.split("/")
        if len(parts) >= 3 and parts[0] == "broken":
            self.fault = next((one for one in Fault if one.value == parts[1]), None)
            self.with_kind = Kind.__members__.get(parts[2].upper())


class MqttSnServer:
    """MQTT-SN 1.2 on one UDP port; with ``definition["tls"]`` over DTLS.

    ``broker``: name of the broker (default: mqtt). ``identity``: how the identifiers of clients must begin,
    others are not supported. ``predefined``: topic by id. ``retry_s`` and ``retries``: repetition of what a
    client does not answer. ``mute`` takes messages and never answers, ``slow`` handles each ``slow_s``
    seconds later, ``down`` forgets all clients as a gateway that dies does, ``reset`` forgets them and what
    it saw. A client identifier ``broken/<fault>/<message>`` meets that :class:`Fault` with its messages of
    that type; a further ``/`` and any text tell such clients apart.
    """

    def __init__(self, definition: Mapping[str, object]) -> None:
        self._slow_s = float(str(definition.get("slow_s", SLOW_S)))
        self._state = State.UP
        self._tls = tls_settings(definition, datagram=True)
        self._broker = shared(f"broker {definition.get('broker', 'mqtt')}", Broker)
        given = definition.get("predefined")
        self._predefined = PREDEFINED if not isinstance(given, Mapping) else {
            int(number): str(name) for number, name in given.items()}
        self._limits = Limits(float(str(definition.get("retry_s", Limits().retry_s))),
                              int(str(definition.get("retries", Limits().retries))))
        self._identity = str(definition.get("identity", ""))
        self._place: UdpPlace | DtlsPlace = UdpPlace(self._datagram) if self._tls is None else DtlsPlace(
            TlsServer(self._tls), self._datagram, seen=self._seen, refused=self._refused)
        self._begin()

    def _begin(self) -> None:
        """As without any client."""
        self._clients: dict[Address, _Client] = {}
        self._sessions: dict[str, Session] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._counters = Counters()
        self._malformed = self._datagrams = 0
        self._heard: float | None = None
        self._own: Upstream | None = None

    @property
    def states(self) -> frozenset[State]:
        """up, down, mute, slow, reset."""
        return PLAIN_STATES | {State.RESET}

    async def start(self) -> None:
        """Listen."""
        await self._place.open()

    async def stop(self) -> None:
        """Forget all clients and listen no more."""
        self._forget_all()
        await self._place.close()

    async def set_state(self, state: State) -> None:
        """Take a state."""
        if state in (State.RESET, State.DOWN):
            self._forget_all()
            if state is State.RESET:
                self._begin()
                state = State.UP
        self._state = state
        if state is State.DOWN:
            await self._place.close()
        else:
            await self._place.open()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The one place."""
        return (self._place.endpoint,)

    def report(self) -> Mapping[str, str]:
        """The last client, its state, topic and PINGREQ; counts: wills published, messages repeated, messages
        heard again (DUP), datagrams, those of them that are no MQTT-SN; the last handshake."""
        counters = self._counters
        awake = [one for one in self._sessions.values() if one.phase in (Phase.ACTIVE, Phase.AWAKE)]
        found = {"clients": str(len(awake)), "wills": str(counters.wills),
                 "repeated": str(counters.repeated), "heard_again": str(counters.heard_again),
                 "malformed": str(self._malformed), "datagrams": str(self._datagrams), **counters.facts}
        last = self._sessions.get(counters.facts.get("client_id", ""))
        if last is not None:
            found["client_state"] = last.phase.value
        if counters.last_topic:
            found["last_topic"] = counters.last_topic
        return found

    def _forget_all(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for session in self._sessions.values():
            session.end()
        if self._own is not None:
            self._own.close()
        self._timers.clear()
        self._sessions.clear()
        self._clients.clear()

    def _seen(self, facts: HandshakeFacts) -> None:
        self._counters.facts.update(facts.as_report())
        self._counters.facts.pop("tls_refused", None)

    def _refused(self, why: str) -> None:
        self._counters.facts["tls_refused"] = why

    # -- datagrams ------------------------------------------------------------------------------------

    def _datagram(self, data: bytes, address: Address) -> None:
        self._datagrams += 1
        if self._state is State.MUTE:
            return
        if self._state is State.SLOW:
            asyncio.get_running_loop().call_later(self._slow_s, self._handle, data, address)
        else:
            self._handle(data, address)

    def _handle(self, data: bytes, address: Address) -> None:
        if self._state in (State.MUTE, State.DOWN):
            return
        try:
            message = decode(data)
            self._note(message)
            client = self._client(message, address)
            if not self._misbehaves(client, message, address):
                self._take(client, message, address)
        except MalformedMessage:
            self._malformed += 1

    def _client(self, message: Message, address: Address) -> _Client:
        """Who sends this: by address, and by its name where it gives one (6.2, 6.14)."""
        client = self._clients.setdefault(address, _Client())
        if len(self._clients) > _MOST_CLIENTS:
            del self._clients[next(iter(self._clients))]
        if message.kind is Kind.CONNECT:
            client_id = text_of(message.rest)
            client.name(client_id)
            client.session = self._session(client_id) if client_id.startswith(self._identity) else None
        elif message.kind is Kind.PINGREQ and message.rest:
            client.session = self._sessions.get(text_of(message.rest), client.session)
        if client.session is not None:
            client.session.send = lambda answer: self._send(answer, address)
        return client

    def _session(self, client_id: str) -> Session | None:
        """The session of a client that connects; None when there are too many."""
        session = self._sessions.get(client_id)
        if len(self._sessions) >= _MOST_CLIENTS:
            self._sessions = {name: one for name, one in self._sessions.items()
                              if not one.clean or one.phase not in (Phase.DISCONNECTED, Phase.LOST)}
        if session is None and len(self._sessions) < _MOST_CLIENTS:
            session = self._sessions[client_id] = Session(
                client_id, self._broker, self._limits, self._predefined, self._counters, self._now,
                self._supervise)
        return session

    def _take(self, client: _Client, message: Message, address: Address) -> None:
        session = client.session
        if message.kind is Kind.SEARCHGW:
            self._send(Message(Kind.GWINFO, gateway=_GATEWAY_ID), address)
        elif message.kind is Kind.PUBLISH and message.flags.qos == -1:
            self._unconnected(message)
        elif session is not None:
            session.receive(message, self._now())
            self._supervise(session)
        elif message.kind is Kind.CONNECT:
            ours = text_of(message.rest).startswith(self._identity)
            code = ReturnCode.CONGESTION if ours else ReturnCode.NOT_SUPPORTED
            self._send(Message(Kind.CONNACK, code=code), address)
        else:
            self._send(Message(Kind.DISCONNECT), address)

    def _unconnected(self, message: Message) -> None:
        """QoS -1: a predefined id or a short name, no connection, no answer (6.8)."""
        kind = message.flags.topic_type
        topic = self._predefined.get(message.topic_id) if kind is TopicType.PREDEFINED else \
            short_name(message.topic_id) if kind is TopicType.SHORT else None
        if topic is None:
            return
        if self._own is None:
            self._own = Upstream(self._broker, lambda _: None, lambda: None)
        if not self._own.open:
            self._own.connect(f"gateway {self._place.endpoint.port}", clean=True)
        self._counters.last_topic = topic
        self._own.publish(Publication(topic, message.rest, 0, message.flags.retain), lambda _: None)

    def _send(self, message: Message, address: Address) -> None:
        if self._state is not State.MUTE:
            self._place.send(encode(message), address)

    # -- time -----------------------------------------------------------------------------------------

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _supervise(self, session: Session) -> None:
        """Come back when the session wants to be told of the time."""
        timer = self._timers.pop(session.client_id, None)
        if timer is not None:
            timer.cancel()
        deadline = session.deadline
        if deadline is not None:
            self._timers[session.client_id] = asyncio.get_running_loop().call_at(
                deadline, self._tick, session)
        elif session.clean and session.phase in (Phase.DISCONNECTED, Phase.LOST) and \
                session.client_id != self._counters.facts.get("client_id"):
            self._sessions.pop(session.client_id, None)

    def _tick(self, session: Session) -> None:
        session.tick(max(self._now(), session.deadline or 0.0))
        self._supervise(session)

    def _note(self, message: Message) -> None:
        now, facts = self._now(), self._counters.facts
        if message.kind is Kind.PINGREQ and self._heard is not None:
            facts["pingreq_after_s"] = f"{now - self._heard:.2f}"
        elif message.kind is Kind.CONNECT:
            facts["client_id"] = message.rest.decode("utf-8", "replace")
            facts["duration_s"] = str(message.duration)
            facts["clean"] = "yes" if message.flags.clean else "no"
        self._heard = now

    # -- faults ---------------------------------------------------------------------------------------

    def _misbehaves(self, client: _Client, message: Message, address: Address) -> bool:
        """True when the message is handled wrongly, or not at all."""
        if client.silent:
            return True
        if client.fault is None or client.with_kind is not message.kind:
            return False
        if client.fault is Fault.LOSES:
            plain = encode(replace(message, flags=replace(message.flags, dup=False)))
            first = plain not in client.lost
            client.lost.add(plain)
            return first
        if client.fault is Fault.DIES:
            if client.session is not None:
                client.session.end()
            client.session = None
            return False
        if client.fault in _CODES and message.kind in _ANSWER_WITH_CODE:
            self._send(Message(_ANSWER_WITH_CODE[message.kind], topic_id=message.topic_id,
                               number=message.number, code=_CODES[client.fault]), address)
            return True
        client.silent = True
        if client.fault is Fault.RUBBISH:
            self._place.send(_RUBBISH, address)
        return True
