"""GPIO by AT: function, level, drive (facts sheet 13.1; error numbers of the LENA-R8 error table)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellbench.catalogue.model import Form
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

_OUTPUT, _INPUT, _OFF = 0, 1, 255
_NOT_ALLOWED = 3
GPIO3 = 24
GPIO3_BLOCKS = (0, 1, 4)
"""Functions that exclude the RTS mode of +UPSV: general purpose I/O, GNSS data ready (LENA-R8 guide 13.1)."""
_MODE_INVALID, _READ_FAILED, _WRITE_FAILED = 1502, 1503, 1504


def pins(module: Module) -> tuple[int, ...]:
    """The pins that are GPIOs, in the order of their names."""
    known = module.profile.facts.get("gpio_pins")
    return tuple(known.value.values()) if known is not None and isinstance(known.value, dict) else ()


def function(module: Module, pin: int) -> int:
    """The function of a pin, 255 when it has none."""
    stored = module.settings.mapping("+UGPIOC").get(str(pin))
    if isinstance(stored, int):
        return stored
    known = module.profile.facts.get("gpio_factory")
    value = known.value.get(pin, _OFF) if known is not None and isinstance(known.value, dict) else _OFF
    return value if isinstance(value, int) else _OFF


def _check(ctx: CommandContext, pin: int) -> None:
    if pin not in pins(ctx.module):
        raise Refusal.cme(1500)


async def _set(ctx: CommandContext) -> None:
    pin, mode = ctx.integer(0), ctx.integer(1)
    _check(ctx, pin)
    if mode not in ctx.module.config.behaviour.gpio_functions:
        raise Refusal.cme(_MODE_INVALID)
    if pin == GPIO3 and mode in GPIO3_BLOCKS and (
            ctx.module.sleep.mode == ctx.module.config.behaviour.upsv_rts_mode):
        raise Refusal.cme(_NOT_ALLOWED)
    stored = ctx.module.settings.mapping("+UGPIOC")
    stored[str(pin)] = mode
    ctx.module.settings.store("+UGPIOC", stored)
    if mode == _OUTPUT:
        _levels(ctx)[str(pin)] = ctx.integer(2, 0)


def _levels(ctx: CommandContext) -> dict[str, object]:
    levels = ctx.module.settings.get("gpio levels")
    if not isinstance(levels, dict):
        levels = {}
        ctx.module.settings.put_volatile("gpio levels", levels)
    return levels


async def _read_all(ctx: CommandContext) -> None:
    ctx.info("+UGPIOC:\r\n" + "\r\n".join(f"{pin},{function(ctx.module, pin)}" for pin in pins(ctx.module)))


async def _read_pin(ctx: CommandContext) -> None:
    pin = ctx.integer(0)
    _check(ctx, pin)
    mode = function(ctx.module, pin)
    if mode not in (_OUTPUT, _INPUT):
        raise Refusal.cme(_READ_FAILED)
    ctx.info(f"+UGPIOR: {pin},{_levels(ctx).get(str(pin), 0)}")


async def _write_pin(ctx: CommandContext) -> None:
    pin = ctx.integer(0)
    _check(ctx, pin)
    if function(ctx.module, pin) != _OUTPUT:
        raise Refusal.cme(_WRITE_FAILED)
    _levels(ctx)[str(pin)] = ctx.integer(1)


HANDLERS: Handlers = {
    ("+UGPIOC", Form.SET): _set, ("+UGPIOC", Form.READ): _read_all,
    ("+UGPIOR", Form.SET): _read_pin, ("+UGPIOW", Form.SET): _write_pin,
}
