"""The firmware catalogue: are the files there that it names? Their sums are `cellbench firmware verify`'s."""

from __future__ import annotations

from collections.abc import Iterator

from cellbench.rig.firmware import FirmwareCatalogue
from cellbench.session.check.model import Look, Scene, Trouble

_VERIFY = "`cellbench firmware verify` tells all"


def look_at_firmware(scene: Scene) -> Iterator[Look]:
    """One look at the catalogue's files; none where the rig names no catalogue."""
    catalogue = scene.rig.firmware
    if catalogue is None:
        return
    troubles = tuple(_files(scene, catalogue))
    for_slots = sum(any(one.fits(slot.series, slot.variant) for slot in scene.rig.model.slots.values())
                    for one in catalogue.entries)
    told = f"{len(catalogue.entries)} packages, {for_slots} for the modules of this rig"
    yield Look("firmware", told, troubles)


def _files(scene: Scene, catalogue: FirmwareCatalogue) -> Iterator[Trouble]:
    for entry in catalogue.entries:
        package = entry.package
        try:
            size = package.path.stat().st_size
        except OSError as error:
            yield scene.error(("firmware",), f"{catalogue.where(entry)}: {package.path}: {error.strerror}",
                              f"put the file there, or correct its name; {_VERIFY}")
            continue
        if size != package.size:
            told = f"{package.path.name} has {size} bytes, not {package.size}"
            yield scene.error(("firmware",), f"{catalogue.where(entry)}: {told}", f"fetch it anew; {_VERIFY}")
