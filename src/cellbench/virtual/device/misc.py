"""The AT interface's own commands: echo, result codes, S registers, profiles, +CMEE, character set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellbench.catalogue.model import Form
from cellbench.virtual.device.serial import REGISTERS
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal
from cellbench.virtual.front.state import PortSettings

_WRITABLE = frozenset({0, 2, 3, 4, 5, 6, 7, 8, 10, 12})
_LOWEST = {6: 2, 7: 1, 8: 0, 10: 1}
_NOT_ALLOWED = 3

if TYPE_CHECKING:
    from cellbench.virtual.front.port import AtPort


async def _echo(ctx: CommandContext) -> None:
    ctx.port.settings.echo = ctx.integer(0, 0) == 1


async def _quiet(ctx: CommandContext) -> None:
    ctx.port.settings.style.quiet = ctx.integer(0, 0) == 1


async def _verbose(ctx: CommandContext) -> None:
    ctx.port.settings.style.verbose = ctx.integer(0, 0) == 1


async def _extended(ctx: CommandContext) -> None:
    ctx.port.settings.style.extended = ctx.integer(0, 0)


async def _circuit_109(ctx: CommandContext) -> None:
    ctx.port.settings.circuit_109 = ctx.integer(0, 0)
    ctx.module.serial.show_lines()


async def _circuit_108(ctx: CommandContext) -> None:
    ctx.port.settings.circuit_108 = ctx.integer(0, 0)


async def _circuit_107(ctx: CommandContext) -> None:
    ctx.port.settings.circuit_107 = ctx.integer(0, 0)
    ctx.module.serial.show_lines()


async def _flow(ctx: CommandContext) -> None:
    """&K: of the UART; a USB port may refuse it (public driver, issue threads)."""
    refused = ctx.module.config.behaviour.k_refused_on_usb
    if ctx.port.on_usb and refused:
        raise Refusal.cme(refused)
    mode = ctx.integer(0, 0)
    if mode not in (0, 3):
        raise Refusal.plain()
    if ctx.module.sleep.flow_control_refused(mode):
        raise Refusal.cme(_NOT_ALLOWED)
    ctx.module.serial.set_flow(ctx.port, mode)


def _profile(port: AtPort) -> dict[str, object]:
    """What &W keeps of a port (V.250 6.1 and chapter 6)."""
    own = port.settings
    values: dict[str, object] = {
        "E": int(own.echo), "V": int(own.style.verbose), "Q": int(own.style.quiet), "X": own.style.extended,
        "&C": own.circuit_109, "&D": own.circuit_108, "&S": own.circuit_107}
    values.update({f"S{number}": value for number, value in own.registers.items()})
    return values


async def _write_profile(ctx: CommandContext) -> None:
    settings = ctx.module.settings
    kept = _profile(ctx.port)
    for name in ("+CREG", "+CGREG", "+CEREG"):
        kept[name] = settings.number(name)
    settings.save_profile(kept)


def _adopt(port: AtPort, fresh: PortSettings) -> None:
    fresh.cmee = port.settings.cmee
    port.settings = fresh


async def _reset_profile(ctx: CommandContext) -> None:
    """Z: the stored profile; a call that is held ends (V.250 6.1.1)."""
    if ctx.port.online is not None:
        await ctx.port.online.hang_up()
        ctx.port.online = None
    _adopt(ctx.port, ctx.module.serial.port_settings(on_usb=ctx.port.on_usb))
    ctx.module.serial.show_lines()


async def _factory_profile(ctx: CommandContext) -> None:
    """&F: factory values of this port (V.250 6.1.2); what NVM holds of them stays until &W."""
    factory = ctx.module.settings.factory_number
    registers = {number: factory(f"S{number}") for number in ctx.port.settings.registers}
    fresh = PortSettings(circuit_109=factory("&C", 1), circuit_108=factory("&D", 1),
                         circuit_107=factory("&S", 1), registers=registers)
    fresh.style.extended = factory("X", 4)
    fresh.cmee = factory("+CMEE")
    ctx.port.settings = fresh
    ctx.module.serial.show_lines()


async def _show(ctx: CommandContext) -> None:
    """&V: the settings in force."""
    values = _profile(ctx.port) | {"&K": ctx.module.settings.number("&K", 3)}
    ctx.info("ACTIVE PROFILE:")
    ctx.info(" ".join(f"{name}{value}" for name, value in values.items() if not name.startswith("S")))
    registers = sorted(ctx.port.settings.registers.items())
    ctx.info(" ".join(f"S{number}={value:03d}" for number, value in registers))


async def _accepted(ctx: CommandContext) -> None:
    del ctx


def _register(ctx: CommandContext) -> tuple[int, str]:
    number, _, value = ctx.call.raw.partition("=")
    if not number or int(number[:6]) not in REGISTERS:
        raise Refusal.plain()
    return int(number), value


async def _register_read(ctx: CommandContext) -> None:
    number, _ = _register(ctx)
    ctx.info(f"{ctx.port.settings.registers.get(number, 0):03d}")


async def _register_set(ctx: CommandContext) -> None:
    number, text = _register(ctx)
    value = int(text[:6]) if text else 0
    highest = 127 if number in (3, 4, 5) else 255
    if number not in _WRITABLE or not _LOWEST.get(number, 0) <= value <= highest:
        raise Refusal.plain()
    ctx.port.settings.registers[number] = value
    if number == 3:
        ctx.port.settings.style.cr = chr(value)
    elif number == 4:
        ctx.port.settings.style.lf = chr(value)


async def _register_select(ctx: CommandContext) -> None:
    _register(ctx)


async def _cmee_set(ctx: CommandContext) -> None:
    ctx.port.settings.cmee = ctx.integer(0)


async def _cmee_read(ctx: CommandContext) -> None:
    ctx.info(f"+CMEE: {ctx.port.settings.cmee}")


async def _cscs_read(ctx: CommandContext) -> None:
    ctx.info(f'+CSCS: "{ctx.module.settings.text("+CSCS", "IRA")}"')


async def _cscs_set(ctx: CommandContext) -> None:
    ctx.module.settings.put_volatile("+CSCS", ctx.text(0))


HANDLERS: Handlers = {
    **{(name, Form.EXECUTE): handler for name, handler in (
        ("E", _echo), ("Q", _quiet), ("V", _verbose), ("X", _extended),
        ("&C", _circuit_109), ("&D", _circuit_108), ("&S", _circuit_107),
        ("&K", _flow), ("&W", _write_profile), ("Z", _reset_profile),
        ("&F", _factory_profile), ("&V", _show), ("&Y", _accepted), ("S", _register_select))},
    ("S", Form.READ): _register_read, ("S", Form.SET): _register_set,
    ("+CMEE", Form.SET): _cmee_set, ("+CMEE", Form.READ): _cmee_read,
    ("+CSCS", Form.SET): _cscs_set, ("+CSCS", Form.READ): _cscs_read,
    # what it configures, the maker's security services, is nothing that this module has
    ("+USECOPCMD", Form.SET): _accepted,
}
