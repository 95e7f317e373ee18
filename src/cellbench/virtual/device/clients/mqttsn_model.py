"""Operations, codes and values of the MQTT-SN client (facts sheet internet 11)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.virtual.device.clients.mqttsn_topics import Topic

MQTTSN_CLASS = 14
UNCONNECTED = 3  # QoS -1 as +UMQTTSNC has it
_FACTORY_PORT = 1883


class Command(enum.IntEnum):
    """Operations of +UMQTTSNC."""

    DISCONNECT = 0
    CONNECT = 1
    REGISTER = 2
    PUBLISH = 4
    SUBSCRIBE = 5
    UNSUBSCRIBE = 6
    WILL_TOPIC = 7
    WILL_MESSAGE = 8
    READ = 9
    PING = 10


class Ended(enum.IntEnum):
    """Why a session ended by itself: second number of +UUMQTTSNC: 0."""

    INACTIVE = 100
    NETWORK = 101
    PROTOCOL = 102


class Code(enum.IntEnum):
    """Codes of +UMQTTSNER that are known (facts sheet internet 11.2)."""

    TIMEOUT = 21
    NO_RADIO = 22


@dataclass(slots=True)
class Gateway:
    """A gateway as operation 1 or 2 of +UMQTTSN gives it."""

    host: str = ""
    port: int = _FACTORY_PORT


@dataclass(slots=True)
class MqttSnProfile:
    """The profile; every field is an operation of +UMQTTSN. Text has one character per byte."""

    client_id: str
    clean: bool
    name: Gateway
    address: Gateway
    last: int = 1
    will_qos: int = 0
    will_retain: bool = False
    will_topic: str = ""
    will_message: str = ""
    duration_s: int = 0
    secure: bool = False
    security_profile: int | None = None
    cid: int | None = None
    ipv6: bool = False

    @property
    def gateway(self) -> Gateway:
        """Of operations 1 and 2 the one set last."""
        return self.name if self.last == 1 else self.address


@dataclass(frozen=True, slots=True)
class Publication:
    """A message to send; QoS 3 stands for -1."""

    topic: Topic
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that came: its topic as +UMQTTSNC shows it."""

    topic_type: int
    topic: str
    qos: int
    payload: bytes


class Failed(Exception):
    """A command failed with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
