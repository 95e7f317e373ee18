"""The network control protocols' options: IPCP (RFC 1332, DNS by RFC 1877) and IPv6CP (RFC 5072)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from cellbench.wire.ppp.negotiation import Judgement
from cellbench.wire.ppp.packets import Option

_NOWHERE = IPv4Address(0)


class IpKind(enum.IntEnum):
    """Options of IPCP in use here."""

    ADDRESS = 3
    PRIMARY_DNS = 129
    SECONDARY_DNS = 131


class IpcpOptions:
    """We ask for an address and two DNS servers, and take what the far end names."""

    def __init__(self) -> None:
        self.peer: IPv4Address | None = None
        self._ours = dict.fromkeys(IpKind, _NOWHERE)

    @property
    def address(self) -> IPv4Address | None:
        """The address given to us; None while there is none."""
        return self._given(IpKind.ADDRESS)

    @property
    def dns(self) -> tuple[IPv4Address, ...]:
        """The DNS servers named, the first one first."""
        return tuple(found for kind in (IpKind.PRIMARY_DNS, IpKind.SECONDARY_DNS)
                     if (found := self._given(kind)) is not None)

    def request(self) -> Sequence[Option]:
        """See negotiation.Options."""
        return [Option(kind, self._ours[kind].packed) for kind in sorted(self._ours)]

    def judge(self, asked: Sequence[Option]) -> Judgement:
        """The far end may have any address, and nothing else: we give none away and compress no headers."""
        return Judgement(tuple(option for option in asked if option.kind != IpKind.ADDRESS
                               or len(option.data) != 4 or not any(option.data)))

    def granted(self, asked: Sequence[Option]) -> None:
        """See negotiation.Options."""
        self.peer = next((IPv4Address(option.data) for option in asked), None)

    def suggested(self, options: Sequence[Option]) -> None:
        """See negotiation.Options."""
        for option in options:
            if option.kind in self._ours and len(option.data) == 4:
                self._ours[IpKind(option.kind)] = IPv4Address(option.data)

    def refused(self, options: Sequence[Option]) -> None:
        """See negotiation.Options."""
        for option in options:
            if option.kind in self._ours:
                del self._ours[IpKind(option.kind)]

    def _given(self, kind: IpKind) -> IPv4Address | None:
        found = self._ours.get(kind, _NOWHERE)
        return found if found != _NOWHERE else None


_INTERFACE_IDENTIFIER = 1


class Ipv6cpOptions:
    """Interface identifiers, 8 octets each: ours is random until the far end wants another one. ``fresh``
    gives a random one."""

    def __init__(self, fresh: Callable[[], bytes]) -> None:
        self.peer = bytes(8)
        self.identifier = fresh()
        self._fresh = fresh
        self._wanted = True

    def request(self) -> Sequence[Option]:
        """See negotiation.Options."""
        return [Option(_INTERFACE_IDENTIFIER, self.identifier)] if self._wanted else []

    def judge(self, asked: Sequence[Option]) -> Judgement:
        """RFC 5072 4.1: none, or one like ours, is answered with a suggestion."""
        rejected = tuple(option for option in asked
                         if option.kind != _INTERFACE_IDENTIFIER or len(option.data) != 8)
        clash = any(option.data in (bytes(8), self.identifier) for option in asked)
        return Judgement(rejected, (Option(_INTERFACE_IDENTIFIER, self._fresh()),) if clash else ())

    def granted(self, asked: Sequence[Option]) -> None:
        """See negotiation.Options."""
        self.peer = next((option.data for option in asked), bytes(8))

    def suggested(self, options: Sequence[Option]) -> None:
        """See negotiation.Options."""
        for option in options:
            if option.kind == _INTERFACE_IDENTIFIER and len(option.data) == 8 and any(option.data):
                self.identifier = option.data

    def refused(self, options: Sequence[Option]) -> None:
        """Without the option each end has the identifier it likes (RFC 5072 4.1)."""
        self._wanted = self._wanted and not any(o.kind == _INTERFACE_IDENTIFIER for o in options)
