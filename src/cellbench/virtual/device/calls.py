"""Calls and dial-up as far as they can be without PPP and voice: refused as the network would (V.250 6.3)."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device.answers import setting
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal


async def _no_carrier(ctx: CommandContext) -> None:
    """No call comes about: dial-up needs PPP, and no one answers."""
    del ctx
    raise Refusal.final("NO CARRIER")


async def _hang_up(ctx: CommandContext) -> None:
    """H and +CHUP end a held call; without one they are OK."""
    call = ctx.port.online
    if call is not None:
        ctx.port.online = None
        await call.hang_up()


async def _online(ctx: CommandContext) -> None:
    call = ctx.port.online
    if call is None:
        raise Refusal.final("NO CARRIER")
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
    ("D", Form.EXECUTE): _no_carrier, ("A", Form.EXECUTE): _no_carrier, ("H", Form.EXECUTE): _hang_up,
    ("O", Form.EXECUTE): _online, ("+CHUP", Form.EXECUTE): _hang_up, ("+CLCC", Form.EXECUTE): _no_calls,
    ("+CLIP", Form.READ): _clip_read, ("+CLIR", Form.READ): _clir_read,
    **_only_set("+CLIP"), **_only_set("+CLIR"),
    **setting("+CVHU"), **setting("+CRC"), **setting("+UCALLSTAT"),
}
