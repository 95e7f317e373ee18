"""Radio technologies, bands and operator profiles: +URAT, +SETBAND, +SETLOCK, +UBANDMASK, +UMNOPROF."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device.answers import setting
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_NOT_ALLOWED = 3
# What a profile brings beside contexts is lost when another one is chosen (siblings' application note).
_WITH_PROFILE = ("+CGDCONT", "+URAT", "+UBANDMASK", "+UAUTHREQ")


def _lte_bands(ctx: CommandContext) -> tuple[int, ...]:
    known = ctx.module.profile.facts.get("lte_bands")
    value = known.value if known is not None else ()
    return tuple(one for one in value if isinstance(one, int)) if isinstance(value, tuple) else ()


async def _urat_set(ctx: CommandContext) -> None:
    names = {0: "gsm", 2: "utran", 3: "lte"}
    values = [value for value in ctx.call.args if isinstance(value, int)]
    if any(value in names and names[value] not in ctx.module.profile.rats for value in values):
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter)
    if not ctx.module.profile.bearers.internet_follows_udconf19:
        ctx.module.settings.store("+URAT", values)
        return
    if ctx.module.radio.registered:
        raise Refusal.cme(_NOT_ALLOWED)  # at +CFUN=0 (application note)
    ctx.module.settings.store("+URAT", values)


async def _urat_read(ctx: CommandContext) -> None:
    ctx.info("+URAT: " + ",".join(str(one) for one in ctx.module.settings.numbers("+URAT")))


async def _setlock(ctx: CommandContext) -> None:
    """+SETLOCK=0,0 all, =1,0,<bands> these, =2,0 asks (public driver); in force after a reboot."""
    settings = ctx.module.settings
    mode = ctx.integer(0)
    bands = [value for value in ctx.call.args[2:] if isinstance(value, int)]
    if mode == 2:
        chosen = settings.numbers("+SETLOCK")
        ctx.info("+SETLOCK: " + ",".join(str(one) for one in (len(chosen), *chosen)))
    elif mode == 0:
        settings.store("+SETLOCK", [])
    else:
        if not bands or any(one not in _lte_bands(ctx) for one in bands):
            raise Refusal.cme(ctx.module.config.behaviour.error_parameter)
        settings.store("+SETLOCK", bands)


async def _bandmask_set(ctx: CommandContext) -> None:
    masks = ctx.module.settings.mapping("+UBANDMASK")
    masks[str(ctx.integer(0))] = [value for value in ctx.call.args[1:] if isinstance(value, int)]
    ctx.module.settings.store("+UBANDMASK", masks)


async def _bandmask_read(ctx: CommandContext) -> None:
    known = ctx.module.profile.facts.get("bandmask_all")
    everything = known.value if known is not None else {}
    stored = ctx.module.settings.mapping("+UBANDMASK")
    parts: list[str] = []
    for rat in (3, 2):
        masks = stored.get(str(rat))
        if isinstance(masks, list) and masks:
            first, second = masks[0], masks[1] if len(masks) > 1 else 0
        else:
            first, second = (everything.get(rat, 0) if isinstance(everything, dict) else 0), 0
        parts.append(f"{rat},{first}" + (f",{second}" if rat == 3 else ""))
    ctx.info("+UBANDMASK: " + ",".join(parts))


async def _umnoprof_set(ctx: CommandContext) -> None:
    """+UMNOPROF at +CFUN=0, in force after the reboot (LARA-R6 guide 2.3.1)."""
    module = ctx.module
    profile = ctx.integer(0)
    known = module.profile.facts.get("umnoprof_profiles")
    allowed = known.value if known is not None else None
    if isinstance(allowed, tuple) and profile not in allowed:
        raise Refusal.cme(module.config.behaviour.error_parameter)
    if profile == 100 and module.config.behaviour.umnoprof_100_refused:
        raise Refusal.cme(module.config.behaviour.error_parameter)
    if module.radio.function not in (0, 4, 19):
        raise Refusal.cme(_NOT_ALLOWED)
    if profile != module.settings.number("+UMNOPROF", 90):
        for name in _WITH_PROFILE:
            module.settings.forget(name)
        if profile == 3:
            module.settings.store("+UDCONF=19", [3, 0])
        else:
            module.settings.forget("+UDCONF=19")
    module.settings.store("+UMNOPROF", profile)


async def _umnoprof_read(ctx: CommandContext) -> None:
    ctx.info(f"+UMNOPROF: {ctx.module.settings.number('+UMNOPROF', 90)}")


async def _setband_read(ctx: CommandContext) -> None:
    ctx.info(f"+SETBAND: {ctx.module.settings.number('+SETBAND', 15)}")


HANDLERS: Handlers = {
    ("+URAT", Form.SET): _urat_set, ("+URAT", Form.READ): _urat_read,
    ("+SETLOCK", Form.SET): _setlock,
    ("+SETBAND", Form.READ): _setband_read,
    **{key: value for key, value in setting("+SETBAND").items() if key[1] is Form.SET},
    ("+UBANDMASK", Form.SET): _bandmask_set, ("+UBANDMASK", Form.READ): _bandmask_read,
    ("+UMNOPROF", Form.SET): _umnoprof_set, ("+UMNOPROF", Form.READ): _umnoprof_read,
}
