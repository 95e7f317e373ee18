"""One CoAP request and its answer, as a machine of bytes and times (RFC 7252 4 and 5, RFC 8323 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from cellbench.virtual.device.clients.coap_messages import (
    Datagram,
    FrameReader,
    MalformedMessage,
    Message,
    Option,
    Signal,
    Type,
    decode_datagram,
    encode_datagram,
    encode_frame,
)

_KNOWN = frozenset(int(option) for option in Option)
_EMPTY = 0


class Rejected(Exception):
    """The server rejected the request, or speaks no CoAP; the text says how."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the client waits, in true seconds, and how often it sends again."""

    acknowledge_s: float
    answer_s: float
    retransmissions: int


class Exchange(Protocol):
    """What a line drives: bytes in, bytes out, and when to come back."""

    answer: Message | None

    def start(self, now: float) -> Iterable[bytes]:
        """What to send first."""
        ...

    def received(self, data: bytes) -> Iterable[bytes]:
        """Something came; what to send. Rejected ends the exchange."""
        ...

    @property
    def due(self) -> float:
        """When ``expired`` is to be called, on the caller's clock."""
        ...

    def expired(self, now: float) -> Iterable[bytes] | None:
        """The time has come: what to send again; None when the exchange has failed."""
        ...


class DatagramExchange:
    """A request by datagrams: CON is sent again until it is acknowledged, NON once."""

    def __init__(self, request: Message, number: int, patience: Patience, *, confirmable: bool) -> None:
        self.answer: Message | None = None
        kind = Type.CON if confirmable else Type.NON
        self._request = Datagram(kind, number, request)
        self._patience = patience
        self._again = patience.retransmissions if confirmable else 0
        self._wait = patience.acknowledge_s if confirmable else patience.answer_s
        self._begun = 0.0
        self._due = 0.0

    @property
    def due(self) -> float:
        """When ``expired`` is to be called."""
        return self._due

    def start(self, now: float) -> Iterable[bytes]:
        """The request."""
        self._begun, self._due = now, now + self._wait
        return (encode_datagram(self._request),)

    def received(self, data: bytes) -> Iterable[bytes]:
        """Acknowledgements, the answer, and what has nothing to do with it (RFC 7252 4.2, 5.2)."""
        try:
            came = decode_datagram(data)
        except MalformedMessage:
            return ()  # 3: silently ignored
        if came.type is Type.RST and came.number == self._request.number:
            raise Rejected("the server reset the message")
        if came.type is Type.ACK and came.number != self._request.number:
            return ()
        if came.message.code == _EMPTY:
            if came.type is Type.ACK:
                # acknowledged: the answer comes by itself
                self._again, self._due = 0, self._begun + self._patience.answer_s
            return _reset(came) if came.type is Type.CON else ()  # 4.3: a ping
        if came.message.token != self._request.message.token or came.message.kind not in (2, 4, 5) \
                or not understood(came.message):
            return _reset(came) if came.type is Type.CON else ()
        self.answer = came.message
        acknowledgement = Datagram(Type.ACK, came.number, Message(_EMPTY))
        return (encode_datagram(acknowledgement),) if came.type is Type.CON else ()

    def expired(self, now: float) -> Iterable[bytes] | None:
        """The request again, each time after twice the wait (4.2)."""
        if not self._again:
            return None
        self._again -= 1
        self._wait *= 2
        self._due = now + self._wait
        return (encode_datagram(self._request),)


class StreamExchange:
    """A request over a connection, which carries it safely (RFC 8323)."""

    def __init__(self, request: Message, patience: Patience, frames: StreamState) -> None:
        self.answer: Message | None = None
        self._request = request
        self._patience = patience
        self._frames = frames
        self._due = 0.0

    @property
    def due(self) -> float:
        """When the wait for the answer ends."""
        return self._due

    def start(self, now: float) -> Iterable[bytes]:
        """The capabilities if this is the connection's first request (5.3), and the request."""
        self._due = now + self._patience.answer_s
        first = () if self._frames.greeted else (self._frames.greeting(),)
        return (*first, encode_frame(self._request))

    def received(self, data: bytes) -> Iterable[bytes]:
        """Signals and the answer; Rejected when what comes is no CoAP."""
        sent: list[bytes] = []
        try:
            for message in self._frames.reader.feed(data):
                sent += self._frames.signal(message)
                if message.token == self._request.token and message.kind in (2, 4, 5) and understood(message):
                    self.answer = message
        except MalformedMessage as error:
            raise Rejected(str(error)) from error
        return sent

    def expired(self, now: float) -> Iterable[bytes] | None:
        """Nothing is sent again."""
        return None


class StreamState:
    """What a connection knows from one request to the next."""

    def __init__(self) -> None:
        self.reader = FrameReader()
        self.greeted = False
        self._met = False

    def greeting(self) -> bytes:
        """Capabilities: nothing beyond what every end takes."""
        self.greeted = True
        return encode_frame(Message(Signal.CSM))

    def signal(self, message: Message) -> Iterable[bytes]:
        """The answer to a signal; Rejected when the server ends the connection or begins without its
        capabilities."""
        if not self._met and message.code != Signal.CSM:
            raise Rejected("no capabilities first")
        self._met = True
        if message.code == Signal.PING:
            return (encode_frame(Message(Signal.PONG, message.token)),)
        if message.code in (Signal.RELEASE, Signal.ABORT):
            raise Rejected("the server ends the connection")
        return ()


def understood(answer: Message) -> bool:
    """False when an answer has a critical option that the client does not know (RFC 7252 5.4.1), or blocks
    that make no sense."""
    try:
        answer.block(Option.BLOCK1)
        answer.block(Option.BLOCK2)
    except MalformedMessage:
        return False
    return all(number in _KNOWN for number, _ in answer.options if number & 1)


def _reset(came: Datagram) -> Iterable[bytes]:
    return (encode_datagram(Datagram(Type.RST, came.number, Message(_EMPTY))),)
