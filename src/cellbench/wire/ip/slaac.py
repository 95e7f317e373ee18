"""Stateless address autoconfiguration on a point-to-point link (RFC 4862), without a clock.

Nobody else is on the link, and IPv6CP has settled the identifiers: no duplicate is looked for (RFC 5072 5).
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

from cellbench.wire.ip.icmp import IcmpMessage
from cellbench.wire.ip.ndp import (
    INTERVAL_S,
    SOLICITATIONS,
    Advertisement,
    in_prefix,
    link_local,
    parse_advertisement,
    solicitation,
)


class Autoconfiguration:
    """Our addresses. ``deadline`` is when the next solicitation is due, None when none is."""

    __slots__ = ("_identifier", "_sent", "addresses", "deadline", "dns", "link_local", "mtu", "prefix",
                 "router")

    def __init__(self, identifier: bytes, now: float) -> None:
        self.link_local = link_local(identifier)
        self.addresses: tuple[IPv6Address, ...] = (self.link_local,)
        self.prefix: IPv6Network | None = None
        self.router: IPv6Address | None = None
        self.dns: tuple[IPv6Address, ...] = ()
        self.mtu = 0
        self.deadline: float | None = now
        self._identifier = identifier
        self._sent = 0

    @property
    def address(self) -> IPv6Address | None:
        """The global address; None while no router has named a prefix."""
        return self.addresses[1] if len(self.addresses) > 1 else None

    @property
    def has_failed(self) -> bool:
        """True when no router answered."""
        return self.address is None and self._sent >= SOLICITATIONS and self.deadline is None

    def tick(self, now: float) -> bool:
        """True when a solicitation is to be sent now."""
        if self.deadline is None or now < self.deadline:
            return False
        if self._sent >= SOLICITATIONS:
            self.deadline = None
            return False
        self._sent += 1
        self.deadline = now + INTERVAL_S
        return True

    def solicitation(self) -> IcmpMessage:
        """The message to all routers."""
        return solicitation()

    def advertised(self, router: IPv6Address, hop_limit: int, message: IcmpMessage) -> Advertisement:
        """A router spoke. Raises BadPacket."""
        found = parse_advertisement(router, hop_limit, message)
        if found.lifetime_s:
            self.router = router
        if found.mtu >= 1280:  # RFC 8200 5
            self.mtu = found.mtu
        self.dns = found.dns or self.dns
        if found.prefixes:
            self.prefix = found.prefixes[0]
            self.addresses = (self.link_local, *(in_prefix(prefix, self._identifier)
                                                 for prefix in found.prefixes))
            self.deadline = None
        return found
