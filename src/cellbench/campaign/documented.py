"""The ways back that are documented for an interruption at a place (docs/firmware-packages.md, "What a power
cut leaves"): a unit that needs another one is not as its documents say.

Where a check ends and the first write begins is the module's own moment, so a place at that edge has the ways
of both sides.
"""

from __future__ import annotations

from cellbench.catalogue.interruptions import WAITS_AFTER_CUT
from cellbench.catalogue.model import Series
from cellbench.host.firmware.model import Method, RecoveryPath, Stage

_OLD, _NEW = RecoveryPath.OLD_FIRMWARE, RecoveryPath.NEW_FIRMWARE
_BEFORE_WRITING = frozenset({Stage.COMMANDED, Stage.WAITING, Stage.RECEIVING, Stage.DOWNLOADING})


def documented_ways(series: Series, method: Method, stage: Stage, *,
                    powered: bool) -> frozenset[RecoveryPath]:
    """The ways back after an interruption of a method at a stage. ``powered``: the module kept its supply, so
    that it may go on by itself, and update mode may wait for the rest of its window."""
    if method is Method.FLASH:
        return frozenset({_OLD, _NEW, RecoveryPath.BOOT_MODE})
    again = RecoveryPath.XMODEM_AGAIN if method is Method.FOAT else RecoveryPath.INSTALL_AGAIN
    if powered:
        begun = stage in (Stage.WRITING, Stage.SILENT)
        return frozenset({_NEW, again} if begun else {_OLD, _NEW, again})
    if stage in _BEFORE_WRITING:
        waits = method is Method.FOAT and WAITS_AFTER_CUT[series].value
        return frozenset({_OLD, again} if waits else {_OLD})
    if stage is Stage.CHECKING:
        return frozenset({_OLD, again})
    return frozenset({again, _NEW})
