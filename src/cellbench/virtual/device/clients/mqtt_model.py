"""What the MQTT client of the module is made of: operations, codes, the profile."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.virtual.device.clients.mqtt_paho import LogIn, Will

MQTT_CLASS = 13
_FACTORY_PORT = 1883


class Command(enum.IntEnum):
    """Operations of +UMQTTC."""

    LOG_OUT = 0
    LOG_IN = 1
    PUBLISH = 2
    PUBLISH_FILE = 3
    SUBSCRIBE = 4
    UNSUBSCRIBE = 5
    READ = 6
    PING = 8
    PUBLISH_BINARY = 9


class Ended(enum.IntEnum):
    """Why a session ended by itself: second number of +UUMQTTC: 0."""

    INACTIVE = 100
    NETWORK = 101
    PROTOCOL = 102


class Code(enum.IntEnum):
    """Codes of +UMQTTER that the facts sheet gives; 1 to 5 are the broker's own (OASIS 3.1.1, 3.2.2.3)."""

    IDENTIFIER = 2
    TIMEOUT = 33
    NO_RADIO = 34
    NO_CONTEXT = 50


@dataclass(slots=True)
class Server:
    """A broker as operation 2 or 3 of +UMQTT gives it."""

    host: str = ""
    port: int = _FACTORY_PORT


@dataclass(slots=True)
class MqttProfile:
    """The profile; every field is an operation of +UMQTT. Text has one character per byte."""

    client_id: str
    clean: bool
    name: Server
    address: Server
    last: int = 2
    user: str = ""
    password: str = ""
    will_qos: int = 0
    will_retain: bool = False
    will_topic: str = ""
    will_message: str = ""
    keep_alive_s: int = 0
    linger_s: int | None = None
    secure: bool = False
    security_profile: int | None = None
    cid: int | None = None
    ipv6: bool = False

    @property
    def server(self) -> Server:
        """The broker: of operations 2 and 3 the one set last."""
        return self.name if self.last == 2 else self.address


@dataclass(frozen=True, slots=True)
class Publication:
    """A message to send."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Failed(Exception):
    """A command failed with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def text_of(raw: str) -> str:
    """A topic, name or password as the protocol has it; ValueError for bytes that are no UTF-8 or have
    U+0000."""
    text = raw.encode("latin-1").decode("utf-8")
    if "\0" in text:
        raise ValueError("U+0000")
    return text


def log_in_of(profile: MqttProfile) -> LogIn:
    """What the client of a profile says of itself."""
    will = None
    if profile.will_topic:
        will = Will(text_of(profile.will_topic), profile.will_message.encode("latin-1"), profile.will_qos,
                    profile.will_retain)
    user = text_of(profile.user) if profile.user else None
    password = text_of(profile.password) if user is not None and profile.password else None
    return LogIn(text_of(profile.client_id), profile.clean, profile.keep_alive_s, user, password, will)
