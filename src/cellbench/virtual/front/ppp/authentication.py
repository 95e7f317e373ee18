"""The module as authenticator: PAP (RFC 1334 2) and CHAP with MD5 (RFC 1994)."""

from __future__ import annotations

import enum
import hashlib
import hmac
import random
from collections.abc import Callable
from dataclasses import dataclass

from .packets import Packet

_ASK, _ACK, _NAK = 1, 2, 3
_CHALLENGE, _RESPONSE, _SUCCESS, _FAILURE = 1, 2, 3, 4
CHALLENGE_OCTETS = 16


class Outcome(enum.Enum):
    """How an authentication ended."""

    GOOD = "good"
    BAD = "bad"
    SILENT = "silent"  # nobody authenticated in time


@dataclass(frozen=True, slots=True)
class Claim:
    """Who the host says it is; ``password`` None: CHAP does not tell it."""

    user: str
    password: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """What is to match; None takes anything, for then only the network could know."""

    user: str | None = None
    password: str | None = None

    def admits(self, claim: Claim) -> bool:
        """PAP's comparison."""
        return (self.user in (None, claim.user)) and (self.password in (None, claim.password))

    def answers(self, user: str, identifier: int, challenge: bytes, value: bytes) -> bool:
        """CHAP's: MD5 over identifier, secret, challenge (RFC 1994 4.1)."""
        if self.user not in (None, user):
            return False
        if self.password is None:
            return True
        secret = self.password.encode("latin-1", "replace")
        expected = hashlib.md5(bytes((identifier,)) + secret + challenge, usedforsecurity=False).digest()
        return hmac.compare_digest(expected, value)


ANYBODY = Account()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the module waits: for PAP in all, for each answer to a challenge, and how many of these."""

    pap_s: float = 30.0
    chap_s: float = 3.0
    challenges: int = 10


PATIENCE = Patience()


class Pap:
    """Password Authentication Protocol; a request that comes again gets the same answer again."""

    def __init__(self, account: Account, send: Callable[[Packet], None], patience: Patience) -> None:
        self._account = account
        self._send = send
        self._patience = patience
        self.outcome: Outcome | None = None
        self.claim: Claim | None = None
        self.deadline: float | None = None

    def start(self, now: float) -> None:
        """Wait for the host's request."""
        self.deadline = now + self._patience.pap_s

    def expire(self, now: float) -> None:
        """Time has passed."""
        if self.deadline is not None and now >= self.deadline:
            self.deadline, self.outcome = None, Outcome.SILENT

    def receive(self, packet: Packet, now: float) -> None:
        """Authenticate-Request: lengths and texts of name and password."""
        del now
        claim = _pap_claim(packet.data) if packet.code == _ASK else None
        if claim is None:
            return
        if self.outcome is None:
            self.claim, self.deadline = claim, None
            self.outcome = Outcome.GOOD if self._account.admits(claim) else Outcome.BAD
        good = self.outcome is Outcome.GOOD
        message = b"Greetings!" if good else b"Login incorrect"
        self._send(Packet(_ACK if good else _NAK, packet.identifier, bytes((len(message),)) + message))


def _pap_claim(data: bytes) -> Claim | None:
    size = data[0] if data else len(data)
    if len(data) < size + 2 or len(data) < size + 2 + data[size + 1]:
        return None
    password = data[size + 2:size + 2 + data[size + 1]]
    return Claim(data[1:size + 1].decode("latin-1"), password.decode("latin-1"))


class Chap:
    """Challenge Handshake Authentication Protocol; the challenge is repeated until it is answered."""

    def __init__(self, account: Account, send: Callable[[Packet], None], patience: Patience, name: str,
                 chance: random.Random) -> None:
        self._account = account
        self._send = send
        self._patience = patience
        self._name = name.encode("latin-1", "replace")
        self._identifier = chance.getrandbits(8)
        self._challenge = chance.randbytes(CHALLENGE_OCTETS)
        self._left = patience.challenges
        self.outcome: Outcome | None = None
        self.claim: Claim | None = None
        self.deadline: float | None = None

    def start(self, now: float) -> None:
        """Send the challenge."""
        self._left -= 1
        self.deadline = now + self._patience.chap_s
        body = bytes((len(self._challenge),)) + self._challenge + self._name
        self._send(Packet(_CHALLENGE, self._identifier, body))

    def expire(self, now: float) -> None:
        """Time has passed: once more, or that is it."""
        if self.deadline is None or now < self.deadline:
            return
        if self._left > 0:
            self.start(now)
        else:
            self.deadline, self.outcome = None, Outcome.SILENT

    def receive(self, packet: Packet, now: float) -> None:
        """Response: the value's length, the value, the host's name."""
        del now
        size = packet.data[0] if packet.data else 0
        if packet.code != _RESPONSE or packet.identifier != self._identifier or len(packet.data) < 1 + size:
            return
        if self.outcome is None:
            value, user = packet.data[1:1 + size], packet.data[1 + size:].decode("latin-1")
            good = self._account.answers(user, self._identifier, self._challenge, value)
            self.claim, self.deadline = Claim(user, None), None
            self.outcome = Outcome.GOOD if good else Outcome.BAD
        good = self.outcome is Outcome.GOOD
        self._send(Packet(_SUCCESS if good else _FAILURE, packet.identifier,
                          b"Welcome" if good else b"Access denied"))
