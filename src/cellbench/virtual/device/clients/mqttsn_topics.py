"""Topics as +UMQTTSNC and as MQTT-SN messages have them (MQTT-SN 1.2, clauses 6.5 and 6.7)."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.virtual.device.clients.mqttsn_codec import NORMAL, PREDEFINED, SHORT


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a command: its type, what SUBSCRIBE carries, and the id that PUBLISH carries."""

    kind: int
    field: bytes
    number: int = 0


def short(name: bytes) -> Topic:
    """A name of two characters."""
    return Topic(SHORT, name, int.from_bytes(name, "big"))


def predefined(topic_id: int) -> Topic:
    """An id that both sides know beforehand."""
    return Topic(PREDEFINED, topic_id.to_bytes(2, "big"), topic_id)


class Topics:
    """The names of a session by their ids."""

    def __init__(self) -> None:
        self._names: dict[int, bytes] = {}

    def learn(self, topic_id: int, name: bytes) -> None:
        """The gateway gave an id."""
        self._names[topic_id] = name

    def name(self, topic_id: int) -> bytes | None:
        """The name of an id."""
        return self._names.get(topic_id)

    def shown(self, kind: int, topic_id: int) -> str | None:
        """The topic of a message as +UMQTTSNC shows it; None for an id that the gateway never gave."""
        if kind == SHORT:
            return topic_id.to_bytes(2, "big").decode("latin-1")
        return str(topic_id) if kind == PREDEFINED or topic_id in self._names else None


__all__ = ["NORMAL", "PREDEFINED", "SHORT", "Topic", "Topics", "predefined", "short"]
