"""The module's CoAP client as Python calls: ``coap.get("/hello")`` gives code, payload and format.

The module takes and gives payloads as hexadecimal digits, so any bytes pass. Bodies of more than 512 bytes go
block by block (LARA-R6 guide 8, 8.3.3).
"""

from __future__ import annotations

import enum
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cellbench.base.errors import CellbenchError, NotPossible, Owner, UnitError
from cellbench.catalogue.clients import NO_ERROR, Meaning
from cellbench.catalogue.coap import (
    COAP_ANSWER_S,
    COAP_CLASS,
    COAP_CONTENT_FORMATS,
    COAP_LONGEST_PAYLOAD,
    COAP_PROFILES,
    coap_meaning,
)
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import Probe, client_failure
from cellbench.host.errors import AtError
from cellbench.host.urclog import UrcEvent
from cellbench.wire.at.values import Fields

Progress = Callable[[int, int], None]
_DATA, _RESULT = "+UCOAPCD", "+UCOAPCR"
_MARGIN_S = 30.0
_PROBE_S = 3.0
_SMALLEST_BLOCK = 16
_PING = bytes((0x40, 0x00))  # RFC 7252 4.3: an empty confirmable message is reset by who is there


class CoapTransport(enum.Enum):
    """What CoAP goes over; with security DTLS and TLS (LARA-R6 guide 8.5)."""

    UDP = "coap"
    TCP = "coap+tcp"

    def scheme(self, *, secure: bool) -> str:
        """The scheme of the URI (RFC 7252 6, RFC 8323 8)."""
        return self.value.replace("coap", "coaps") if secure else self.value


class CoapMethod(enum.IntEnum):
    """Requests of +UCOAPC."""

    GET = 1
    DELETE = 2
    PUT = 3
    POST = 4


@dataclass(frozen=True, slots=True)
class CoapServer:
    """One declaration of where requests go and how.

    ``host`` is a name or an address. ``port`` None: the scheme's own. ``security`` is the number of a
    security profile, None for none. ``cid`` maps the client to a context, with IPv6 preferred where ``ipv6``.
    ``confirmable`` False sends messages that nobody acknowledges. The rest switches options of the header;
    ``named_format`` is that of the content format in PUT and POST.
    """

    host: str
    port: int | None = None
    transport: CoapTransport = CoapTransport.UDP
    security: int | None = None
    cid: int | None = None
    ipv6: bool = False
    confirmable: bool = True
    named_host: bool = True
    named_port: bool = True
    named_path: bool = True
    named_query: bool = True
    named_format: bool = True

    def uri(self, path: str) -> str:
        """The URI of a path ("/hello?first=1")."""
        scheme = self.transport.scheme(secure=self.security is not None)
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{scheme}://{host}{port}/{path.removeprefix('/')}"

    def settings(self) -> Iterator[str]:
        """What +UCOAP takes, without the URI."""
        yield "4,1"
        named = (self.named_host, self.named_port, self.named_path, self.named_query, self.named_format)
        for option, on in enumerate((*named, not self.confirmable)):
            yield f"2,{option},{int(on)}"
        if self.security is not None:
            yield f"8,{self.security}"
        if self.cid is not None:
            yield f"20,{self.cid},{int(self.ipv6)}"


class CoapResponse(NamedTuple):
    """What the server answered, as far as the module tells it.

    ``code`` is the class of the answer's code: 2 success, 4 the request is refused, 5 the server failed.
    ``format`` is the number behind it, which is 0 in every print of the guide.
    """

    code: int
    payload: bytes
    format: int

    @property
    def text(self) -> str:
        """The payload as UTF-8, what is none replaced."""
        return self.payload.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class CoapProfile:
    """A profile as the module lists it; ``options`` is its mask of header options."""

    uri: str
    options: int
    number: int
    valid: bool
    security: int


class CoapClient:
    """The CoAP client of the module; one request at a time."""

    __slots__ = ("_channel", "_probe", "_server")

    def __init__(self, channel: Channel, *, probe: Probe | None = None) -> None:
        """``probe`` asks the server directly when an error suspects it; see host.blame."""
        self._channel = channel
        self._probe = probe
        self._server: CoapServer | None = None

    def use(self, server: CoapServer, *, probe: Probe | None = None) -> CoapClient:
        """Set the current profile and read it back; requests go there from now on. ``probe`` replaces the
        client's. Raises UnitError when a setting is not kept."""
        for setting in server.settings():
            self._channel.send(f"AT+UCOAP={setting}")
        found = self.current()
        if not found.valid or server.security not in (None, found.security):
            raise UnitError(f"+UCOAP: the profile set to {server} reads {found}")
        self._server = server
        self._probe = probe or self._probe
        return self

    # -- requests --------------------------------------------------------------------------------

    def get(self, path: str) -> CoapResponse:
        """GET; an answer in blocks comes whole. Raises as ``request``."""
        return self._of(path, CoapMethod.GET)

    def delete(self, path: str) -> CoapResponse:
        """DELETE. Raises as ``request``."""
        return self._of(path, CoapMethod.DELETE)

    def put(self, path: str, payload: bytes | str, content: str = "text/plain", *,
            block: int = COAP_LONGEST_PAYLOAD, progress: Progress | None = None) -> CoapResponse:
        """PUT; what is longer than ``block`` bytes (a power of two, 16 to 512) goes in blocks, of which
        ``progress`` is told. ``content`` is the name of a content format. Raises as ``request``."""
        return self._send(path, CoapMethod.PUT, payload, content, block, progress)

    def post(self, path: str, payload: bytes | str, content: str = "text/plain", *,
             block: int = COAP_LONGEST_PAYLOAD, progress: Progress | None = None) -> CoapResponse:
        """POST, as ``put``."""
        return self._send(path, CoapMethod.POST, payload, content, block, progress)

    def request(self, method: CoapMethod, more: str = "") -> CoapResponse:
        """One +UCOAPC on the current profile and its answer; ``more`` is what follows the method.

        Raises by owner: ClientError (the unit's, with class, code and meaning), ClientServiceError when the
        probe sees the service dead, ClientNetworkError when no context is active; UnitError when the answer
        is not whole, UrcTimeout when no result comes.
        """
        what = f"CoAP {method.name}"
        if self._server is not None:
            what += f" at {self._server.host}"
        with self._channel.expect((_DATA, _RESULT)) as told:
            try:
                self._channel.send(f"AT+UCOAPC={int(method)}{more}")
            except AtError:
                kind, code = self.last_error()
                if kind != COAP_CLASS or code == NO_ERROR:
                    raise
                raise self._failure(what, kind, code) from None
            pieces: list[Fields] = []
            while not (event := told.wait(COAP_ANSWER_S + _MARGIN_S)).begins(_RESULT):
                pieces.append(event.fields)
        if not _succeeded(event, method):
            raise self._failure(what, *self.last_error())
        return _whole(what, pieces)

    def last_error(self) -> tuple[int, int]:
        """Class and code of the last request (+UCOAPER)."""
        kind, code = self._channel.send("AT+UCOAPER").value("+UCOAPER")[:2]
        return int(kind or 0), int(code or 0)

    # -- profiles --------------------------------------------------------------------------------

    def current(self) -> CoapProfile:
        """The current profile (+UCOAP?)."""
        return _profile(self._channel.send("AT+UCOAP?").fields("+UCOAP"))

    def stored(self) -> dict[int, CoapProfile]:
        """The stored profiles by their number (+UCOAP=7)."""
        found: dict[int, CoapProfile] = {}
        lines: list[Fields] = []
        number = 0
        for fields in self._channel.send("AT+UCOAP=7").fields("+UCOAP"):
            if str(fields[0]).startswith("INVALID PROFILE") or fields[0] == "URI_STR":
                if lines:
                    found[number] = _profile(lines)
                    number += 1
                lines = [fields] if fields[0] == "URI_STR" else []
                number += not lines
            else:
                lines.append(fields)
        if lines:
            found[number] = _profile(lines)
        return found

    def store(self, number: int) -> None:
        """The current profile into NVM as ``number`` (0 to 3); UnitError when it is not listed then."""
        self._channel.send(f"AT+UCOAP=6,{number}")
        if number not in self.stored():
            raise UnitError(f"+UCOAP: profile {number} was stored and is not listed")

    def load(self, number: int) -> CoapProfile:
        """A stored profile becomes the current one; what it says. Raises CmeError when there is none."""
        if not 0 <= number < COAP_PROFILES:
            raise NotPossible(f"CoAP profile {number}: there are 0 to {COAP_PROFILES - 1}")
        self._channel.send(f"AT+UCOAP=5,{number}")
        self._server = None
        return self.current()

    # -- inside ----------------------------------------------------------------------------------

    def _of(self, path: str, method: CoapMethod) -> CoapResponse:
        self._go_to(path)
        return self.request(method)

    def _send(self, path: str, method: CoapMethod, payload: bytes | str, content: str, block: int,
              progress: Progress | None) -> CoapResponse:
        data = payload.encode() if isinstance(payload, str) else payload
        form = COAP_CONTENT_FORMATS.get(content)
        if form is None:
            raise NotPossible(f"content format {content!r}: the module has {', '.join(COAP_CONTENT_FORMATS)}")
        if not _SMALLEST_BLOCK <= block <= COAP_LONGEST_PAYLOAD or block & block - 1:
            raise NotPossible(f"blocks of {block} bytes: a power of two, {_SMALLEST_BLOCK} to "
                              f"{COAP_LONGEST_PAYLOAD}")
        self._go_to(path)
        if len(data) <= block:
            return self.request(method, f',"{data.hex().upper()}",{form}')
        for start in range(0, len(data), block):
            piece = data[start:start + block]
            done = start + len(piece)
            answer = self.request(method, f',"{piece.hex().upper()}",{form},{start // block},'
                                          f"{int(done < len(data))}")
            if progress is not None:
                progress(done, len(data))
            if answer.code != 2:
                break  # the server wants no more of it
        return answer

    def _go_to(self, path: str) -> None:
        if self._server is None:
            raise NotPossible("no server is declared", remedy="say coap.use(CoapServer(...)) first")
        uri = self._server.uri(path)
        if '"' in uri:
            raise NotPossible(f"the URI {uri} holds a quotation mark: write it as %22")
        self._channel.send(f'AT+UCOAP=1,"{uri}"')
        kept = self.current().uri
        if kept != uri:
            raise UnitError(f"+UCOAP: the URI set to {uri} reads {kept}")

    def _failure(self, what: str, kind: int, code: int) -> CellbenchError:
        meaning = coap_meaning(kind, code)
        if meaning.suspect is Owner.SERVICE and not self._has_context():
            meaning = Meaning("no packet data connection: no context is active", meaning.source,
                              Owner.NETWORK)
        return client_failure(what, kind, code, self._probe, meaning)

    def _has_context(self) -> bool:
        return any(fields[1:2] == (1,) for fields in self._channel.send("AT+CGACT?").fields("+CGACT"))


def coap_probe(host: str, port: int) -> Probe:
    """Asks whether a CoAP server over plain UDP is there, by a ping (RFC 7252 4.3); at most 3 s."""

    def ask() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_PROBE_S)
            try:
                sock.connect((host, port))
                sock.send(_PING + b"\x12\x34")
                sock.recv(64)
            except OSError as error:
                return f"the CoAP server at {host}:{port} does not answer the host: {error}"
        return ""

    return ask


def _succeeded(event: UrcEvent, method: CoapMethod) -> bool:
    fields = event.fields
    if fields[:1] != (int(method),) or len(fields) != 2:
        raise UnitError(f"{method.name} was asked for, the result is {event.text}")
    return fields[1] == 1


def _whole(what: str, pieces: list[Fields]) -> CoapResponse:
    """The answer out of its URCs: the blocks follow one another, none is missing."""
    if not pieces:
        raise UnitError(f"{what}: the module reports success and gives no answer")
    payload = bytearray()
    for place, fields in enumerate(pieces):
        if len(fields) not in (4, 6) or not isinstance(fields[0], int):
            raise UnitError(f"{what}: {_DATA} has the fields {fields}")
        if len(pieces) > 1 and len(fields) == 6 and fields[4] != place:
            raise UnitError(f"{what}: block {fields[4]} came in the place of block {place}")
        try:
            payload += bytes.fromhex(str(fields[2] or ""))
        except ValueError:
            raise UnitError(f"{what}: the payload is not hexadecimal: {fields[2]!r}") from None
    if pieces[-1][3] != 0:
        raise UnitError(f"{what}: the answer has more blocks and the module gives none")
    return CoapResponse(int(pieces[-1][0] or 0), bytes(payload), int(pieces[-1][1] or 0))


def _profile(lines: Sequence[Fields]) -> CoapProfile:
    """A profile out of its lines, by their names."""
    values = {str(fields[0]): fields[1] for fields in lines if len(fields) == 2}

    def number(name: str) -> int:
        value = values.get(name)
        if not isinstance(value, int):
            raise UnitError(f"+UCOAP: {name} is {value!r}, in {lines}")
        return value

    return CoapProfile(str(values.get("URI_STR") or ""), number("OPT_MASK"), number("PROFILE_NUM"),
                       bool(number("STATUS_FLAG")), number("USECMNG PROFILE"))
