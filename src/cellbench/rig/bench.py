"""A rig as a run holds it: its slots on lease, its services, its far side.

Opened once per process of a run; closing it gives every lease back, and the guardian makes the slots
safe.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cellbench.base.errors import CellbenchError
from cellbench.base.protocols import FarSide
from cellbench.catalogue.modules import profile_for
from cellbench.catalogue.overlay import contributed, response_times
from cellbench.guardian.budget import AttachBudget
from cellbench.guardian.client import GuardianClient, Lease
from cellbench.guardian.errors import LeaseEnded
from cellbench.host.transcript import Transcript
from cellbench.rig.build import equipment_plan, slot_plan
from cellbench.rig.flasher import flasher_of
from cellbench.rig.load import LoadedRig
from cellbench.rig.overlays import overlays_of
from cellbench.rig.slot import EventSink, Slot, SlotTiming


@dataclass(slots=True)
class Bench:
    """One host's bench, open."""

    rig: LoadedRig
    run: str
    controller_pid: int
    trace: Callable[[str], Transcript]
    events: Callable[[str], EventSink]
    far_side_for: Callable[[str], FarSide]
    identified: Callable[[Mapping[str, str]], None] | None = (
        None  # told what the instruments say of themselves
    )
    _guardian: GuardianClient | None = None
    _slots: dict[str, Slot] = field(default_factory=dict)

    def slot(self, name: str) -> Slot:
        """A slot, leased at its first use; RigError when somebody else holds it."""
        if name not in self._slots:
            self._slots[name] = self._open(name)
        return self._slots[name]

    def ports_only(self, name: str) -> Slot:
        """A slot's ports without a lease: nothing can be switched, nothing is switched off at the end."""
        if name not in self._slots:
            self._slots[name] = self._make(name, None)
        return self._slots[name]

    def close_ports(self) -> None:
        """Close every port and leave the power as it is."""
        for slot in self._slots.values():
            slot.close_channels()
        self._slots.clear()

    def far_side(self, slot: str) -> FarSide:
        """What makes the network act for a slot."""
        return self.far_side_for(slot)

    def guardian(self) -> GuardianClient:
        """The guardian of this rig's equipment, enrolled at the first call."""
        if self._guardian is None:
            self._guardian = self._enrolled()
        return self._guardian

    def open_slots(self) -> tuple[Slot, ...]:
        """The slots that this process holds."""
        return tuple(self._slots.values())

    def give_back(self, name: str, cause: str) -> None:
        """Switch one slot off and end its lease; harmless for one that is not open."""
        slot = self._slots.pop(name, None)
        if slot is None:
            return
        try:
            if slot.model.power is not None:
                slot.power_off(cause=cause)
        finally:
            slot.close()

    def close(self, *, hard: bool = False, cause: str = "end of run") -> None:
        """Switch every slot off and give the leases back.

        One slot's failure keeps no other on; the first one is raised when all is done. A lease that has
        ended is none: whoever ended it made the slot safe.
        """
        failed: list[CellbenchError] = []
        for slot in self._slots.values():
            try:
                if slot.model.power is not None:
                    slot.power_off(hard=hard, cause=cause)
            except LeaseEnded:
                pass
            except CellbenchError as error:
                failed.append(error)
            finally:
                slot.close()
        self._slots.clear()
        if self._guardian is not None:
            self._guardian.close()
            self._guardian = None
        if failed:
            raise failed[0]

    def _open(self, name: str) -> Slot:
        # also where nothing is switched: a port serves one run at a time, whoever's
        lease = self.guardian().lease(
            slot_plan(self.rig, name), run=self.run, controller_pid=self.controller_pid or os.getpid()
        )
        return self._make(name, lease)

    def _enrolled(self) -> GuardianClient:
        """A guardian that has opened this rig's equipment; kept only when it could."""
        client = GuardianClient.connect()
        try:
            identities = client.enrol(equipment_plan(self.rig))
        except BaseException:
            client.close()
            raise
        if self.identified is not None:
            self.identified(identities)
        return client

    def _make(self, name: str, lease: Lease | None) -> Slot:
        model = self.rig.model.slots[name]
        profile = profile_for(model.series, model.variant)
        minimum = self.rig.model.minimum_on_time_s
        network = self.rig.model.network_of(name)
        budget = AttachBudget.open(
            sim=model.sim.ref if model.sim else name,
            network=(network.plmn or network.apn) if network else "any",
            capacity=self.rig.model.attach_budget.capacity,
            refill_per_hour=self.rig.model.attach_budget.refill_per_hour,
        )
        return Slot(
            name=name,
            model=model,
            profile=profile,
            roots=self.rig.model.usb,
            lease=lease,
            trace=self.trace(name),
            events=self.events(name),
            usb_elsewhere={
                other.ports.usb.location: place for place, other in self.rig.model.slots.items()
                if place != name and other.ports.usb is not None
            },
            flasher=flasher_of(self.rig, name, self.guardian),
            slower=response_times((*contributed(model.series), *overlays_of(self.rig.path, model))),
            budget=budget,
            timing=SlotTiming(
                minimum_on_s=profile.power.min_on_time_s.value if minimum is None else minimum,
                boot_max_s=profile.power.boot_max_s.value,
                power_off_max_s=profile.power.power_off_max_s.value,
                update_silence_s=self.rig.model.update_silence_s,
                watchdog_scale=self.rig.model.watchdog_scale,
            ),
        )
