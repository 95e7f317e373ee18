"""+UFACTORY: a flag now, the restore at the next boot (LENA-R8 guide 6.2)."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

_KEPT = frozenset({"sms", "identity"})  # SMS stay (LENA-R8 guide 6.2)
_INTERFACE = ("+IPR", "+ICF", "+IFC", "&K", "+UPSV", "+USIO")  # nvm 2 on LARA-R6


def files_dir(module: Module) -> str:
    """Where the module's file system lives on the host."""
    return str(module.home / "files")


def at_boot(module: Module) -> bool:
    """Carry out the restore that was asked for; True when there was one."""
    wanted = module.settings.numbers("+UFACTORY")
    if len(wanted) < 2 or wanted == (0, 0):
        return False
    files, nvm = wanted[:2]
    if files:
        shutil.rmtree(files_dir(module), ignore_errors=True)
    if nvm == 1:
        module.settings.restore_factory(lambda name: name in _KEPT)
    elif nvm == 2:
        for name in _INTERFACE:
            module.settings.forget(name)
    module.settings.forget("+UFACTORY")
    return True
