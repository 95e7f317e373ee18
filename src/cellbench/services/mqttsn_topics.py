"""Topic ids, predefined ids and short names of one MQTT-SN client (MQTT-SN 1.2, clauses 6.5, 6.7)."""

from __future__ import annotations

from collections.abc import Mapping

from .mqttsn_codec import MalformedMessage, TopicType

_SHORT = 2


class TopicTable:
    """Names by id for one client; ids are given from 1 on, in order of their first use."""

    def __init__(self, predefined: Mapping[int, str]) -> None:
        self._predefined = predefined
        self._ids: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._client_knows: set[int] = set()
        self._preferred: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def clear(self) -> None:
        """A clean session: all ids are given anew."""
        self._ids.clear()
        self._names.clear()
        self._preferred.clear()

    def forgotten(self) -> None:
        """A client that logs in knows no ids; they are registered again before their use."""
        self._client_knows.clear()

    def known(self, name: str) -> int | None:
        """The id of a name."""
        return self._ids.get(name)

    def give(self, name: str) -> int:
        """The id that the client is told for a name."""
        topic_id = self.offer(name)
        self._client_knows.add(topic_id)
        return topic_id

    def offer(self, name: str) -> int:
        """The id of a name that the client has still to accept."""
        topic_id = self._ids.setdefault(name, len(self._ids) + 1)
        self._names[topic_id] = name
        return topic_id

    def knows(self, topic_id: int) -> None:
        """The client accepted an id."""
        self._client_knows.add(topic_id)

    def unknown(self, topic_id: int) -> None:
        """The client refused an id as unknown."""
        self._client_knows.discard(topic_id)

    def prefer_predefined(self, topic_id: int) -> None:
        """The client subscribed by a predefined id: its messages come with that."""
        self._preferred[self._predefined[topic_id]] = topic_id

    def name(self, kind: TopicType, topic_id: int) -> str | None:
        """The topic that a PUBLISH means; None when nobody knows it."""
        if kind is TopicType.NORMAL:
            return self._names.get(topic_id)
        if kind is TopicType.PREDEFINED:
            return self._predefined.get(topic_id)
        return short_name(topic_id)

    def filter(self, kind: TopicType, field: bytes) -> str | None:
        """The filter that SUBSCRIBE or UNSUBSCRIBE means; None when nobody knows it."""
        if kind is TopicType.NORMAL:
            return text_of(field)
        if len(field) != _SHORT:
            return None
        return self.name(kind, int.from_bytes(field, "big"))

    def address(self, name: str) -> tuple[TopicType, int | None]:
        """How a message on a topic is addressed to this client; id None: register it first."""
        if name in self._preferred:
            return TopicType.PREDEFINED, self._preferred[name]
        topic_id = self._ids.get(name)
        if topic_id is not None and topic_id in self._client_knows:
            return TopicType.NORMAL, topic_id
        raw = name.encode("utf-8")
        if len(raw) == _SHORT:
            return TopicType.SHORT, int.from_bytes(raw, "big")
        return TopicType.NORMAL, None


def short_name(topic_id: int) -> str | None:
    """The two characters that stand in place of an id (3, 6.7); None where they are no topic name."""
    try:
        name = topic_id.to_bytes(_SHORT, "big").decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if set(name) & {"+", "#", "\0"} else name


def text_of(data: bytes) -> str:
    """A name of a message; MalformedMessage when it is no UTF-8 text."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedMessage("a name that is not UTF-8 (5.3)") from None
    if "\0" in text:
        raise MalformedMessage("a name with U+0000")
    return text
