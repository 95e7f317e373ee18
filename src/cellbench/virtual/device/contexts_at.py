"""AT commands of contexts and bearers (27.007 clause 10) in the forms that the guides print."""

from __future__ import annotations

import ipaddress

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Form, Param
from cellbench.virtual.device.answers import current, joined, setting
from cellbench.virtual.device.contexts import Context
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_UNSET_V6 = ".".join(["0"] * 16)
_NOT_ALLOWED = 3
_LAST_PORT = 65535


def dotted(ipv6: str) -> str:
    """An IPv6 address as 27.007 prints it: sixteen numbers with dots (27.007 10.1.14)."""
    return ".".join(str(byte) for byte in ipaddress.IPv6Address(ipv6).packed)


def _address(ctx: CommandContext, context: Context) -> str:
    """The address part of +CGDCONT?; two addresses stand in one string with a blank (LARA-R6)."""
    kind = context.granted or context.pdp_type
    unset = ctx.module.config.behaviour.unset_address
    if not context.active:
        return {"IP": unset, "IPV6": _UNSET_V6}.get(kind, f"0.0.0.0 {_UNSET_V6}")
    parts = ([context.ipv4] if context.ipv4 else []) + ([dotted(context.ipv6)] if context.ipv6 else [])
    return " ".join(parts)


async def _cgdcont_read(ctx: CommandContext) -> None:
    contexts, behaviour = ctx.module.contexts, ctx.module.config.behaviour
    for context in contexts.defined():
        kind = context.granted or context.pdp_type
        if context.cid == contexts.initial_cid and behaviour.initial_reserved:
            address = context.ipv4 or (dotted(context.ipv6) if context.ipv6 else "")
            apn = context.apn if context.active else contexts.initial_apn()[1]
            tail = behaviour.cgdcont_tail if behaviour.context_zero_suffix else ""
            ctx.info(f'+CGDCONT: {context.cid},"{kind}","{apn}","{address}"{tail}')
        else:
            ctx.info(f'+CGDCONT: {context.cid},"{kind}","{context.apn}","{_address(ctx, context)}"'
                     f'{behaviour.cgdcont_tail}')


async def _cgdcont_set(ctx: CommandContext) -> None:
    contexts = ctx.module.contexts
    cid = ctx.integer(0)
    if len(ctx.call.args) == 1:
        contexts.undefine(cid)
        return
    standing = contexts.get(cid)
    apn = ctx.text(2, "" if standing is None else standing.apn)
    contexts.define(cid, ctx.text(1, "IP" if standing is None else standing.pdp_type), apn)


async def _cgdcont_test(ctx: CommandContext) -> None:
    low, high = 1, max(ctx.module.profile.bearers.user_cids.value)
    for kind in ("IP", "IPV6", "IPV4V6"):
        ctx.info(f'+CGDCONT: ({low}-{high}),"{kind}",,,(0-2),(0-4)')


def _cids(ctx: CommandContext, first: int) -> list[int]:
    return [value for value in ctx.call.args[first:] if isinstance(value, int)]


async def _cgact_set(ctx: CommandContext) -> None:
    contexts = ctx.module.contexts
    on = ctx.integer(0) == 1
    cids = _cids(ctx, 1)
    if not cids:
        cids = [one.cid for one in contexts.defined()
                if one.cid not in (contexts.initial_cid, contexts.ims_cid) and one.active != on]
    for cid in cids:
        await (contexts.activate(cid) if on else contexts.deactivate(cid))


async def _cgact_read(ctx: CommandContext) -> None:
    """One line a context; which inactive ones, and context 0, are settings (LENA-R8 guide Tables 15, 17)."""
    contexts, behaviour = ctx.module.contexts, ctx.module.config.behaviour
    others = [one for one in contexts.active() if one.cid not in (contexts.initial_cid, contexts.ims_cid)]
    for one in contexts.defined():
        if one.cid == contexts.initial_cid and behaviour.initial_reserved:
            hidden = bool(others) and behaviour.cgact_hides_initial_with_others
            shown = one.active and behaviour.cgact_lists_initial and not hidden
        else:
            shown = one.active or behaviour.cgact_lists_inactive
        if shown:
            ctx.info(f"+CGACT: {one.cid},{int(one.active)}")


def _paddr(ctx: CommandContext, context: Context) -> str:
    """One line; just after the activation it may lack the address for a moment (public driver)."""
    late = ctx.module.config.behaviour.cgpaddr_late_s
    if late and ctx.module.pace.now() - context.since < ctx.module.pace.own(late):
        return f"+CGPADDR: {context.cid},"
    parts = [f'"{context.ipv4}"'] if context.ipv4 else []
    if context.ipv6:
        parts.append(f'"{dotted(context.ipv6)}"')
    return f"+CGPADDR: {context.cid}" + "".join("," + part for part in parts)


async def _cgpaddr(ctx: CommandContext) -> None:
    contexts = ctx.module.contexts
    cids = _cids(ctx, 0) or [one.cid for one in contexts.defined()]
    for cid in cids:
        context = contexts.get(cid)
        if context is None:
            raise Refusal.cme(ctx.module.config.behaviour.cid_undefined_error)
        ctx.info(_paddr(ctx, context))


async def _cgpaddr_test(ctx: CommandContext) -> None:
    ctx.info("+CGPADDR: (" + ",".join(str(one.cid) for one in ctx.module.contexts.defined()) + ")")


def _rdp(ctx: CommandContext, context: Context) -> str:
    text = f'+CGCONTRDP: {context.cid},{context.bearer},"{context.apn}"'
    if context.ipv4 is not None:
        text += f',"{context.ipv4}.255.255.255.0","{context.gateway}"'
    elif context.ipv6 is not None:
        text += f',"{dotted(context.ipv6)}.{".".join(["255"] * 8 + ["0"] * 8)}",""'
    servers = context.dns if ctx.module.config.behaviour.cgcontrdp_dns else ()
    text += "".join(f',"{server}"' for server in servers[:2])
    if ctx.module.config.behaviour.cgcontrdp_mtu and len(servers) > 1:
        text += f',"","",0,0,{ctx.module.config.behaviour.network_mtu}'  # P-CSCF, IM flag, LIPA, MTU
    return text


async def _cgcontrdp(ctx: CommandContext) -> None:
    contexts = ctx.module.contexts
    if ctx.given(0):
        context = contexts.get(ctx.integer(0))
        if context is None:
            raise Refusal.cme(ctx.module.config.behaviour.cid_undefined_error)
        if context.active:
            ctx.info(_rdp(ctx, context))
        return
    for context in contexts.active():
        ctx.info(_rdp(ctx, context))


async def _cgcontrdp_test(ctx: CommandContext) -> None:
    ctx.info("+CGCONTRDP: (" + ",".join(str(one.cid) for one in ctx.module.contexts.active()) + ")")


async def _anchor_set(ctx: CommandContext) -> None:
    """+CFGDFTPDN while deregistered (LENA-R8 guide 7.2.1.1)."""
    if ctx.module.radio.registered or ctx.module.radio.searching:
        raise Refusal.cme(_NOT_ALLOWED)
    ctx.module.settings.store("+CFGDFTPDN", [ctx.integer(0), ctx.integer(1), ctx.text(2, "")])


async def _uauthreq_set(ctx: CommandContext) -> None:
    """+UAUTHREQ: user and password in the order of the series (the catalogue's parameters give it)."""
    behaviour = ctx.module.config.behaviour
    wrong = Refusal.cme(behaviour.error_parameter)
    kind = ctx.integer(1)
    names = [param.name for param in _params(ctx)]
    values = {name: ctx.arg(place) for place, name in enumerate(names)}
    user, password = values.get("user"), values.get("password")
    if kind == 3 and not behaviour.uauthreq_automatic:
        raise wrong
    if (kind or behaviour.uauthreq_needs_strings) and (user is None or password is None):
        raise wrong
    stored = ctx.module.settings.mapping("+UAUTHREQ")
    stored[str(ctx.integer(0))] = [kind, user or "", password or ""]
    ctx.module.settings.store("+UAUTHREQ", stored)


def _params(ctx: CommandContext) -> tuple[Param, ...]:
    return ALL[ctx.call.name].params_for(ctx.module.profile.series)


async def _cgerep_set(ctx: CommandContext) -> None:
    """Buffered events are printed, or dropped, when <bfr> says so; this module buffers per port."""
    stored = current(ctx, "+CGEREP") or [0, 0]
    ctx.module.settings.put("+CGEREP", [ctx.integer(0, 0), ctx.integer(1, 0) if ctx.given(1) else stored[-1]])


async def _cgerep_read(ctx: CommandContext) -> None:
    ctx.info("+CGEREP: " + joined(current(ctx, "+CGEREP")))


async def _udconf(ctx: CommandContext) -> None:
    """+UDCONF by number: 19 and 66 where the series has them, others stored; 81 as the series takes it."""
    module = ctx.module
    number = ctx.integer(0)
    behaviour = module.config.behaviour
    if number in behaviour.udconf_refused:
        raise Refusal.cme(behaviour.udconf_refused_error)
    if number == 19 and any(module.config.model.startswith(one) for one in behaviour.udconf_19_lacking):
        raise Refusal.cme(behaviour.udconf_refused_error)
    name = f"+UDCONF={number}"
    values = [value for value in ctx.call.args[1:] if isinstance(value, int)]
    if not values:
        stored = current(ctx, name) or [0]
        ctx.info(f"+UDCONF: {number}," + joined(stored))
        return
    _check_udconf(ctx, number, values)
    module.settings.store(name, values[0] if len(values) == 1 else values)


def _check_udconf(ctx: CommandContext, number: int, values: list[int]) -> None:
    wrong = Refusal.cme(ctx.module.config.behaviour.error_parameter)
    if number == 1 and values[0] not in (0, 1):
        raise wrong
    if number == 19:
        if not 1 <= values[0] <= 8 or (len(values) > 1 and values[1] not in (0, 1)) or len(values) > 2:
            raise wrong
        if len(values) == 1:
            values.append(0)
    if number == 66 and (values[0] != 4 or len(values) != 2 or values[1] not in (0, 1)):
        raise wrong
    if number == 66 and ctx.module.radio.function not in (0, 4, 19):
        raise Refusal.cme(_NOT_ALLOWED)


async def _embedded_ports(ctx: CommandContext) -> None:
    """+UEMBPF: a range for the next boot (LARA-R6 guide 4.3.1); 0 alone ends it."""
    if ctx.integer(0) == 0:
        ctx.module.settings.store("+UEMBPF", 0)
        return
    first, _, last = ctx.text(1).partition("-")
    numbers = [int(one) for one in (first, last) if one.isascii() and one.isdigit() and len(one) <= 5]
    if len(numbers) != 2 or not 1 <= numbers[0] <= numbers[1] <= _LAST_PORT:
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter)
    ctx.module.settings.store("+UEMBPF", [1, f"{numbers[0]}-{numbers[1]}"])


HANDLERS: Handlers = {
    ("+CGDCONT", Form.READ): _cgdcont_read, ("+CGDCONT", Form.SET): _cgdcont_set,
    ("+CGDCONT", Form.TEST): _cgdcont_test,
    ("+CGACT", Form.READ): _cgact_read, ("+CGACT", Form.SET): _cgact_set,
    ("+CGPADDR", Form.EXECUTE): _cgpaddr, ("+CGPADDR", Form.SET): _cgpaddr,
    ("+CGPADDR", Form.TEST): _cgpaddr_test,
    ("+CGCONTRDP", Form.EXECUTE): _cgcontrdp, ("+CGCONTRDP", Form.SET): _cgcontrdp,
    ("+CGCONTRDP", Form.TEST): _cgcontrdp_test,
    ("+CFGDFTPDN", Form.SET): _anchor_set, ("+UAUTHREQ", Form.SET): _uauthreq_set,
    ("+CGEREP", Form.SET): _cgerep_set, ("+CGEREP", Form.READ): _cgerep_read,
    ("+UDCONF", Form.SET): _udconf,
    **setting("+UEMBPF"), ("+UEMBPF", Form.SET): _embedded_ports,
}
