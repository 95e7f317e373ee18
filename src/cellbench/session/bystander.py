"""What a run lends to its far sides: the other slots' modules, the way to the person, the attenuators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellbench.base.errors import NotPossible
from cellbench.base.protocols import Prompter
from cellbench.guardian.errors import EquipmentHeld
from cellbench.rig.dut import Dut, DutState

if TYPE_CHECKING:
    from cellbench.session.equipment import Equipment


class RunBystander:
    """Of the equipment that one process of a run holds (roots.farside.surroundings.Bystander)."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment

    def module(self, slot: str) -> Dut:
        """The module of another slot, registered; NotPossible when another process has the slot."""
        try:
            found = self._equipment.dut_at(slot, DutState.REGISTERED)
        except EquipmentHeld as error:
            raise NotPossible(
                f"slot {slot} cannot act, somebody else has it: {error.message}",
                remedy="run without -n, or write the procedure for two slots",
            ) from None
        if found is None:
            raise NotPossible(f"slot {slot} has no module that is on")
        return found

    def prompter(self) -> Prompter:
        """The guardian's questions."""
        return self._equipment.bench.guardian()

    def attenuate(self, slot: str, instrument: str, channel: int, decibel: float) -> None:
        """Set an attenuator of the rig, through the lease of ``slot``."""
        lease = self._equipment.bench.slot(slot).lease
        if lease is None:
            raise NotPossible(f"slot {slot} leases no equipment")
        lease.attenuate(instrument, channel, decibel)
