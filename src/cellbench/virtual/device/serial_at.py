"""AT commands of the serial interface: rate, format, flow control, greeting, power saving, URC ports."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device.answers import current, joined, setting
from cellbench.virtual.device.gpio import GPIO3, GPIO3_BLOCKS
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_NOT_ALLOWED = 3


async def _ipr_set(ctx: CommandContext) -> None:
    """+IPR: OK at the old rate, then the new one at once, kept in NVM (LENA-R8 guide 5.3.1, 6.1); of the
    auxiliary UART it is not kept (LARA-R6 application note)."""
    module, rate = ctx.module, ctx.integer(0)
    if ctx.port is module.aux.port:
        ctx.afterwards(lambda: module.aux.set_rate(rate))
    elif not ctx.port.on_usb:
        module.settings.store("+IPR", rate)
        ctx.afterwards(lambda: module.uart.set_rate(rate))
    elif module.config.behaviour.ipr_of_usb_kept:
        module.settings.store("+IPR", rate)


async def _ipr_read(ctx: CommandContext) -> None:
    module = ctx.module
    rate = module.aux.rate if ctx.port is module.aux.port else module.serial.boot_rate
    ctx.info(f"+IPR: {rate}")


async def _ipr_test(ctx: CommandContext) -> None:
    rates = ctx.module.profile.serial.rates.value
    auto = (0,) if ctx.module.profile.serial.autobauding else ()
    ctx.info("+IPR: (" + ",".join(str(rate) for rate in (*auto, *rates)) + ")")


def _icf_changed(ctx: CommandContext) -> None:
    """+ICF: in force behind the result code (V.250 6.2.11)."""
    module = ctx.module
    if ctx.port is module.uart.port:
        ctx.afterwards(lambda: module.uart.set_frame(module.serial.frame))


async def _ifc_set(ctx: CommandContext) -> None:
    both = [ctx.integer(0), ctx.integer(1, ctx.integer(0))]
    if not ctx.port.on_usb and ctx.module.sleep.flow_control_refused(3 if both[0] == 2 else 0):
        raise Refusal.cme(_NOT_ALLOWED)
    if not ctx.port.on_usb:
        ctx.module.serial.set_flow(ctx.port, 3 if both[0] == 2 else 0)
    ctx.module.settings.store("+IFC", both)


async def _csgt_set(ctx: CommandContext) -> None:
    mode = ctx.integer(0)
    stored = current(ctx, "+CSGT")
    text = ctx.text(1, str(stored[1]) if len(stored) > 1 else "")
    ctx.module.settings.store("+CSGT", [mode, text])


async def _csgt_read(ctx: CommandContext) -> None:
    """+CSGT?: LENA-R8 answers ERROR while it is off (public driver)."""
    stored = current(ctx, "+CSGT") or [0, ""]
    if not stored[0] and ctx.module.config.behaviour.csgt_error_when_off:
        raise Refusal.plain()
    ctx.info(f'+CSGT: "{stored[1]}",{stored[0]}')


async def _upsv_set(ctx: CommandContext) -> None:
    """+UPSV: the time-out goes with the data mode only; RTS mode and GPIO3 exclude each other."""
    module, behaviour = ctx.module, ctx.module.config.behaviour
    mode = ctx.integer(0)
    if ctx.port.on_usb and behaviour.upsv_refused_on_usb:
        raise Refusal.cme(_NOT_ALLOWED)
    if ctx.given(1) and mode != behaviour.upsv_data_mode:
        raise Refusal.cme(behaviour.error_parameter)
    if mode == behaviour.upsv_rts_mode and module.gpio_function(GPIO3) in GPIO3_BLOCKS:
        raise Refusal.cme(_NOT_ALLOWED)
    if mode == behaviour.upsv_rts_mode and behaviour.upsv_rts_needs_k0 and module.serial.rts_gates:
        raise Refusal.cme(_NOT_ALLOWED)
    timeout = ctx.integer(1, behaviour.upsv_default_timeout)
    module.settings.store("+UPSV", [mode, timeout] if mode == behaviour.upsv_data_mode else mode)
    module.sleep.watch()


async def _upsv_read(ctx: CommandContext) -> None:
    ctx.info("+UPSV: " + joined(current(ctx, "+UPSV")))


async def _urcs_set(ctx: CommandContext) -> None:
    """+UURCCONF: 0 all ports, 1 this one only, 2 not this one (LARA-R6 application note)."""
    mode = ctx.integer(0)
    for port in ctx.module.ports:
        here = port is ctx.port
        port.urcs_wanted = {0: True, 1: here, 2: port.urcs_wanted and not here}[mode]
    ctx.module.settings.put_volatile("+UURCCONF", mode)


async def _urcs_read(ctx: CommandContext) -> None:
    ctx.info("+UURCCONF: " + ",".join("0" if port.urcs_wanted else "2" for port in ctx.module.ports))


async def _usio_read(ctx: CommandContext) -> None:
    ctx.info(f"+USIO: {ctx.module.serial.usio},{ctx.module.settings.number('+USIO')}")


async def _usio_set(ctx: CommandContext) -> None:
    ctx.module.settings.store("+USIO", ctx.integer(0))


async def _uart_read(ctx: CommandContext) -> None:
    ctx.info(f"+UUARTCONF: 0,{ctx.module.serial.boot_rate},3")
    ctx.info("+UUARTCONF: " + joined(current(ctx, "+UUARTCONF") or [1, 115200, 3]))


async def _uart_set(ctx: CommandContext) -> None:
    ctx.module.settings.store("+UUARTCONF", [ctx.integer(0), ctx.integer(1), ctx.integer(2, 3)])


HANDLERS: Handlers = {
    ("+IPR", Form.SET): _ipr_set, ("+IPR", Form.READ): _ipr_read, ("+IPR", Form.TEST): _ipr_test,
    **setting("+ICF", after=_icf_changed),
    **{key: value for key, value in setting("+IFC").items() if key[1] is Form.READ},
    ("+IFC", Form.SET): _ifc_set,
    ("+CSGT", Form.SET): _csgt_set, ("+CSGT", Form.READ): _csgt_read,
    ("+UPSV", Form.SET): _upsv_set, ("+UPSV", Form.READ): _upsv_read,
    **setting("+URING"),
    ("+UURCCONF", Form.SET): _urcs_set, ("+UURCCONF", Form.READ): _urcs_read,
    ("+USIO", Form.SET): _usio_set, ("+USIO", Form.READ): _usio_read,
    ("+UUARTCONF", Form.SET): _uart_set, ("+UUARTCONF", Form.READ): _uart_read,
}
