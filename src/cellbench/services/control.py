"""The control port of the servers: who runs the tests puts servers into states and speaks to their clients.

It listens on loopback, or anywhere with a token (services/control_client.py has the protocol). One request
a connection; whoever does not finish one in time is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping

from .control_client import MAX_LINE, signature
from .park import Park
from .places import Peer, words

VERSION = 1
_REQUEST_S = 5.0
_MOST_CLIENTS = 16

Facts = Mapping[str, str]


class CannotError(Exception):
    """What the client is told."""


class Control:
    """Serves requests about one park; ``token`` None: any client of the address may ask."""

    def __init__(self, park: Park, *, token: str | None = None) -> None:
        self._park = park
        self._token = token
        self._server: asyncio.Server | None = None
        self._busy = 0
        self._verbs: Mapping[str, Callable[[Mapping[str, str]], Facts]] = {
            "list": self._list, "mark": self._mark, "peers": self._peers, "send": self._send,
            "close": self._close, "reset": self._reset, "report": self._report, "limits": self._limits}

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; where. OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_LINE)
        address = self._server.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """Refuse from now on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._busy >= _MOST_CLIENTS:
            writer.transport.abort()
            return
        self._busy += 1
        try:
            async with asyncio.timeout(_REQUEST_S):
                await self._one(reader, writer)
        except (TimeoutError, ConnectionError, ValueError):
            writer.transport.abort()  # slow, gone, or a line without end
        finally:
            self._busy -= 1
            with contextlib.suppress(ConnectionError):
                writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonce = secrets.token_hex(16)
        writer.write(_line({"cellbench": "services", "version": VERSION, "nonce": nonce}))
        asked = json.loads(await reader.readline() or b"null")
        if not isinstance(asked, dict) or not isinstance(asked.get("values", {}), dict):
            raise ValueError("not a request")
        verb, values = str(asked.get("verb")), {str(k): str(v) for k, v in asked.get("values", {}).items()}
        try:
            if self._token is not None:
                self._check(self._token, nonce, verb, values, str(asked.get("mac", "")))
            facts = await self._server_state(values) if verb == "server" else self._do(verb, values)
            answer: dict[str, object] = {"ok": True, "facts": dict(facts)}
        except CannotError as error:
            answer = {"ok": False, "error": str(error)}
        writer.write(_line(answer))
        await writer.drain()

    @staticmethod
    def _check(token: str, nonce: str, verb: str, values: Mapping[str, str], mac: str) -> None:
        if not hmac.compare_digest(signature(token, nonce, verb, values), mac):
            raise CannotError("the token is not the one of these servers")

    def _do(self, verb: str, values: Mapping[str, str]) -> Facts:
        if verb not in self._verbs:
            raise CannotError(f"no verb {verb}; there are server, {', '.join(self._verbs)}")
        return self._verbs[verb](values)

    async def _server_state(self, values: Mapping[str, str]) -> Facts:
        name = _want(values, "name")
        try:
            await self._park.set_state(name, _want(values, "state"))
        except KeyError:
            there = ", ".join(sorted(self._park.endpoints()))
            raise CannotError(f"no server {name} here; there are {there}") from None
        except ValueError as error:
            raise CannotError(str(error)) from None
        return {}

    def _list(self, values: Mapping[str, str]) -> Facts:
        return {name: " ".join(f"{place.transport}:{place.host}:{place.port}" for place in places)
                for name, places in self._park.endpoints().items()}

    def _mark(self, values: Mapping[str, str]) -> Facts:
        return {"at": repr(time.monotonic())}

    def _peers(self, values: Mapping[str, str]) -> Facts:
        try:
            since = float(values.get("since", "0"))
        except ValueError:
            raise CannotError("since is what mark answered") from None
        return words(self._park.peers, since)

    def _send(self, values: Mapping[str, str]) -> Facts:
        try:
            data = bytes.fromhex(_want(values, "hex"))
        except ValueError:
            raise CannotError("hex is not a string of hexadecimal digits") from None
        self._peer(values).send(data)
        return {}

    def _close(self, values: Mapping[str, str]) -> Facts:
        return self._end(values, reset=False)

    def _reset(self, values: Mapping[str, str]) -> Facts:
        return self._end(values, reset=True)

    def _end(self, values: Mapping[str, str], *, reset: bool) -> Facts:
        peer = self._peer(values)
        if peer.end is None:
            raise CannotError("it sends datagrams: there is no connection to end")
        peer.end(reset)
        return {}

    def _peer(self, values: Mapping[str, str]) -> Peer:
        number = _want(values, "id")
        found = self._park.peers.get(int(number)) if number.isdigit() else None
        if found is None:
            raise CannotError(f"no client {number}; `peers` lists them")
        return found

    def _report(self, values: Mapping[str, str]) -> Facts:
        name = _want(values, "name")
        try:
            return self._park.report(name)
        except KeyError:
            there = ", ".join(sorted(self._park.endpoints()))
            raise CannotError(f"no server {name} here; there are {there}") from None
        except ValueError as error:
            raise CannotError(str(error)) from None

    def _limits(self, values: Mapping[str, str]) -> Facts:
        guard = self._park.hosting.guard
        return guard.report() if guard is not None else {"limits": "none"}


def _want(values: Mapping[str, str], key: str) -> str:
    if not values.get(key):
        raise CannotError(f"{key}= is missing")
    return values[key]


def _line(message: Mapping[str, object]) -> bytes:
    return json.dumps(message).encode() + b"\n"
