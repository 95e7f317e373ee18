"""The module's HTTP client as Python calls: ``http.get("/")`` gives status, headers and body.

The module writes each answer into a file of its own; that file is deleted before the request and read back
after it, so that an older answer can never pass for this one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cellbench.base.errors import NotPossible, UnitError
from cellbench.catalogue.clients import (
    HTTP_CONTENT_TYPES,
    HTTP_LONGEST_DATA,
    HTTP_OWN_CONTENT_TYPE,
    HTTP_TIMEOUT_S,
    HTTP_USE_CLASS,
    NO_ERROR,
)
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import Probe, client_failure
from cellbench.host.clients.watching import Watch, watched
from cellbench.host.errors import AtError
from cellbench.host.files import Files, Progress
from cellbench.wire.at.values import Fields

_HEAD, _GET, _DELETE, _PUT_FILE, _POST_FILE, _POST_DATA = range(6)
_PACKAGE = 100
_NAMES = {_HEAD: "HEAD", _GET: "GET", _DELETE: "DELETE", _PUT_FILE: "PUT", _POST_FILE: "POST",
          _POST_DATA: "POST", _PACKAGE: "firmware package"}
_STATUS = re.compile(r"HTTP/\d(?:\.\d)? (\d{3})(?: (.*))?\Z")
_HTTP, _HTTPS = 80, 443
_SLOWEST_BYTES_S = 960.0
_UNKNOWN_BYTES = 1_048_576
_MARGIN_S = 30.0  # for the handshake and the closing, beside the waits that the time-out covers
_PRINTABLE = frozenset(range(0x20, 0x7F)) - {ord('"')}


@dataclass(frozen=True, slots=True)
class HttpServer:
    """One declaration of where requests go and how.

    ``host`` is a name or an IPv4 address. ``security`` is the number of a security profile, True for TLS by
    the module's default profile, None for none. ``port`` None: 80, or 443 with security. ``timeout_s``: 30
    to 180 s from one byte to the next. ``cid`` only with series that map clients to contexts.
    """

    host: str
    port: int | None = None
    security: int | bool | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    timeout_s: int | None = None
    cid: int | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def secure(self) -> bool:
        """True with TLS, by whatever profile."""
        return self.security is not None and self.security is not False

    def settings(self) -> list[tuple[int, str]]:
        """Operations of +UHTTP and their values; the port last, since switching TLS may move it."""
        numeric = self.host.replace(".", "").isdigit()
        found = [(0 if numeric else 1, f'"{self.host}"')]
        if self.user:
            found += [(2, f'"{self.user}"'), (3, f'"{self.password}"'), (4, "1")]
        if self.secure:
            number = "" if self.security is True else f",{self.security}"
            found.append((6, f"1{number}"))
        if self.timeout_s is not None:
            found.append((7, str(self.timeout_s)))
        found += [(9, f'"{index}:{name}:{value}"') for index, (name, value) in enumerate(self.headers)]
        if self.cid is not None:
            found.append((20, str(self.cid)))
        return [*found, (5, str(self.port or (_HTTPS if self.secure else _HTTP)))]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as the module stored it. Names of ``headers`` are in lower case; of a repeated one the last
    counts."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    raw: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as UTF-8, what is none replaced."""
        return self.body.decode("utf-8", "replace")


class HttpClient:
    """One HTTP profile of the module. ``answer_file`` is where the module stores answers, deleted before and
    after each request."""

    __slots__ = ("_channel", "_files", "_probe", "_server", "answer_file", "profile")

    def __init__(self, channel: Channel, profile: int = 0, *, answer_file: str = "",
                 probe: Probe | None = None) -> None:
        """``probe`` asks the server directly when an error suspects it; see host.blame."""
        self._channel = channel
        self._files = Files(channel)
        self._probe = probe
        self._server: HttpServer | None = None
        self.profile = profile
        self.answer_file = answer_file or f"cellbench_http_{profile}"

    def use(self, server: HttpServer, *, probe: Probe | None = None) -> HttpClient:
        """Reset the profile, set it and read it back; requests go there from now on. ``probe`` replaces the
        client's."""
        self._channel.send(f"AT+UHTTP={self.profile}")
        settings = server.settings()
        for op, value in settings:
            self._channel.send(f"AT+UHTTP={self.profile},{op},{value}")
        for op, value in settings:
            if op not in (3, 9):  # a password is not shown; header lines are shown all at once
                self._read_back(op, value)
        self._server = server
        self._probe = probe or self._probe
        return self

    def head(self, path: str) -> Response:
        """HEAD; the body is empty. Raises as ``request``."""
        return self.request(_HEAD, path)

    def get(self, path: str, *, progress: Progress | None = None) -> Response:
        """GET; ``progress`` follows the read-back of the answer. Raises as ``request``."""
        return self.request(_GET, path, progress=progress)

    def delete(self, path: str) -> Response:
        """DELETE. Raises as ``request``."""
        return self.request(_DELETE, path)

    def put(self, path: str, data: bytes, content_type: str = "application/octet-stream", *,
            progress: Progress | None = None) -> Response:
        """PUT by way of a file in the module, which is deleted afterwards. ``progress`` follows its upload.
        Raises as ``request``, NoRoom besides."""
        return self._by_file(_PUT_FILE, path, data, content_type, progress)

    def post(self, path: str, data: bytes, content_type: str = "application/octet-stream", *,
             progress: Progress | None = None) -> Response:
        """POST: in the command itself when the data is at most 128 printable characters without quotation
        marks, else by way of a file. Raises as ``put``."""
        if 0 < len(data) <= HTTP_LONGEST_DATA and _PRINTABLE.issuperset(data):
            kind = _content_type(content_type)
            return self.request(_POST_DATA, path, f'"{data.decode("ascii")}",{kind}')
        return self._by_file(_POST_FILE, path, data, content_type, progress)

    def post_file(self, path: str, file: str, content_type: str = "application/octet-stream") -> Response:
        """POST a file that is in the module already. Raises as ``request``."""
        return self.request(_POST_FILE, path, f'"{file}",{_content_type(content_type)}')

    def put_file(self, path: str, file: str, content_type: str = "application/octet-stream") -> Response:
        """PUT a file that is in the module already. Raises as ``request``."""
        return self.request(_PUT_FILE, path, f'"{file}",{_content_type(content_type)}')

    def request(self, command: int, path: str, more: str = "", *, progress: Progress | None = None
                ) -> Response:
        """One request of +UHTTPC and its answer.

        Raises by owner: ClientError (the unit's, with class, code and meaning), ClientServiceError when the
        probe sees the service dead, ClientNetworkError without packet data connection; UnitError when the
        answer is not whole, UrcTimeout when no result comes.
        """
        self._files.delete(self.answer_file, missing_ok=True)
        what = f"HTTP {_NAMES[command]} {path}"
        self._perform(command, f'"{path}","{self.answer_file}"' + (f",{more}" if more else ""), what)
        return self._answer(what, command, progress)

    def fetch_package(self, path: str, size: int = _UNKNOWN_BYTES, watch: Watch | None = None
                      ) -> tuple[int, str]:
        """A firmware package of the server into the module, under its fixed name and tag (LENA-R8 guide
        11.2.1.2.2); status and MD5 as the module tells them. ``size`` in bytes bounds the wait, ``watch`` is
        called now and then in it. Raises as ``request``."""
        what = f"HTTP {_NAMES[_PACKAGE]} {path}"
        fields = self._perform(_PACKAGE, f'"{path}"', what, size, watch)
        if len(fields) < 5 or not isinstance(fields[3], int) or not isinstance(fields[4], str):
            raise UnitError(f"{what}: the module reports success without status and MD5: {list(fields)}")
        return fields[3], fields[4]

    def last_error(self) -> tuple[int, int]:
        """Class and code of the profile's last request (+UHTTPER); its profile number may be absent."""
        fields = self._channel.send(f"AT+UHTTPER={self.profile}").info[0].partition(":")[2].split(",")
        kind, code = (int(value) for value in fields[-2:])
        return kind, code

    # -- inside ----------------------------------------------------------------------------------

    def _perform(self, command: int, values: str, what: str, size: int = 0, watch: Watch | None = None
                 ) -> Fields:
        """One command to its good result; the fields of its URC."""
        def ours(fields: Fields) -> bool:
            return fields[:2] == (self.profile, command)

        with self._channel.expect("+UUHTTPCR", lambda event: ours(event.fields)) as result:
            try:
                self._channel.send(f"AT+UHTTPC={self.profile},{command},{values}")
            except AtError:
                kind, code = self.last_error()
                if kind != HTTP_USE_CLASS or code == NO_ERROR:
                    raise
                raise client_failure(what, kind, code, self._probe) from None
            fields = watched(result, self._longest_s() + size / _SLOWEST_BYTES_S, watch).fields
        if fields[2] != 1:
            raise client_failure(what, *self.last_error(), self._probe)
        return fields

    def _longest_s(self) -> float:
        """The time-out counts from byte to byte: connecting, sending and answering take one each."""
        given = self._server.timeout_s if self._server is not None else None
        return 3 * (HTTP_TIMEOUT_S if given is None else given) + _MARGIN_S

    def _answer(self, what: str, command: int, progress: Progress | None) -> Response:
        if not self._files.has(self.answer_file):
            raise UnitError(f"{what}: the module reports success and has stored no answer")
        response = parse_response(self._files.get(self.answer_file, progress=progress))
        self._files.delete(self.answer_file)
        announced = response.headers.get("content-length", "")
        if command != _HEAD and announced.isdigit() and int(announced) != len(response.body):
            raise UnitError(f"{what}: the server announces {announced} bytes, the module stored "
                            f"{len(response.body)}")
        return response

    def _by_file(self, command: int, path: str, data: bytes, content_type: str, progress: Progress | None
                 ) -> Response:
        name = f"{self.answer_file}_sent"
        self._files.put(name, data, progress=progress)
        try:
            return self.request(command, path, f'"{name}",{_content_type(content_type)}')
        finally:
            self._files.delete(name, missing_ok=True)

    def _read_back(self, op: int, value: str) -> None:
        """The operation's number may be absent in the answer: the values are its last fields."""
        answer = self._channel.send(f"AT+UHTTP={self.profile},{op}")
        fields = answer.value("+UHTTP")
        wanted = [part.strip('"') for part in value.split(",")]
        behind = [str(one) for one in fields[1:]]
        if behind[:len(wanted)] != wanted and behind[1:1 + len(wanted)] != wanted:
            raise UnitError(f"{answer.command}: set to {value}, reads {list(answer.info)}")


def parse_response(raw: bytes) -> Response:
    """A stored answer: status line, header lines, an empty line, body (RFC 9112). UnitError when it is
    none."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = _STATUS.match(first)
    if status is None or not blank:
        raise UnitError(f"the stored answer is no HTTP answer: it begins with {raw[:60]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise UnitError(f"the stored answer has a header line without a colon: {line[:60]!r}")
        headers[name.strip().lower()] = value.strip()
    return Response(int(status.group(1)), status.group(2) or "", headers, body, raw)


def _content_type(name: str) -> str:
    """The parameters of a content type: its number, or 6 and its own text."""
    known = HTTP_CONTENT_TYPES.get(name)
    if known is not None:
        return str(known)
    if len(name) > 64 or '"' in name:
        raise NotPossible(f"content type {name!r}: at most 64 characters without quotation marks")
    return f'{HTTP_OWN_CONTENT_TYPE},"{name}"'
