"""Options of the network control protocols: IPCP (RFC 1332, name servers RFC 1877), IPv6CP (RFC 5072)."""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from ipaddress import IPv4Address

from .negotiation import Verdict
from .packets import Option

_NOWHERE = bytes(4)


class IpKind(enum.IntEnum):
    """Types of options of IPCP."""

    ADDRESSES = 1  # deprecated
    COMPRESSION = 2
    ADDRESS = 3
    PRIMARY_DNS = 129
    SECONDARY_DNS = 131


class IpOptions:
    """The module gives the host its address and the name servers, and names its own address."""

    def __init__(self, host: str, own: str, servers: Sequence[str]) -> None:
        self._host = IPv4Address(host).packed
        self._first_own = IPv4Address(own).packed
        packed = [IPv4Address(server).packed for server in servers[:2]]
        kinds = (IpKind.PRIMARY_DNS, IpKind.SECONDARY_DNS)
        self._given = {IpKind.ADDRESS: self._host, **dict(zip(kinds, packed, strict=False))}
        self.begin()

    def begin(self) -> None:
        """The module's own address as it would have it."""
        self._own: bytes | None = self._first_own
        self._hinted = False

    @property
    def own(self) -> str | None:
        """The module's address on the link, None when the host rejected the option."""
        return None if self._own is None else str(IPv4Address(self._own))

    def request(self) -> tuple[Option, ...]:
        """The module's own address."""
        return () if self._own is None else (Option(IpKind.ADDRESS, self._own),)

    def naked(self, options: Sequence[Option]) -> None:
        """The host knows a better address for the module."""
        for option in options:
            usable = len(option.value) == 4 and option.value not in (_NOWHERE, self._host)
            if option.kind == IpKind.ADDRESS and usable:
                self._own = option.value

    def rejected(self, options: Sequence[Option]) -> None:
        """The host wants no address named."""
        if any(option.kind == IpKind.ADDRESS for option in options):
            self._own = None

    def judge(self, options: Sequence[Option]) -> Verdict:
        """The host takes the addresses it is given; a host that asks for none is told its own once."""
        rejected = [option for option in options if option.kind not in self._given]
        wanted = [Option(option.kind, self._given[IpKind(option.kind)]) for option in options
                  if option.kind in self._given and option.value != self._given[IpKind(option.kind)]]
        if not any(option.kind == IpKind.ADDRESS for option in options) and not self._hinted and not rejected:
            self._hinted = True
            wanted.append(Option(IpKind.ADDRESS, self._host))
        return Verdict(tuple(rejected), () if rejected else tuple(wanted))

    def accept(self, options: Sequence[Option]) -> None:
        """Nothing to keep: the host has what it was given."""


_IDENTIFIER = 1


class Ip6Options:
    """Interface identifiers: two that differ, neither zero (RFC 5072 4.1)."""

    def __init__(self, own: bytes, chance: random.Random) -> None:
        self._first_own = own
        self._chance = chance
        self.host = bytes(8)
        self.begin()

    def begin(self) -> None:
        """The module's own identifier as it would have it."""
        self.own = self._first_own
        self._named = True

    def request(self) -> tuple[Option, ...]:
        """The module's own identifier."""
        return (Option(_IDENTIFIER, self.own),) if self._named else ()

    def naked(self, options: Sequence[Option]) -> None:
        """The host proposes another."""
        for option in options:
            if option.kind == _IDENTIFIER and len(option.value) == 8 and any(option.value):
                self.own = option.value

    def rejected(self, options: Sequence[Option]) -> None:
        """The host wants none named."""
        if any(option.kind == _IDENTIFIER for option in options):
            self._named = False

    def judge(self, options: Sequence[Option]) -> Verdict:
        """The host's identifier; one is proposed where it has none or the module's."""
        rejected = tuple(option for option in options if option.kind != _IDENTIFIER)
        good = [option for option in options if option.kind == _IDENTIFIER and len(option.value) == 8
                and any(option.value) and option.value != self.own]
        wanted = () if good or rejected else (Option(_IDENTIFIER, self._other()),)
        return Verdict(rejected, wanted)

    def _other(self) -> bytes:
        """An identifier for the host: random, not universal (RFC 5072 4.1)."""
        while True:
            drawn = self._chance.getrandbits(64) & ~(0x02 << 56)
            if drawn and drawn.to_bytes(8, "big") != self.own:
                return drawn.to_bytes(8, "big")

    def accept(self, options: Sequence[Option]) -> None:
        """Keep the host's identifier."""
        for option in options:
            if option.kind == _IDENTIFIER:
                self.host = option.value
