"""The packages of a matrix for one module: which one a cell updates with, from the version that runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cellbench.base.errors import NotPossible
from cellbench.campaign.cells import Cell
from cellbench.host.firmware.model import Method, Package, PackageKind
from cellbench.record.interruption import Interruption

_REMEDY = "add one to the firmware catalogue"


@dataclass(frozen=True, slots=True)
class Shelf:
    """``packages`` are for the module's series and variant, in the order of the catalogue."""

    packages: tuple[Package, ...]

    @property
    def deltas(self) -> tuple[Package, ...]:
        """The deltas."""
        return tuple(one for one in self.packages if one.kind is PackageKind.DELTA)

    def image(self) -> Package | None:
        """A full image, which starts from nothing."""
        return next((one for one in self.packages if one.kind is PackageKind.FULL), None)

    def next_delta(self, version: str) -> Package | None:
        """A delta that begins from a version."""
        return next((one for one in self.deltas if one.start == version and one.end != version), None)

    def fitting(self, cell: Cell, version: str) -> Package | None:
        """What a cell updates with where a version runs: a package that fits, or, for the wrong package, one
        that does not and says that it does: to find that out is the module's business."""
        if cell.kind is Interruption.WRONG_PACKAGE:
            wrong = [one for one in self.deltas if one.start != version]
            wrong.sort(key=lambda one: one.end == version)  # one that would change the version is best
            return replace(wrong[0], start=version) if wrong else None
        if cell.method is Method.FLASH:
            return next((one for one in self.packages if one.kind is PackageKind.FULL and one.end != version),
                        None)
        return self.next_delta(version)

    def first_start(self, version: str) -> str:
        """A version that some delta begins from; the one that runs where there is no delta."""
        return next((one.start for one in self.deltas if one.start is not None), version)

    def leading(self, version: str, end: str) -> Package:
        """The delta from one version to another. NotPossible when there is none."""
        found = next((one for one in self.deltas if one.start == version and one.end == end), None)
        if found is None:
            raise NotPossible(f"{version} runs, this cell needs {end}, and no delta leads there",
                              remedy=_REMEDY)
        return found

    def must(self, cell: Cell, version: str) -> Package:
        """As ``fitting``; NotPossible when there is none."""
        found = self.fitting(cell, version)
        if found is None:
            raise NotPossible(f"{version} runs, and no package begins from it", remedy=_REMEDY)
        return found
