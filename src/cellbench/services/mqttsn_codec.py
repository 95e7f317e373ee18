"""MQTT-SN messages as bytes (MQTT-SN Protocol Specification, version 1.2, clause 5); no connection inside."""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

PROTOCOL_ID = 1
LARGEST = 65_535
_LONG = 256  # from here on the length takes three bytes (5.2.1)


class Kind(enum.IntEnum):
    """Message types (5.2.2)."""

    ADVERTISE = 0x00
    SEARCHGW = 0x01
    GWINFO = 0x02
    CONNECT = 0x04
    CONNACK = 0x05
    WILLTOPICREQ = 0x06
    WILLTOPIC = 0x07
    WILLMSGREQ = 0x08
    WILLMSG = 0x09
    REGISTER = 0x0A
    REGACK = 0x0B
    PUBLISH = 0x0C
    PUBACK = 0x0D
    PUBCOMP = 0x0E
    PUBREC = 0x0F
    PUBREL = 0x10
    SUBSCRIBE = 0x12
    SUBACK = 0x13
    UNSUBSCRIBE = 0x14
    UNSUBACK = 0x15
    PINGREQ = 0x16
    PINGRESP = 0x17
    DISCONNECT = 0x18
    WILLTOPICUPD = 0x1A
    WILLTOPICRESP = 0x1B
    WILLMSGUPD = 0x1C
    WILLMSGRESP = 0x1D


class ReturnCode(enum.IntEnum):
    """Return codes (5.3.10)."""

    ACCEPTED = 0
    CONGESTION = 1
    INVALID_TOPIC_ID = 2
    NOT_SUPPORTED = 3


class TopicType(enum.IntEnum):
    """What a topic id or name is (5.3.4)."""

    NORMAL = 0
    PREDEFINED = 1
    SHORT = 2


class MalformedMessage(ValueError):
    """A datagram that is no MQTT-SN message."""


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags field (5.3.4); ``qos`` is -1 to 2."""

    dup: bool = False
    qos: int = 0
    retain: bool = False
    will: bool = False
    clean: bool = False
    topic_type: TopicType = TopicType.NORMAL

    def byte(self) -> int:
        """The field on the wire."""
        return (self.dup << 7 | (self.qos & 3) << 5 | self.retain << 4 | self.will << 3 | self.clean << 2
                | self.topic_type)

    @classmethod
    def of(cls, byte: int) -> Flags:
        """From the wire; MalformedMessage for the reserved topic type."""
        if byte & 3 == 3:
            raise MalformedMessage("topic type 3 is reserved (5.3.4)")
        qos = byte >> 5 & 3
        return cls(bool(byte & 0x80), -1 if qos == 3 else qos, bool(byte & 0x10), bool(byte & 0x08),
                   bool(byte & 0x04), TopicType(byte & 3))


@dataclass(frozen=True, slots=True)
class Message:
    """One message; a field that its type does not have keeps its default.

    ``number`` is the MsgId, ``rest`` the variable part at the end: ClientId, TopicName, Data, WillTopic,
    WillMsg, GwAdd, or the TopicId of a predefined topic in SUBSCRIBE and UNSUBSCRIBE. ``duration`` None:
    DISCONNECT without it. ``empty``: WILLTOPIC or WILLTOPICUPD that deletes the will.
    """

    kind: Kind
    flags: Flags = field(default_factory=Flags)
    topic_id: int = 0
    number: int = 0
    code: int = 0
    duration: int | None = None
    rest: bytes = b""
    gateway: int = 0
    radius: int = 0
    protocol: int = PROTOCOL_ID
    empty: bool = False


_REST = "rest"
_SIZES: Mapping[str, str] = MappingProxyType({
    "flags": "B", "topic_id": "H", "number": "H", "code": "B", "duration": "H", "gateway": "B", "radius": "B",
    "protocol": "B",
})
_LAYOUTS: Mapping[Kind, tuple[str, ...]] = MappingProxyType({
    Kind.ADVERTISE: ("gateway", "duration"),
    Kind.SEARCHGW: ("radius",),
    Kind.GWINFO: ("gateway", _REST),
    Kind.CONNECT: ("flags", "protocol", "duration", _REST),
    Kind.CONNACK: ("code",),
    Kind.WILLTOPICREQ: (),
    Kind.WILLTOPIC: ("flags", _REST),
    Kind.WILLMSGREQ: (),
    Kind.WILLMSG: (_REST,),
    Kind.REGISTER: ("topic_id", "number", _REST),
    Kind.REGACK: ("topic_id", "number", "code"),
    Kind.PUBLISH: ("flags", "topic_id", "number", _REST),
    Kind.PUBACK: ("topic_id", "number", "code"),
    Kind.PUBCOMP: ("number",),
    Kind.PUBREC: ("number",),
    Kind.PUBREL: ("number",),
    Kind.SUBSCRIBE: ("flags", "number", _REST),
    Kind.SUBACK: ("flags", "topic_id", "number", "code"),
    Kind.UNSUBSCRIBE: ("flags", "number", _REST),
    Kind.UNSUBACK: ("number",),
    Kind.PINGREQ: (_REST,),
    Kind.PINGRESP: (),
    Kind.DISCONNECT: ("duration",),
    Kind.WILLTOPICUPD: ("flags", _REST),
    Kind.WILLTOPICRESP: ("code",),
    Kind.WILLMSGUPD: (_REST,),
    Kind.WILLMSGRESP: ("code",),
})
"""Variable part of each message, field by field (5.4)."""

_MAY_BE_EMPTY = frozenset({Kind.WILLTOPIC, Kind.WILLTOPICUPD, Kind.DISCONNECT})
_NEEDS_REST = frozenset({Kind.CONNECT, Kind.REGISTER, Kind.SUBSCRIBE, Kind.UNSUBSCRIBE})


def encode(message: Message) -> bytes:
    """A message on the wire. ValueError when it is too long."""
    body = b"" if _is_empty(message) else b"".join(
        _field(message, name) for name in _LAYOUTS[message.kind])
    length = len(body) + 2
    if length < _LONG:
        return bytes([length, message.kind]) + body
    length += 2
    if length > LARGEST:
        raise ValueError(f"a message of {length} bytes")
    return struct.pack(">BHB", 1, length, message.kind) + body


def decode(data: bytes) -> Message:
    """The message that is one datagram; MalformedMessage."""
    kind, body = _split(data)
    if not body and kind in _MAY_BE_EMPTY:
        return Message(kind, empty=kind is not Kind.DISCONNECT)
    values: dict[str, object] = {}
    place = 0
    for name in _LAYOUTS[kind]:
        if name == _REST:
            values[name], place = body[place:], len(body)
            continue
        size = struct.calcsize(_SIZES[name])
        if place + size > len(body):
            raise MalformedMessage(f"{kind.name} ends before its {name}")
        number = int.from_bytes(body[place : place + size], "big")
        values[name] = Flags.of(number) if name == "flags" else number
        place += size
    if place < len(body):
        raise MalformedMessage(f"{kind.name} with {len(body) - place} bytes too many")
    if kind in _NEEDS_REST and not values[_REST]:
        raise MalformedMessage(f"{kind.name} without its name")
    return Message(kind, **values)  # type: ignore[arg-type]


def _split(data: bytes) -> tuple[Kind, bytes]:
    """Type and body of a datagram."""
    head = 4 if data[:1] == b"\x01" else 2
    if len(data) < head:
        raise MalformedMessage("shorter than a header (5.2)")
    length = struct.unpack(">H", data[1:3])[0] if head == 4 else data[0]
    if length != len(data):
        raise MalformedMessage(f"length {length} in a datagram of {len(data)} bytes (5.2.1)")
    try:
        return Kind(data[head - 1]), data[head:]
    except ValueError:
        raise MalformedMessage(f"message type {data[head - 1]:#04x} is reserved (5.2.2)") from None


def _is_empty(message: Message) -> bool:
    if message.kind is Kind.DISCONNECT:
        return message.duration is None
    return message.empty


def _field(message: Message, name: str) -> bytes:
    value = getattr(message, name)
    if name == _REST:
        return bytes(value)
    number = value.byte() if isinstance(value, Flags) else int(value or 0)
    return struct.pack(">" + _SIZES[name], number)
