"""One MQTT-SN client at the gateway: the states of MQTT-SN 1.2, clause 6, without sockets and timers.

The gateway calls ``receive`` with each message and ``tick`` when ``deadline`` is reached; both may send.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .mqtt_broker import Broker
from .mqtt_packets import Message as Publication
from .mqtt_packets import filter_is_valid
from .mqttsn_codec import PROTOCOL_ID, Flags, Kind, Message, ReturnCode, TopicType
from .mqttsn_delivery import Counters, Delivery, Limits
from .mqttsn_topics import TopicTable, text_of
from .mqttsn_upstream import Upstream

_UNAVAILABLE = 3  # CONNACK of MQTT 3.1.1: server unavailable


class Phase(enum.Enum):
    """States of a client (6.14, figure 4), and the two steps of a log in with a will (6.2)."""

    DISCONNECTED = "disconnected"
    WILL_TOPIC = "asked for its will topic"
    WILL_MESSAGE = "asked for its will message"
    ACTIVE = "active"
    ASLEEP = "asleep"
    AWAKE = "awake"
    LOST = "lost"


_LOGGED_IN = frozenset({Phase.ACTIVE, Phase.ASLEEP, Phase.AWAKE})


@dataclass(slots=True)
class Will:
    """What is published for a client that is lost."""

    topic: str
    qos: int
    retain: bool
    payload: bytes = b""


class Session:
    """One client by its identifier. ``send`` takes messages for it.

    ``clock`` gives the time in seconds; ``changed`` hears when the broker moved the ``deadline``.
    """

    def __init__(self, client_id: str, broker: Broker, limits: Limits, predefined: Mapping[int, str],
                 counters: Counters, clock: Callable[[], float], changed: Callable[[Session], None]) -> None:
        self.client_id = client_id
        self.send: Callable[[Message], None] = _unsent
        self.phase = Phase.DISCONNECTED
        self.clean = True
        self.will: Will | None = None
        self._clock = clock
        self._changed = changed
        self._limits = limits
        self._counters = counters
        self._topics = TopicTable(predefined)
        self._upstream = Upstream(broker, self._arrived, self._cut)
        self._delivery = Delivery(self._topics, limits, counters, lambda message: self.send(message))
        self._taken: set[int] = set()
        self._asked: Will | None = None
        self._duration = 0
        self._sleep = 0
        self._heard = 0.0
        self._now = 0.0

    # -- times ----------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is due."""
        due = self._delivery.due if self.phase is not Phase.ASLEEP else None
        times = [] if due is None else [due]
        seconds = self._sleep if self.phase in (Phase.ASLEEP, Phase.AWAKE) else self._duration
        if seconds and self.phase in _LOGGED_IN:
            times.append(self._heard + Limits.patience_s(seconds))
        return min(times, default=None)

    def tick(self, now: float) -> None:
        """Time has passed: send again, or hold the client for lost."""
        self._now = now
        if self.deadline is None or now < self.deadline:
            return
        due = self._delivery.due
        if due is None or self.phase is Phase.ASLEEP or now < due:
            self._lose()
        elif not self._delivery.repeat(now):
            self._give_up()

    def end(self) -> None:
        """The gateway forgets this client; no will."""
        self.phase = Phase.DISCONNECTED
        self._delivery.drop()
        self._upstream.close()

    def _give_up(self) -> None:
        if self.phase in (Phase.WILL_TOPIC, Phase.WILL_MESSAGE):
            self.end()
        else:
            self._lose()

    def _lose(self) -> None:
        """Lost: its will is published (6.14)."""
        will = self.will
        if will is not None and self._upstream.open:
            self._counters.wills += 1
            self._upstream.publish(Publication(will.topic, will.payload, will.qos, will.retain), _ignore)
        self._delivery.drop()
        self._upstream.close()
        self.phase = Phase.LOST

    def _cut(self) -> None:
        """The broker ended the connection: the client hears that there is none any more (6.12)."""
        self._delivery.drop()
        if self.phase in _LOGGED_IN:
            self.phase = Phase.DISCONNECTED
            self.send(Message(Kind.DISCONNECT))
        self._changed(self)

    # -- what the client says -------------------------------------------------------------------------

    def receive(self, message: Message, now: float) -> None:
        """A message of this client."""
        self._now = self._heard = now
        if message.flags.dup:
            self._counters.heard_again += 1
        if message.kind is Kind.CONNECT:
            self._connect(message)
        elif message.kind in (Kind.WILLTOPIC, Kind.WILLMSG):
            self._prompted(message)
        elif message.kind is Kind.DISCONNECT:
            self._disconnect(message.duration)
        elif self.phase not in _LOGGED_IN:
            self.send(Message(Kind.DISCONNECT))
        elif message.kind in _HANDLERS:
            _HANDLERS[message.kind](self, message)

    def _connect(self, message: Message) -> None:
        if message.protocol != PROTOCOL_ID:
            self._connack(ReturnCode.NOT_SUPPORTED)
            return
        self._delivery.drop()
        self.clean = message.flags.clean
        self._duration = message.duration or 0
        if self.clean:
            self.will = None
            self._delivery.clear()
            self._taken.clear()
            self._topics.clear()
        self._topics.forgotten()
        if message.flags.will:
            self.phase = Phase.WILL_TOPIC
            self._delivery.ask(Message(Kind.WILLTOPICREQ), Kind.WILLTOPIC, self._now)
        else:
            self._log_in()

    def _prompted(self, message: Message) -> None:
        """The answers to the gateway's questions for a will (6.2, 6.3)."""
        if message.kind is Kind.WILLTOPIC and self.phase is Phase.WILL_TOPIC:
            if message.empty:
                self.will = None
                self._log_in()
                return
            self._asked = Will(text_of(message.rest), max(message.flags.qos, 0), message.flags.retain)
            self.phase = Phase.WILL_MESSAGE
            self._delivery.ask(Message(Kind.WILLMSGREQ), Kind.WILLMSG, self._now)
        elif message.kind is Kind.WILLMSG and self.phase is Phase.WILL_MESSAGE and self._asked is not None:
            self._asked.payload = message.rest
            self.will = self._asked
            self._log_in()

    def _log_in(self) -> None:
        self._delivery.drop()
        if not self._upstream.open or self.clean:
            refused = self._upstream.connect(self.client_id, clean=self.clean)
            if refused:
                self.phase = Phase.DISCONNECTED
                self._connack(ReturnCode.CONGESTION if refused == _UNAVAILABLE else ReturnCode.NOT_SUPPORTED)
                return
        self.phase = Phase.ACTIVE
        self._connack(ReturnCode.ACCEPTED)
        self._pump()

    def _connack(self, code: ReturnCode) -> None:
        self.send(Message(Kind.CONNACK, code=code))

    def _disconnect(self, duration: int | None) -> None:
        """Good-bye, or good night when it comes with a duration (6.12, 6.14)."""
        if duration and self.phase in _LOGGED_IN:
            self.phase, self._sleep = Phase.ASLEEP, duration
        else:
            self._delivery.drop()
            self._upstream.close()
            self.phase = Phase.DISCONNECTED
        self.send(Message(Kind.DISCONNECT))

    def _register(self, message: Message) -> None:
        name, code, topic_id = text_of(message.rest), ReturnCode.ACCEPTED, 0
        if not name or "+" in name or "#" in name:
            code = ReturnCode.NOT_SUPPORTED
        elif self._topics.known(name) is None and len(self._topics) >= self._limits.most_topics:
            code = ReturnCode.CONGESTION
        else:
            topic_id = self._topics.give(name)
        self.send(Message(Kind.REGACK, topic_id=topic_id, number=message.number, code=code))

    def _publish(self, message: Message) -> None:
        topic = self._topics.name(message.flags.topic_type, message.topic_id)
        qos, number = message.flags.qos, message.number
        if topic is None:
            self.send(Message(Kind.PUBACK, topic_id=message.topic_id, number=number,
                              code=ReturnCode.INVALID_TOPIC_ID))
            return
        self._counters.last_topic = topic
        publication = Publication(topic, message.rest, max(qos, 0), message.flags.retain)
        if qos <= 0:
            self._upstream.publish(publication, _ignore)
        elif qos == 1:
            self._upstream.publish(publication, lambda _: self.send(
                Message(Kind.PUBACK, topic_id=message.topic_id, number=number)))
        elif number in self._taken:
            self.send(Message(Kind.PUBREC, number=number))
        else:
            self._taken.add(number)
            self._upstream.publish(publication, lambda _: self.send(Message(Kind.PUBREC, number=number)))

    def _released(self, message: Message) -> None:
        self._taken.discard(message.number)
        self.send(Message(Kind.PUBCOMP, number=message.number))

    def _subscribe(self, message: Message) -> None:
        kind, qos, number = message.flags.topic_type, max(message.flags.qos, 0), message.number
        name = self._topics.filter(kind, message.rest)
        if name is None or not filter_is_valid(name):
            code = ReturnCode.INVALID_TOPIC_ID if kind is TopicType.PREDEFINED else ReturnCode.NOT_SUPPORTED
            self.send(Message(Kind.SUBACK, number=number, code=code))
            return
        topic_id = int.from_bytes(message.rest, "big") if kind is TopicType.PREDEFINED else 0
        if kind is TopicType.PREDEFINED:
            self._topics.prefer_predefined(topic_id)
        elif kind is TopicType.NORMAL and "+" not in name and "#" not in name:
            if self._topics.known(name) is None and len(self._topics) >= self._limits.most_topics:
                self.send(Message(Kind.SUBACK, number=number, code=ReturnCode.CONGESTION))
                return
            topic_id = self._topics.give(name)

        def granted(result: int) -> None:
            code = ReturnCode.ACCEPTED if result >= 0 else ReturnCode.NOT_SUPPORTED
            self.send(Message(Kind.SUBACK, Flags(qos=max(result, 0)), topic_id, number, code))

        self._upstream.subscribe(name, qos, granted)

    def _unsubscribe(self, message: Message) -> None:
        name = self._topics.filter(message.flags.topic_type, message.rest)
        answer = Message(Kind.UNSUBACK, number=message.number)
        if name is None:
            self.send(answer)
        else:
            self._upstream.unsubscribe(name, lambda _: self.send(answer))

    def _ping(self, message: Message) -> None:
        """Keep alive (6.11), or a sleeping client that asks for what waits (6.14)."""
        if self.phase is Phase.ASLEEP and message.rest:
            self.phase = Phase.AWAKE
            self._delivery.resume(self._now)
            self._pump()
        elif self.phase is not Phase.AWAKE:
            self.send(Message(Kind.PINGRESP))

    def _will_topic(self, message: Message) -> None:
        """6.4; an empty one deletes the will."""
        if message.empty:
            self.will = None
        else:
            payload = self.will.payload if self.will is not None else b""
            self.will = Will(text_of(message.rest), max(message.flags.qos, 0), message.flags.retain, payload)
        self.send(Message(Kind.WILLTOPICRESP))

    def _will_message(self, message: Message) -> None:
        """6.4."""
        if self.will is None:
            self.send(Message(Kind.WILLMSGRESP, code=ReturnCode.NOT_SUPPORTED))
            return
        self.will.payload = message.rest
        self.send(Message(Kind.WILLMSGRESP))

    # -- what goes to the client ----------------------------------------------------------------------

    def _arrived(self, publication: Publication) -> None:
        self._delivery.put(publication)
        self._now = self._clock()
        self._pump()
        self._changed(self)

    def _acknowledged(self, message: Message) -> None:
        if self._delivery.acknowledged(message, self._now):
            self._pump()

    def _pump(self) -> None:
        """Deliver to who is awake; then let a sleeping client sleep on."""
        if self.phase in (Phase.ACTIVE, Phase.AWAKE):
            self._delivery.pump(self._now)
        if self.phase is Phase.AWAKE and self._delivery.idle:
            self.phase = Phase.ASLEEP
            self.send(Message(Kind.PINGRESP))


def _unsent(_: Message) -> None:
    """Nobody is there yet to send to."""


def _ignore(_: int) -> None:
    """An answer that nobody waits for."""


_HANDLERS: Mapping[Kind, Callable[[Session, Message], None]] = MappingProxyType({
    Kind.REGISTER: Session._register, Kind.PUBLISH: Session._publish, Kind.PUBREL: Session._released,
    Kind.SUBSCRIBE: Session._subscribe, Kind.UNSUBSCRIBE: Session._unsubscribe, Kind.PINGREQ: Session._ping,
    Kind.WILLTOPICUPD: Session._will_topic, Kind.WILLMSGUPD: Session._will_message,
    Kind.REGACK: Session._acknowledged, Kind.PUBACK: Session._acknowledged,
    Kind.PUBREC: Session._acknowledged, Kind.PUBCOMP: Session._acknowledged,
})
