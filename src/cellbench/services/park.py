"""The park: all servers of the far side, started together, steered by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cellbench.base.protocols import Endpoint

from .dns import DnsServer
from .echo import EchoServer
from .guard import Guard
from .icmp import IcmpServer
from .places import LOOPBACK, Listening, Peer, listening
from .server import Server, State


def _echo_tls(definition: Mapping[str, object]) -> Server:
    """Imported here: what TLS needs is an extra."""
    from .echo_tls import EchoTlsServer

    return EchoTlsServer(definition)


def _http(definition: Mapping[str, object]) -> Server:
    """As above."""
    from .http import HttpServer

    return HttpServer(definition)


def _ftp(definition: Mapping[str, object]) -> Server:
    """As above."""
    from .ftp import FtpServer

    return FtpServer(definition)


def _mqtt(definition: Mapping[str, object]) -> Server:
    """As above."""
    from .mqtt import MqttServer

    return MqttServer(definition)


def _mqttsn(definition: Mapping[str, object]) -> Server:
    """As above."""
    from .mqttsn import MqttSnServer

    return MqttSnServer(definition)


def _coap(kind: str) -> Callable[[Mapping[str, object]], Server]:
    """As above; the kind says what CoAP goes over."""
    def make(definition: Mapping[str, object]) -> Server:
        from .coap import CoapServer

        return CoapServer({**definition, "server": kind})

    return make


def _lwm2m(definition: Mapping[str, object]) -> Server:
    """As above."""
    from .lwm2m import Lwm2mServer

    return Lwm2mServer(definition)


MAKERS: Mapping[str, Callable[[Mapping[str, object]], Server]] = MappingProxyType({
    "echo": EchoServer,
    "echo-tls": _echo_tls,
    "http": _http,
    "http-firmware": _http,
    "https": _http,
    "https-slow": _http,
    "https-rsa1024": _http,
    "https-aes128": _http,
    "ftp": _ftp,
    "ftps": _ftp,
    "ftp-firmware": _ftp,
    "mqtt": _mqtt,
    "mqtts": _mqtt,
    "mqttsn": _mqttsn,
    "mqttsn-dtls": _mqttsn,
    "mqtt-flex": _mqttsn,
    "coap": _coap("coap"),
    "coap-dtls": _coap("coap-dtls"),
    "coap-tcp": _coap("coap-tcp"),
    "coap-tls": _coap("coap-tls"),
    "lwm2m": _lwm2m,
    "dns": DnsServer,
    "icmp": IcmpServer,
})
"""Kind of server → what makes one; a new kind is one file and one row."""

GROUP = "group"
_NETWORKS_OWN = frozenset({"dns", "icmp"})


@dataclass(frozen=True, slots=True)
class Hosting:
    """Where a park listens: one address, fixed ports by server, limits for clients (None: none)."""

    host: str = LOOPBACK
    ports: Mapping[str, int] = field(default_factory=dict)
    guard: Guard | None = None


class Park:
    """The servers of a world file (``base.protocols.ServerPark``); on free ports of 127.0.0.1 unless
    ``hosting`` says otherwise.

    A definition is a mapping whose ``server`` names the kind (default: its own name); the kind ``group``
    steers its ``members`` under one name. Kinds that nobody makes are known by name and refused with a
    sentence.
    """

    def __init__(self, hosting: Hosting | None = None) -> None:
        self.hosting = hosting or Hosting()
        self.peers: dict[int, Peer] = {}
        self._numbers = itertools.count(1)
        self._servers: dict[str, Server] = {}
        self._groups: dict[str, tuple[str, ...]] = {}
        self._unmade: set[str] = set()
        self._shared: dict[str, object] = {}

    async def start(self, definitions: Mapping[str, object]) -> None:
        """Start every server that can be made. Raises ValueError for a definition without sense."""
        for name, definition in definitions.items():
            if not isinstance(definition, Mapping):
                raise ValueError(f"server {name}: a mapping is expected")
            kind = str(definition.get("server", name))
            if kind == GROUP:
                self._groups[name] = tuple(str(member) for member in definition["members"])
            elif kind not in MAKERS:
                self._unmade.add(name)
        try:
            for name, definition in definitions.items():
                if name not in self._unmade and name not in self._groups and isinstance(definition, Mapping):
                    await self._start(name, definition)
        except OSError as error:
            await self.stop()
            host, port = self.hosting.host, self.hosting.ports.get(name, 0)
            raise OSError(error.errno, f"server {name} cannot listen at {host}:{port}: {error}") from error

    async def stop(self) -> None:
        """Stop all servers; a stopped park can be started anew."""
        for server in self._servers.values():
            await server.stop()
        self._servers.clear()
        self._groups.clear()
        self._unmade.clear()
        self._shared.clear()

    def endpoints(self) -> Mapping[str, tuple[Endpoint, ...]]:
        """Where each server listens, by name; a group has the places of its members."""
        found = {name: server.endpoints() for name, server in self._servers.items()}
        for group, members in self._groups.items():
            found[group] = tuple(place for member in members for place in found.get(member, ()))
        return found

    async def set_state(self, name: str, state: str) -> None:
        """Put a server, or all members of a group, into a state; returns when it is in force.

        Raises KeyError for a name that the world does not have, ValueError for a state that this server
        cannot take and for a server that is not made here.
        """
        try:
            wanted = State(state)
        except ValueError:
            raise ValueError(f"no server knows the state {state!r}") from None
        servers = [self._find(member) for member in self._groups.get(name, (name,))]
        for server in servers:
            if wanted not in server.states:
                able = ", ".join(sorted(known.value for known in server.states))
                raise ValueError(f"server {name} cannot be {state}; it can be {able}")
        for server in servers:
            await server.set_state(wanted)

    def report(self, name: str) -> Mapping[str, str]:
        """What a server saw last; of a group, what its first member saw. Errors as ``set_state``."""
        return self._find(self._groups.get(name, (name,))[0]).report()

    async def _start(self, name: str, definition: Mapping[str, object]) -> None:
        port = self.hosting.ports.get(name, 0)
        kind = str(definition.get("server", name))
        # who asks a resolver is no peer of a module's socket
        peers = {} if kind in _NETWORKS_OWN else self.peers
        how = Listening(self.hosting.host, port, self.hosting.guard, peers, self._numbers, self._shared)
        with listening(how):
            server = self._servers[name] = MAKERS[kind](definition)
            await server.start()

    def _find(self, name: str) -> Server:
        if name in self._unmade:
            made = ", ".join(sorted({*self._servers, *self._groups}))
            raise ValueError(f"server {name} is part of the world but not made here; made are {made}")
        return self._servers[name]
