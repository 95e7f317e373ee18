"""The module's MQTT-SN messages: what a client sends and what it hears (MQTT-SN 1.2, clause 5).

Written apart from the gateway's, so that a mistake of one side does not hide in the other.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NORMAL, PREDEFINED, SHORT = 0, 1, 2
ACCEPTED, CONGESTION, INVALID_TOPIC, NOT_SUPPORTED = range(4)

_DUP, _RETAIN, _WILL, _CLEAN = 0x80, 0x10, 0x08, 0x04


class NoMessage(ValueError):
    """A datagram that a client cannot understand."""


# -- what a client hears ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnAck:
    """5.4.5."""

    code: int


@dataclass(frozen=True, slots=True)
class WillTopicReq:
    """5.4.6."""


@dataclass(frozen=True, slots=True)
class WillMsgReq:
    """5.4.8."""


@dataclass(frozen=True, slots=True)
class Register:
    """5.4.10."""

    topic_id: int
    number: int
    name: bytes


@dataclass(frozen=True, slots=True)
class RegAck:
    """5.4.11."""

    topic_id: int
    number: int
    code: int


@dataclass(frozen=True, slots=True)
class Publish:
    """5.4.12; ``topic_id`` holds the two characters of a short name."""

    qos: int
    retain: bool
    topic_type: int
    topic_id: int
    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class PubAck:
    """5.4.13."""

    topic_id: int
    number: int
    code: int


@dataclass(frozen=True, slots=True)
class PubRec:
    """5.4.14."""

    number: int


@dataclass(frozen=True, slots=True)
class PubRel:
    """5.4.14."""

    number: int


@dataclass(frozen=True, slots=True)
class PubComp:
    """5.4.14."""

    number: int


@dataclass(frozen=True, slots=True)
class SubAck:
    """5.4.16."""

    qos: int
    topic_id: int
    number: int
    code: int


@dataclass(frozen=True, slots=True)
class UnsubAck:
    """5.4.18."""

    number: int


@dataclass(frozen=True, slots=True)
class PingReq:
    """5.4.19."""


@dataclass(frozen=True, slots=True)
class PingResp:
    """5.4.20."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """5.4.21."""


@dataclass(frozen=True, slots=True)
class WillTopicResp:
    """5.4.24."""

    code: int


@dataclass(frozen=True, slots=True)
class WillMsgResp:
    """5.4.25."""

    code: int


Heard = (ConnAck | WillTopicReq | WillMsgReq | Register | RegAck | Publish | PubAck | PubRec | PubRel
         | PubComp | SubAck | UnsubAck | PingReq | PingResp | Disconnect | WillTopicResp | WillMsgResp)


def parse(datagram: bytes) -> Heard:
    """The message in a datagram; NoMessage for anything that no gateway sends to a client."""
    if len(datagram) >= 4 and datagram[0] == 1:
        length, start = int.from_bytes(datagram[1:3], "big"), 3
    elif len(datagram) >= 2:
        length, start = datagram[0], 1
    else:
        raise NoMessage("too short")
    if length != len(datagram):
        raise NoMessage("the length is not the datagram's")
    try:
        return _parse(datagram[start], datagram[start + 1:])
    except struct.error as error:
        raise NoMessage(str(error)) from None


def _parse(kind: int, body: bytes) -> Heard:
    match kind:
        case 0x05:
            return ConnAck(*struct.unpack(">B", body))
        case 0x06:
            return _bare(WillTopicReq(), body)
        case 0x08:
            return _bare(WillMsgReq(), body)
        case 0x0A:
            topic_id, number = struct.unpack_from(">HH", body)
            return Register(topic_id, number, body[4:])
        case 0x0B:
            return RegAck(*struct.unpack(">HHB", body))
        case 0x0C:
            flags, topic_id, number = struct.unpack_from(">BHH", body)
            qos = flags >> 5 & 3
            if qos == 3 or flags & 3 == 3:
                raise NoMessage("flags that no gateway sends")
            return Publish(qos, bool(flags & _RETAIN), flags & 3, topic_id, number, body[5:])
        case 0x0D:
            return PubAck(*struct.unpack(">HHB", body))
        case 0x13:
            flags, topic_id, number, code = struct.unpack(">BHHB", body)
            return SubAck(flags >> 5 & 3, topic_id, number, code)
        case 0x16:
            return PingReq()
        case 0x17:
            return _bare(PingResp(), body)
        case 0x18:
            return Disconnect()
        case 0x1B:
            return WillTopicResp(*struct.unpack(">B", body))
        case 0x1D:
            return WillMsgResp(*struct.unpack(">B", body))
        case 0x0E | 0x0F | 0x10 | 0x15:
            return _NUMBERED[kind](*struct.unpack(">H", body))
        case _:
            raise NoMessage(f"type {kind:#04x}")


_NUMBERED: Mapping[int, type[PubComp | PubRec | PubRel | UnsubAck]] = MappingProxyType({
    0x0E: PubComp, 0x0F: PubRec, 0x10: PubRel, 0x15: UnsubAck})


def _bare(message: Heard, body: bytes) -> Heard:
    if body:
        raise NoMessage("a body where there is none")
    return message


# -- what a client sends ------------------------------------------------------------------------------


def connect(client_id: bytes, duration_s: int, *, clean: bool, will: bool) -> bytes:
    """5.4.4."""
    flags = (_WILL if will else 0) | (_CLEAN if clean else 0)
    return _framed(0x04, struct.pack(">BBH", flags, 1, duration_s) + client_id)


def will_topic(topic: bytes, qos: int, *, retain: bool) -> bytes:
    """5.4.7; an empty topic deletes the will."""
    return _framed(0x07, _will(topic, qos, retain))


def will_message(message: bytes) -> bytes:
    """5.4.9."""
    return _framed(0x09, message)


def register(number: int, topic: bytes) -> bytes:
    """5.4.10; the gateway gives the id."""
    return _framed(0x0A, struct.pack(">HH", 0, number) + topic)


def registered(topic_id: int, number: int, code: int) -> bytes:
    """REGACK, 5.4.11."""
    return _framed(0x0B, struct.pack(">HHB", topic_id, number, code))


def publish(topic_type: int, topic_id: int, number: int, data: bytes, *, qos: int, retain: bool,
            again: bool = False) -> bytes:
    """5.4.12; QoS 3 stands for -1."""
    flags = (_DUP if again else 0) | qos << 5 | (_RETAIN if retain else 0) | topic_type
    return _framed(0x0C, struct.pack(">BHH", flags, topic_id, number) + data)


def published(topic_id: int, number: int, code: int = ACCEPTED) -> bytes:
    """PUBACK, 5.4.13."""
    return _framed(0x0D, struct.pack(">HHB", topic_id, number, code))


def received(number: int) -> bytes:
    """PUBREC, 5.4.14."""
    return _framed(0x0F, struct.pack(">H", number))


def release(number: int) -> bytes:
    """PUBREL, 5.4.14."""
    return _framed(0x10, struct.pack(">H", number))


def complete(number: int) -> bytes:
    """PUBCOMP, 5.4.14."""
    return _framed(0x0E, struct.pack(">H", number))


def subscribe(number: int, topic_type: int, topic: bytes, *, qos: int, again: bool = False) -> bytes:
    """5.4.15; ``topic``: a name, two characters, or a predefined id in two bytes."""
    flags = (_DUP if again else 0) | qos << 5 | topic_type
    return _framed(0x12, struct.pack(">BH", flags, number) + topic)


def unsubscribe(number: int, topic_type: int, topic: bytes) -> bytes:
    """5.4.17."""
    return _framed(0x14, struct.pack(">BH", topic_type, number) + topic)


def ping(client_id: bytes = b"") -> bytes:
    """5.4.19; with its identifier a sleeping client asks for what waits."""
    return _framed(0x16, client_id)


def pong() -> bytes:
    """PINGRESP, 5.4.20."""
    return _framed(0x17, b"")


def disconnect() -> bytes:
    """5.4.21."""
    return _framed(0x18, b"")


def update_will_topic(topic: bytes, qos: int, *, retain: bool) -> bytes:
    """5.4.22; an empty topic deletes the will."""
    return _framed(0x1A, _will(topic, qos, retain))


def update_will_message(message: bytes) -> bytes:
    """5.4.23."""
    return _framed(0x1C, message)


def _will(topic: bytes, qos: int, retain: bool) -> bytes:
    return bytes([qos << 5 | (_RETAIN if retain else 0)]) + topic if topic else b""


def _framed(kind: int, body: bytes) -> bytes:
    """Length and type in front (5.2)."""
    if len(body) + 2 <= 0xFF:
        return bytes([len(body) + 2, kind]) + body
    return b"\x01" + struct.pack(">HB", len(body) + 4, kind) + body
