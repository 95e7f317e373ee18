"""+UDNSRN, +UDNSCFG, +CDNSCFG: the resolver as the host sees it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.catalogue.model import Form
from cellbench.virtual.front.context import CommandContext, Handler, Refusal
from cellbench.virtual.net.resolver import LookupTrouble, Patience, Trouble, lookup, reverse
from cellbench.virtual.net.route import Source

if TYPE_CHECKING:
    from cellbench.virtual.device.contexts import Context
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.net.node import Node



class Dns:
    """The resolver of one module between boot and power-off; a subsystem."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._facts = module.config.behaviour
        self._common: tuple[str, ...] = ()  # +CDNSCFG
        self._per_context: dict[int, dict[tuple[int, int], str]] = {}  # +UDNSCFG: (1 or 2, 0 or 1) → address
        self._answers = 0
        module.contexts.on_change(self._context_changed)

    @property
    def common(self) -> tuple[str, ...]:
        """The resolvers of +CDNSCFG."""
        return self._common

    def set_common(self, servers: tuple[str, ...]) -> None:
        """+CDNSCFG: one setting for all contexts."""
        self._common = servers

    def override(self, cid: int) -> Mapping[tuple[int, int], str]:
        """The resolvers of +UDNSCFG of a context: (1 primary or 2 secondary, 0 IPv4 or 1 IPv6) → address."""
        return self._per_context.get(cid, {})

    def set_override(self, cid: int, place: int, family: int, address: str) -> None:
        """+UDNSCFG; the unspecified address (0.0.0.0, ::) ends an override."""
        servers = self._per_context.setdefault(cid, {})
        if ipaddress.ip_address(address).is_unspecified:
            servers.pop((place, family), None)
        else:
            servers[(place, family)] = address

    async def lookup(self, name: str, *, ipv6: bool, source: Source) -> tuple[str, ...]:
        """The addresses of a name; LookupTrouble."""
        self._module.contexts.traffic()
        node = self._node()
        servers = self._servers(source.cid, node)
        return await lookup(node, source, servers, name, ipv6=ipv6, patience=self._patience())

    async def reverse(self, address: str, *, source: Source) -> str:
        """The name of an address; LookupTrouble."""
        self._module.contexts.traffic()
        node = self._node()
        servers = self._servers(source.cid, node)
        return await reverse(node, source, servers, address, patience=self._patience())

    def prefix(self) -> str:
        """The prefix of the next answer (some firmware takes that of the URC now and then)."""
        self._answers += 1
        every = self._facts.uudnsrn_every
        return "+UUDNSRN" if every and self._answers % every == 0 else "+UDNSRN"

    def power_off(self) -> None:
        """Nothing runs here on its own."""

    def _context_changed(self, context: Context, active: bool) -> None:
        if self._facts.cdnscfg_forgotten:
            self._common = ()

    def _node(self) -> Node:
        internet = self._module.internet
        if internet is None:
            raise LookupTrouble(Trouble.NO_ANSWER)
        return internet.node(self._module.name)

    def _patience(self) -> Patience:
        next_s = self._module.pace.own(self._facts.resolver_next_s)
        return Patience(next_s=next_s, total_s=self._facts.resolver_total_s)

    def _servers(self, cid: int, node: Node) -> tuple[str, ...]:
        """Primary and secondary in force for a context."""
        context = self._module.contexts.get(cid)
        given = context.dns if context is not None and context.dns else node.resolvers
        overrides = self.override(cid)
        found = []
        for place in (1, 2):
            server = overrides.get((place, 0)) or overrides.get((place, 1))
            if server is None and place <= len(self._common):
                server = self._common[place - 1]
            if server is None and place <= len(given):
                server = given[place - 1]
            if server is not None:
                found.append(server)
        return tuple(found)


def source_of(context: Context | None, refusal: int) -> Source:
    """Who asks on a context; refused when it is not usable."""
    address = None if context is None else context.ipv4 or context.ipv6
    if context is None or address is None:
        raise Refusal.cme(refusal)
    return Source(context.cid, address, context.apn)


async def resolve(ctx: CommandContext) -> None:
    """AT+UDNSRN=<0 name, 1 address>,"<text>" (LENA-R8 guide Table 25, LARA-R6 guide 2.4.2)."""
    module = ctx.module
    facts = module.config.behaviour
    dns = module.subsystem(Dns)
    kind, text = ctx.integer(0), ctx.text(1)
    if kind not in (0, 1) or not text:
        raise Refusal.cme(facts.error_parameter)
    if kind == 1:
        address_of(text, facts.error_parameter)
    elif _is_address(text):
        ctx.info(f'{dns.prefix()}: "{text}"')  # nothing to ask
        return
    context = module.contexts.for_dns()
    source = source_of(context, facts.dns_refusal)
    try:
        if kind == 0:
            ipv6 = context is not None and context.ipv4 is None
            answer = (await dns.lookup(text, ipv6=ipv6, source=source))[0]
        else:
            answer = await dns.reverse(text, source=source)
    except LookupTrouble:
        raise Refusal.cme(facts.dns_refusal) from None
    ctx.info(f'{dns.prefix()}: "{answer}"')


def address_of(text: str, refusal: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address from its text; refused when it is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise Refusal.cme(refusal) from None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


async def set_override(ctx: CommandContext) -> None:
    """AT+UDNSCFG=<cid>,<1 primary, 2 secondary>,<0 IPv4, 1 IPv6>[,"<address>"] (LARA-R6 guide 2.4.2.1);
    without an address it shows what was set."""
    facts, dns = ctx.module.config.behaviour, ctx.module.subsystem(Dns)
    cid, place, family = ctx.integer(0), ctx.integer(1), ctx.integer(2)
    if not 1 <= cid <= 11 or place not in (1, 2) or family not in (0, 1):
        raise Refusal.cme(facts.error_parameter)
    if not ctx.given(3):
        shown = dns.override(cid).get((place, family), ("0.0.0.0", "::")[family])
        ctx.info(f'+UDNSCFG: {cid},{place},{family},"{shown}"')
        return
    address = address_of(ctx.text(3), facts.error_parameter)
    if address.version != (4, 6)[family]:
        raise Refusal.cme(facts.error_parameter)
    dns.set_override(cid, place, family, str(address))


async def set_common(ctx: CommandContext) -> None:
    """AT+CDNSCFG="<primary>"[,"<secondary>"] (LENA-R8 guide 13.1; the form is that of other makers)."""
    facts = ctx.module.config.behaviour
    texts = [ctx.text(index) for index in (0, 1) if ctx.given(index)]
    if not texts:
        raise Refusal.cme(facts.error_parameter)
    servers = tuple(str(address_of(text, facts.error_parameter)) for text in texts)
    ctx.module.subsystem(Dns).set_common(servers)


async def read_common(ctx: CommandContext) -> None:
    """AT+CDNSCFG?: the resolvers in force by this command."""
    servers = (*ctx.module.subsystem(Dns).common, "0.0.0.0", "0.0.0.0")[:2]
    ctx.info(f'+CDNSCFG: "{servers[0]}","{servers[1]}"')


HANDLERS: Mapping[tuple[str, Form], Handler] = MappingProxyType({
    ("+UDNSRN", Form.SET): resolve,
    ("+UDNSCFG", Form.SET): set_override,
    ("+CDNSCFG", Form.SET): set_common,
    ("+CDNSCFG", Form.READ): read_common,
})
