"""The control room: a socket in the rack's directory on which ``ctl`` asks for verbs.

One JSON object a line: ``{"verb", "slot", "values"}`` in, ``{"ok": true, "text"}`` or
``{"ok": false, "error"}`` out. The socket is private to ``ctl``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..bench import verbs as bench_verbs
from ..device import verbs as device_verbs
from ..net import verbs as net_verbs
from .verbs import Answer, ControlRefusal, Verb, only, want

if TYPE_CHECKING:
    from ..rack import Rack, VirtualSlot

LOG = logging.getLogger("cellbench.virtual")
MAX_REQUEST = 1024 * 1024


class ControlRoom:
    """Serves the verbs of all rooms for one rack."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._verbs = all_verbs()
        self._server: asyncio.Server | None = None
        self._path = rack.directory / "control"

    @property
    def path(self) -> Path:
        """The socket."""
        return self._path

    async def start(self) -> None:
        """Listen; a socket left by a killed rack is replaced."""
        self._path.unlink(missing_ok=True)
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # By way of the directory's descriptor: socket paths are limited to 107 bytes.
            listener.bind(f"/proc/self/fd/{folder}/control")
        finally:
            os.close(folder)
        self._path.chmod(0o600)
        listener.setblocking(False)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_REQUEST)

    async def stop(self) -> None:
        """Close and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the client left, or sent a line beyond the limit: nobody is there to be told
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, object]:
        try:
            request = json.loads(line)
            verb, slot = str(request["verb"]), request.get("slot")
            values = {str(key): str(value) for key, value in request.get("values", {}).items()}
        except (ValueError, KeyError, AttributeError, TypeError):
            return {"ok": False, "error": "the request is not understood"}
        try:
            return {"ok": True, "text": await self.act(verb, None if slot is None else str(slot), values)}
        except ControlRefusal as refusal:
            return {"ok": False, "error": str(refusal)}
        except Exception as error:  # the rack must outlive a bug in one verb
            LOG.exception("verb %s %s failed", verb, values)
            return {"ok": False, "error": f"the rack failed at {verb}: {type(error).__name__}: {error}"}

    async def act(self, verb: str, slot: str | None, values: Mapping[str, str]) -> str:
        """Do one verb; its text. Raises ControlRefusal."""
        if verb in ("list", "world"):
            only(values)
        if verb == "list":
            return "\n".join(f"{name} {self._verbs[name].doc}" for name in sorted(self._verbs)) + "\n" + _OWN
        if verb == "world":
            return json.dumps(self._rack.internet.describe(), indent=2)
        found = self._verbs.get(verb)
        if found is None:
            known = ", ".join(sorted([*self._verbs, "list", "world"]))
            raise ControlRefusal(f"no verb {verb!r}; there are {known}")
        LOG.info("ctl %s %s %s", slot or "-", verb, dict(values))
        return as_text(await found.act(self._rack, self._slot(found, verb, slot), values))

    def _slot(self, verb: Verb, name: str, slot: str | None) -> VirtualSlot | None:
        """The slot a verb is for: the named one, or the only one."""
        slots = self._rack.slots
        if slot is not None:
            if slot not in slots:
                raise ControlRefusal(f"no slot {slot!r}; there are {', '.join(slots)}")
            return slots[slot]
        if len(slots) == 1:
            return next(iter(slots.values()))
        if verb.needs_slot:
            raise ControlRefusal(f"{name} needs --slot; there are {', '.join(slots)}")
        return None


_OWN = "list : these lines\nworld : names and addresses of the virtual internet with their endpoints, as JSON"


def as_text(answer: Answer) -> str:
    """What ``ctl`` prints."""
    if answer is None:
        return ""
    if isinstance(answer, str):
        return answer
    return "\n".join(f"{key}={value}" for key, value in answer.items())


REPORT_VOCABULARY = ("usb", "usbnet", "power", "flow", "ftp", "mqtt", "pdp-auth", "firmware")


def all_verbs() -> dict[str, Verb]:
    """The verbs of all rooms; ``report`` goes to the room that knows what is asked for."""
    reports: dict[str, Verb] = {**bench_verbs.REPORTS, **device_verbs.REPORTS, **net_verbs.REPORTS}

    async def report(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
        what = want(values, "what")
        if what not in reports:
            known = ", ".join(sorted(reports))
            later = "cannot report it yet" if what in REPORT_VOCABULARY else "knows no such report"
            raise ControlRefusal(f"report what={what}: this rack {later}; it has {known}")
        found = reports[what]
        if slot is None and found.needs_slot:
            raise ControlRefusal(f"report needs --slot; there are {', '.join(rack.slots)}")
        return await found.act(rack, slot, values)

    doc = f"what={'|'.join(sorted(reports))} [service=S] [cid=N]: print facts as lines key=value"
    return {**bench_verbs.VERBS, **device_verbs.VERBS, **net_verbs.VERBS, "report": Verb(doc, False, report)}
