"""Who the module is: ATI, +CGMI, +CGMM, +CGMR, +CGSN and their short forms (V.250 6.1, 27.007 5)."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.front.context import CommandContext, Handlers


async def _ati(ctx: CommandContext) -> None:
    """ATI and ATI0 the type number, ATI9 the versions (LENA-R8 guide Table 20); others OK alone."""
    number = ctx.integer(0, 0)
    if number == 0:
        ctx.info(ctx.module.config.model)
    elif number == 9:
        ctx.info(ctx.module.updater.version)


async def _manufacturer(ctx: CommandContext) -> None:
    ctx.info("u-blox")


async def _model(ctx: CommandContext) -> None:
    ctx.info(ctx.module.profile.variant)


async def _revision(ctx: CommandContext) -> None:
    ctx.info(ctx.module.updater.version.partition(",")[0])


async def _imei(ctx: CommandContext) -> None:
    ctx.info(ctx.module.config.imei)


async def _cgsn_set(ctx: CommandContext) -> None:
    """+CGSN=<snt> (27.007 5.4): 0 serial number, 1 IMEI, 2 IMEISV, 3 software version."""
    imei = ctx.module.config.imei
    kind = ctx.integer(0, 0)
    if kind == 0:
        ctx.info(imei)
    elif kind == 1:
        ctx.info(f'+CGSN: "{imei}"')
    elif kind == 2:
        ctx.info(f'+CGSN: "{imei[:14]}00"')
    else:
        ctx.info('+CGSN: "00"')


async def _gcap(ctx: CommandContext) -> None:
    ctx.info("+GCAP: +FCLASS, +CGSM")


HANDLERS: Handlers = {
    ("I", Form.EXECUTE): _ati,
    ("+CGMI", Form.EXECUTE): _manufacturer, ("+GMI", Form.EXECUTE): _manufacturer,
    ("+CGMM", Form.EXECUTE): _model, ("+GMM", Form.EXECUTE): _model,
    ("+CGMR", Form.EXECUTE): _revision, ("+GMR", Form.EXECUTE): _revision,
    ("+CGSN", Form.EXECUTE): _imei, ("+GSN", Form.EXECUTE): _imei, ("+CGSN", Form.SET): _cgsn_set,
    ("+GCAP", Form.EXECUTE): _gcap,
}
