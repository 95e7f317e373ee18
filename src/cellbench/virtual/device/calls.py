"""Calls: dial-up (27.007 10.2.1), held calls, and voice as far as it can be without: refused as the network
would (V.250 6.3)."""

from __future__ import annotations

import re

from cellbench.catalogue.model import Form
from cellbench.virtual.device.answers import setting
from cellbench.virtual.device.dialup import DialUps, no_carrier
from cellbench.virtual.front.context import CommandContext, Handlers

_DIAL_UP = re.compile(r"[TP]?\*99(?:\*[^*#]*(?:\*(?:1|PPP)?(?:\*(?P<cid>[0-9]{1,2}))?)?)?#", re.IGNORECASE)
_IGNORED = 1  # +CVHU: ATH is answered and does nothing (27.007 6.20)


async def _no_carrier(ctx: CommandContext) -> None:
    """No call comes about: no one answers."""
    del ctx
    raise no_carrier()


async def _dial(ctx: CommandContext) -> None:
    """D*99[*[address][*[L2P][*[<cid>]]]]# begins PPP (27.007 10.2.1); there is nobody else to call."""
    wanted = _DIAL_UP.fullmatch(ctx.call.raw.replace(" ", ""))
    if wanted is None:
        raise no_carrier()
    cid = int(wanted["cid"] or ctx.module.config.behaviour.ppp_default_cid)
    await ctx.module.subsystem(DialUps).dial(ctx.port, cid)


async def _data(ctx: CommandContext) -> None:
    """+CGDATA="PPP",<cid> begins PPP (27.007 10.1.12)."""
    cid = ctx.integer(1, ctx.module.config.behaviour.ppp_default_cid)
    await ctx.module.subsystem(DialUps).dial(ctx.port, cid)


async def _hang_up(ctx: CommandContext) -> None:
    """H and +CHUP end a held call; without one they are OK."""
    call = ctx.port.online
    ignored = ctx.call.name == "H" and ctx.module.settings.number("+CVHU") == _IGNORED
    if call is not None and not ignored:
        await call.hang_up()
        ctx.port.online = None


async def _online(ctx: CommandContext) -> None:
    call = ctx.port.online
    if call is None:
        raise no_carrier()
    await call.resume()


async def _no_calls(ctx: CommandContext) -> None:
    del ctx


async def _clip_read(ctx: CommandContext) -> None:
    ctx.info(f"+CLIP: {ctx.module.settings.number('+CLIP')},{1 if ctx.module.radio.registered else 2}")


async def _clir_read(ctx: CommandContext) -> None:
    ctx.info(f"+CLIR: {ctx.module.settings.number('+CLIR')},{4 if ctx.module.radio.registered else 2}")


def _only_set(name: str) -> Handlers:
    return {key: value for key, value in setting(name).items() if key[1] is Form.SET}


HANDLERS: Handlers = {
    ("D", Form.EXECUTE): _dial, ("+CGDATA", Form.SET): _data,
    ("A", Form.EXECUTE): _no_carrier, ("H", Form.EXECUTE): _hang_up,
    ("O", Form.EXECUTE): _online, ("+CHUP", Form.EXECUTE): _hang_up, ("+CLCC", Form.EXECUTE): _no_calls,
    ("+CLIP", Form.READ): _clip_read, ("+CLIR", Form.READ): _clir_read,
    **_only_set("+CLIP"), **_only_set("+CLIR"),
    **setting("+CVHU"), **setting("+CRC"), **setting("+UCALLSTAT"),
}
