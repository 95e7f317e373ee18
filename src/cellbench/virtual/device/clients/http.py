"""The HTTP client of the module: profiles, one request at a time on each, the answer in a file.

LENA-R8 guide 9.3.1, LARA-R6 guide 10, facts sheet internet 8. Requests are HTTP/1.0 as the facts sheet has
it; answers are parsed by h11 and stored as they came.
"""

from __future__ import annotations

import asyncio
import base64
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import h11

from cellbench.virtual.device.clients.outward import Outward, OutwardFailure, Stage, Stream, Wanted
from cellbench.virtual.device.files_at import file_store
from cellbench.virtual.device.filestore import FileRefusal, FileTrouble
from cellbench.virtual.front.faults import report_bug

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

PROFILES = 4
HTTP_CLASS, USE_CLASS = 3, 10
LARGEST_ANSWER = 2_000_000
LARGEST_HEAD = 8192
_BOUNDARY = "U1Blox2Http3Unique4Boundary5"
CONTENT_TYPES: Mapping[int, str] = MappingProxyType({
    0: "application/x-www-form-urlencoded", 1: "text/plain", 2: "application/octet-stream",
    3: "multipart/form-data", 4: "application/json", 5: "application/xml",
})


class Method(enum.IntEnum):
    """Commands of +UHTTPC."""

    HEAD = 0
    GET = 1
    DELETE = 2
    PUT_FILE = 3
    POST_FILE = 4
    POST_DATA = 5
    PACKAGE = 100

    @property
    def word(self) -> str:
        """The method on the wire."""
        return {Method.PUT_FILE: "PUT", Method.POST_FILE: "POST", Method.POST_DATA: "POST",
                Method.PACKAGE: "GET"}.get(self, self.name)


class Code(enum.IntEnum):
    """Codes of +UHTTPER (facts sheet internet 8.4)."""

    NONE = 0
    NO_SERVER = 7
    INTERNAL = 10
    CONNECTION = 11
    REQUEST = 12
    NO_CONTEXT = 22
    NAME = 23
    AUTHENTICATION = 24
    TIMEOUT = 26
    ANSWER_LATE = 28
    SENDING_LATE = 29
    FILE_OPEN = 41
    FILE_WRITE = 43
    LOST = 44
    SECURE = 73


_BY_STAGE = {Stage.CONTEXT: Code.NO_CONTEXT, Stage.NAME: Code.NAME, Stage.CONNECT: Code.CONNECTION,
             Stage.SECURE: Code.SECURE, Stage.LOST: Code.LOST}


@dataclass(slots=True)
class HttpProfile:
    """One profile; every field is an operation of +UHTTP."""

    address: str = ""
    name: str = ""
    user: str = ""
    password: str = ""
    basic: bool = False
    port: int = 80
    port_by_hand: bool = False
    secure: bool = False
    security_profile: int | None = None
    timeout_s: int = 180
    linger_s: int = 30
    headers: dict[int, tuple[str, str]] = field(default_factory=dict)
    cid: int | None = None
    ipv6: bool = False

    @property
    def host(self) -> str:
        """What is connected to, "" while nothing is set."""
        return self.name or self.address


@dataclass(frozen=True, slots=True)
class Request:
    """One request as +UHTTPC gives it."""

    method: Method
    path: str
    answer_file: str
    body: bytes = b""
    content_type: str = ""


class Failed(Exception):
    """A request failed."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


class HttpClient:
    """The profiles and their running requests of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._profiles = {number: HttpProfile() for number in range(PROFILES)}
        self._claimed: set[int] = set()  # requests that were taken and wait for their final result code
        self._running: dict[int, asyncio.Task[None]] = {}
        self._errors: dict[int, tuple[int, int]] = {}

    def __getitem__(self, number: int) -> HttpProfile:
        return self._profiles[number]

    def reset(self, number: int) -> None:
        """Back to the factory values; the last error is forgotten."""
        self._profiles[number] = HttpProfile()
        self._errors.pop(number, None)

    def running(self, number: int) -> bool:
        """True while a request of this profile runs."""
        return number in self._claimed or number in self._running

    def error(self, number: int) -> tuple[int, int]:
        """Class and code of the last request of a profile."""
        return self._errors.get(number, (0, 0))

    def refuse(self, number: int, code: Code) -> None:
        """A request that was not started."""
        self._errors[number] = (USE_CLASS, int(code))

    def claim(self, number: int) -> None:
        """A request of this profile is taken: ``start`` follows."""
        self._claimed.add(number)

    def start(self, number: int, request: Request) -> None:
        """Begin a request; +UUHTTPCR tells its end."""
        self._claimed.discard(number)
        task = asyncio.ensure_future(self._run(number, request))
        self._running[number] = task

    def power_off(self) -> None:
        """Requests end in silence."""
        for task in self._running.values():
            task.cancel()

    # -- one request -----------------------------------------------------------------------------

    async def _run(self, number: int, request: Request) -> None:
        code, more = Code.NONE, ""
        try:
            if request.method is Method.PACKAGE:
                more = await self._package(self._profiles[number], request)
                good = True
            else:
                good = await self._file(self._profiles[number], request)
        except Failed as failed:
            good, code = False, failed.code
        except Exception as error:  # the host is told, and the profile is free again
            report_bug(self._module, f"HTTP request {request.method.name} {request.path}", error)
            good, code = False, Code.INTERNAL
        finally:
            self._running.pop(number, None)
        if not good and code is Code.NONE:
            code = Code.REQUEST
        self._errors[number] = (0, 0) if good else (HTTP_CLASS, int(code))
        self._module.urc(f"+UUHTTPCR: {number},{int(request.method)},{int(good)}{more}")

    async def _file(self, profile: HttpProfile, request: Request) -> bool:
        """The answer into a file; True when it is to be told as good."""
        status, raw, _ = await self._exchange(profile, request, LARGEST_ANSWER)
        good = 200 <= status < 300 or self._module.config.behaviour.http_answer_always
        if good:
            self._store(request.answer_file, raw)
        return good

    async def _package(self, profile: HttpProfile, request: Request) -> str:
        """A firmware package into its place (LENA-R8 guide 11.2.1.2); status and MD5 to be told."""
        with self._module.updater.download("+UHTTPC") as place:
            status, _, body = await self._exchange(profile, request, place.room + LARGEST_HEAD, place.note)
            if not 200 <= status < 300:
                raise Failed(Code.REQUEST)
            await asyncio.sleep(0)  # power that was cut at the last byte is gone before the file is written
            try:
                return f',{status},"{place.store(body)}"'
            except FileRefusal:
                raise Failed(Code.FILE_WRITE) from None

    async def _exchange(self, profile: HttpProfile, request: Request, most: int,
                        note: Callable[[int], None] = lambda count: None) -> tuple[int, bytes, bytes]:
        """Status, the whole answer as it came, its body; ``most`` bytes."""
        limit = self._module.pace.own(float(profile.timeout_s))
        wanted = Wanted(profile.host, profile.port, profile.cid, profile.ipv6, profile.secure,
                        profile.security_profile)
        try:
            async with asyncio.timeout(limit):
                stream = await self._module.subsystem(Outward).open(wanted)
        except TimeoutError:
            raise Failed(Code.TIMEOUT) from None
        except OutwardFailure as failure:
            raise Failed(_BY_STAGE[failure.stage]) from None
        try:
            return await self._talk(stream, profile, request, limit, most, note)
        except OutwardFailure:
            raise Failed(Code.LOST) from None
        except h11.RemoteProtocolError:
            raise Failed(Code.LOST) from None
        finally:
            closing = asyncio.ensure_future(stream.close(float(profile.linger_s)))
            closing.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _talk(self, stream: Stream, profile: HttpProfile, request: Request, limit: float, most: int,
                    note: Callable[[int], None]) -> tuple[int, bytes, bytes]:
        connection = h11.Connection(h11.CLIENT)
        head = connection.send(_head(profile, request)) or b""
        connection.send(h11.Data(data=request.body))
        connection.send(h11.EndOfMessage())
        version = self._module.config.behaviour.http_version.encode()
        stream.send(head.replace(b" HTTP/1.1\r\n", b" HTTP/" + version + b"\r\n", 1) + request.body)
        try:
            async with asyncio.timeout(limit):
                await stream.sent()
        except TimeoutError:
            raise Failed(Code.SENDING_LATE) from None
        status, raw, body = 0, bytearray(), bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = await self._more(stream, limit)
                raw += data
                if len(raw) > most:
                    raise Failed(Code.FILE_WRITE)
                connection.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
                note(len(body))
            elif isinstance(event, h11.EndOfMessage):
                return status, bytes(raw), bytes(body)
            elif event is h11.PAUSED:
                raise Failed(Code.LOST)  # the server speaks another protocol from here on

    async def _more(self, stream: Stream, limit: float) -> bytes:
        """The time-out counts from the last byte (facts sheet internet 8.2)."""
        try:
            async with asyncio.timeout(limit):
                return await stream.read()
        except TimeoutError:
            raise Failed(Code.ANSWER_LATE) from None

    def _store(self, name: str, raw: bytes) -> None:
        try:
            file_store(self._module).write(name, raw)
        except FileRefusal as refusal:
            full = refusal.trouble in (FileTrouble.NO_ROOM, FileTrouble.TOO_MANY)
            raise Failed(Code.FILE_WRITE if full else Code.FILE_OPEN) from None


def _head(profile: HttpProfile, request: Request) -> h11.Request:
    default = 443 if profile.secure else 80
    host = f"[{profile.host}]" if ":" in profile.host else profile.host  # RFC 9110 7.2
    host = host if profile.port == default else f"{host}:{profile.port}"
    headers = {"host": ("Host", host), "user-agent": ("User-Agent", "UBlox HTTP client/1.0"),
               "accept": ("Accept", "*/*")}
    if profile.basic:
        secret = base64.b64encode(f"{profile.user}:{profile.password}".encode("latin-1")).decode()
        headers["authorization"] = ("Authorization", f"Basic {secret}")
    if request.content_type:
        headers["content-type"] = ("Content-Type", request.content_type)
        headers["content-length"] = ("Content-Length", str(len(request.body)))
    headers |= {name.lower(): (name, value) for name, value in profile.headers.values()}  # one's own replace
    return h11.Request(method=request.method.word, target=request.path.encode("latin-1"),
                       headers=list(headers.values()))


def multipart(data: bytes, name: str) -> tuple[bytes, str]:
    """A file wrapped as the module wraps it for type 3 (facts sheet internet 8.2)."""
    head = (f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name=\"file_post\"; filename=\"{name}\"\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {len(data)}\r\n\r\n")
    body = head.encode("latin-1") + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return body, f"multipart/form-data; boundary={_BOUNDARY}"


