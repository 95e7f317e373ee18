"""What the engine of PPP reports."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TypeAlias

from cellbench.wire.ppp.packets import Protocol


class Why(enum.Enum):
    """Why a PPP link ended, or never came about."""

    ASKED = "this end terminated it"
    PEER = "the far end terminated it"
    NO_ANSWER = "the far end did not answer"
    NO_ECHO = "the far end no longer answers echo requests"
    LOOPED = "the line sends back what is sent"
    REFUSED = "the far end refused user and password"
    NO_NETWORK = "no network protocol was agreed on"
    REJECTED = "the far end rejects what PPP cannot do without"


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """LCP is open. ``mru`` is the longest packet that the far end takes; ``authentication`` what it asks
    for."""

    mru: int
    authentication: Protocol | None


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The far end took user and password, with these words."""

    way: Protocol
    message: str


@dataclass(frozen=True, slots=True)
class Ipv4Opened:
    """IPCP is open."""

    address: IPv4Address
    peer: IPv4Address | None
    dns: tuple[IPv4Address, ...]


@dataclass(frozen=True, slots=True)
class Ipv6Opened:
    """IPv6CP is open; interface identifiers of 8 octets."""

    identifier: bytes
    peer: bytes


@dataclass(frozen=True, slots=True)
class NetworkClosed:
    """A network protocol ended, or will not come about."""

    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Arrived:
    """An IP packet."""

    protocol: Protocol
    packet: bytes


@dataclass(frozen=True, slots=True)
class EchoAnswered:
    """The far end answered our echo request, ``seconds`` after it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The link is over; ``text`` is the far end's own reason where it gave one."""

    why: Why
    text: str = ""


PppEvent: TypeAlias = (LinkOpened | Authenticated | Ipv4Opened | Ipv6Opened | NetworkClosed | Arrived
                       | EchoAnswered | Ended)
