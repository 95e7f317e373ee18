"""MQTT 3.1.1 control packets as bytes (OASIS MQTT 3.1.1, clauses 1.5, 2 and 3); no connection inside."""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST = 1_000_000
"""Bytes of the largest packet taken; the standard allows 268,435,455."""


class Kind(enum.IntEnum):
    """Control packet types (table 2.1)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class Connack(enum.IntEnum):
    """Return codes of CONNACK (table 3.1)."""

    ACCEPTED = 0
    VERSION = 1
    IDENTIFIER = 2
    UNAVAILABLE = 3
    CREDENTIALS = 4
    NOT_AUTHORISED = 5


REFUSED_SUBSCRIPTION = 0x80
_FLAGS = {Kind.PUBREL: 2, Kind.SUBSCRIBE: 2, Kind.UNSUBSCRIBE: 2}


class MalformedPacket(ValueError):
    """Bytes that are no control packet; whoever sent them broke the standard."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One control packet: the lower half of its first byte, and what follows the remaining length."""

    kind: Kind
    flags: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """An application message."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Connect:
    """What a client says of itself (3.1); ``name`` and ``level`` are the protocol's."""

    name: str
    level: int
    client_id: str
    clean: bool
    keep_alive_s: int
    will: Message | None
    user: str | None
    password: bytes | None


class PacketReader:
    """Control packets out of a stream of bytes, however it is cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are complete now; MalformedPacket ends the stream."""
        self._buffer += data
        while (packet := self._next()) is not None:
            yield packet

    def _next(self) -> Packet | None:
        length, place = 0, 1
        while True:
            if place >= len(self._buffer):
                return None
            if place > 4:
                raise MalformedPacket("the remaining length has more than four bytes (2.2.3)")
            byte = self._buffer[place]
            length |= (byte & 0x7F) << (7 * (place - 1))
            place += 1
            if not byte & 0x80:
                break
        if length > LARGEST:
            raise MalformedPacket(f"a packet of {length} bytes")
        if len(self._buffer) < place + length:
            return None
        first, body = self._buffer[0], bytes(self._buffer[place : place + length])
        del self._buffer[: place + length]
        return _packet(first, body)


def _packet(first: int, body: bytes) -> Packet:
    try:
        kind = Kind(first >> 4)
    except ValueError:
        raise MalformedPacket("a reserved packet type (2.2.1)") from None
    flags = first & 0x0F
    if kind is not Kind.PUBLISH and flags != _FLAGS.get(kind, 0):
        raise MalformedPacket(f"wrong flags of {kind.name} (2.2.2)")
    return Packet(kind, flags, body)


class _Fields:
    """Fields of a packet's body, in order."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._place = 0

    def bytes_(self, size: int) -> bytes:
        part = self._body[self._place : self._place + size]
        if len(part) < size:
            raise MalformedPacket("the packet ends too early")
        self._place += size
        return part

    def byte(self) -> int:
        return self.bytes_(1)[0]

    def number(self) -> int:
        return int(struct.unpack(">H", self.bytes_(2))[0])

    def data(self) -> bytes:
        return self.bytes_(self.number())

    def text(self) -> str:
        try:
            text = self.data().decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedPacket("text that is not UTF-8 (1.5.3)") from None
        if "\0" in text:
            raise MalformedPacket("text with U+0000 (1.5.3)")
        return text

    def rest(self) -> bytes:
        return self.bytes_(len(self._body) - self._place)

    @property
    def more(self) -> bool:
        return self._place < len(self._body)


def read_connect(packet: Packet) -> Connect:
    """3.1; MalformedPacket."""
    fields = _Fields(packet.body)
    name, level, flags, keep_alive = fields.text(), fields.byte(), fields.byte(), fields.number()
    if flags & 1:
        raise MalformedPacket("the reserved flag of CONNECT is set (3.1.2.3)")
    client_id = fields.text()
    will = None
    if flags & 0x04:
        qos = flags >> 3 & 3
        if qos == 3:
            raise MalformedPacket("a will with QoS 3 (3.1.2.6)")
        will = Message(fields.text(), fields.data(), qos, bool(flags & 0x20))
    elif flags & 0x38:
        raise MalformedPacket("will flags without a will (3.1.2.5)")
    user = fields.text() if flags & 0x80 else None
    password = fields.data() if flags & 0x40 else None
    if password is not None and user is None:
        raise MalformedPacket("a password without a user (3.1.2.9)")
    return Connect(name, level, client_id, bool(flags & 0x02), keep_alive, will, user, password)


def read_publish(packet: Packet) -> tuple[Message, int | None]:
    """The message and its packet identifier, None with QoS 0 (3.3); MalformedPacket."""
    fields, qos = _Fields(packet.body), packet.flags >> 1 & 3
    if qos == 3:
        raise MalformedPacket("a message with QoS 3 (3.3.1.2)")
    topic = fields.text()
    if not topic or "+" in topic or "#" in topic:
        raise MalformedPacket("a topic name that is empty or has a wildcard (3.3.2.1)")
    number = fields.number() if qos else None
    if number == 0:
        raise MalformedPacket("packet identifier 0 (2.3.1)")
    return Message(topic, fields.rest(), qos, bool(packet.flags & 1)), number


def read_number(packet: Packet) -> int:
    """The packet identifier of an acknowledgement (3.4 to 3.7, 3.11)."""
    return _Fields(packet.body).number()


def read_subscribe(packet: Packet) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Packet identifier; filters with the QoS asked for (3.8); MalformedPacket."""
    fields, wanted = _Fields(packet.body), []
    number = fields.number()
    while fields.more:
        topic, qos = fields.text(), fields.byte()
        if qos > 2:
            raise MalformedPacket("a subscription with a wrong QoS (3.8.3)")
        wanted.append((topic, qos))
    if not wanted:
        raise MalformedPacket("SUBSCRIBE without a filter (3.8.3)")
    return number, tuple(wanted)


def read_unsubscribe(packet: Packet) -> tuple[int, tuple[str, ...]]:
    """Packet identifier and filters (3.10); MalformedPacket."""
    fields, filters = _Fields(packet.body), []
    number = fields.number()
    while fields.more:
        filters.append(fields.text())
    if not filters:
        raise MalformedPacket("UNSUBSCRIBE without a filter (3.10.3)")
    return number, tuple(filters)


def packet_bytes(kind: Kind, body: bytes = b"", flags: int = 0) -> bytes:
    """A packet on the wire (2.2)."""
    head, length = bytearray([kind << 4 | flags]), len(body)
    while True:
        length, low = length >> 7, length & 0x7F
        head.append(low | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


def publish_bytes(message: Message, number: int | None, *, again: bool = False) -> bytes:
    """PUBLISH (3.3); ``number`` with QoS 1 and 2."""
    topic = message.topic.encode("utf-8")
    body = struct.pack(">H", len(topic)) + topic
    if number is not None:
        body += struct.pack(">H", number)
    flags = message.qos << 1 | int(message.retain) | (8 if again else 0)
    return packet_bytes(Kind.PUBLISH, body + message.payload, flags)


def number_bytes(kind: Kind, number: int, more: bytes = b"") -> bytes:
    """An acknowledgement with its packet identifier."""
    return packet_bytes(kind, struct.pack(">H", number) + more, _FLAGS.get(kind, 0))


def filter_is_valid(topic_filter: str) -> bool:
    """4.7.1: wildcards stand alone in their level, # in the last one."""
    levels = topic_filter.split("/")
    return bool(topic_filter) and all(
        level in ("#", "+") or not {"#", "+"} & set(level) for level in levels) and "#" not in levels[:-1]


def matches(topic_filter: str, topic: str) -> bool:
    """4.7: a filter and a topic name; a wildcard in front does not match what begins with $ (4.7.2)."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if levels[0].startswith("$") and wanted[0] in ("#", "+"):
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(levels) or level not in ("+", levels[place]):
            return False
    return len(wanted) == len(levels)
