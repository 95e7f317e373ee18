"""What is wrong with the far sides of a rig file beyond single values."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING

from cellbench.instruments.kinds import find_kind
from cellbench.rig.schema import (
    AttenuatorFarSide,
    FarSide,
    OneFarSide,
    PackageFarSide,
    RigFile,
    SecondSlotFarSide,
    ServicesFarSide,
    SeveralFarSides,
    VirtualFarSide,
)
from cellbench.rig.strict import nearest
from cellbench.rig.yamlpos import KeyPath

if TYPE_CHECKING:
    from cellbench.rig.check import _Scene

ENTRY_POINT_GROUP = "cellbench.far_sides"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def placed_far_sides(model: RigFile) -> Iterator[tuple[KeyPath, str, OneFarSide]]:
    """Every far side with its place, and the slot that it is of ("": the rig's)."""
    yield from _within(("far_side",), "", model.far_side)
    for name, slot in model.slots.items():
        if slot.far_side is not None:
            yield from _within(("slots", name, "far_side"), name, slot.far_side)


def check_far_sides(scene: _Scene) -> None:
    """Slots, instruments, drivers and tokens that far sides name."""
    for place, slot, one in placed_far_sides(scene.model):
        if isinstance(one, SecondSlotFarSide):
            _second_slot(scene, place, slot, one)
        elif isinstance(one, AttenuatorFarSide):
            _attenuator(scene, place, one)
        elif isinstance(one, PackageFarSide):
            names = tuple(entry.name for entry in metadata.entry_points(group=ENTRY_POINT_GROUP))
            if one.driver not in names:
                scene.say((*place, "driver"), f"no installed package has a far side {one.driver}",
                          nearest(one.driver, names) or "install the package that declares it")
        elif isinstance(one, ServicesFarSide) and one.token is None and one.host not in _LOOPBACK:
            scene.say((*place, "host"), f"the control port of {one.host} takes a token",
                      "give token: {file: PATH}, the file that `cellbench services up` wrote there")


def _within(place: KeyPath, slot: str, far: FarSide) -> Iterator[tuple[KeyPath, str, OneFarSide]]:
    if isinstance(far, SeveralFarSides):
        for number, one in enumerate(far.of):
            yield (*place, "of", number), slot, one
    elif far.kind != "none":
        yield place, slot, far


def _second_slot(scene: _Scene, place: KeyPath, slot: str, one: SecondSlotFarSide) -> None:
    others = tuple(name for name in scene.named("slots") if name != slot)
    if one.slot not in scene.named("slots"):
        scene.say((*place, "slot"), f"there is no slot {one.slot}", nearest(one.slot, others))
        return
    if one.slot == slot:
        scene.say((*place, "slot"), f"{slot} cannot be its own far side",
                  f"name another slot: {', '.join(others)}" if others else "it takes a second slot")
    if one.slot not in scene.model.slots:
        return  # its own mistakes are told already
    for name in (one.slot, *((slot,) if slot else ())):
        sim = scene.model.slots[name].sim
        if sim is None or sim.number is None:
            scene.say((*place, "slot"), f"the telephone number of slot {name} is not known",
                      f"write slots.{name}.sim.number")


def _attenuator(scene: _Scene, place: KeyPath, one: AttenuatorFarSide) -> None:
    if one.on not in scene.model.instruments:
        declared = scene.named("instruments")
        if one.on not in declared:
            scene.say((*place, "on"), f"there is no instrument {one.on}",
                      nearest(one.on, declared) or "declare it under instruments")
        return
    settings = scene.model.instruments[one.on]
    kind = find_kind(settings.kind)
    if kind.serves.value != "attenuator":
        scene.say((*place, "on"), f"{one.on} is a {kind.serves.value}, not an attenuator",
                  "name an instrument of an attenuator. kind")
        return
    channels = kind.pins(settings.model_dump(mode="json"))[0]
    if channels is not None and one.channel > channels:
        scene.say((*place, "channel"), f"{one.on} has no channel {one.channel}", f"it has 1 to {channels}")


def virtual_signs(model: RigFile) -> Iterator[tuple[bool, KeyPath, str]]:
    """Far sides that only a virtual rack has."""
    for place, _, one in placed_far_sides(model):
        yield isinstance(one, VirtualFarSide), (*place, "kind"), "this far side is virtual"
