"""TLS sessions taken apart and put together: what a module gives its host, and takes back, for resumption.

OpenSSL writes a session as a DER sequence (ssl/ssl_asn1.c, SSL_SESSION_ASN1): version, protocol version,
suite, session id, master secret, then optional explicitly tagged members.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_EXPLICIT = 0xA0
_TIME, _TIMEOUT, _PEER, _VERIFY, _HINT, _TICKET, _FLAGS = 1, 2, 3, 5, 9, 10, 13
_EXTENDED_MASTER_SECRET = 0x01  # SSL_SESS_FLAG_EXTMS
_FORMAT = 1  # SSL_SESSION_ASN1_VERSION
_TLS_1_2, _DTLS_1_2 = 0x0303, 0xFEFD
_LIFETIME_S = 7200


@dataclass(frozen=True, slots=True)
class Session:
    """A session that can be resumed.

    ``der`` is OpenSSL's own form. ``guessed`` is True for a session that was rebuilt from its id and
    master secret alone: suite and extended master secret are then learnt from the server's hello.
    """

    der: bytes = field(repr=False)
    guessed: bool = False

    @property
    def version(self) -> int:
        """Protocol version on the wire."""
        return int.from_bytes(_members(self.der)[1][1], "big")

    @property
    def suite(self) -> int:
        """IANA number of the cipher suite."""
        return int.from_bytes(_members(self.der)[2][1], "big")

    @property
    def session_id(self) -> bytes:
        """Session id, empty where only a ticket resumes."""
        return _members(self.der)[3][1]

    @property
    def master_secret(self) -> bytes:
        """Master secret (48 bytes), or the resumption secret of TLS 1.3."""
        return _members(self.der)[4][1]

    @property
    def ticket(self) -> bytes:
        """Session ticket (RFC 5077) or PSK ticket (RFC 8446 4.6.1), empty when there is none."""
        return _inner(self.der, _TICKET)

    @property
    def extended_master_secret(self) -> bool:
        """True when the handshake used RFC 7627."""
        return bool(int.from_bytes(_inner(self.der, _FLAGS), "big") & _EXTENDED_MASTER_SECRET)

    def compact(self) -> Session:
        """The same without the peer's certificate, which resumption does not need."""
        kept = [_tlv(tag, value) for tag, value in _members(self.der) if tag != _EXPLICIT | _PEER]
        return Session(_tlv(_SEQUENCE, b"".join(kept)), self.guessed)


def parse_session(der: bytes) -> Session:
    """A session from OpenSSL's DER; ValueError when it is none."""
    members = _members(der)
    tags = [tag for tag, _ in members[:5]]
    if tags != [_INTEGER, _INTEGER, _OCTETS, _OCTETS, _OCTETS] or len(members[2][1]) != 2:
        raise ValueError("not a TLS session")
    return Session(der)


def session_from_id(session_id: bytes, master_secret: bytes, *, datagram: bool, suite: int,
                    extended: bool = True, guessed: bool = True) -> Session:
    """A TLS 1.2 or DTLS 1.2 session from its id and master secret; suite and ``extended`` may be guesses.

    ValueError for an id of more than 32 bytes (RFC 5246 7.4.1.2) or a secret that is not 48 bytes (8.1).
    """
    if not 1 <= len(session_id) <= 32:
        raise ValueError(f"a session id has 1 to 32 bytes, not {len(session_id)}")
    return _build(session_id, master_secret, b"", datagram=datagram, suite=suite, extended=extended,
                  guessed=guessed)


def session_from_ticket(ticket: bytes, master_secret: bytes, *, datagram: bool, suite: int,
                        extended: bool) -> Session:
    """A TLS 1.2 or DTLS 1.2 session from a ticket; ValueError when the ticket is empty."""
    if not ticket:
        raise ValueError("the ticket is empty")
    # OpenSSL offers the ticket's digest as id (RFC 5077 3.4), to know an abbreviated handshake by its echo
    return _build(hashlib.sha256(ticket).digest(), master_secret, ticket, datagram=datagram, suite=suite,
                  extended=extended, guessed=False)


def _build(session_id: bytes, master_secret: bytes, ticket: bytes, *, datagram: bool, suite: int,
           extended: bool, guessed: bool) -> Session:
    if len(master_secret) != 48:
        raise ValueError(f"a master secret has 48 bytes, not {len(master_secret)}")
    body = [
        _integer(_FORMAT),
        _integer(_DTLS_1_2 if datagram else _TLS_1_2),
        _tlv(_OCTETS, suite.to_bytes(2, "big")),
        _tlv(_OCTETS, session_id),
        _tlv(_OCTETS, master_secret),
        _tlv(_EXPLICIT | _TIMEOUT, _integer(_LIFETIME_S)),
        _tlv(_EXPLICIT | _VERIFY, _integer(0)),
    ]
    if ticket:
        body.append(_tlv(_EXPLICIT | _HINT, _integer(_LIFETIME_S)))
        body.append(_tlv(_EXPLICIT | _TICKET, _tlv(_OCTETS, ticket)))
    if extended:
        body.append(_tlv(_EXPLICIT | _FLAGS, _integer(_EXTENDED_MASTER_SECRET)))
    return Session(_tlv(_SEQUENCE, b"".join(body)), guessed)


def _members(der: bytes) -> list[tuple[int, bytes]]:
    outer = list(_walk(der))
    if len(outer) != 1 or outer[0][0] != _SEQUENCE:
        raise ValueError("not a TLS session")
    members = list(_walk(outer[0][1]))
    if len(members) < 5:
        raise ValueError("not a TLS session")
    return members


def _inner(der: bytes, number: int) -> bytes:
    for tag, value in _members(der):
        if tag == _EXPLICIT | number:
            return next(_walk(value))[1]
    return b""


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(data):
        if place + 2 > len(data):
            raise ValueError("DER ends within a header")
        tag, length = data[place], data[place + 1]
        place += 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4 or place + count > len(data):
                raise ValueError("DER length cannot be read")
            length = int.from_bytes(data[place : place + count], "big")
            place += count
        if place + length > len(data):
            raise ValueError("DER ends within a value")
        yield tag, data[place : place + length]
        place += length


def _integer(value: int) -> bytes:
    return _tlv(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _tlv(tag: int, value: bytes) -> bytes:
    if len(value) < 0x80:
        return bytes((tag, len(value))) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value
