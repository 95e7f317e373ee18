"""AT commands of calls: dial, answer, hang up, data calls, what is told of them (V.250 6.3; 27.007 6, 7,
10.2.1)."""

from __future__ import annotations

import re

from cellbench.catalogue.model import Form
from cellbench.virtual.device.answers import setting
from cellbench.virtual.device.dialup import DialUps, no_carrier
from cellbench.virtual.device.telephony.calls import Calls, clcc
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal
from cellbench.virtual.net.telephone.network import written

_DIAL_UP = re.compile(r"[TP]?\*99(?:\*[^*#]*(?:\*(?:1|PPP)?(?:\*(?P<cid>[0-9]{1,2}))?)?)?#", re.IGNORECASE)
_VOICE = re.compile(r"[TP]?(?P<number>\+?[0-9*#]{1,20})(?P<clir>[Ii]?)[Gg]?;")
_IGNORED = 1  # +CVHU: ATH is answered and does nothing (27.007 6.20)
_WITHHELD = 1  # +CLIR


async def _dial(ctx: CommandContext) -> None:
    """D*99[*[address][*[L2P][*[<cid>]]]]# begins PPP (27.007 10.2.1), a semicolon makes a voice call."""
    body = ctx.call.raw.replace(" ", "").replace("-", "").replace(",", "")
    wanted = _DIAL_UP.fullmatch(body)
    if wanted is not None:
        cid = int(wanted["cid"] or ctx.module.config.behaviour.ppp_default_cid)
        await ctx.module.subsystem(DialUps).dial(ctx.port, cid)
        return
    voice = _VOICE.fullmatch(body)
    if voice is None or voice["number"].startswith("*") or voice["number"].endswith("#"):
        raise Refusal.final(ctx.module.config.behaviour.data_call_result)
    withheld = voice["clir"] == "I" or (not voice["clir"]
                                        and ctx.module.settings.number("+CLIR") == _WITHHELD)
    await ctx.module.subsystem(Calls).dial(ctx.port, written(voice["number"]), withheld=withheld)


async def _data(ctx: CommandContext) -> None:
    """+CGDATA="PPP",<cid> begins PPP (27.007 10.1.12)."""
    cid = ctx.integer(1, ctx.module.config.behaviour.ppp_default_cid)
    await ctx.module.subsystem(DialUps).dial(ctx.port, cid)


async def _answer(ctx: CommandContext) -> None:
    result = ctx.module.config.behaviour.answer_result
    await ctx.module.subsystem(Calls).answer(ctx.port)
    if result != "OK":
        raise Refusal.final(result)


async def _hang_up(ctx: CommandContext) -> None:
    """H and +CHUP end a held data call and a voice call; without one they are OK."""
    by_h = ctx.call.name == "H"
    if by_h and ctx.module.settings.number("+CVHU") == _IGNORED:
        return
    held = ctx.port.online
    if held is not None:
        await held.hang_up()
        ctx.port.online = None
    if by_h and not ctx.module.config.behaviour.ath_ends_voice:
        return
    calls = ctx.module.subsystem(Calls)
    ended = calls.all
    for call in ended:
        calls.hang_up(call)
    if ended and ctx.module.config.behaviour.hang_up_tells:
        ctx.afterwards(lambda: ctx.port.urc("NO CARRIER"))


async def _online(ctx: CommandContext) -> None:
    call = ctx.port.online
    if call is None:
        raise no_carrier()
    await call.resume()


async def _clcc(ctx: CommandContext) -> None:
    for call in ctx.module.subsystem(Calls).all:
        ctx.info(clcc(call))


async def _cpas(ctx: CommandContext) -> None:
    ctx.info(f"+CPAS: {ctx.module.subsystem(Calls).activity}")


async def _clip_read(ctx: CommandContext) -> None:
    ctx.info(f"+CLIP: {ctx.module.settings.number('+CLIP')},{1 if ctx.module.radio.registered else 2}")


async def _clir_read(ctx: CommandContext) -> None:
    ctx.info(f"+CLIR: {ctx.module.settings.number('+CLIR')},{4 if ctx.module.radio.registered else 2}")


def _only_set(name: str) -> Handlers:
    return {key: value for key, value in setting(name).items() if key[1] is Form.SET}


HANDLERS: Handlers = {
    ("D", Form.EXECUTE): _dial, ("+CGDATA", Form.SET): _data,
    ("A", Form.EXECUTE): _answer, ("H", Form.EXECUTE): _hang_up,
    ("O", Form.EXECUTE): _online, ("+CHUP", Form.EXECUTE): _hang_up, ("+CLCC", Form.EXECUTE): _clcc,
    ("+CPAS", Form.EXECUTE): _cpas,
    ("+CLIP", Form.READ): _clip_read, ("+CLIR", Form.READ): _clir_read,
    **_only_set("+CLIP"), **_only_set("+CLIR"),
    **setting("+CVHU"), **setting("+CRC"), **setting("+UCALLSTAT"),
}
