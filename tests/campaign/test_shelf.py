"""Which package a cell updates with."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.base.errors import NotPossible
from cellbench.campaign.cells import cells_of
from cellbench.campaign.shelf import Shelf
from cellbench.catalogue.model import Series
from cellbench.host.firmware.model import Package, PackageKind

CELLS = {cell.id: cell for cell in cells_of("LENA-R8", {})}
CUT, WRONG = CELLS["LENA-R8/foat/write-50/supply-cut"], CELLS["LENA-R8/foat/whole/wrong-package"]
FLASHED = CELLS["LENA-R8/flash/flash-50/supply-cut"]


def package(start: str | None, end: str) -> Package:
    kind = PackageKind.FULL if start is None else PackageKind.DELTA
    return Package(Path(f"{start}-{end}"), Series.LENA_R8, kind, start, end, 10, "", "")


SHELF = Shelf((package("1", "2"), package("2", "1"), package(None, "1"), package(None, "2"),
               package("0", "2")))


@pytest.mark.parametrize(("version", "end"), [("1", "2"), ("2", "1")])
def test_to_and_fro(version: str, end: str) -> None:
    found = SHELF.must(CUT, version)
    assert (found.kind, found.start, found.end) == (PackageKind.DELTA, version, end)
    image = SHELF.must(FLASHED, version)
    assert (image.kind, image.end) == (PackageKind.FULL, end)


def test_a_wrong_package_claims_to_fit_and_would_change_the_version() -> None:
    found = SHELF.must(WRONG, "1")
    assert (found.path.name, found.start, found.end) == ("0-2", "1", "2")


def test_what_is_not_there_is_told_with_what_runs() -> None:
    assert SHELF.fitting(CUT, "9") is None
    assert SHELF.first_start("9") == "1"
    with pytest.raises(NotPossible, match="9 runs"):
        SHELF.must(CUT, "9")
    with pytest.raises(NotPossible, match="2 runs, this cell needs 9"):
        SHELF.leading("2", "9")
    assert SHELF.leading("2", "1").path.name == "2-1"
