"""What each page of the web server answers: a request in, an answer out, no I/O.

The echo is httpbin's (keys args, data, files, form, headers, json, origin, url), as the guides print it
(LENA-R8 guide 9.3.2.3, LARA-R6 guide 10.2).
"""

from __future__ import annotations

import base64
import binascii
import email.parser
import email.policy
import enum
import http
import json
import re
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

_LONGEST_DELAY_S = 120.0
_LARGEST_PAGE = 8 * 1024 * 1024
_MOST_KEPT = 64 * 1024 * 1024  # bytes of all files together: whoever may come here may upload
SERVER = "gunicorn/0.16.1"  # as the guides print it


class Fault(enum.Enum):
    """How a page below /broken misbehaves."""

    CUT = "cut"  # ends within the announced body
    HEAD_ONLY = "head"  # ends within the header
    RUBBISH = "rubbish"  # no HTTP at all
    RESET = "reset"  # the connection is reset in place of an answer
    STALL = "stall"  # stops within the body and stays


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request; header names as they came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    origin: str
    secure: bool = False
    version: str = "1.1"

    @property
    def path(self) -> str:
        """The path without the query, unquoted."""
        return unquote(urlsplit(self.target).path) or "/"

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body, and what goes wrong with it."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain"
    more: tuple[tuple[str, str], ...] = ()
    after_s: float = 0.0
    fault: Fault | None = None

    @classmethod
    def text(cls, status: int, text: str) -> Answer:
        """A line of text."""
        return cls(status, text.encode())

    @property
    def reason(self) -> str:
        """The status in words (RFC 9110 15)."""
        try:
            return http.HTTPStatus(self.status).phrase
        except ValueError:
            return "Unknown"

    def headers(self) -> Iterator[tuple[str, str]]:
        """All headers of the answer."""
        yield "Content-Type", self.content_type
        yield "Server", SERVER
        yield "Content-Length", str(len(self.body))
        yield from self.more


@dataclass(slots=True)
class _Echo:
    args: dict[str, str] = field(default_factory=dict)
    data: str = ""
    files: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    parsed: object = None


INDEX = b"<!DOCTYPE html>\n<html><head><title>httpbin</title></head><body><p>It works.</p></body></html>\n"


def fixed_pages(definition: Mapping[str, object]) -> Mapping[str, bytes]:
    """The files that a server's definition gives: path → content."""
    given = definition.get("files")
    if not isinstance(given, Mapping):
        return {}
    return {str(path): what for path, what in given.items() if isinstance(what, bytes)}


def answer_to(request: Request, files: MutableMapping[str, bytes],
              fixed: Mapping[str, bytes] = MappingProxyType({})) -> Answer:
    """The answer to a request; ``files`` are what was uploaded below /files, ``fixed`` are there by path."""
    if request.path in fixed:
        return _only(request, ("GET", "HEAD"), Answer(200, fixed[request.path], "application/octet-stream"))
    parts = [part for part in request.path.split("/") if part]
    if not parts or parts == ["index.html"]:
        return _only(request, ("GET", "HEAD"), Answer(200, INDEX, "text/html"))
    name, *rest = parts
    if name in ("get", "post", "put", "delete") and not rest:
        methods = (name.upper(), "HEAD") if name == "get" else (name.upper(),)
        return _only(request, methods, _echo(request))
    if name == "anything":
        return _echo(request)
    if name == "basic-auth" and len(rest) == 2:
        return _basic(request, *rest)
    if name == "files" and rest:
        return _file(request, "/".join(rest), files)
    return _special(request, name, rest)


def _special(request: Request, name: str, rest: list[str]) -> Answer:
    """Pages that show how a server can be: a status, late, large, or broken."""
    number = rest[0] if len(rest) == 1 and re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,3})?", rest[0]) else ""
    if name == "status" and number.isdigit() and 200 <= int(number) <= 599:
        location = (("Location", "/get"),) if number.startswith("3") else ()
        return Answer(int(number), f"status {number}\n".encode(), more=location)
    if name == "delay" and number:
        late = _echo(request)
        return Answer(late.status, late.body, late.content_type, after_s=min(float(number), _LONGEST_DELAY_S))
    if name == "bytes" and number.isdigit() and int(number) <= _LARGEST_PAGE:
        return Answer(200, counted(int(number)), "application/octet-stream")
    if name == "broken" and len(rest) == 1 and rest[0] in {fault.value for fault in Fault}:
        return Answer(200, counted(500), fault=Fault(rest[0]))
    return Answer.text(404, "404 Not Found\n")


def counted(size: int) -> bytes:
    """``size`` bytes in which every place can be told: lines of eight digits, CR LF."""
    lines = b"".join(b"%08d\r\n" % number for number in range(size // 10 + 1))
    return lines[:size]


def _only(request: Request, methods: tuple[str, ...], answer: Answer) -> Answer:
    if request.method in methods:
        return answer
    return Answer(405, b"405 Method Not Allowed\n", more=(("Allow", ", ".join(methods)),))


def _basic(request: Request, user: str, password: str) -> Answer:
    kind, _, code = (request.header("authorization") or "").partition(" ")
    try:
        given = base64.b64decode(code, validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        given = ""
    if given != f"{user}:{password}":
        return Answer(401, more=(("WWW-Authenticate", 'Basic realm="Fake Realm"'),))
    return _json({"authenticated": True, "user": user})


def _file(request: Request, name: str, files: MutableMapping[str, bytes]) -> Answer:
    if request.method == "PUT":
        known = name in files
        if sum(map(len, files.values())) + len(request.body) > _MOST_KEPT:
            return Answer.text(507, "507 Insufficient Storage\n")
        files[name] = request.body
        return Answer(204 if known else 201)
    if name not in files:
        return Answer.text(404, "404 Not Found\n")
    if request.method == "DELETE":
        del files[name]
        return Answer(204)
    return _only(request, ("GET", "HEAD"), Answer(200, files[name], "application/octet-stream"))


def _echo(request: Request) -> Answer:
    echo = _Echo(args=dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True)))
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        echo.form = dict(parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
    elif kind == "multipart/form-data":
        _multipart(request, echo)
    else:
        echo.data = _shown(request.body)
        echo.parsed = _parsed(request.body)
    scheme = "https" if request.secure else "http"
    return _json({
        "args": echo.args,
        "data": echo.data,
        "files": echo.files,
        "form": echo.form,
        "headers": {name.title(): value for name, value in request.headers},
        "json": echo.parsed,
        "origin": request.origin,
        "url": f"{scheme}://{request.header('host') or 'localhost'}{request.target}",
    })


def _multipart(request: Request, echo: _Echo) -> None:
    """Fields and files of a form (RFC 7578); a body that is none is given back as data."""
    head = f"Content-Type: {request.header('content-type')}\r\n\r\n".encode("latin-1")
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    if not message.is_multipart():
        echo.data = _shown(request.body)
        return
    for part in message.iter_parts():
        name = str(part.get_param("name", "", header="content-disposition") or "")
        content = part.get_payload(decode=True)
        text = _shown(content if isinstance(content, bytes) else b"")
        (echo.files if part.get_filename() is not None else echo.form)[name] = text


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None


def _shown(data: bytes) -> str:
    """Text as it is, everything else as httpbin shows it, a data URL."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "data:application/octet-stream;base64," + base64.b64encode(data).decode()


def _json(value: object) -> Answer:
    return Answer(200, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(), "application/json")
