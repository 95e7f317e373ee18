"""The language between runs and guardian: one JSON object a line, over a unix socket.

Request ``{"id": 7, "op": "drive", "args": {...}}``; reply ``{"id": 7, "result": {...}}`` or
``{"id": 7, "error": {"type", "owner", "message", "remedy"}}``. Requests of one connection may overlap;
replies come in any order. ``{"cancel": 7}`` gives up a request (no reply is read). The guardian alone
sends ``{"ended": {"cause": ..., "message": ...}}`` when a lease ends from its side, and then hangs up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from cellbench.base.errors import FrameworkError

VERSION = 1
MAX_LINE = 4 * 1024 * 1024  # a plan of 256 slots is about 0.3 MB


@dataclass(frozen=True, slots=True)
class Request:
    """What a run asks for."""

    id: int
    op: str
    args: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Cancel:
    """A run does not wait for the reply of request ``id`` any more."""

    id: int


def encode(message: Mapping[str, object]) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> dict[str, object]:
    """One line again; FrameworkError when it is not a JSON object."""
    try:
        found = json.loads(line)
    except ValueError as error:
        raise FrameworkError(f"not a message: {line[:80]!r}") from error
    if not isinstance(found, dict):
        raise FrameworkError(f"not a message: {line[:80]!r}")
    return found


def parse_request(line: bytes) -> Request | Cancel:
    """A line from a run; FrameworkError when it is none of ours."""
    found = decode(line)
    cancelled = found.get("cancel")
    if isinstance(cancelled, int):
        return Cancel(cancelled)
    number, op, args = found.get("id"), found.get("op"), found.get("args", {})
    if not isinstance(number, int) or not isinstance(op, str) or not isinstance(args, dict):
        raise FrameworkError(f"not a request: {line[:80]!r}")
    return Request(number, op, cast(Mapping[str, object], args))
