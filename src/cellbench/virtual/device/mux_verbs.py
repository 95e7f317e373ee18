"""What the control room can do to a module's multiplexer, and what it can ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.virtual.control.verbs import Answer, ControlRefusal, Verb, only, want, want_int
from cellbench.virtual.device.mux import Multiplexer

if TYPE_CHECKING:
    from cellbench.virtual.rack import Rack, VirtualSlot


def _multiplexer(slot: VirtualSlot | None) -> Multiplexer:
    if slot is None:
        raise ControlRefusal("this verb needs --slot")
    if not slot.module.power.running:
        raise ControlRefusal("the module is off")
    return slot.module.subsystem(Multiplexer)


async def _mux(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    del rack
    only(values, "state", "flow", "channel")
    mux = _multiplexer(slot)
    if not mux.active:
        raise ControlRefusal("the module is not in multiplexer mode")
    channel = want_int(values, "channel", 1, 61) if "channel" in values else None
    try:
        if "flow" in values:
            mux.stop_host(want(values, "flow", "off", "on") == "off", channel)
        elif want(values, "state", "close") == "close" and channel is not None:
            mux.disconnect(channel)
        else:
            mux.close_down()
    except KeyError:
        raise ControlRefusal(f"the module has no channel {channel}") from None
    return None


async def _report(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    del rack
    only(values, "what")
    return _multiplexer(slot).report()


VERBS: Mapping[str, Verb] = MappingProxyType({
    "mux": Verb("state=close [channel=N], or flow=off|on [channel=N]: the module releases a channel of the "
                "multiplexer, or closes it down; takes no more from the host on a channel or all, or takes "
                "again", True, _mux),
})

REPORTS: Mapping[str, Verb] = MappingProxyType({
    "mux": Verb("the multiplexer: state, open channels, frames in, out, refused, damaged, why it last ended",
                True, _report),
})
