"""Packet data contexts and bearers (27.007 clause 10; LENA-R8 guide 7.2, LARA-R6 guide 2.1 and 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Context:
    """One context: what the user defined and what the network gave."""

    cid: int
    pdp_type: str = "IP"  # IP, IPV6, IPV4V6
    apn: str = ""
    active: bool = False
    ipv4: str | None = None  # given by the network while active
    ipv6: str | None = None
    gateway: str | None = None
    dns: tuple[str, ...] = ()  # the network's resolvers, primary first
    order: int = 0  # grows with each activation


class Contexts:
    """All contexts of a module."""

    def active(self) -> tuple[Context, ...]:
        """Active contexts, first activated first, all (the initial bearer and IMS too)."""
        raise NotImplementedError

    def get(self, cid: int) -> Context | None:
        """A defined context."""
        raise NotImplementedError

    def usable(self, cid: int) -> Context | None:
        """The context when an embedded client may send through it now: active, an address, not reserved
        for the network (LENA-R8: context 0; both: IMS), and the module registered."""
        raise NotImplementedError

    def for_socket(self, cid: int | None) -> Context | None:
        """The context of an embedded socket: the given <cid>, else the series' default (LENA-R8: 1,
        falling back to the first activated; LARA-R6: +UDCONF=19, factory 1). None when not usable."""
        raise NotImplementedError

    def for_client(self) -> Context | None:
        """The context of an embedded client without a choice (LENA-R8 7.2.2: first activated)."""
        raise NotImplementedError

    def for_dns(self) -> Context | None:
        """The context of DNS and ping (LENA-R8 7.2.2: last activated; LARA-R6: +UDCONF=19)."""
        raise NotImplementedError

    @property
    def blocked(self) -> bool:
        """True while user data stands still (control verb ``link state=blocked``)."""
        raise NotImplementedError

    def on_change(self, listener: Callable[[Context, bool], None]) -> None:
        """Call ``listener(context, active)`` at each activation and deactivation, until power-off."""
        raise NotImplementedError
