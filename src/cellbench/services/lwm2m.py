"""An LwM2M server's registration interface over DTLS (OMA LwM2M 1.0, 5.3 and 8.2; 1.1 the same paths).

Register (POST /rd), Update (POST on the location given), De-register (DELETE there). CoAP itself is aiocoap's
(``coap_stack``). A client that does not update within its lifetime is forgotten.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from aiocoap import Message
from aiocoap.numbers.codes import Code
from aiocoap.resource import PathCapable, Resource

from cellbench.base.protocols import Endpoint
from cellbench.io.tls.engine import TlsServer

from .coap_stack import Address, Peer, Stack
from .server import PLAIN_STATES, SLOW_S, State
from .tls import DtlsPlace, HandshakeFacts
from .tls_settings import tls_settings

ROOT = "rd"
LIFETIME_S = 86_400
"""Where a client gives none (LwM2M 1.0, 5.3.1)."""
VERSIONS = ("1.0", "1.1")
_BINDINGS = frozenset("UTSNQ")
_LINK_FORMAT = 40
_LONGEST_NAME = 255
_MOST_CLIENTS = 4096


@dataclass(frozen=True, slots=True)
class Registration:
    """A client as it registered; ``due`` is by time.monotonic."""

    endpoint: str
    lifetime_s: int
    version: str
    binding: str
    objects: str
    number: str
    due: float


class Rejected(Exception):
    """A request that gets an error; ``code`` is the answer's."""

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(why)
        self.code = code


class _Site(Resource, PathCapable):  # type: ignore[misc]
    """What aiocoap asks for answers."""

    def __init__(self, answer: Callable[[Message], Awaitable[Message]]) -> None:
        super().__init__()
        self._answer = answer

    async def render(self, request: Message) -> Message:
        """aiocoap's name: the answer to one request."""
        return await self._answer(request)


class Lwm2mServer:
    """One server over DTLS; ``definition["tls"]`` names the keys of the clients by their identities.

    ``mute`` takes messages and never answers, ``slow`` answers ``slow_s`` seconds later, ``reset`` forgets
    registrations, what it counted, and TLS sessions. ``refuses``: names of endpoints that get 4.03.
    """

    def __init__(self, definition: Mapping[str, object]) -> None:
        settings = tls_settings(definition, datagram=True)
        if settings is None:
            raise ValueError("an LwM2M server needs tls")
        self._settings = replace(settings, datagram=True)
        self._slow_s = float(str(definition.get("slow_s", SLOW_S)))
        refuses = definition.get("refuses")
        self._refuses = frozenset(map(str, refuses)) if isinstance(refuses, list) else frozenset[str]()
        self._place = DtlsPlace(TlsServer(self._settings), self._datagram, seen=self._seen,
                                refused=self._refused)
        self._state = State.UP
        self._stack: Stack | None = None
        self._clients: dict[str, Registration] = {}
        self._numbers = itertools.count(1)
        self._counts: dict[str, int] = {}
        self._last: dict[str, str] = {}

    # -- as every server ---------------------------------------------------------------------------

    @property
    def states(self) -> frozenset[State]:
        """up, down, mute, slow, reset."""
        return PLAIN_STATES | {State.RESET}

    async def start(self) -> None:
        """Listen."""
        self._stack = Stack(_Site(self._render))
        await self._place.open()

    async def stop(self) -> None:
        """Close the place, forget every exchange; registrations stay."""
        await self._place.close()
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.shutdown()

    async def set_state(self, state: State) -> None:
        """Take a state; going down ends associations."""
        if state in (State.RESET, State.DOWN):
            await self.stop()
        if state is State.RESET:
            for kept in (self._clients, self._counts, self._last):
                kept.clear()
            self._place.renew(TlsServer(self._settings))
            state = State.UP
        self._state = state
        if state is not State.DOWN and self._stack is None:
            await self.start()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The DTLS place."""
        return (self._place.endpoint,)

    def report(self) -> Mapping[str, str]:
        """Who is registered (``clients``), the last registration's facts, counts of each operation, and the
        last handshake."""
        self._forget_late()
        counts = {name: str(self._counts.get(name, 0))
                  for name in ("registers", "updates", "deregisters", "rejected", "expired", "messages")}
        return {"clients": " ".join(sorted(one.endpoint for one in self._clients.values())), **counts,
                **self._last}

    # -- what comes --------------------------------------------------------------------------------

    def _datagram(self, data: bytes, address: Address) -> None:
        self._count("messages")
        if self._stack is None or self._state is State.MUTE:
            return
        place = self._place
        peer = Peer(address, lambda answer: place.send(answer, address), lambda: place.hang_up(address))
        if not self._stack.datagram(data, peer):
            self._last["protocol_error"] = "a datagram that is no CoAP message"

    def _seen(self, facts: HandshakeFacts) -> None:
        self._last.update(facts.as_report())
        self._last.pop("tls_refused", None)

    def _refused(self, why: str) -> None:
        self._last["tls_refused"] = why

    # -- what is answered --------------------------------------------------------------------------

    async def _render(self, request: Message) -> Message:
        """The answer to one request."""
        if self._state is State.SLOW:
            await asyncio.sleep(self._slow_s)
        self._forget_late()
        remote = request.remote
        if isinstance(remote, Peer):
            self._last |= {"local_port": str(remote.address[1]), "remote_port":
                           str(self._place.endpoint.port)}
        try:
            answer = self._answer(request, request.opt.uri_path)
        except Rejected as rejected:
            self._count("rejected")
            self._last["rejected_for"] = str(rejected)
            answer = Message(code=rejected.code)
        self._last["code"] = str(answer.code)
        return answer

    def _answer(self, request: Message, path: tuple[str, ...]) -> Message:
        if path == (ROOT,) and request.code is Code.POST:
            return self._register(request)
        known = self._clients.get(path[1]) if len(path) == 2 and path[0] == ROOT else None
        if known is None:
            raise Rejected(Code.NOT_FOUND, f"/{'/'.join(path)} is no location of a registered client")
        if request.code is Code.POST:
            return self._update(request, known)
        if request.code is Code.DELETE:
            del self._clients[known.number]
            self._count("deregisters")
            return Message(code=Code.DELETED)
        raise Rejected(Code.METHOD_NOT_ALLOWED, f"{request.code} of a location")

    def _register(self, request: Message) -> Message:
        """5.3.1: endpoint, lifetime, version, binding; the client's objects as links (RFC 6690)."""
        given = _arguments(request)
        name = given.get("ep", "")
        if not name or len(name) > _LONGEST_NAME:
            raise Rejected(Code.BAD_REQUEST, "no endpoint client name")
        if name in self._refuses:
            raise Rejected(Code.FORBIDDEN, f"{name} is not let in")
        version = given.get("lwm2m", VERSIONS[0])
        if version not in VERSIONS:
            raise Rejected(Code.PRECONDITION_FAILED, f"LwM2M {version}")
        links = _links(request)
        if not links:
            raise Rejected(Code.BAD_REQUEST, "no objects")
        for other in [one for one in self._clients.values() if one.endpoint == name]:
            del self._clients[other.number]  # 5.3.1: a client that registers again replaces itself
        if len(self._clients) >= _MOST_CLIENTS:
            raise Rejected(Code.SERVICE_UNAVAILABLE, "too many clients")
        lifetime = _lifetime(given, LIFETIME_S)
        number = str(next(self._numbers))
        self._keep(Registration(name, lifetime, version, _binding(given, "U"), links, number,
                                time.monotonic() + lifetime))
        self._count("registers")
        return Message(code=Code.CREATED, location_path=(ROOT, number))

    def _update(self, request: Message, known: Registration) -> Message:
        """5.3.2: what is given replaces what was."""
        given = _arguments(request)
        lifetime = _lifetime(given, known.lifetime_s)
        self._keep(replace(known, lifetime_s=lifetime, binding=_binding(given, known.binding),
                           objects=_links(request) or known.objects, due=time.monotonic() + lifetime))
        self._count("updates")
        return Message(code=Code.CHANGED)

    def _keep(self, one: Registration) -> None:
        self._clients[one.number] = one
        self._last |= {"endpoint": one.endpoint, "lifetime_s": str(one.lifetime_s), "version": one.version,
                       "binding": one.binding, "objects": one.objects,
                       "location": f"/{ROOT}/{one.number}"}
        self._last.pop("rejected_for", None)

    def _forget_late(self) -> None:
        now = time.monotonic()
        for late in [one for one in self._clients.values() if one.due <= now]:
            del self._clients[late.number]
            self._count("expired")

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1


def _arguments(request: Message) -> dict[str, str]:
    return {name: value for name, _, value in (one.partition("=") for one in request.opt.uri_query)}


def _lifetime(given: Mapping[str, str], default: int) -> int:
    text = given.get("lt", str(default))
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 1 << 32:
        raise Rejected(Code.BAD_REQUEST, f"lifetime {text}")
    return int(text)


def _binding(given: Mapping[str, str], default: str) -> str:
    text = given.get("b", default)
    if not text or not _BINDINGS.issuperset(text):
        raise Rejected(Code.BAD_REQUEST, f"binding mode {text}")
    return text


def _links(request: Message) -> str:
    """The payload as links, "" when there is none; 4.00 when it is something else."""
    if not request.payload:
        return ""
    form = request.opt.content_format
    if form is not None and int(form) != _LINK_FORMAT:
        raise Rejected(Code.BAD_REQUEST, f"content format {int(form)}")
    text = bytes(request.payload).decode("utf-8", "replace")
    if not all(link.strip().startswith("<") and ">" in link for link in text.split(",")):
        raise Rejected(Code.BAD_REQUEST, "objects that are no links")
    return text
