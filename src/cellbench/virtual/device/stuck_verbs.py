"""How the control room lets a module stick."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.virtual.control.verbs import Answer, ControlRefusal, Verb, only, want, want_int
from cellbench.virtual.device.stuck import Place, Wakes

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.rack import Rack, VirtualSlot

Values = Mapping[str, str]
_LAST_CID = 255


async def _fault(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    """Let something stick, or end what sticks as a whole."""
    del rack
    only(values, "stuck", "cid", "until")
    if slot is None:
        raise ControlRefusal("this verb needs --slot")
    module = slot.module
    wanted = want(values, "stuck", *(place.value for place in Place), "none")
    if "until" in values and wanted != Place.AT.value:
        raise ControlRefusal("until goes with stuck=at")
    if "cid" in values and wanted != Place.CONTEXT.value:
        raise ControlRefusal("cid goes with stuck=context")
    if wanted == "none":
        module.stuck.clear()
        return None
    if not module.power.running:
        raise ControlRefusal("the module is not on")
    _stick(module, Place(wanted), values)
    return None


def _stick(module: Module, place: Place, values: Values) -> None:
    if place is Place.SOCKET:
        if not module.stuck.flows():
            raise ControlRefusal("the module has no connection and no UDP socket")
    elif place is Place.CALL:
        if not module.stuck.calls():
            raise ControlRefusal("no data call stands")
    elif place is Place.CONTEXT:
        _stick_context(module, values)
    else:
        wakes = Wakes(want(values, "until", *(one.value for one in Wakes))) if "until" in values else (
            Wakes.PWR_ON)
        module.stuck.stick(place, wakes)


def _stick_context(module: Module, values: Values) -> None:
    contexts = module.contexts
    reserved = (contexts.initial_cid, contexts.ims_cid)
    mine = [one.cid for one in contexts.active() if one.cid not in reserved]
    cid = want_int(values, "cid", 0, _LAST_CID, mine[-1] if mine else contexts.initial_cid)
    if cid in reserved:
        raise ControlRefusal(f"context {cid} cannot be activated anew by the host; stuck=bearer is its fault"
                             if "cid" in values else "no context but the network's own is active")
    if not module.stuck.context(cid):
        raise ControlRefusal(f"context {cid} is not active")


async def _report(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "what")
    if slot is None:
        raise ControlRefusal("this report needs --slot")
    return {"stuck": ",".join(slot.module.stuck.shown())}


VERBS: Mapping[str, Verb] = MappingProxyType({
    "fault": Verb("stuck=socket|call|context|bearer|registration|radio|firmware|at|none [cid=N] "
                  "[until=pwr_on|reset_n|supply]: something inside the module sticks until the one "
                  "countermeasure that clears it; cid with context, until with at", True, _fault),
})
REPORTS: Mapping[str, Verb] = MappingProxyType({
    "stuck": Verb("what is stuck in the module as a whole", True, _report),
})
