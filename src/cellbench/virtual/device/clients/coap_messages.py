"""CoAP as bytes: messages, options, blocks, datagrams (RFC 7252 3, RFC 7959 2.2), frames (RFC 8323 3.2).

Without any input and output: what comes is bytes, what goes is bytes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

_PAYLOAD_MARKER = 0xFF
_LONGEST_TOKEN = 8
_VERSION = 1
LARGEST_FRAME = 1152
"""RFC 8323 5.3.1: what either end takes before it has said more."""


class Type(enum.IntEnum):
    """Types of datagrams."""

    CON = 0
    NON = 1
    ACK = 2
    RST = 3


class Method(enum.IntEnum):
    """Request codes."""

    GET = 1
    POST = 2
    PUT = 3
    DELETE = 4


class Signal(enum.IntEnum):
    """Codes that two ends of a connection speak to one another (RFC 8323 5)."""

    CSM = 0xE1
    PING = 0xE2
    PONG = 0xE3
    RELEASE = 0xE4
    ABORT = 0xE5


class Option(enum.IntEnum):
    """Numbers of options."""

    URI_HOST = 3
    ETAG = 4
    URI_PORT = 7
    URI_PATH = 11
    CONTENT_FORMAT = 12
    URI_QUERY = 15
    BLOCK2 = 23
    BLOCK1 = 27


class MalformedMessage(ValueError):
    """What came is no CoAP message; the text says why."""


@dataclass(frozen=True, slots=True)
class Block:
    """Which part of a body a message carries (RFC 7959 2.2); ``size`` is a power of two, 16 to 1024."""

    number: int
    more: bool
    size: int

    def encode(self) -> bytes:
        """The value of the option."""
        return number_bytes(self.number << 4 | self.more << 3 | self.size.bit_length() - 5)

    @classmethod
    def decode(cls, value: bytes) -> Block:
        """MalformedMessage for a size that does not exist, or a number that is too long."""
        if len(value) > 3:
            raise MalformedMessage("a block option is at most 3 bytes")
        raw = int.from_bytes(value, "big")
        if raw & 7 == 7:
            raise MalformedMessage("the block size 7 is reserved")
        return cls(raw >> 4, bool(raw & 8), 16 << (raw & 7))


@dataclass(frozen=True, slots=True)
class Message:
    """A message without what carries it; ``options`` by number and value, repeated ones in their order."""

    code: int
    token: bytes = b""
    options: tuple[tuple[int, bytes], ...] = ()
    payload: bytes = b""

    @property
    def kind(self) -> int:
        """The class of a response: 2 success, 4 the client's fault, 5 the server's; 7 signals."""
        return self.code >> 5

    def option(self, number: int) -> bytes | None:
        """The first option of that number."""
        return next((value for one, value in self.options if one == number), None)

    def block(self, number: int) -> Block | None:
        """A block option; MalformedMessage when it makes no sense."""
        value = self.option(number)
        return None if value is None else Block.decode(value)


@dataclass(frozen=True, slots=True)
class Datagram:
    """A message as a datagram carries it; an empty one (code 0) acknowledges, resets or pings."""

    type: Type
    number: int
    message: Message


def number_bytes(value: int) -> bytes:
    """An unsigned number without leading zeros (RFC 7252 3.2)."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def encode_datagram(datagram: Datagram) -> bytes:
    """RFC 7252 3."""
    message = datagram.message
    first = _VERSION << 6 | datagram.type << 4 | len(message.token)
    head = bytes((first, message.code)) + datagram.number.to_bytes(2, "big")
    return head + message.token + _body(message)


def decode_datagram(data: bytes) -> Datagram:
    """RFC 7252 3; MalformedMessage for anything else."""
    if len(data) < 4:
        raise MalformedMessage("shorter than a header")
    if data[0] >> 6 != _VERSION:
        raise MalformedMessage("another version")
    token = _token(data, data[0] & 15, 4)
    code = data[1]
    if code == 0 and len(data) > 4:
        raise MalformedMessage("an empty message with content")
    options, payload = _read_body(data[4 + len(token):])
    return Datagram(Type(data[0] >> 4 & 3), int.from_bytes(data[2:4], "big"),
                    Message(code, token, options, payload))


def encode_frame(message: Message) -> bytes:
    """RFC 8323 3.2: a message in a stream, with its length in front."""
    body = _body(message)
    nibble, more = _extended(len(body), wide=True)
    return bytes((nibble << 4 | len(message.token),)) + more + bytes((message.code,)) + message.token + body


class FrameReader:
    """Messages out of a stream, however it is cut (RFC 8323 3.2)."""

    def __init__(self, largest: int = LARGEST_FRAME) -> None:
        self._largest = largest
        self._data = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole now; MalformedMessage ends the stream."""
        self._data += data
        found = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> Message | None:
        data = self._data
        if not data:
            return None
        nibble, token_length = data[0] >> 4, data[0] & 15
        wide = {13: 1, 14: 2, 15: 4}.get(nibble, 0)
        if len(data) < 2 + wide:
            return None
        length = nibble if not wide else int.from_bytes(data[1:1 + wide], "big") + (13, 269, 65805)[wide // 2]
        start = 2 + wide
        whole = start + token_length + length
        if token_length > _LONGEST_TOKEN:
            raise MalformedMessage("a token of more than 8 bytes")
        if whole > self._largest:
            raise MalformedMessage(f"a message of {whole} bytes")
        if len(data) < whole:
            return None
        frame = bytes(data[:whole])
        del data[:whole]
        options, payload = _read_body(frame[start + token_length:])
        return Message(frame[1 + wide], frame[start:start + token_length], options, payload)


def _token(data: bytes, length: int, start: int) -> bytes:
    if length > _LONGEST_TOKEN or len(data) < start + length:
        raise MalformedMessage("a token of more than 8 bytes, or cut")
    return data[start:start + length]


def _body(message: Message) -> bytes:
    made = bytearray()
    last = 0
    for number, value in sorted(message.options, key=lambda option: option[0]):
        delta, more_delta = _extended(number - last)
        length, more_length = _extended(len(value))
        made.append(delta << 4 | length)
        made += more_delta + more_length + value
        last = number
    if message.payload:
        made.append(_PAYLOAD_MARKER)
    return bytes(made) + message.payload


def _extended(value: int, *, wide: bool = False) -> tuple[int, bytes]:
    """A nibble and the bytes that go on with it (RFC 7252 3.1, RFC 8323 3.2)."""
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes((value - 13,))
    if value < 65805 or not wide:
        return 14, (value - 269).to_bytes(2, "big")
    return 15, (value - 65805).to_bytes(4, "big")


def _read_body(data: bytes) -> tuple[tuple[tuple[int, bytes], ...], bytes]:
    options: list[tuple[int, bytes]] = []
    place = number = 0
    while place < len(data):
        first = data[place]
        place += 1
        if first == _PAYLOAD_MARKER:
            if place == len(data):
                raise MalformedMessage("a payload marker without payload")
            return tuple(options), data[place:]
        delta, place = _read_extended(data, first >> 4, place)
        length, place = _read_extended(data, first & 15, place)
        if place + length > len(data):
            raise MalformedMessage("a cut option")
        number += delta
        options.append((number, data[place:place + length]))
        place += length
    return tuple(options), b""


def _read_extended(data: bytes, nibble: int, place: int) -> tuple[int, int]:
    """A number of an option, and the place behind it."""
    if nibble == 15:
        raise MalformedMessage("a reserved length")
    width = {13: 1, 14: 2}.get(nibble, 0)
    if place + width > len(data):
        raise MalformedMessage("a cut option")
    if not width:
        return nibble, place
    return int.from_bytes(data[place:place + width], "big") + (13, 269)[width - 1], place + width
