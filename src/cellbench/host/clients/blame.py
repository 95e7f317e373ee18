"""Whose failure an internet client's error is: the unit's, the service's, the network's.

The module's error class and code say what it saw. A service is named only when it was asked directly and did
not answer; a canary of the run settles what stays open (docs/architecture.md, "Verdicts and blame").
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from cellbench.base.errors import CellbenchError, NetworkError, Owner, ServiceError, UnitError
from cellbench.catalogue.clients import Meaning, meaning_of

Probe = Callable[[], str]
"""Asks the service directly: "" when it is well, else what was seen."""

_PROBE_S = 3.0


class ClientError(UnitError):
    """A client of the module reports an error; ``kind`` is its class, ``code`` its code."""

    def __init__(self, message: str, kind: int, code: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code


class ClientServiceError(ServiceError):
    """As ClientError, with the service seen dead at that moment."""

    def __init__(self, message: str, kind: int, code: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code


class ClientNetworkError(NetworkError):
    """As ClientError, for want of a packet data connection."""

    def __init__(self, message: str, kind: int, code: int) -> None:
        super().__init__(message, remedy="activate the context first (dut.activate)")
        self.kind = kind
        self.code = code


def client_failure(what: str, kind: int, code: int, probe: Probe | None = None,
                   meaning: Meaning | None = None) -> CellbenchError:
    """The error to raise for what a client reports; ``probe`` is asked only when the code suspects the
    service. ``meaning`` replaces that of the internet clients' table."""
    meaning = meaning or meaning_of(kind, code)
    said = f"{what}: {meaning.text} (class {kind}, code {code})"
    if meaning.suspect is Owner.NETWORK:
        return ClientNetworkError(said, kind, code)
    if meaning.suspect is Owner.SERVICE and probe is not None:
        seen = probe()
        if seen:
            return ClientServiceError(f"{said}; {seen}", kind, code)
    return ClientError(said, kind, code)


def tcp_probe(host: str, port: int) -> Probe:
    """Asks whether a server takes connections from this host; at most 3 s."""

    def ask() -> str:
        try:
            socket.create_connection((host, port), _PROBE_S).close()
        except OSError as error:
            return f"the server at {host}:{port} does not answer the host: {error}"
        return ""

    return ask
