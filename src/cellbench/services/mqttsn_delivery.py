"""What goes to one MQTT-SN client: messages that wait, one exchange at a time (MQTT-SN 1.2, 6.10, 6.13)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .mqtt_packets import Message as Publication
from .mqttsn_codec import Flags, Kind, Message, ReturnCode
from .mqttsn_topics import TopicTable

_MOST_QUEUED = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """Times and counts of the gateway; the defaults are the best practice values (7.2)."""

    retry_s: float = 10.0
    retries: int = 3
    most_topics: int = 1000

    @staticmethod
    def patience_s(duration: float) -> float:
        """How long a client may be silent that promised to be heard within ``duration`` seconds (7.2)."""
        return duration * (1.1 if duration > 60 else 1.5)


@dataclass(slots=True)
class Counters:
    """What the gateway saw of its clients, for its report."""

    wills: int = 0
    repeated: int = 0
    heard_again: int = 0
    last_topic: str = ""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Awaited:
    """A message to the client that needs an answer (6.13)."""

    message: Message
    answer: Kind
    at: float
    publication: Publication | None = None  # what the client has not taken over yet
    tries: int = 0


class Delivery:
    """Messages for one client; ``send`` takes them as they go out. Times are seconds of one clock."""

    def __init__(self, topics: TopicTable, limits: Limits, counters: Counters,
                 send: Callable[[Message], None]) -> None:
        self._topics = topics
        self._limits = limits
        self._counters = counters
        self._send = send
        self._queue: deque[Publication] = deque()
        self._awaited: _Awaited | None = None
        self._number = 0

    @property
    def idle(self) -> bool:
        """True when nothing waits, neither a message nor an answer to one."""
        return not self._queue and self._awaited is None

    @property
    def due(self) -> float | None:
        """When what was not answered is sent again."""
        return None if self._awaited is None else self._awaited.at

    def put(self, publication: Publication) -> None:
        """A message for the client; dropped when too many wait."""
        if len(self._queue) < _MOST_QUEUED:
            self._queue.append(publication)

    def clear(self) -> None:
        """A clean session: what waited is gone."""
        self._queue.clear()

    def drop(self) -> None:
        """No answer is waited for any more; what was not acknowledged is for the next session."""
        awaited, self._awaited = self._awaited, None
        if awaited is not None and awaited.publication is not None:
            self._queue.appendleft(awaited.publication)

    def ask(self, message: Message, answer: Kind, now: float, publication: Publication | None = None) -> None:
        """Send a message that the client has to answer."""
        self._awaited = _Awaited(message, answer, now + self._limits.retry_s, publication)
        self._send(message)

    def repeat(self, now: float) -> bool:
        """Send again what was not answered; False when that was done often enough."""
        awaited = self._awaited
        if awaited is None:
            return True
        if awaited.tries >= self._limits.retries:
            return False
        awaited.tries += 1
        awaited.at = now + self._limits.retry_s
        self._counters.repeated += 1
        if awaited.message.kind is Kind.PUBLISH:
            awaited.message = replace(awaited.message, flags=replace(awaited.message.flags, dup=True))
        self._send(awaited.message)
        return True

    def resume(self, now: float) -> None:
        """The client woke up: what it did not answer goes out at once, and may be repeated as often again."""
        if self._awaited is not None:
            self._awaited.tries = 0
            self.repeat(now)

    def pump(self, now: float) -> None:
        """Deliver what waits; a topic whose id the client does not know is registered first."""
        while self._queue and self._awaited is None:
            publication = self._queue[0]
            kind, topic_id = self._topics.address(publication.topic)
            if topic_id is None:
                topic_id = self._topics.offer(publication.topic)
                name = publication.topic.encode("utf-8")
                self.ask(Message(Kind.REGISTER, topic_id=topic_id, number=self._next(), rest=name),
                         Kind.REGACK, now)
                return
            self._queue.popleft()
            flags = Flags(qos=publication.qos, retain=publication.retain, topic_type=kind)
            number = self._next() if publication.qos else 0
            message = Message(Kind.PUBLISH, flags, topic_id, number, rest=publication.payload)
            if publication.qos:
                self.ask(message, Kind.PUBACK if publication.qos == 1 else Kind.PUBREC, now, publication)
            else:
                self._send(message)

    def acknowledged(self, message: Message, now: float) -> bool:
        """An answer of the client; False when it is none that is waited for."""
        if message.kind is Kind.PUBACK and message.code == ReturnCode.INVALID_TOPIC_ID:
            # the client no longer knows the id, of whatever QoS: it is registered anew before the next one
            self._topics.unknown(message.topic_id)
        awaited = self._awaited
        if awaited is None or (awaited.answer, awaited.message.number) != (message.kind, message.number):
            return False
        self._awaited = None
        if message.kind is Kind.PUBREC:
            self.ask(Message(Kind.PUBREL, number=message.number), Kind.PUBCOMP, now)
        elif message.kind is Kind.REGACK and message.code == ReturnCode.ACCEPTED:
            self._topics.knows(awaited.message.topic_id)
        elif message.kind is Kind.REGACK:
            self._queue.popleft()
        return True

    def _next(self) -> int:
        self._number = self._number % 65_535 + 1
        return self._number
