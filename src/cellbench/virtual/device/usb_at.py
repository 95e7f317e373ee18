"""AT commands that choose the USB composition: +SYSNV (LENA-R8), +UUSBCONF (LARA-R6)."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device.answers import setting
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_NAMES = ("usbmode", "nat_cfg", "ap_trace_en", "deep_sleep_en", "psm_sleep_en", "usb_detect_mode",
          "sim_hotplug")


async def _sysnv(ctx: CommandContext) -> None:
    """+SYSNV: 0 asks, 1 sets, 2 clears (LENA-R8 guide Tables 3, 5, 7, 10, 11); in force after a reboot."""
    settings = ctx.module.settings
    operation = ctx.integer(0)
    wrong = Refusal.cme(ctx.module.config.behaviour.error_parameter)
    if operation == 2:
        for name in _NAMES:
            settings.forget(name)
        return
    name = ctx.text(1)
    if operation == 0:
        ctx.info(f'+SYSNV: "{name}", {settings.number(name)}')
        return
    value = ctx.integer(2)
    modes = [one.selected_by for one in ctx.module.profile.usb]
    if name == "usbmode" and f"usbmode={value}" not in modes:
        raise wrong
    if name == "nat_cfg" and value > 255:
        raise wrong
    settings.store(name, value)


def _pid(ctx: CommandContext) -> str:
    composition = ctx.module.serial.chosen()
    return f"0x{composition.pid:04X}" if composition is not None else ""


async def _usbconf_read(ctx: CommandContext) -> None:
    values = ctx.module.settings.items("+UUSBCONF") or [0, ""]
    ctx.info(f'+UUSBCONF: {values[0]},"{values[1]}","","{_pid(ctx)}"')


async def _usbconf_set(ctx: CommandContext) -> None:
    """A network that no composition of this product grade has is refused (00B has none)."""
    network = ctx.text(1, "")
    module = ctx.module
    model = module.config.model
    known = {one.selected_by for one in module.profile.usb if not one.ordering or one.ordering in model}
    if network and f"uusbconf={network}" not in known:
        raise Refusal.cme(module.config.behaviour.error_parameter)
    module.settings.store("+UUSBCONF", [ctx.integer(0), network])


HANDLERS: Handlers = {
    ("+SYSNV", Form.SET): _sysnv,
    ("+UUSBCONF", Form.SET): _usbconf_set, ("+UUSBCONF", Form.READ): _usbconf_read,
    **setting("+UUSBDET"),
}
