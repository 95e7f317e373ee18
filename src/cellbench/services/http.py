"""The web server of the far side: echoes requests as httpbin does, over TCP or TLS.

HTTP itself is h11's. What a page answers is in :mod:`cellbench.services.http_pages`; how a server
misbehaves on purpose is a path below ``/broken`` (each named there).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping

import h11

from cellbench.base.protocols import Endpoint
from cellbench.io.tls.engine import TlsServer

from .http_pages import Answer, Fault, Request, answer_to, fixed_pages
from .places import TcpPlace
from .server import PLAIN_STATES, SLOW_S, State
from .tls import HandshakeFacts, over_tls
from .tls_settings import tls_settings

_CHUNK = 65_536
_LARGEST_BODY = 8 * 1024 * 1024
_IDLE_S = 60.0
_SLOW_STEPS = 10  # pieces in a second


class HttpServer:
    """HTTP/1.0 and 1.1 on one port; with ``definition["tls"]`` every connection begins with a handshake.

    ``definition["files"]``: path → content, beside the other pages. ``mute`` takes requests and never
    answers, ``slow`` answers ``slow_s`` seconds later or, where ``definition["slow_bytes_s"]`` is
    given, sends bodies at that rate; ``reset`` forgets uploaded files, TLS sessions and
    what was seen.
    """

    def __init__(self, definition: Mapping[str, object]) -> None:
        self._slow_s = float(str(definition.get("slow_s", SLOW_S)))
        self._slow_bytes_s = int(str(definition.get("slow_bytes_s", 0)))
        self._state = State.UP
        self._tls = tls = tls_settings(definition)
        self._place = TcpPlace(self._first)
        self._files: dict[str, bytes] = {}
        self._fixed = fixed_pages(definition)
        self._last: dict[str, str] = {}
        self._secure: TlsServer | None = None if tls is None else TlsServer(tls)

    @property
    def states(self) -> frozenset[State]:
        """up, down, mute, slow, reset."""
        return PLAIN_STATES | {State.RESET}

    async def start(self) -> None:
        """Listen."""
        await self._place.open()

    async def stop(self) -> None:
        """Close the place and every connection."""
        await self._place.close()

    async def set_state(self, state: State) -> None:
        """Take a state; going down ends the connections."""
        if state is State.RESET:
            self._files.clear()
            self._last.clear()
            self._secure = None if self._tls is None else TlsServer(self._tls)
            state = State.UP
        self._state = state
        if state is State.DOWN:
            await self._place.close()
        else:
            await self._place.open()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The one place."""
        return (self._place.endpoint,)

    def report(self) -> Mapping[str, str]:
        """The last request, the last handshake."""
        return {"connections": str(self._place.connections), **self._last}

    # -- one connection ---------------------------------------------------------------------------

    async def _first(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._secure is None:
            await self._converse(reader, writer)
        else:
            await over_tls(self._secure, self._converse, self._seen, self._refused)(reader, writer)

    def _seen(self, facts: HandshakeFacts) -> None:
        self._last.update(facts.as_report())
        self._last.pop("tls_refused", None)

    def _refused(self, why: str) -> None:
        self._last["tls_refused"] = why

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while True:
                async with asyncio.timeout(_IDLE_S):
                    request = await self._request(connection, reader, writer)
                if request is None or not await self._answer(connection, request, writer):
                    return
                if connection.our_state is h11.MUST_CLOSE:
                    return
                connection.start_next_cycle()
        except TimeoutError:
            return
        except h11.RemoteProtocolError as error:
            self._last["protocol_error"] = str(error)
            if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                answer = Answer.text(error.error_status_hint, "Bad Request")
                await self._send(connection, answer, writer, head=False)

    async def _request(self, connection: h11.Connection, reader: asyncio.StreamReader,
                       writer: asyncio.StreamWriter) -> Request | None:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    go_on = connection.send(h11.InformationalResponse(status_code=100, headers=[]))
                    writer.write(go_on or b"")
                connection.receive_data(await reader.read(_CHUNK))
            elif isinstance(event, h11.Request):
                head = event
                _refuse_too_large(event)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > _LARGEST_BODY:
                    raise h11.RemoteProtocolError("the body is too large", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return self._whole(head, bytes(body), writer)
            else:
                return None

    def _whole(self, head: h11.Request, body: bytes, writer: asyncio.StreamWriter) -> Request:
        peer = writer.get_extra_info("peername") or ("", 0)
        headers = tuple((name.decode("latin-1"), value.decode("latin-1"))
                        for name, value in head.headers.raw_items())
        request = Request(head.method.decode("ascii"), head.target.decode("latin-1"), headers, body,
                          str(peer[0]), secure=self._tls is not None,
                          version=head.http_version.decode("ascii"))
        self._last.update({"method": request.method, "path": request.path, "body_bytes": str(len(body)),
                           "http_version": request.version,
                           "user_agent": request.header("user-agent") or "",
                           "content_type": request.header("content-type") or "",
                           "local_port": str(peer[1]), "remote_port": str(self._place.endpoint.port)})
        return request

    async def _answer(self, connection: h11.Connection, request: Request,
                      writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection ends with it."""
        if self._state is State.MUTE:
            await asyncio.sleep(_IDLE_S)
            return False
        if self._state is State.SLOW and not self._slow_bytes_s:
            await asyncio.sleep(self._slow_s)
        answer = answer_to(request, self._files, self._fixed)
        self._last["status"] = str(answer.status)
        await asyncio.sleep(answer.after_s)
        if answer.fault is not None:
            await _misbehave(answer.fault, answer, writer)
            return False
        await self._send(connection, answer, writer, head=request.method == "HEAD")
        return True

    async def _send(self, connection: h11.Connection, answer: Answer, writer: asyncio.StreamWriter, *,
                    head: bool) -> None:
        response = h11.Response(status_code=answer.status, headers=list(answer.headers()),
                                reason=answer.reason.encode())
        writer.write(connection.send(response) or b"")
        if not head:
            await self._send_body(connection, answer.body, writer)
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()

    async def _send_body(self, connection: h11.Connection, body: bytes, writer: asyncio.StreamWriter) -> None:
        rate = self._slow_bytes_s if self._state is State.SLOW else 0
        step = max(1, rate // _SLOW_STEPS) if rate else len(body)
        for start in range(0, len(body), step or 1):
            writer.write(connection.send(h11.Data(data=body[start:start + step])) or b"")
            if rate:
                await writer.drain()
                await asyncio.sleep(1 / _SLOW_STEPS)


def _refuse_too_large(head: h11.Request) -> None:
    for name, value in head.headers:
        if name == b"content-length" and int(value) > _LARGEST_BODY:
            raise h11.RemoteProtocolError("the body is too large", error_status_hint=413)


async def _misbehave(fault: Fault, answer: Answer, writer: asyncio.StreamWriter) -> None:
    """Answer wrongly, on purpose."""
    if fault is Fault.RESET:
        # with no time to linger, closing sends RST in place of FIN
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return
    if fault is Fault.RUBBISH:
        writer.write(bytes(range(256)) * 4)
    elif fault is Fault.CUT:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + answer.body[:100])
    elif fault is Fault.HEAD_ONLY:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    elif fault is Fault.STALL:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + answer.body[:100])
        await writer.drain()
        await asyncio.sleep(_IDLE_S)
    await writer.drain()
