"""What a host needs of IPv6 neighbour discovery on PPP (RFC 4861 4.1, 4.2): routers, prefixes, SLAAC
(RFC 4862 5.5.3), DNS servers (RFC 8106)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

from cellbench.wire.ip.icmp import IcmpKind, IcmpMessage
from cellbench.wire.ip.packets import BadPacket

ALL_ROUTERS = IPv6Address("ff02::2")
HOP_LIMIT = 255  # RFC 4861 6.1: anything less came from beyond the link
SOLICITATIONS, INTERVAL_S = 3, 4.0  # RFC 4861 10
_PREFIX, _MTU, _DNS = 3, 5, 25
_AUTONOMOUS = 0x40
_SLAAC_PREFIX = 64  # with the identifiers of RFC 5072


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What a router says. ``prefixes`` are those to make addresses of; ``mtu`` 0 when it gives none."""

    router: IPv6Address
    lifetime_s: int
    prefixes: tuple[IPv6Network, ...]
    mtu: int
    dns: tuple[IPv6Address, ...]


def solicitation() -> IcmpMessage:
    """A router solicitation without a link-layer address: PPP has none (RFC 5072 5)."""
    return IcmpMessage(IcmpKind.ROUTER_SOLICITATION)


def parse_advertisement(router: IPv6Address, hop_limit: int, message: IcmpMessage) -> Advertisement:
    """The advertisement of a message. Raises BadPacket for what RFC 4861 6.1.2 has ignored."""
    if hop_limit != HOP_LIMIT or not router.is_link_local or message.code:
        raise BadPacket("a router advertisement from beyond the link")
    if len(message.data) < 8:
        raise BadPacket("a router advertisement that is too short")
    prefixes: list[IPv6Network] = []
    dns: list[IPv6Address] = []
    mtu = 0
    options = message.data[8:]
    while options:
        length = options[1] * 8 if len(options) > 1 else 0
        if not length or length > len(options):
            raise BadPacket("an option that does not fit")
        option, options = options[:length], options[length:]
        if option[0] == _PREFIX and length == 32:
            valid = int.from_bytes(option[4:8], "big")
            prefix = IPv6Network((option[16:32], min(option[2], 128)), strict=False)
            if option[3] & _AUTONOMOUS and valid and option[2] == _SLAAC_PREFIX and not prefix.is_link_local:
                prefixes.append(prefix)
        elif option[0] == _MTU and length == 8:
            mtu = int.from_bytes(option[4:8], "big")
        elif option[0] == _DNS and length >= 24:
            dns += [IPv6Address(option[at:at + 16]) for at in range(8, length, 16)]
    return Advertisement(router, int.from_bytes(message.rest[2:4], "big"), tuple(prefixes), mtu, tuple(dns))


def link_local(identifier: bytes) -> IPv6Address:
    """The link-local address of an interface identifier of 8 octets."""
    return IPv6Address(b"\xfe\x80" + bytes(6) + identifier)


def in_prefix(prefix: IPv6Network, identifier: bytes) -> IPv6Address:
    """The address of an interface identifier in a prefix of 64 bits."""
    return IPv6Address(prefix.network_address.packed[:8] + identifier)
