"""The server's hello, read before OpenSSL sees it (RFC 5246 7.4.1.3, RFC 6347 4.2.2).

A session rebuilt from its id and master secret carries neither its suite nor whether it used the extended
master secret (RFC 7627); the server's hello tells both, before the client must decide.
"""

from __future__ import annotations

from dataclasses import dataclass

_HANDSHAKE, _SERVER_HELLO = 22, 2
_EXTENDED_MASTER_SECRET = 23


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What resumption by id needs of a server's hello."""

    session_id: bytes
    suite: int
    extended_master_secret: bool


def find_server_hello(data: bytes, *, datagram: bool) -> ServerHello | None:
    """The server's hello that ``data`` begins with; None when it begins with something else.

    Raises IncompleteHello when more bytes are needed to tell.
    """
    header = 13 if datagram else 5
    if not data:
        raise IncompleteHello
    if data[0] != _HANDSHAKE:
        return None
    if len(data) < header:
        raise IncompleteHello
    length = int.from_bytes(data[header - 2 : header], "big")
    body = data[header : header + length]
    if len(body) < length and not datagram:
        raise IncompleteHello
    skip = 12 if datagram else 4
    if len(body) < skip or body[0] != _SERVER_HELLO:
        return None
    size = int.from_bytes(body[1:4], "big")
    return _parse(body[skip : skip + size]) if len(body) >= skip + size else None


class IncompleteHello(Exception):
    """The record has not come whole yet."""


def _parse(body: bytes) -> ServerHello | None:
    if len(body) < 35:
        return None
    place = 35 + body[34]
    session_id = body[35:place]
    suite = int.from_bytes(body[place : place + 2], "big")
    place += 5  # suite, compression method, length of the extensions
    extended = False
    while place + 4 <= len(body):
        kind = int.from_bytes(body[place : place + 2], "big")
        length = int.from_bytes(body[place + 2 : place + 4], "big")
        extended = extended or kind == _EXTENDED_MASTER_SECRET
        place += 4 + length
    return ServerHello(session_id, suite, extended)
