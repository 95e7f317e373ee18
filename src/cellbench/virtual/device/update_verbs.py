"""What the control room can ask of a firmware update, and do to it at an exact place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.virtual.control.verbs import Answer, ControlRefusal, Verb, only, want, want_int
from cellbench.virtual.device.update import Stage

if TYPE_CHECKING:
    from cellbench.virtual.rack import Rack, VirtualSlot

Values = Mapping[str, str]
_MOST = 64 * 1024 * 1024
_LONGEST_S = 55  # ctl itself gives up after a minute


def _cut(rack: Rack, slot: VirtualSlot) -> None:
    rack.power_off(slot, "update-stage")


def _cycle(rack: Rack, slot: VirtualSlot) -> None:
    rack.power_cycle(slot, "update-stage")


def _reset(rack: Rack, slot: VirtualSlot) -> None:
    del rack
    slot.module.power.watchdog()


def _block(rack: Rack, slot: VirtualSlot) -> None:
    slot.module.network.link_ok = False
    rack.internet.node(slot.module.name).set_blocked(True)


_DEEDS: Mapping[str, Callable[[Rack, VirtualSlot], None]] = MappingProxyType({
    "cut": _cut, "cycle": _cycle, "reset": _reset, "block": _block})


class _Armed:
    """One stage that is waited for; the deed is done before the module's next write."""

    def __init__(self, rack: Rack, slot: VirtualSlot, stage: Stage, place: int, then: str) -> None:
        self.reached: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._deed = _DEEDS[then] if then else None
        self._rack, self._slot = rack, slot
        self._stage, self._place = stage, place
        slot.module.updater.watchers.append(self.watch)

    def watch(self, stage: Stage, at: int) -> None:
        """The update is at a stage."""
        if stage is self._stage and at >= self._place and not self.reached.done():
            self.disarm()
            self.reached.set_result(at)
            if self._deed is not None:
                self._deed(self._rack, self._slot)

    def disarm(self) -> None:
        """It is not waited for any more."""
        watchers = self._slot.module.updater.watchers
        if self.watch in watchers:
            watchers.remove(self.watch)


async def _stage(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    """Wait for a stage or a later place in it; with wait=no return at once and do the deed when it comes."""
    only(values, "stage", "at", "then", "seconds", "wait")
    if slot is None:
        raise ControlRefusal("update-stage needs --slot")
    stage = Stage(want(values, "stage", *(one.value for one in Stage)))
    place = want_int(values, "at", 0, _MOST, 0)
    seconds = want_int(values, "seconds", 1, _LONGEST_S, _LONGEST_S)
    then = want(values, "then", *_DEEDS) if "then" in values else ""
    wait = "wait" not in values or want(values, "wait", "yes", "no") == "yes"
    if not wait and not then:
        raise ControlRefusal("wait=no needs then=")
    updater, armed = slot.module.updater, _Armed(rack, slot, stage, place, then)
    if not wait:
        return None
    armed.watch(updater.stage, updater.at)
    try:
        async with asyncio.timeout(seconds):
            at = await armed.reached
    except TimeoutError:
        raise ControlRefusal(f"the update did not come to {stage.value} {place} within {seconds} s; "
                             f"it is at {updater.stage.value} {updater.at}") from None
    finally:
        armed.disarm()
    return {"stage": stage.value, "at": str(at)}


async def _report(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "what")
    if slot is None:
        raise ControlRefusal("report needs --slot")
    updater = slot.module.updater
    return {"stage": updater.stage.value, "at": str(updater.at), "record": updater.state.record.state.value,
            "method": updater.state.record.method, "version": updater.version}


VERBS: Mapping[str, Verb] = MappingProxyType({
    "update-stage": Verb(
        "stage=" + "|".join(one.value for one in Stage) + " [at=N] [then=cut|cycle|reset|block] "
        "[wait=yes|no] [seconds=T]: do something the moment a firmware update is there (N: bytes, blocks, "
        "percent)",
        True, _stage),
})

REPORTS: Mapping[str, Verb] = MappingProxyType({
    "update": Verb("stage, at, record on disk, method and version of a firmware update", True, _report),
})
