"""Asking the control port of the servers: one request a connection, one JSON object a line.

The port greets with a nonce; a request carries an HMAC-SHA256 (RFC 2104) over nonce, verb and values, keyed
by the token, so that the token never crosses the wire and no request can be sent twice by somebody else.
What it says is not secret.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from collections.abc import Mapping

TIMEOUT_S = 10.0
MAX_LINE = 1 << 20


class Refused(Exception):
    """The control port answered that it cannot, and why."""


def signature(token: str, nonce: str, verb: str, values: Mapping[str, str]) -> str:
    """What proves that whoever sends a request knows the token."""
    said = json.dumps([nonce, verb, sorted(values.items())], separators=(",", ":"))
    return hmac.new(token.encode(), said.encode(), hashlib.sha256).hexdigest()


def request(host: str, port: int, verb: str, values: Mapping[str, str], *,
            token: str | None = None, timeout_s: float = TIMEOUT_S) -> dict[str, str]:
    """One request. Raises Refused with the port's sentence, OSError when nobody answers as it should."""
    with socket.create_connection((host, port), timeout_s) as connection:
        file = connection.makefile("rb")
        nonce = str(_line(file.readline(MAX_LINE)).get("nonce", ""))
        asked: dict[str, object] = {"verb": verb, "values": dict(values)}
        if token is not None:
            asked["mac"] = signature(token, nonce, verb, values)
        connection.sendall(json.dumps(asked).encode() + b"\n")
        answer = _line(file.readline(MAX_LINE))
    if not answer.get("ok"):
        raise Refused(str(answer.get("error", "no reason given")))
    facts = answer.get("facts")
    return {str(key): str(value) for key, value in facts.items()} if isinstance(facts, dict) else {}


def _line(data: bytes) -> dict[str, object]:
    if not data.endswith(b"\n"):
        raise ConnectionError("it hung up before its answer was whole")
    try:
        found = json.loads(data)
    except ValueError:
        raise ConnectionError(f"it speaks another language: {data[:60]!r}") from None
    if not isinstance(found, dict):
        raise ConnectionError(f"it speaks another language: {data[:60]!r}")
    return found
