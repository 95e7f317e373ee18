"""What MQTT-SN calls take and give: gateway, will, topics, messages."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from cellbench.base.errors import FrameworkError


class TopicKind(enum.IntEnum):
    """Topic types of +UMQTTSNC (MQTT-SN 1.2, clause 5.3.10)."""

    NORMAL = 0
    PREDEFINED = 1
    SHORT = 2


@dataclass(frozen=True, slots=True)
class MqttSnTopic:
    """A topic as messages name it: an id, or two characters."""

    kind: TopicKind
    text: str

    @classmethod
    def normal(cls, topic_id: int) -> MqttSnTopic:
        """An id that the gateway gave by register or subscribe; 0 stands for a filter with wildcards."""
        return cls(TopicKind.NORMAL, str(topic_id))

    @classmethod
    def predefined(cls, topic_id: int) -> MqttSnTopic:
        """An id that gateway and client know beforehand."""
        return cls(TopicKind.PREDEFINED, str(topic_id))

    @classmethod
    def short(cls, name: str) -> MqttSnTopic:
        """A name of two characters, which stands in the message itself."""
        if len(name) != 2:
            raise FrameworkError(f"a short topic has two characters, {name!r} has {len(name)}")
        return cls(TopicKind.SHORT, name)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A granted subscription. ``third`` is the third number of +UUMQTTSNC: 5, which the guides call the
    granted QoS and print as the topic type where the topic is a short one."""

    topic: MqttSnTopic
    third: int


@dataclass(frozen=True, slots=True)
class MqttSnMessage:
    """A message that came."""

    topic: MqttSnTopic
    qos: int
    payload: bytes

    @property
    def text(self) -> str:
        """The payload as UTF-8, what is none replaced."""
        return self.payload.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class MqttSnWill:
    """What the gateway publishes when the session breaks; ``message`` is printable text without quotation
    marks, 256 characters at most."""

    topic: str
    message: str
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class MqttSnGateway:
    """One declaration of the gateway and how to speak with it. What is None stays as the reset leaves it.

    ``host`` is a name or an IPv4 address. ``client_id`` None: the IMEI. ``duration_s`` (0 to 65535): how long
    the client may be silent before the gateway holds it for lost and publishes its will; with 0 it never
    does. ``security`` is the number of a security profile, True for DTLS by the module's default profile,
    None for none (LENA-R8 has no DTLS). ``cid`` and ``ipv6`` only with series that map clients to contexts.
    """

    host: str
    port: int = 1883
    client_id: str | None = None
    duration_s: int | None = None
    clean: bool | None = None
    will: MqttSnWill | None = None
    security: int | bool | None = None
    cid: int | None = None
    ipv6: bool = field(default=False, kw_only=True)

    def settings(self) -> list[tuple[int, str]]:
        """Operations of +UMQTTSN and their values."""
        found = [] if self.client_id is None else [(0, f'"{self.client_id}"')]
        found.append((self._place, f'"{self.host}",{self.port}'))
        if self.will is not None:
            found += [(4, str(self.will.qos)), (5, str(int(self.will.retain))), (6, f'"{self.will.topic}"'),
                      (7, f'"{self.will.message}"')]
        if self.duration_s is not None:
            found.append((8, str(self.duration_s)))
        if self.secure:
            found.append((9, "1" if self.security is True else f"1,{self.security}"))
        if self.clean is not None:
            found.append((10, str(int(self.clean))))
        if self.cid is not None:
            found.append((20, f"{self.cid},{int(self.ipv6)}"))
        return found

    def readable(self) -> list[tuple[int, tuple[int | str, ...]]]:
        """Operations that the list shows, and the values that it must show first."""
        found: list[tuple[int, tuple[int | str, ...]]] = [(self._place, (self.host, self.port))]
        if self.client_id is not None:
            found.append((0, (self.client_id,)))
        if self.will is not None:
            found += [(4, (self.will.qos,)), (5, (int(self.will.retain),)), (6, (self.will.topic,)),
                      (7, (len(self.will.message), self.will.message))]
        if self.duration_s is not None:
            found.append((8, (self.duration_s,)))
        if self.secure:
            found.append((9, (1,) if self.security is True else (1, int(self.security or 0))))
        return found

    @property
    def secure(self) -> bool:
        """True with DTLS, by whatever profile."""
        return self.security is not None and self.security is not False

    @property
    def _place(self) -> int:
        """The operation that takes the host: 1 a name, 2 an address."""
        return 2 if self.host.replace(".", "").isdigit() else 1
