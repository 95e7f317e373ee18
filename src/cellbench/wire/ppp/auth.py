"""We as the one who is authenticated: PAP (RFC 1334 2) and CHAP with MD5 (RFC 1994).

No clock inside; ``tick`` is called at ``deadline``. The secret shows in no repr.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cellbench.wire.ppp.packets import Packet, Protocol, parse_packet

_PAP_TRIES = 10
_PAP_AGAIN_S = 3.0
_SILENCE_S = 30.0  # how long a challenge, or the answer to our response, may stay away
_REQUEST, _ACK, _NAK = 1, 2, 3
_CHALLENGE, _RESPONSE, _SUCCESS, _FAILURE = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password that the host gives when it is asked; each at most 255 octets."""

    user: str
    password: str = field(repr=False)

    def octets(self) -> tuple[bytes, bytes]:
        """Both as they are sent."""
        return self.user.encode(), self.password.encode()


class Outcome(enum.Enum):
    """Where the authentication stands."""

    OPEN = "open"
    PASSED = "passed"
    REFUSED = "refused"
    NO_ANSWER = "no-answer"


class Authentication:
    """One authentication, and the ones that CHAP may ask for later."""

    __slots__ = ("_credentials", "_identifier", "_send", "_tries", "deadline", "message", "outcome", "way")

    def __init__(self, way: Protocol, credentials: Credentials,
                 send: Callable[[Protocol, bytes], None], now: float) -> None:
        self.way = way
        self.outcome = Outcome.OPEN
        self.message = ""
        self.deadline: float | None = now + _SILENCE_S
        self._credentials = credentials
        self._send = send
        self._identifier = 0
        self._tries = 0
        if way is Protocol.PAP:
            self._ask(now)

    def receive(self, information: bytes, now: float) -> None:
        """One information field of the protocol agreed on."""
        packet = parse_packet(information)
        if packet is None:
            return
        if self.way is Protocol.CHAP and packet.code == _CHALLENGE:
            self._respond(packet, now)
            return
        good, bad = (_ACK, _NAK) if self.way is Protocol.PAP else (_SUCCESS, _FAILURE)
        if self.outcome is not Outcome.OPEN or packet.identifier != self._identifier:
            return
        if packet.code in (good, bad):
            self.outcome = Outcome.PASSED if packet.code == good else Outcome.REFUSED
            self.message = _text(packet.data, counted=self.way is Protocol.PAP)
            self.deadline = None

    def tick(self, now: float) -> None:
        """The far end is silent: ask again, or give up."""
        if self.deadline is None or now < self.deadline:
            return
        if self.way is Protocol.PAP and self._tries < _PAP_TRIES:
            self._ask(now)
        else:
            self.outcome, self.deadline = Outcome.NO_ANSWER, None

    def _ask(self, now: float) -> None:
        user, password = self._credentials.octets()
        self._tries += 1
        self._identifier = self._identifier % 255 + 1
        data = bytes((len(user),)) + user + bytes((len(password),)) + password
        self.deadline = now + _PAP_AGAIN_S
        self._send(Protocol.PAP, Packet(_REQUEST, self._identifier, data).encode())

    def _respond(self, packet: Packet, now: float) -> None:
        size = packet.data[0] if packet.data else 0
        value = packet.data[1:1 + size]
        if not size or len(value) != size:
            return
        user, password = self._credentials.octets()
        # RFC 1994 4.1: the hash of identifier, secret and challenge, in this order
        digest = hashlib.md5(bytes((packet.identifier,)) + password + value, usedforsecurity=False).digest()
        if self.outcome is Outcome.OPEN:
            self.deadline = now + _SILENCE_S
        self._identifier = packet.identifier
        answer = Packet(_RESPONSE, packet.identifier, bytes((len(digest),)) + digest + user)
        self._send(Protocol.CHAP, answer.encode())


def _text(data: bytes, *, counted: bool) -> str:
    octets = data[1:1 + data[0]] if counted and data else data
    return "".join(chr(octet) for octet in octets if 32 <= octet < 127)
