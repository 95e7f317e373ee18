"""Probes that converse: a server that takes connections and is mute, breaks off or talks nonsense is unwell.

Each asks in the server's own protocol, from the host; no answer may take longer than ``within_s`` seconds
(docs/architecture.md, "Verdicts and blame": the service asked directly). What only certain requests meet is
for a probe of one's own.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from cellbench.base.errors import UnitError
from cellbench.host.blame import Probe
from cellbench.host.http import parse_response
from cellbench.io.tls.engine import client
from cellbench.io.tls.settings import ClientSettings

_PROBE_S = 3.0
_MOST = 1_000_000
_RECORDS = (0x15, 0x16)
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
        engine = client(ClientSettings())
        engine.start()
        with socket.create_connection((host, port), within_s) as asker:
            asker.sendall(b"".join(engine.outgoing()))
            answer = _exactly(asker, 5)
            if answer[0] not in _RECORDS or answer[1] != 3:
                raise _Unwell(f"answers the host's TLS hello with {answer!r}")

    return _probe(host, port, converse)


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
