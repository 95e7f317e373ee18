"""Short messages as far as hosts need them to start: formats, stores, reports (27.005). No traffic yet."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device.answers import current, setting
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_INVALID_INDEX = 321
_TEXT_KINDS = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL")


async def _csms_set(ctx: CommandContext) -> None:
    ctx.module.settings.put("+CSMS", ctx.integer(0))
    ctx.info("+CSMS: 1,1,1")


async def _csms_read(ctx: CommandContext) -> None:
    ctx.info(f"+CSMS: {ctx.module.settings.number('+CSMS')},1,1,1")


def _places(ctx: CommandContext) -> int:
    return ctx.module.config.behaviour.sms_places


async def _cpms_read(ctx: CommandContext) -> None:
    stores = [str(one) for one in current(ctx, "+CPMS")] or ["ME"] * 3
    ctx.info("+CPMS: " + ",".join(f'"{store}",0,{_places(ctx)}' for store in stores))


async def _cpms_set(ctx: CommandContext) -> None:
    stores = [str(one) for one in current(ctx, "+CPMS")] or ["ME"] * 3
    for place in range(3):
        if ctx.given(place):
            stores[place] = ctx.text(place)
    ctx.module.settings.store("+CPMS", stores)
    ctx.info("+CPMS: " + ",".join(f"0,{_places(ctx)}" for _ in stores))


async def _cpms_test(ctx: CommandContext) -> None:
    ctx.info('+CPMS: ("ME","SM","MT"),("ME","SM","MT"),("ME","SM","MT")')


async def _list(ctx: CommandContext) -> None:
    """The stores are empty; the kind asked for must fit the format (27.005 3.4.2, 4.1)."""
    text_mode = ctx.module.settings.number("+CMGF") == 1
    kinds = _TEXT_KINDS if text_mode else ("0", "1", "2", "3", "4")
    if ctx.call.form is Form.SET and ctx.text(0, kinds[0]) not in kinds:
        raise Refusal.cms(305 if text_mode else 304)


async def _no_message(ctx: CommandContext) -> None:
    del ctx
    raise Refusal.cms(_INVALID_INDEX)


async def _delete(ctx: CommandContext) -> None:
    if ctx.integer(1, 0) == 0:
        raise Refusal.cms(_INVALID_INDEX)


async def _list_test(ctx: CommandContext) -> None:
    text_mode = ctx.module.settings.number("+CMGF") == 1
    kinds = ",".join(f'"{kind}"' for kind in _TEXT_KINDS) if text_mode else "0-4"
    ctx.info(f"+CMGL: ({kinds})")


async def _csca_read(ctx: CommandContext) -> None:
    number, kind = (*current(ctx, "+CSCA"), 145)[:2]
    ctx.info(f'+CSCA: "{number}",{kind}')


async def _csca_set(ctx: CommandContext) -> None:
    number = ctx.text(0)
    kind = ctx.integer(1, 145 if number.startswith("+") else 129)
    ctx.module.settings.store("+CSCA", [number, kind])


HANDLERS: Handlers = {
    ("+CSMS", Form.SET): _csms_set, ("+CSMS", Form.READ): _csms_read,
    ("+CPMS", Form.READ): _cpms_read, ("+CPMS", Form.SET): _cpms_set, ("+CPMS", Form.TEST): _cpms_test,
    ("+CMGL", Form.EXECUTE): _list, ("+CMGL", Form.SET): _list, ("+CMGL", Form.TEST): _list_test,
    ("+CMGR", Form.SET): _no_message, ("+CMGD", Form.SET): _delete,
    ("+CSCA", Form.READ): _csca_read, ("+CSCA", Form.SET): _csca_set,
    **setting("+CMGF"), **setting("+CSDH"), **setting("+CNMI"), **setting("+CSMP"),
}
