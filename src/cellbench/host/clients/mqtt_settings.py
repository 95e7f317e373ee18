"""What the MQTT client is told of a broker, as one declaration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cellbench.base.errors import NotPossible, UnitError
from cellbench.wire.at.values import Fields

PRINTABLE = frozenset(range(0x20, 0x7F)) - {ord('"')}
"""Bytes that a quoted parameter takes as they are."""
_PLAIN, _SECURE = 1883, 8883
_LONGEST_WILL = 256


class MqttSettingNotKept(UnitError):
    """An MQTT setting reads back otherwise than it was set."""


@dataclass(frozen=True, slots=True)
class MqttWill:
    """What the broker shall say when the session ends without a log out. ``message``: 256 bytes at most
    (ubxlib)."""

    topic: str
    message: bytes | str
    qos: int = 0
    retain: bool = False

    @property
    def payload(self) -> bytes:
        """The message as bytes."""
        return self.message.encode() if isinstance(self.message, str) else self.message

    def settings(self) -> Iterator[tuple[int, str]]:
        """QoS, retain, topic, and the message last, in the order that works in the field (ubxlib)."""
        payload = self.payload
        if len(payload) > _LONGEST_WILL:
            raise NotPossible(f"a last will of {len(payload)} bytes: at most {_LONGEST_WILL}")
        yield 6, str(self.qos)
        yield 7, str(int(self.retain))
        yield 8, f'"{topic_text(self.topic)}"'
        plain = PRINTABLE.issuperset(payload)
        yield 9, f'"{payload.decode("ascii")}"' if plain else f'"{payload.hex().upper()}",1'


@dataclass(frozen=True, slots=True)
class MqttServer:
    """One declaration of a broker and of who logs in.

    ``host`` is a name or an IPv4 address, given by operation 2, which takes both (the guides print an address
    there, ubxlib gives names). ``port`` None: 1883, or 8883 with security. ``security`` is the number of a
    security profile, True for TLS by the module's default profile, None for none. ``keep_alive_s``: 0 to
    65535 s, 0 for none. What is None stays as the factory has it, the client id at the IMEI. ``cid`` maps
    the client to a context (LARA-R6), with IPv6 preferred where ``ipv6``.
    """

    host: str
    port: int | None = None
    client_id: str | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    keep_alive_s: int | None = None
    clean_session: bool | None = None
    will: MqttWill | None = None
    security: int | bool | None = None
    cid: int | None = None
    ipv6: bool = False

    @property
    def secure(self) -> bool:
        """True with TLS, by whatever profile."""
        return self.security is not None and self.security is not False

    @property
    def effective_port(self) -> int:
        """The port that is set."""
        return self.port or (_SECURE if self.secure else _PLAIN)

    def settings(self) -> Iterator[tuple[int, str]]:
        """Operations of +UMQTT and their values."""
        if self.client_id is not None:
            yield 0, f'"{self.client_id}"'
        if self.user:
            yield 4, f'"{self.user}"' + (f',"{self.password}"' if self.password else "")
        if self.will is not None:
            yield from self.will.settings()
        if self.keep_alive_s is not None:
            yield 10, str(self.keep_alive_s)
        if self.secure:
            yield 11, "1" if self.security is True else f"1,{self.security}"
        if self.clean_session is not None:
            yield 12, str(int(self.clean_session))
        if self.cid is not None:
            yield 20, f"{self.cid},{int(self.ipv6)}"
        yield 2, f'"{self.host}",{self.effective_port}'

    def readable(self) -> Iterator[tuple[int, Fields]]:
        """Operations and the values that they must read; a password is never shown."""
        for op, value in self.settings():
            if op == 4:
                yield op, (self.user,)
            elif op == 9 and self.will is not None:
                yield op, _will_shown(self.will.payload)
            else:
                yield op, tuple(part.strip('"') if '"' in part else int(part) for part in value.split(","))


def _will_shown(payload: bytes) -> Fields:
    """The length, and the text where the line can be read without knowing it."""
    if PRINTABLE.issuperset(payload):
        return len(payload), payload.decode("ascii")
    return (len(payload),)


def check_read_back(op: int, wanted: Fields, found: Fields) -> None:
    """MqttSettingNotKept unless what was read begins with what was set."""
    if tuple(map(str, found[:len(wanted)])) != tuple(map(str, wanted)):
        raise MqttSettingNotKept(f"MQTT profile, operation {op}: set {wanted}, reads {found}")


def topic_text(topic: str) -> str:
    """A topic as the command takes it, one character for each byte of its UTF-8; NotPossible for one that no
    command can carry."""
    raw = topic.encode()
    if any(byte < 0x20 or byte in b'"\x7f' for byte in raw):
        raise NotPossible(f"topic {topic!r}: no command carries quotation marks or control characters")
    return raw.decode("latin-1")
