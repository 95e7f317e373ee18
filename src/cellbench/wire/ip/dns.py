"""One question to a DNS server and its answer (RFC 1035 4; AAAA by RFC 3596)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from cellbench.wire.ip.checksum import Address

PORT = 53
_HEADER = 12
_RESPONSE, _TRUNCATED, _RECURSION = 0x8000, 0x0200, 0x0100
_INTERNET, _POINTER = 1, 0xC0


class Record(enum.IntEnum):
    """Kinds of record asked for."""

    A = 1
    CNAME = 5
    AAAA = 28


class Status(enum.IntEnum):
    """Response codes (RFC 1035 4.1.1)."""

    GOOD = 0
    FORMAT = 1
    SERVER_FAILURE = 2
    NO_SUCH_NAME = 3
    NOT_IMPLEMENTED = 4
    REFUSED = 5


class BadAnswer(Exception):
    """Bytes that are no answer to the question."""


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """What a server said: its code, the addresses, whether it had more to say."""

    status: int
    addresses: tuple[Address, ...]
    truncated: bool


def question(identifier: int, name: str, record: Record) -> bytes:
    """A query for one name, recursion desired. ValueError for what is no name."""
    try:
        labels = name.rstrip(".").encode("idna").split(b".")
    except UnicodeError:
        labels = []
    if not labels or any(not 0 < len(label) < 64 for label in labels):
        raise ValueError(f"{name!r} is no host name")
    head = identifier.to_bytes(2, "big") + _RECURSION.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\0"
    asked = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return head + asked + record.to_bytes(2, "big") + _INTERNET.to_bytes(2, "big")


def parse_answer(query: bytes, data: bytes) -> DnsAnswer:
    """The answer to ``query``. Raises BadAnswer."""
    if len(data) < _HEADER or data[:2] != query[:2]:
        raise BadAnswer("another question's")
    flags = int.from_bytes(data[2:4], "big")
    if not flags & _RESPONSE:
        raise BadAnswer("a question")
    questions, answers = int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big")
    wanted = int.from_bytes(query[-4:-2], "big")
    at = _HEADER
    for _ in range(questions):
        at = _skip_name(data, at) + 4
    addresses: list[Address] = []
    for _ in range(answers):
        at = _skip_name(data, at)
        if at + 10 > len(data):
            raise BadAnswer("a record that is cut off")
        kind, length = int.from_bytes(data[at:at + 2], "big"), int.from_bytes(data[at + 8:at + 10], "big")
        value = data[at + 10:at + 10 + length]
        at += 10 + length
        if at > len(data):
            raise BadAnswer("a record that is cut off")
        if kind == wanted:
            addresses.append(_address(kind, value))
    return DnsAnswer(flags & 0x0F, tuple(addresses), bool(flags & _TRUNCATED))


def _address(kind: int, value: bytes) -> Address:
    if len(value) != (4 if kind == Record.A else 16):
        raise BadAnswer(f"an address of {len(value)} bytes")
    return IPv4Address(value) if kind == Record.A else IPv6Address(value)


def _skip_name(data: bytes, at: int) -> int:
    """Where the name that begins at ``at`` ends."""
    while True:
        if at >= len(data):
            raise BadAnswer("a name that is cut off")
        length = data[at]
        if length & _POINTER == _POINTER:
            return at + 2
        if length & _POINTER:
            raise BadAnswer("a label of a kind that is not in use")
        at += 1 + length
        if not length:
            return at
