"""+UFWUPD and +UFWINSTALL (LENA-R8 guide 11.1.1 and 11.2.2, facts sheet device 11)."""

from __future__ import annotations

import asyncio

from cellbench.catalogue.model import Form
from cellbench.virtual.device.files_at import file_store
from cellbench.virtual.device.filestore import FOAT
from cellbench.virtual.device.update import PACKAGE_NAME
from cellbench.virtual.device.update_link import UART
from cellbench.virtual.device.update_state import Told
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_RATE = 115_200
_VERBOSE = "+UFWINSTALL verbose"


def _idle(ctx: CommandContext) -> None:
    """One way of update at a time (SARA-R5 firmware update note)."""
    if ctx.module.updater.downloading:
        raise Refusal.cme(3)


async def _update(ctx: CommandContext) -> None:
    """+UFWUPD: into update mode; no final result code, the rest is said at the new rate."""
    _idle(ctx)
    module = ctx.module
    told = Told(ctx.integer(0), ctx.integer(1, _RATE), bool(ctx.integer(3, 1)))
    if module.config.behaviour.foat_prompt:
        ctx.port.write_prompt(module.config.behaviour.foat_prompt)
    module.updater.state.begin_foat(told)
    module.power.restart(detach=True)
    await asyncio.get_running_loop().create_future()  # the restart ends it


async def _install(ctx: CommandContext) -> None:
    """+UFWINSTALL: OK at the old rate, then into update mode; =,,,1 alone only chooses URCs."""
    _idle(ctx)
    module = ctx.module
    if ctx.given(3) and not (ctx.given(0) or ctx.given(1) or ctx.given(2)):
        if ctx.integer(3):  # there is no way back (SARA-R5 firmware update note)
            module.settings.store(_VERBOSE, 1)
        return
    name = ctx.text(2, "") or PACKAGE_NAME
    if name != PACKAGE_NAME or not file_store(module).exists(PACKAGE_NAME, FOAT):
        raise Refusal.cme(module.config.behaviour.fota_missing_error)
    verbose = ctx.integer(3, module.settings.number(_VERBOSE))
    module.updater.state.begin_install(Told(ctx.integer(0, UART), ctx.integer(1, _RATE), bool(verbose)))
    ctx.afterwards(lambda: module.power.restart(detach=True))


HANDLERS: Handlers = {
    ("+UFWUPD", Form.SET): _update,
    ("+UFWINSTALL", Form.SET): _install, ("+UFWINSTALL", Form.EXECUTE): _install,
}
