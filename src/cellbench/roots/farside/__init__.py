"""The far side that a rig file names, as one object per slot."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import cast

from cellbench.base.errors import RigError
from cellbench.base.protocols import FarSide
from cellbench.rig.check_farside import ENTRY_POINT_GROUP
from cellbench.rig.load import LoadedRig
from cellbench.rig.schema import (
    AttenuatorFarSide,
    ManualFarSide,
    OneFarSide,
    PackageFarSide,
    SecondSlotFarSide,
    ServicesFarSide,
    VirtualFarSide,
)
from cellbench.rig.secrets import resolve_secret
from cellbench.roots.farside.attenuator import AttenuatorDriver
from cellbench.roots.farside.manual import ManualDriver
from cellbench.roots.farside.second_slot import SecondSlotDriver
from cellbench.roots.farside.services import ServicesDriver
from cellbench.roots.farside.several import NoFarSide, SeveralFarSides
from cellbench.roots.farside.surroundings import Bystander, Maker, Nobody, Scene
from cellbench.roots.farside.virtual import ControlledFarSide


def far_side(rig: LoadedRig, slot: str, bystander: Bystander | None = None) -> FarSide:
    """The far side of one slot. RigError when the token or the package of one is not there."""
    around = bystander or Nobody()
    made = tuple(_one(rig, slot, settings, around) for settings in rig.model.far_sides_of(slot))
    if not made:
        return NoFarSide(slot)
    return made[0] if len(made) == 1 else SeveralFarSides(slot, made)


def _one(rig: LoadedRig, slot: str, settings: OneFarSide, around: Bystander) -> FarSide:
    match settings:
        case VirtualFarSide():
            return ControlledFarSide(slot, Path(settings.control)) if settings.control else NoFarSide(slot)
        case ServicesFarSide():
            token = settings.token
            secret = resolve_secret(token, rig.path, rig.where("far_side", "token")) if token else None
            return ServicesDriver(slot, settings.host, settings.port, secret)
        case SecondSlotFarSide():
            return SecondSlotDriver(
                slot, _number(rig, slot), settings.slot, _number(rig, settings.slot), around)
        case AttenuatorFarSide():
            return AttenuatorDriver(slot, settings, around)
        case ManualFarSide():
            return ManualDriver(slot, _number(rig, slot) or None, frozenset(settings.verbs),
                                settings.answer_within_s, around)
        case PackageFarSide():
            return _of_package(rig, slot, settings, around)


def _number(rig: LoadedRig, slot: str) -> str:
    sim = rig.model.slots[slot].sim if slot in rig.model.slots else None
    return (sim.number if sim is not None else None) or ""


def _of_package(rig: LoadedRig, slot: str, settings: PackageFarSide, around: Bystander) -> FarSide:
    for entry in metadata.entry_points(group=ENTRY_POINT_GROUP):
        if entry.name == settings.driver:
            scene = Scene(slot, _number(rig, slot) or None, settings.settings, around)
            try:
                return cast(Maker, entry.load())(scene)
            except Exception as error:  # a foreign package may fail in any way; the rig cannot use it
                raise RigError(f"far side {settings.driver}: {entry.value} cannot be used: {error!r}",
                               remedy="repair or remove the package that declares it") from error
    raise RigError(f"no installed package has a far side {settings.driver}",
                   remedy="install the package that declares it")
