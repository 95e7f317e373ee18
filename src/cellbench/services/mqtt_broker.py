"""An MQTT 3.1.1 broker without connections: control packets in, control packets out (OASIS MQTT 3.1.1).

Why it is no library's: docs/decisions/0006.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from .mqtt_packets import (
    REFUSED_SUBSCRIPTION,
    Connack,
    Connect,
    Kind,
    MalformedPacket,
    Message,
    Packet,
    filter_is_valid,
    matches,
    number_bytes,
    packet_bytes,
    publish_bytes,
    read_connect,
    read_number,
    read_publish,
    read_subscribe,
    read_unsubscribe,
)

_PROTOCOLS = frozenset({("MQTT", 4), ("MQIsdp", 3)})
_MOST_QUEUED = 1000
_MOST_RETAINED = 1000
_MOST_SESSIONS = 500
_NUMBERS = 65_535


@dataclass(slots=True)
class Session:
    """What a broker keeps of a client (3.1.2.4); of a clean one until its connection ends."""

    client_id: str
    clean: bool
    subscriptions: dict[str, int] = field(default_factory=dict)
    waiting: deque[Message] = field(default_factory=deque)
    sent: dict[int, Message | None] = field(default_factory=dict)
    """Not acknowledged yet, by packet identifier; None once PUBREL went out."""
    taken: set[int] = field(default_factory=set)
    """Packet identifiers of QoS 2 whose PUBREL is due."""
    last: int = 0
    client: Client | None = None

    def number(self) -> int | None:
        """A free packet identifier, None when all are in use."""
        for _ in range(_NUMBERS):
            self.last = self.last % _NUMBERS + 1
            if self.last not in self.sent:
                return self.last
        return None


class Client:
    """One connection at the broker: ``receive`` its packets, then ``lost`` once.

    ``send`` takes bytes for it, ``close`` ends its connection.
    """

    def __init__(self, broker: Broker, send: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self.connect: Connect | None = None
        self.session: Session | None = None
        self.send = send
        self._close = close
        self._broker = broker
        self._will: Message | None = None
        self._ended = False

    def receive(self, packet: Packet) -> None:
        """One packet; MalformedPacket when the client must be cut off."""
        if self._ended:
            return
        if packet.kind is Kind.CONNECT:
            self._log_in(packet)
            return
        session = self.session
        if session is None:
            raise MalformedPacket(f"{packet.kind.name} before CONNECT (3.1.0-1)")
        if packet.kind is Kind.PUBLISH:
            self._publish(session, *read_publish(packet))
        elif packet.kind in (Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP):
            self._acknowledged(session, packet.kind, read_number(packet))
        elif packet.kind is Kind.SUBSCRIBE:
            self._subscribe(session, *read_subscribe(packet))
        elif packet.kind is Kind.UNSUBSCRIBE:
            number, filters = read_unsubscribe(packet)
            for one in filters:
                session.subscriptions.pop(one, None)
            self.send(number_bytes(Kind.UNSUBACK, number))
        elif packet.kind is Kind.PINGREQ:
            self.send(packet_bytes(Kind.PINGRESP))
        elif packet.kind is Kind.DISCONNECT:
            self.end(will=False)
        else:
            raise MalformedPacket(f"{packet.kind.name} from a client")

    def lost(self) -> None:
        """The connection is over, in order or not; the will goes out unless DISCONNECT came (3.1.2.5)."""
        session, self.session = self.session, None
        will, self._will = self._will, None
        self._ended = True
        if session is not None and session.client is self:
            session.client = None
            if session.clean:
                self._broker.forget(session)
        if will is not None:
            self._broker.wills += 1
            self._broker.route(will)

    def end(self, *, will: bool = True) -> None:
        """Close the connection; ``will``: unless it was taken back."""
        if not will:
            self._will = None
        self._close()
        self.lost()

    def deliver(self, session: Session, message: Message) -> None:
        """A message for this client."""
        number = session.number() if message.qos else None
        if message.qos and number is None:
            return
        if number is not None:
            session.sent[number] = message
        self.send(publish_bytes(message, number))

    # -- what comes ---------------------------------------------------------------------------------

    def _log_in(self, packet: Packet) -> None:
        if self.connect is not None:
            raise MalformedPacket("a second CONNECT (3.1.0-2)")
        self.connect = connect = read_connect(packet)
        answer = self._broker.judge(connect)
        if answer is not Connack.ACCEPTED:
            self.send(packet_bytes(Kind.CONNACK, bytes([0, answer])))
            self.end()
            return
        session, present = self._broker.session_for(connect)
        session.client, self.session, self._will = self, session, connect.will
        self.send(packet_bytes(Kind.CONNACK, bytes([int(present), 0])))
        for number, message in tuple(session.sent.items()):
            if message is None:
                self.send(number_bytes(Kind.PUBREL, number))
            else:
                self.send(publish_bytes(message, number, again=True))
        while session.waiting:
            self.deliver(session, session.waiting.popleft())

    def _publish(self, session: Session, message: Message, number: int | None) -> None:
        if number is None:
            self._broker.route(message)
        elif message.qos == 1:
            self.send(number_bytes(Kind.PUBACK, number))
            self._broker.route(message)
        else:
            first = number not in session.taken
            session.taken.add(number)
            self.send(number_bytes(Kind.PUBREC, number))
            if first:
                self._broker.route(message)

    def _acknowledged(self, session: Session, kind: Kind, number: int) -> None:
        if kind is Kind.PUBREL:
            session.taken.discard(number)
            self.send(number_bytes(Kind.PUBCOMP, number))
        elif kind is Kind.PUBREC:
            if number in session.sent:
                session.sent[number] = None
            self.send(number_bytes(Kind.PUBREL, number))
        else:
            session.sent.pop(number, None)

    def _subscribe(self, session: Session, number: int, wanted: tuple[tuple[str, int], ...]) -> None:
        answers = []
        for topic_filter, qos in wanted:
            valid = filter_is_valid(topic_filter)
            if valid:
                session.subscriptions[topic_filter] = qos
            answers.append(qos if valid else REFUSED_SUBSCRIPTION)
        self.send(number_bytes(Kind.SUBACK, number, bytes(answers)))
        for (topic_filter, _), granted in zip(wanted, answers, strict=True):
            if granted != REFUSED_SUBSCRIPTION:
                for message in self._broker.retained_for(topic_filter):
                    self.deliver(session, replace(message, qos=min(message.qos, granted)))


class Broker:
    """Sessions, subscriptions and retained messages of all clients.

    ``users``: who may log in, by password; None: anybody.
    """

    def __init__(self, users: Mapping[str, str] | None = None) -> None:
        self.users = users
        self.wills = 0
        self._sessions: dict[str, Session] = {}
        self._retained: dict[str, Message] = {}
        self._names = itertools.count(1)

    def client(self, send: Callable[[bytes], None], close: Callable[[], None]) -> Client:
        """A connection that came."""
        return Client(self, send, close)

    def clear(self) -> None:
        """Forget all sessions and retained messages; connections end without wills."""
        sessions, self._sessions = self._sessions, {}
        self._retained.clear()
        for session in sessions.values():
            session.subscriptions.clear()
        for session in sessions.values():
            if session.client is not None:
                session.client.end(will=False)

    def route(self, message: Message) -> None:
        """Retained if it wants to be (3.3.1.3); to everybody who subscribed, once, with the lower QoS of both
        (4.3, 3.3.5)."""
        if message.retain:
            self._retain(message)
        for session in tuple(self._sessions.values()):
            granted = [qos for one, qos in session.subscriptions.items() if matches(one, message.topic)]
            if not granted:
                continue
            copy = replace(message, qos=min(message.qos, max(granted)), retain=False)
            if session.client is not None:
                session.client.deliver(session, copy)
            elif copy.qos and len(session.waiting) < _MOST_QUEUED:
                session.waiting.append(copy)

    def retained_for(self, topic_filter: str) -> tuple[Message, ...]:
        """Retained messages for a new subscription."""
        return tuple(one for topic, one in self._retained.items() if matches(topic_filter, topic))

    def forget(self, session: Session) -> None:
        """A clean session ended."""
        if self._sessions.get(session.client_id) is session:
            del self._sessions[session.client_id]

    @property
    def retained(self) -> int:
        """How many messages are retained."""
        return len(self._retained)

    def judge(self, connect: Connect) -> Connack:
        """May this client log in? (3.1.4)"""
        if (connect.name, connect.level) not in _PROTOCOLS:
            return Connack.VERSION
        if not connect.client_id and not connect.clean:
            return Connack.IDENTIFIER
        if connect.client_id not in self._sessions and len(self._sessions) >= _MOST_SESSIONS:
            return Connack.UNAVAILABLE
        if self.users is not None:
            if connect.user is None:
                return Connack.NOT_AUTHORISED
            password = self.users.get(connect.user)
            if password is None or password.encode() != connect.password:
                return Connack.CREDENTIALS
        return Connack.ACCEPTED

    def session_for(self, connect: Connect) -> tuple[Session, bool]:
        """The session of a client that logs in, and whether it was there (3.1.2.4); an older connection of
        the same client ends (3.1.4-2)."""
        name = connect.client_id or f"auto-{next(self._names)}"
        older = self._sessions.get(name)
        if older is not None and older.client is not None:
            older.client.end()
        older = self._sessions.get(name)
        if older is not None and not connect.clean:
            return older, True
        session = self._sessions[name] = Session(name, connect.clean)
        return session, False

    def _retain(self, message: Message) -> None:
        if not message.payload:
            self._retained.pop(message.topic, None)
        elif message.topic in self._retained or len(self._retained) < _MOST_RETAINED:
            self._retained[message.topic] = message
