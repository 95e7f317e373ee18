"""The CoAP server of the far side: over UDP, DTLS, TCP or TLS, by the name of its kind.

CoAP itself is aiocoap's (``coap_stack``). Resources are those of the world's definition, and those that the
tests need: ``/hello``, ``/sink``, ``/large`` (more than one block), ``/large-update`` (keeps what is put),
the start page at ``/``, and ``/broken/<fault>`` where the server misbehaves on purpose.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from aiocoap import Message
from aiocoap.numbers.codes import Code
from aiocoap.numbers.types import NON
from aiocoap.resource import PathCapable, Resource
from aiocoap.transports.tcp import TcpConnection

from cellbench.base.protocols import Endpoint
from cellbench.io.tls.engine import TlsServer

from .coap_stack import Address, Peer, Stack
from .places import TcpPlace, UdpPlace
from .server import PLAIN_STATES, SLOW_S, State
from .tls import DtlsPlace, HandshakeFacts, over_tls
from .tls_settings import tls_settings

PAGE = ("This is a test server made with libcoap (see https://libcoap.net)\n"
        "Copyright (C) 2010--2020 Olaf Bergmann <bergmann@tzi.org> and others\n\n")
LARGE = b"".join(b"%05d: sixty-four bytes make one line of this text, nearly so.\n" % line
                 for line in range(40))
_CHUNK = 65_536
_SAME = "the same"
_RUBBISH = bytes(range(255, 0, -1))
_FOREVER_S = 3600.0
_MOST_KEPT = 16 * 1024 * 1024  # bytes of all that was put together: whoever may come here may put
_BLOCK, _BLOCK_EXPONENT = 64, 2  # RFC 7959 2.2: 2 ** (2 + 4)


class Kind(enum.Enum):
    """The names of the servers."""

    UDP = "coap"
    DTLS = "coap-dtls"
    TCP = "coap-tcp"
    TLS = "coap-tls"


class Fault(enum.Enum):
    """What happens at ``/broken/<fault>``."""

    STALLS = "stalls"  # takes the request and never answers
    DIES = "dies"  # ends the connection; the rest of a datagram's exchange is silence
    RUBBISH = "rubbish"  # sends what is no CoAP
    HALFWAY = "halfway"  # gives the first block of an answer and stalls


class _Site(Resource, PathCapable):  # type: ignore[misc]
    """What aiocoap asks for answers; it holds the blocks of bodies that are not whole yet."""

    def __init__(self, answer: Callable[[Message], Awaitable[Message]]) -> None:
        super().__init__()
        self._answer = answer

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        """aiocoap's name: bodies come and go whole, but for answers that are cut on purpose."""
        return "broken" not in request.opt.uri_path

    async def render(self, request: Message) -> Message:
        """aiocoap's name: the answer to one request."""
        return await self._answer(request)


class CoapServer:
    """One server; ``definition["server"]`` names its :class:`Kind`, secure ones need ``tls``.

    ``page``: the start page ("the same": libcoap's); ``errors``: "METHOD /path" → text that goes with 4.05.
    ``mute`` takes messages and never answers, ``slow`` acknowledges and answers ``slow_s`` seconds later,
    ``reset`` forgets what was put, exchanges and TLS sessions.
    """

    def __init__(self, definition: Mapping[str, object]) -> None:
        self._kind = Kind(str(definition["server"]))
        self._slow_s = float(str(definition.get("slow_s", SLOW_S)))
        page = str(definition.get("page", _SAME))
        self._page = (PAGE if page == _SAME else page).encode()
        errors = definition.get("errors")
        self._errors = {str(key): str(text) for key, text in errors.items()} \
            if isinstance(errors, Mapping) else {}
        self._state = State.UP
        self._files: dict[str, bytes] = {}
        self._last: dict[str, str] = {}
        self._messages = 0
        self._stack: Stack | None = None
        self._link = _links(self._kind, definition, self)

    # -- as every server ---------------------------------------------------------------------------

    @property
    def states(self) -> frozenset[State]:
        """up, down, mute, slow, reset."""
        return PLAIN_STATES | {State.RESET}

    async def start(self) -> None:
        """Listen."""
        self._stack = Stack(_Site(self._render))
        await self._link.open()

    async def stop(self) -> None:
        """Close the place, forget every exchange."""
        await self._link.close()
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.shutdown()

    async def set_state(self, state: State) -> None:
        """Take a state; going down ends connections and exchanges."""
        if state in (State.RESET, State.DOWN):
            await self.stop()
        if state is State.RESET:
            self._files.clear()
            self._last.clear()
            self._link.forget()
            state = State.UP
        self._state = state
        if state is not State.DOWN and self._stack is None:
            await self.start()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The one place."""
        return (self._link.endpoint,)

    def report(self) -> Mapping[str, str]:
        """The last request and handshake; ``messages`` counts all that came, repeated ones too."""
        return {"messages": str(self._messages), **self._last}

    # -- what comes --------------------------------------------------------------------------------

    def datagram(self, data: bytes, address: Address) -> None:
        """One datagram in the clear."""
        self._messages += 1
        if self._stack is None or self._state is State.MUTE:
            return
        link = self._link
        peer = Peer(address, lambda answer: link.send(answer, address), lambda: link.hang_up(address))
        if not self._stack.datagram(data, peer):
            self._last["protocol_error"] = "a datagram that is no CoAP message"

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection in the clear."""
        if self._stack is None:
            return
        upper = self._stack.connection()
        upper.connection_made(writer.transport)
        try:
            while data := await reader.read(_CHUNK):
                self._messages += 1
                if self._state is not State.MUTE:
                    upper.data_received(data)
        finally:
            upper.connection_lost(None)

    def seen(self, facts: HandshakeFacts) -> None:
        """A handshake is done."""
        self._last.update(facts.as_report())
        self._last.pop("tls_refused", None)

    def refused(self, why: str) -> None:
        """A handshake failed."""
        self._last["tls_refused"] = why

    # -- what is answered --------------------------------------------------------------------------

    async def _render(self, request: Message) -> Message:
        """The answer to one request."""
        path = "/" + "/".join(request.opt.uri_path)
        self._note(request, path)
        if self._state is State.SLOW:
            await asyncio.sleep(self._slow_s)
        if path.startswith("/broken/"):
            return await _misbehave(path.removeprefix("/broken/"), request)
        answer = self._answer(request, path)
        self._last["code"] = str(answer.code)
        return answer

    def _note(self, request: Message, path: str) -> None:
        remote = request.remote
        port = remote.address[1] if isinstance(remote, Peer) else remote._remote_hostinfo[1]
        formats = request.opt.content_format
        self._last |= {
            "method": str(request.code), "path": path, "query": "&".join(request.opt.uri_query),
            "uri_host": request.opt.uri_host or "", "uri_port": str(request.opt.uri_port or ""),
            "payload_bytes": str(len(request.payload)), "payload": request.payload[:256].hex(),
            "content_format": "" if formats is None else str(int(formats)),
            "type": "" if request.mtype is None else "NON" if request.mtype is NON else "CON",
            "local_port": str(port), "remote_port": str(self._link.endpoint.port)}

    def _answer(self, request: Message, path: str) -> Message:
        method = request.code
        wrong = self._errors.get(f"{method} {path}")
        if wrong is not None:
            return Message(code=Code.METHOD_NOT_ALLOWED, payload=wrong.encode())
        if path == "/sink" and method in (Code.PUT, Code.POST):
            return Message(code=Code.CHANGED, payload=f"{method} OK".encode())
        if path == "/large-update" or path.startswith("/files/"):
            return self._kept(request, path)
        pages: Mapping[str, bytes] = {"/": self._page, "/hello": b"world", "/large": LARGE,
                                      "/query": "&".join(request.opt.uri_query).encode()}
        if path not in pages:
            return Message(code=Code.NOT_FOUND, payload=b"Not found")
        if method is not Code.GET:
            return Message(code=Code.METHOD_NOT_ALLOWED, payload=b"Error 4.05: Method not supported here")
        return Message(code=Code.CONTENT, payload=pages[path], content_format=0)

    def _kept(self, request: Message, path: str) -> Message:
        if request.code in (Code.PUT, Code.POST):
            fresh = path not in self._files
            if sum(map(len, self._files.values())) + len(request.payload) > _MOST_KEPT:
                return Message(code=Code.REQUEST_ENTITY_TOO_LARGE, payload=b"No room")
            self._files[path] = request.payload
            return Message(code=Code.CREATED if fresh else Code.CHANGED)
        if request.code is Code.DELETE:
            self._files.pop(path, None)
            return Message(code=Code.DELETED)
        if path not in self._files:
            return Message(code=Code.NOT_FOUND, payload=b"Not found")
        return Message(code=Code.CONTENT, payload=self._files[path])


async def _misbehave(word: str, request: Message) -> Message:
    try:
        fault = Fault(word)
    except ValueError:
        return Message(code=Code.NOT_FOUND, payload=b"Not found")
    remote = request.remote
    block = request.opt.block2
    if fault is Fault.HALFWAY and (block is None or block.block_number == 0):
        return Message(code=Code.CONTENT, payload=LARGE[:_BLOCK], block2=(0, True, _BLOCK_EXPONENT))
    if isinstance(remote, TcpConnection):
        if fault is Fault.RUBBISH:
            remote._transport.write(_RUBBISH)
        elif fault is Fault.DIES:
            remote._transport.close()
    elif fault is Fault.RUBBISH:
        remote.send(_RUBBISH)
    elif fault is Fault.DIES:
        remote.hang_up()
    await asyncio.sleep(_FOREVER_S)
    return Message(code=Code.INTERNAL_SERVER_ERROR)


# -- the four ways to it ---------------------------------------------------------------------------


class _Link(Protocol):
    """Where a server listens."""

    @property
    def endpoint(self) -> Endpoint: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def send(self, data: bytes, to: Address) -> None: ...

    def hang_up(self, to: Address) -> None: ...

    def forget(self) -> None: ...


class _Udp:
    def __init__(self, definition: Mapping[str, object], server: CoapServer) -> None:
        self._place = UdpPlace(server.datagram)
        self.open, self.close, self.send = self._place.open, self._place.close, self._place.send

    @property
    def endpoint(self) -> Endpoint:
        return self._place.endpoint

    def hang_up(self, to: Address) -> None:
        """There is no connection to end."""

    def forget(self) -> None:
        """There are no sessions."""


class _Dtls:
    def __init__(self, definition: Mapping[str, object], server: CoapServer) -> None:
        settings = tls_settings(definition, datagram=True)
        if settings is None:
            raise ValueError("a CoAP server over DTLS needs tls")
        self._settings = settings = replace(settings, datagram=True)
        self._place = DtlsPlace(TlsServer(settings), server.datagram, seen=server.seen,
                                refused=server.refused)
        self.open, self.close = self._place.open, self._place.close
        self.send, self.hang_up = self._place.send, self._place.hang_up

    @property
    def endpoint(self) -> Endpoint:
        return self._place.endpoint

    def forget(self) -> None:
        self._place.renew(TlsServer(self._settings))


class _Tcp:
    def __init__(self, definition: Mapping[str, object], server: CoapServer) -> None:
        self._place = TcpPlace(server.converse)
        self.open, self.close = self._place.open, self._place.close

    @property
    def endpoint(self) -> Endpoint:
        return self._place.endpoint

    def send(self, data: bytes, to: Address) -> None:
        """Answers go out by their connection."""

    def hang_up(self, to: Address) -> None:
        """Connections are ended by their own."""

    def forget(self) -> None:
        """There are no sessions."""


class _Tls(_Tcp):
    def __init__(self, definition: Mapping[str, object], server: CoapServer) -> None:
        settings = tls_settings(definition)
        if settings is None:
            raise ValueError("a CoAP server over TLS needs tls")
        self._settings = settings
        self._server = server
        self._secure = TlsServer(settings)
        self._place = TcpPlace(self._first)
        self.open, self.close = self._place.open, self._place.close

    async def _first(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = self._server
        await over_tls(self._secure, server.converse, server.seen, server.refused)(reader, writer)

    def forget(self) -> None:
        self._secure = TlsServer(self._settings)


_LINKS: Mapping[Kind, Callable[[Mapping[str, object], CoapServer], _Link]] = MappingProxyType({
    Kind.UDP: _Udp, Kind.DTLS: _Dtls, Kind.TCP: _Tcp, Kind.TLS: _Tls})


def _links(kind: Kind, definition: Mapping[str, object], server: CoapServer) -> _Link:
    return _LINKS[kind](definition, server)
