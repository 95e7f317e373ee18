"""+ULWM2M and its kin (facts sheet internet 13; LARA-R6 guide 11 points to a note of its own)."""

from __future__ import annotations

import json

from cellbench.catalogue.model import Form
from cellbench.virtual.device.answers import setting
from cellbench.virtual.device.clients.lwm2m import Lwm2mClient, Status, switched_on
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_ON, _OFF, _RESET = range(3)


async def _switch(ctx: CommandContext) -> None:
    """AT+ULWM2M=<n>: 0 on, 1 off, 2 back to the factory; in force after a reboot."""
    value = ctx.integer(0)
    if value == _RESET:
        for name in ("+ULWM2M", "+ULWM2MSTAT"):
            ctx.module.settings.forget(name)
        return
    ctx.module.settings.store("+ULWM2M", value)


async def _switched(ctx: CommandContext) -> None:
    ctx.info(f"+ULWM2M: {_ON if switched_on(ctx.module) else _OFF}")


def _client(ctx: CommandContext) -> Lwm2mClient:
    """The running client; refused while it is off."""
    found = ctx.module.running(Lwm2mClient)
    if found is None:
        raise Refusal.cme(3)
    return found


def _client_of(ctx: CommandContext) -> Lwm2mClient:
    """As above; refused, too, for another server than its own."""
    client = _client(ctx)
    if ctx.given(0) and ctx.integer(0) != client.server:
        raise Refusal.cme(ctx.module.config.behaviour.error_parameter)
    return client


async def _register(ctx: CommandContext) -> None:
    client = _client_of(ctx)
    ctx.afterwards(client.check_in)


async def _registered(ctx: CommandContext) -> None:
    client = _client(ctx)
    left = f",{client.left_s}" if client.status is Status.REGISTERED else ""
    ctx.info(f"+ULWM2MREG: {client.server},{int(client.status)}{left}")


async def _deregister(ctx: CommandContext) -> None:
    client = _client_of(ctx)
    ctx.afterwards(client.leave)


async def _list(ctx: CommandContext) -> None:
    """AT+ULWM2MLIST="/": the instances at or below a path."""
    wanted = ctx.text(0).rstrip("/")
    found = [path for path in _client(ctx).objects if f"{path}/".startswith(f"{wanted}/")]
    if not found:
        raise Refusal.cme(3)
    ctx.info("+ULWM2MLIST: " + ",".join(f'"{path}"' for path in found))


async def _read(ctx: CommandContext) -> None:
    """AT+ULWM2MREAD="<path>": resources as JSON (RFC 8428's older form, LwM2M 1.0 6.4.4)."""
    objects, path = _client(ctx).objects, ctx.text(0).rstrip("/")
    resources = objects.get(path)
    if resources is None:
        path, _, number = path.rpartition("/")
        resources = tuple(one for one in objects.get(path, ()) if str(one.number) == number)
    if not resources:
        raise Refusal.cme(3)
    entries = [{"n": str(one.number), "v" if isinstance(one.value, int) else "sv": one.value}
               for one in resources]
    answer = json.dumps({"bn": f"{path}/", "e": entries}, separators=(",", ":"))
    ctx.info(f"+ULWM2MREAD: {answer}")


HANDLERS: Handlers = {
    ("+ULWM2M", Form.SET): _switch, ("+ULWM2M", Form.READ): _switched,
    ("+ULWM2MREG", Form.SET): _register, ("+ULWM2MREG", Form.READ): _registered,
    ("+ULWM2MDEREG", Form.SET): _deregister,
    ("+ULWM2MLIST", Form.SET): _list, ("+ULWM2MREAD", Form.SET): _read,
    **setting("+ULWM2MSTAT"), **setting("+UFOTASTAT"),
}
