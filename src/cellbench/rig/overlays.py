"""The overlays that a slot names: what the firmware of its module does otherwise (docs/capture.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cellbench.base.errors import FileErrors
from cellbench.catalogue.overlay import Overlay, read_overlay
from cellbench.rig.schema import RigFile, Slot


def overlays_of(rig: Path, slot: Slot) -> tuple[Overlay, ...]:
    """The overlays of a slot, whose names are relative to the rig file. Raises FileErrors."""
    return tuple(read_overlay(_beside(rig, name)) for name in slot.overlays)


def absolute(rig: Path, slot: Slot) -> tuple[str, ...]:
    """The names of a slot's overlays, fit for another rig file."""
    return tuple(str(_beside(rig, name).absolute()) for name in slot.overlays)


def mistakes(rig: Path, model: RigFile) -> Iterator[tuple[str, int, str, str]]:
    """Slot, place, sentence and remedy of each overlay that cannot be used."""
    for name, slot in model.slots.items():
        for place, file in enumerate(slot.overlays):
            path = _beside(rig, file)
            if not path.is_file():
                yield name, place, f"there is no file {file}", f"put it at {path}, or correct the name"
                continue
            try:
                found = read_overlay(path)
            except FileErrors as error:
                yield name, place, f"{file} cannot be used: {error.findings[0].message}", "correct it"
                continue
            if found.series.value != slot.series.value:
                yield name, place, f"{file} is of {found.series.value}", "name overlays of the slot's series"


def _beside(rig: Path, name: str) -> Path:
    return rig.parent / Path(name).expanduser()
