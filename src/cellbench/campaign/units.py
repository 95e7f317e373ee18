"""Which units a matrix may use: those that the rig file calls expendable, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellbench.base.errors import OperatorError, UsageError
from cellbench.rig.load import LoadedRig
from cellbench.rig.schema import DeclaredCapability


@dataclass(frozen=True, slots=True)
class Chosen:
    """The slots that are used, and the sentences about those that are left alone."""

    slots: tuple[str, ...]
    left_alone: tuple[str, ...]


def choose(rig: LoadedRig, asked: Sequence[str]) -> Chosen:
    """The slots named, else every slot with an expendable unit.

    OperatorError with the line of the rig file for a slot that is named and not expendable, and when no slot
    is; UsageError for a slot that is not there.
    """
    slots = rig.model.slots
    for name in asked:
        if name not in slots:
            raise UsageError(f"{rig.path} has no slot {name}; it has {', '.join(slots)}")
    barred = {name: _refusal(rig, name) for name in (asked or slots) if not expendable(rig, name)}
    if barred and (asked or len(barred) == len(slots)):
        raise OperatorError(next(iter(barred.values())),
                            remedy="write `capabilities: [expendable]` there if the unit may be lost")
    used = tuple(name for name in dict.fromkeys(asked or slots) if name not in barred)
    return Chosen(used, tuple(barred.values()))


def expendable(rig: LoadedRig, slot: str) -> bool:
    """True when the rig file says that the unit of a slot may be lost."""
    return DeclaredCapability.EXPENDABLE in rig.model.slots[slot].capabilities


def _refusal(rig: LoadedRig, slot: str) -> str:
    where = rig.where("slots", slot)
    return f"{where}: the unit of slot {slot} is not expendable, an interruption may end it"
