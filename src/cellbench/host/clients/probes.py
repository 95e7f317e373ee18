"""Probes that converse: a server that takes connections and is mute, breaks off or talks nonsense is unwell.

Each asks in the server's own protocol, from the host; no answer may take longer than ``within_s`` seconds
(docs/architecture.md, "Verdicts and blame": the service asked directly). What only certain requests meet is
for a probe of one's own.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable

from cellbench.base.errors import UnitError
from cellbench.host.clients.blame import Probe
from cellbench.host.clients.http import parse_response

_PROBE_S = 3.0
_MOST = 1_000_000
_RECORDS = (0x15, 0x16)
_SUITES = (0xC02B, 0xC02F, 0xC02C, 0xC030, 0x009C, 0x003C, 0x002F, 0xC0A8, 0x00A8, 0x00AE, 0x008C)
_EXTENSIONS = (  # RFC 8422 5.1.1, 5.1.2; RFC 5246 7.4.1.4.1; RFC 7627 5.1
    (10, b"\x00\x06\x00\x1d\x00\x17\x00\x18"), (11, b"\x01\x00"),
    (13, b"\x00\x08\x04\x03\x08\x04\x04\x01\x02\x01"), (23, b""))
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"  # OASIS MQTT 3.1.1, 3.1: no client id
_CONNACK, _PINGREQ, _PINGRESP, _DISCONNECT = b"\x20\x02", b"\xc0\x00", b"\xd0\x00", b"\xe0\x00"


class _Unwell(Exception):
    """What was seen of a server that answers wrongly."""


def http_probe(host: str, port: int, path: str = "/", *, within_s: float = _PROBE_S) -> Probe:
    """Asks for a page; whatever its status, the answer must be one of HTTP and whole."""

    def converse() -> None:
        with socket.create_connection((host, port), within_s) as asker:
            asker.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            raw = b""
            while len(raw) < _MOST and (part := asker.recv(65_536)):
                raw += part
        try:
            answer = parse_response(raw)
        except UnitError:
            raise _Unwell(f"answers the host with what is no HTTP: {raw[:40]!r}") from None
        announced = answer.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > len(answer.body) and len(raw) < _MOST:
            raise _Unwell(f"announces {announced} bytes to the host and sends {len(answer.body)}")

    return _probe(host, port, converse)


def ftp_probe(host: str, port: int, *, within_s: float = _PROBE_S) -> Probe:
    """Waits for the greeting and says NOOP; any reply of FTP is one."""

    def converse() -> None:
        with socket.create_connection((host, port), within_s) as asker:
            greeting = asker.recv(256)
            asker.sendall(b"NOOP\r\n")
            answer = asker.recv(256)
        if not greeting.startswith((b"220", b"120")):
            raise _Unwell(f"greets the host with {greeting[:40]!r}")
        if not answer[:3].isdigit():
            raise _Unwell(f"answers the host's NOOP with {answer[:40]!r}")

    return _probe(host, port, converse)


def mqtt_probe(host: str, port: int, *, within_s: float = _PROBE_S) -> Probe:
    """Logs in and pings; a broker that refuses the log in in order is well."""

    def converse() -> None:
        with socket.create_connection((host, port), within_s) as asker:
            asker.sendall(_CONNECT)
            answer = _exactly(asker, 4)
            if answer[:2] != _CONNACK or answer[3] > 5:
                raise _Unwell(f"answers the host's log in with {answer!r}")
            if answer[3] == 0:
                asker.sendall(_PINGREQ)
                if (answer := _exactly(asker, 2)) != _PINGRESP:
                    raise _Unwell(f"answers the host's ping with {answer!r}")
                asker.sendall(_DISCONNECT)

    return _probe(host, port, converse)


def tls_probe(host: str, port: int, *, within_s: float = _PROBE_S) -> Probe:
    """Begins a TLS handshake; an answer of TLS, an alert included, is one."""

    def converse() -> None:
        with socket.create_connection((host, port), within_s) as asker:
            asker.sendall(client_hello())
            answer = _exactly(asker, 5)
            if answer[0] not in _RECORDS or answer[1] != 3:
                raise _Unwell(f"answers the host's TLS hello with {answer!r}")

    return _probe(host, port, converse)


def client_hello(*, datagram: bool = False) -> bytes:
    """The first message of a handshake by TLS 1.2 or DTLS 1.2, answered by every server, be it by an alert
    (RFC 5246 7.4.1.2, RFC 6347 4.2.2). Made by hand, so that asking needs no TLS library."""
    version = b"\xfe\xfd" if datagram else b"\x03\x03"
    suites = b"".join(suite.to_bytes(2, "big") for suite in _SUITES)
    extensions = b"".join(number.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value
                          for number, value in _EXTENSIONS)
    body = b"".join((
        version, secrets.token_bytes(32), b"\x00", b"\x00" if datagram else b"",
        len(suites).to_bytes(2, "big"), suites, b"\x01\x00", len(extensions).to_bytes(2, "big"), extensions))
    size = len(body).to_bytes(3, "big")
    message = b"\x01" + size + (b"\x00\x00" + bytes(3) + size if datagram else b"") + body
    head = b"\x16\xfe\xff" + bytes(8) if datagram else b"\x16\x03\x01"
    return head + len(message).to_bytes(2, "big") + message


def _exactly(asker: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = asker.recv(size - len(data))
        if not part:
            raise _Unwell(f"ends the host's connection after {data!r}")
        data += part
    return data


def _probe(host: str, port: int, converse: Callable[[], None]) -> Probe:
    def ask() -> str:
        try:
            converse()
        except OSError as error:
            return f"the server at {host}:{port} does not answer the host: {error}"
        except _Unwell as unwell:
            return f"the server at {host}:{port} {unwell}"
        return ""

    return ask
