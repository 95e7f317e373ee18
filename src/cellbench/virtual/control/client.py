"""The client of a rack's control room: ``cellbench virtual ctl``. Standard library only, quick to import."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

DONE = 0
CANNOT = 1
USAGE = 2
ANSWER_TIMEOUT_S = 60.0


def ctl(directory: Path, verb: str, values: Iterable[str] = (), *, slot: str | None = None,
        out: TextIO | None = None, err: TextIO | None = None) -> int:
    """Send one verb to the rack in ``directory``; 0 when done, else 1 with a sentence on ``err``.

    ``values`` are texts ``key=value``; facts that the verb answers go to ``out`` as lines ``key=value``.
    2 means that the command line itself is wrong.
    """
    out = sys.stdout if out is None else out
    err = sys.stderr if err is None else err
    parsed: dict[str, str] = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key:
            print(f"{text!r} is not of the form key=value", file=err)
            return USAGE
        if key in parsed:
            print(f"{key!r} is given twice", file=err)
            return USAGE
        parsed[key] = value
    try:
        answer = request(directory, verb, parsed, slot=slot)
    except OSError as error:
        reason = error.strerror or str(error)
        print(f"no virtual rack answers in {directory} ({reason})", file=err)
        return CANNOT
    if not answer.get("ok"):
        print(str(answer.get("error", "the rack refused without a reason")), file=err)
        return CANNOT
    facts = answer.get("text")
    if isinstance(facts, str) and facts:
        print(facts, file=out)
    return DONE


def request(directory: Path, verb: str, values: Mapping[str, str], *, slot: str | None = None,
            timeout_s: float = ANSWER_TIMEOUT_S) -> dict[str, object]:
    """One exchange with the rack in ``directory``: ``{"ok": true, "text": ...}`` or
    ``{"ok": false, "error": sentence}``. Raises OSError when no rack answers."""
    message = {"verb": verb, "values": dict(values), "slot": slot}
    with _connect(directory, timeout_s) as connection:
        connection.sendall(json.dumps(message).encode() + b"\n")
        received = bytearray()
        while not received.endswith(b"\n"):
            chunk = connection.recv(65536)
            if not chunk:
                raise ConnectionResetError(None, "the rack ended before it answered")
            received += chunk
    answer = json.loads(received)
    if not isinstance(answer, dict):
        raise ConnectionAbortedError(None, "the rack's answer is not an object")
    return answer


def _connect(directory: Path, timeout_s: float) -> socket.socket:
    """A connection to DIR/control, by way of the directory's descriptor: socket paths are limited to
    107 bytes, directories are not."""
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect(f"/proc/self/fd/{folder}/control")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection
