"""AT+CMUX (27.007 5.7; LENA-R8 guide 5.7)."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device.mux import Multiplexer, Parameters
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_NOT_ALLOWED, _NOT_SUPPORTED = 3, 4


async def _set(ctx: CommandContext) -> None:
    """OK in AT mode, then frames; on the UART only, once, and the basic option with UIH frames only."""
    module = ctx.module
    mux = module.subsystem(Multiplexer)
    if ctx.port is not module.uart.port or mux.active:
        raise Refusal.cme(_NOT_ALLOWED)
    if ctx.integer(0) != 0 or ctx.integer(1, 0) != 0:
        raise Refusal.cme(_NOT_SUPPORTED)
    usual = Parameters.of(module.config.behaviour.mux_defaults)
    speed = ctx.integer(2) if ctx.given(2) else usual.port_speed
    chosen = Parameters(0, 0, speed, ctx.integer(3, usual.n1), ctx.integer(4, usual.t1),
                        ctx.integer(5, usual.n2), ctx.integer(6, usual.t2), ctx.integer(7, usual.t3),
                        ctx.integer(8, usual.k))
    ctx.afterwards(lambda: mux.start(chosen))


async def _read(ctx: CommandContext) -> None:
    """The parameters in force, or last in force, or the usual ones."""
    ctx.info(f"+CMUX: {ctx.module.subsystem(Multiplexer).parameters.text()}")


HANDLERS: Handlers = {("+CMUX", Form.SET): _set, ("+CMUX", Form.READ): _read}
