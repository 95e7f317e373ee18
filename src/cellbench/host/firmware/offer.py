"""What a firmware server gives to this host itself: the judge between a module and a server."""

from __future__ import annotations

import base64
import ftplib
import hashlib
import http.client
from collections.abc import Callable

from cellbench.base.clock import Deadline
from cellbench.base.errors import ServiceError

Offer = Callable[[], bytes]
"""Gets what the server offers. Raises ServiceError with what was seen instead."""

_PATIENCE_S = 10.0  # for one answer of the server
_WHOLE_S = 60.0  # for the whole file
_PIECE = 65_536


class _TooSlow(OSError):
    """The file did not come in time."""


def ftp_offer(host: str, port: int, path: str, user: str = "anonymous", password: str = "") -> Offer:
    """A file of an FTP server, by passive mode."""

    def fetch() -> bytes:
        data, deadline = bytearray(), Deadline.after(_WHOLE_S)

        def take(piece: bytes) -> None:
            data.extend(piece)
            _in_time(deadline, len(data))

        try:
            with ftplib.FTP(timeout=_PATIENCE_S) as server:
                server.connect(host, port)
                server.login(user, password)
                server.retrbinary(f"RETR {path}", take)
        except ftplib.all_errors as error:
            raise ServiceError(f"the FTP server at {host}:{port} does not give {path} to the host: "
                               f"{error or type(error).__name__}") from None
        return bytes(data)

    return fetch


def http_offer(host: str, port: int, path: str, user: str = "", password: str = "") -> Offer:
    """A page of an HTTP server; with a user by basic authentication."""

    def fetch() -> bytes:
        data, deadline = bytearray(), Deadline.after(_WHOLE_S)
        token = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        server = http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
        try:
            server.request("GET", path, headers={"Authorization": f"Basic {token}"} if user else {})
            answer = server.getresponse()
            while piece := answer.read1(_PIECE):
                data += piece
                _in_time(deadline, len(data))
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(f"the HTTP server at {host}:{port} does not give {path} to the host: "
                               f"{error or type(error).__name__}") from None
        finally:
            server.close()
        if answer.status != http.HTTPStatus.OK:
            raise ServiceError(f"the HTTP server at {host}:{port} answers the host's request for {path} with "
                               f"{answer.status} {answer.reason}")
        return bytes(data)

    return fetch


def _in_time(deadline: Deadline, size: int) -> None:
    if deadline.expired:
        raise _TooSlow(f"{size} bytes within {_WHOLE_S:g} s, and no end")


def seen_at(offer: Offer | None, data: bytes) -> str:
    """What is wrong with a server that shall offer ``data``, "" when nothing is or nobody can ask it."""
    if offer is None:
        return ""
    try:
        found = offer()
    except ServiceError as error:
        return error.message
    if found == data:
        return ""
    return (f"the server gives the host {len(found)} bytes with MD5 {md5_hex(found)} where the package has "
            f"{len(data)} with {md5_hex(data)}")


def md5_hex(data: bytes) -> str:
    """The MD5 of bytes as modules tell it: 32 hexadecimal digits in lower case."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
