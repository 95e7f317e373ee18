"""What becomes of a packet."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.base.protocols import Endpoint


class Reach(enum.Enum):
    """What a packet to an address and port meets."""

    OPEN = "open"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Route:
    """The way to an address and port; ``service`` names the server for the log of flows."""

    reach: Reach
    service: str = ""
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """An address and port as the module knows them."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Source:
    """Who sends: the context, the address that the network gave it, the APN that it is with; ``host``: the
    packets are those of a host behind the module (PPP), not of a client inside it."""

    cid: int
    address: str
    apn: str = ""
    host: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """The last data flow of a service: context, ports as the module knows them (0 where there are none)."""

    cid: int
    local_port: int
    remote_port: int
