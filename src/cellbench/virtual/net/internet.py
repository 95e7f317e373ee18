"""The virtual internet: guide names and addresses on one side, loopback endpoints of real servers on the
other.

An address that the world does not have is unreachable, a known host without that server refuses, a black
hole never answers. Addresses of 127.0.0.0/8 lead to that very place of this machine, so that any foreign
program can be the far end. Nothing leaves the machine.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Mapping

from cellbench.base.protocols import Endpoint, ServerPark

from ..world.world import World
from .node import Node
from .route import Reach, Route

ICMP_SERVER = "icmp"
DIRECT = "loopback"


class EmptyPark:
    """A park without servers: every host of the world refuses."""

    def endpoints(self) -> Mapping[str, tuple[Endpoint, ...]]:
        """None."""
        return {}

    async def set_state(self, name: str, state: str) -> None:
        """Raises KeyError, always."""
        raise KeyError(name)

    def report(self, name: str) -> Mapping[str, str]:
        """Raises KeyError, always."""
        raise KeyError(name)


class Internet:
    """What lies beyond the radio: routes, and a node for each module."""

    def __init__(self, world: World, park: ServerPark | None = None) -> None:
        self.world = world
        self.park: ServerPark = EmptyPark() if park is None else park
        self._random = random.Random()
        self._nodes: dict[str, Node] = {}
        self._known = world.known_addresses()
        self._aliases = _aliases(world)

    @property
    def elsewhere(self) -> bool:
        """True when servers are beyond this machine's loopback, so that modules need another source."""
        return any(not ipaddress.ip_address(place.host).is_loopback
                   for places in self.park.endpoints().values() for place in places)

    @property
    def resolvers(self) -> tuple[str, ...]:
        """The two resolvers that the network hands out, primary first."""
        return tuple(self.world.resolvers.values())[:2]

    def node(self, name: str) -> Node:
        """The place of the module ``name`` in the internet, made on the first call."""
        if name not in self._nodes:
            self._nodes[name] = Node(self, name, self._random)
        return self._nodes[name]

    def route(self, address: str, port: int, transport: str, apn: str = "") -> Route:
        """Where a packet to ``address`` and ``port`` goes by an APN; ``transport`` is tcp or udp."""
        found = self._route(address, port, transport)
        own, services = self.world.apns.get(apn.lower()), self.world.apns.values()
        reached = found.service in own if own else not any(found.service in others for others in services)
        return found if reached else Route(Reach.UNREACHABLE)

    def _route(self, address: str, port: int, transport: str) -> Route:
        if address in self.world.blackholes:
            return Route(Reach.SILENT)
        parsed = ipaddress.ip_address(address)
        if parsed.is_loopback:
            return Route(Reach.OPEN, DIRECT, Endpoint(transport, str(parsed), port))
        found = self._server_at(str(parsed), port, transport)
        if found is not None:
            return found
        return Route(Reach.REFUSED if str(parsed) in self._known else Reach.UNREACHABLE)

    def icmp_endpoint(self, target: str, apn: str = "") -> Endpoint | None:
        """Where IP packets with ICMP messages to ``target`` go; None when they vanish."""
        if target in self.world.blackholes or self.world.apns.get(apn.lower()):
            return None
        places = self.park.endpoints().get(ICMP_SERVER, ())
        return places[0] if places else None

    def ipv4_of(self, address: str) -> str | None:
        """An IPv4 address of the host that has this one, None when it has none."""
        return next((one for one in sorted(self._aliases.get(address, ())) if ":" not in one), None)

    def describe(self) -> dict[str, object]:
        """Names and addresses with their loopback endpoints, plain enough for JSON."""
        return {
            "names": {name: list(addresses) for name, addresses in self.world.names.items()},
            "resolvers": dict(self.world.resolvers),
            "unreachable": "every other address",
            "silent": sorted(self.world.blackholes),
            "direct": "127.0.0.0/8",
            "servers": {name: self._describe_server(name) for name in self.world.servers},
            "modules": {name: node.describe() for name, node in self._nodes.items()},
        }

    async def close(self) -> None:
        """End every connection of every module."""
        for node in self._nodes.values():
            node.close()
        self._nodes.clear()

    def _server_at(self, address: str, port: int, transport: str) -> Route | None:
        endpoints = self.park.endpoints()
        for server in self.world.servers.values():
            for place in server.places:
                if place.port != port or place.transport not in (None, transport):
                    continue
                if address not in self._addresses(place.host):
                    continue
                for endpoint in endpoints.get(server.name, ()):
                    if endpoint.transport == transport:
                        return Route(Reach.OPEN, server.name, endpoint)
        return self._data_port(address, port, transport)

    def _data_port(self, address: str, port: int, transport: str) -> Route | None:
        """A port that a server of this host has opened beside its own one (FTP), under its own number."""
        endpoints = self.park.endpoints()
        for server in self.world.servers.values():
            own = [one for one in endpoints.get(server.name, ()) if one.transport == transport]
            opened = [one for one in own[1:] if one.port == port]
            if opened and any(address in self._addresses(place.host) for place in server.places):
                return Route(Reach.OPEN, server.name, opened[0])
        return None

    def _addresses(self, host: str) -> frozenset[str]:
        """All addresses of the host that is reached by a name or one of its addresses."""
        return frozenset().union(*(self._aliases.get(address, frozenset({address}))
                                   for address in self.world.addresses_of(host)))

    def _describe_server(self, name: str) -> dict[str, object]:
        server = self.world.servers[name]
        places = [f"{address}:{place.port}" if place.port else address
                  for place in server.places for address in sorted(self._addresses(place.host))]
        endpoints = [{"transport": endpoint.transport, "host": endpoint.host, "port": endpoint.port}
                     for endpoint in self.park.endpoints().get(name, ())]
        return {"at": places, "kind": server.kind, "endpoints": endpoints}


def _aliases(world: World) -> dict[str, frozenset[str]]:
    """Address → all addresses of the same host: those that share a name with it."""
    found: dict[str, frozenset[str]] = {}
    for addresses in world.names.values():
        together = frozenset(addresses).union(*(found.get(address, frozenset()) for address in addresses))
        for address in together:
            found[address] = together
    return found
