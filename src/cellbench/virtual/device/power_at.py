"""AT commands of power and restart: +CFUN, +CPWROFF, +UFACTORY, and the module's supervisor and tests."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device.answers import current, joined, setting
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_NOT_ALLOWED, _NOT_SUPPORTED = 3, 4
_TEST_MODE = 5  # what +CFUN? reads inside +UTEST (LARA-R6 application note)


async def _cfun_set(ctx: CommandContext) -> None:
    """+CFUN: 0 and 1 for this boot, 4 for good, 15 and 16 restart, 10 fast off, 19 with the SIM off."""
    function = ctx.integer(0)
    if function in (15, 16):
        ctx.afterwards(lambda: ctx.module.power.restart(detach=True))
    elif function == 10:
        ctx.afterwards(lambda: ctx.module.power.shut_down(detach=False))
    elif ctx.integer(1, 0) == 1:
        if function not in (0, 1):
            raise Refusal.cme(_NOT_ALLOWED)
        ctx.afterwards(lambda: ctx.module.power.restart(detach=True))
    elif function == 1:
        await _full(ctx)
    else:
        await _minimum(ctx, function)


async def _full(ctx: CommandContext) -> None:
    module, radio = ctx.module, ctx.module.radio
    module.settings.store("cfun stored", 1)
    if radio.function == 1:
        return
    await module.pace.take(module.config.behaviour.cfun_on_s)
    if radio.function == 19:
        module.sim.power_on()
    radio.function = 1
    if radio.mode != 2:
        radio.start()


async def _minimum(ctx: CommandContext, function: int) -> None:
    module, radio = ctx.module, ctx.module.radio
    if radio.function == 1:
        await module.pace.take(module.config.behaviour.cfun_off_s)
        radio.stop(function=function)
    radio.function = function
    if function == 4:
        module.settings.store("cfun stored", 4)  # LENA-R8 guide 8.2: stored, better to use 0
    if function == 19:
        module.sim.power_off()


async def _cfun_read(ctx: CommandContext) -> None:
    function = ctx.module.radio.function
    shown = _TEST_MODE if ctx.module.settings.number("+UTEST") else 4 if function == 4 else function
    ctx.info(f"+CFUN: {shown}" + (",0" if ctx.module.config.behaviour.cfun_read_stk else ""))


async def _cpwroff(ctx: CommandContext) -> None:
    """+CPWROFF: detach, then OK, then V_INT falls; LENA-R8 says +CPOF: MS OFF before the OK."""
    module = ctx.module
    module.radio.detach_quietly()
    await module.pace.take(module.config.behaviour.detach_s)
    if module.config.behaviour.cpof_before_ok:
        ctx.info("+CPOF: MS OFF")
    ctx.afterwards(lambda: module.power.shut_down(detach=False))


async def _ufactory_set(ctx: CommandContext) -> None:
    ctx.module.settings.store("+UFACTORY", [ctx.integer(0), ctx.integer(1)])


async def _ufactory_read(ctx: CommandContext) -> None:
    ctx.info("+UFACTORY: " + joined(current(ctx, "+UFACTORY")))


async def _utest_set(ctx: CommandContext) -> None:
    """+UTEST: test mode from +CFUN=0 only; no radio is tested on a virtual module."""
    mode = ctx.integer(0)
    inside = ctx.module.settings.number("+UTEST") == 1
    if mode == 1 and ctx.module.radio.function in (0, 4):
        ctx.module.settings.put_volatile("+UTEST", 1)
    elif mode == 0 and inside:
        ctx.module.settings.put_volatile("+UTEST", 0)
    else:
        raise Refusal.cme(_NOT_SUPPORTED if inside else _NOT_ALLOWED)


async def _utest_read(ctx: CommandContext) -> None:
    ctx.info(f"+UTEST: {ctx.module.settings.number('+UTEST')}")


async def _uantr(ctx: CommandContext) -> None:
    """No diagnostic resistor is fitted to the virtual antenna."""
    ctx.info(f"+UANTR: {ctx.integer(0, 0)},-1")


HANDLERS: Handlers = {
    ("+CFUN", Form.SET): _cfun_set, ("+CFUN", Form.READ): _cfun_read,
    ("+CPWROFF", Form.EXECUTE): _cpwroff,
    ("+UFACTORY", Form.SET): _ufactory_set, ("+UFACTORY", Form.READ): _ufactory_read,
    ("+UTEST", Form.SET): _utest_set, ("+UTEST", Form.READ): _utest_read,
    ("+UANTR", Form.SET): _uantr, ("+UANTR", Form.READ): _uantr,
    **setting("+USTS"),
}
