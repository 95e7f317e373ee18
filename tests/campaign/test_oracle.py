"""What a cell proves: each way that a unit can go wrong has its name, and no fault of a bench has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.base.errors import CellbenchError, NetworkError, Owner, RigError, UnitError
from cellbench.campaign.cells import Cell, cells_of
from cellbench.campaign.oracle import Seen, judge
from cellbench.catalogue.model import Series
from cellbench.catalogue.preservation import Item, Way, told_of
from cellbench.host.firmware.fingerprint import Agreement, Change, Difference
from cellbench.host.firmware.model import (
    Method,
    Package,
    PackageKind,
    Recovery,
    RecoveryPath,
    Stage,
    Told,
    Update,
    UpdateNotApplied,
    UpdateRefused,
)
from cellbench.record.interruption import CellOutcome

OLD, NEW = "02.00,A01.22", "02.00,A01.40"
PACKAGE = Package(Path("up.bin"), Series.LENA_R8, PackageKind.DELTA, OLD, NEW, 74_268, "", "")
UPDATE = Update(Method.FOAT, OLD, NEW, 128, 1.0, (), Told.BEFORE_BOOT)
CELLS = {cell.id: cell for name in ("LENA-R8", "LARA-R6") for cell in cells_of(name, {})}


def seen(cell: str, path: RecoveryPath, version: str, reached: Stage | None = None, **more: object) -> Seen:
    chosen: Cell = CELLS[cell]
    place = reached or (chosen.place.stage if chosen.place.stage is not Stage.DONE else None)
    return Seen(chosen, PACKAGE, OLD, place, recovery=Recovery(path, version, 1.0), **more)  # type: ignore[arg-type]


def lost(series: Series, item: Item) -> Difference:
    told = told_of(series, item, Way.FOAT)
    return Difference(item, "one", Change.LOST, "x", "", told, Agreement.DIFFERS)


CUT = "LENA-R8/foat/write-50/supply-cut"
WHOLE = "LENA-R8/foat/whole/nothing"
WRONG = "LENA-R8/foat/whole/wrong-package"


@pytest.mark.parametrize(("shown", "outcome"), [
    (seen("LENA-R8/foat/first-block/supply-cut", RecoveryPath.OLD_FIRMWARE, OLD), CellOutcome.OLD),
    (seen("LENA-R8/foat/silent/supply-cut", RecoveryPath.NEW_FIRMWARE, NEW), CellOutcome.NEW),
    (seen(CUT, RecoveryPath.XMODEM_AGAIN, NEW), CellOutcome.RECOVERED),
    (seen("LENA-R8/fota-ftp/write-50/supply-cut", RecoveryPath.INSTALL_AGAIN, NEW), CellOutcome.RECOVERED),
    (seen("LARA-R6/foat/first-block/supply-cut", RecoveryPath.XMODEM_AGAIN, OLD), CellOutcome.RECOVERED),
    (seen("LENA-R8/flash/flash-50/supply-cut", RecoveryPath.BOOT_MODE, NEW), CellOutcome.RECOVERED),
    (seen(WHOLE, RecoveryPath.NEW_FIRMWARE, NEW, update=UPDATE), CellOutcome.NEW),
    (seen(WRONG, RecoveryPath.OLD_FIRMWARE, OLD, failure=UpdateRefused("no", 168, "does not fit")),
     CellOutcome.REFUSED),
    (seen(CUT, RecoveryPath.XMODEM_AGAIN, NEW, differences=(lost(Series.LARA_R6, Item.FILES),)),
     CellOutcome.RECOVERED),
])
def test_what_is_as_it_must_be(shown: Seen, outcome: CellOutcome) -> None:
    found = judge(shown)
    assert (found.outcome, found.owner) == (outcome, None)
    assert found.outcome.good


@pytest.mark.parametrize(("shown", "outcome"), [
    (seen(CUT, RecoveryPath.DEAD, ""), CellOutcome.BRICKED),
    (seen(CUT, RecoveryPath.BOOT_MODE, NEW), CellOutcome.BRICKED),
    (seen(CUT, RecoveryPath.XMODEM_AGAIN, "01.00,A01.01"), CellOutcome.WRONG_VERSION),
    (seen(WHOLE, RecoveryPath.OLD_FIRMWARE, OLD, failure=UpdateNotApplied("128", OLD, OLD)),
     CellOutcome.FALSE_128),
    (seen("LENA-R8/foat/waiting/supply-cut", RecoveryPath.OLD_FIRMWARE, OLD,
          next_failure=UpdateNotApplied("128", OLD, OLD)), CellOutcome.FALSE_128),
    (seen(WRONG, RecoveryPath.NEW_FIRMWARE, NEW, update=UPDATE), CellOutcome.WRONG_START),
    (seen(CUT, RecoveryPath.XMODEM_AGAIN, NEW,
          differences=(lost(Series.LENA_R8, Item.FILES), lost(Series.LENA_R8, Item.CERTIFICATES))),
     CellOutcome.LOST_CERTIFICATES),
    (seen(CUT, RecoveryPath.XMODEM_AGAIN, NEW, differences=(lost(Series.LENA_R8, Item.FILES),)),
     CellOutcome.LOST_DATA),
    (seen("LENA-R8/foat/first-block/supply-cut", RecoveryPath.XMODEM_AGAIN, NEW), CellOutcome.UNDOCUMENTED),
    (seen(CUT, RecoveryPath.XMODEM_AGAIN, NEW, next_failure=UnitError("no")), CellOutcome.NO_UPDATE),
    (seen(WHOLE, RecoveryPath.OLD_FIRMWARE, OLD, failure=UpdateRefused("no", 148, "corrupt")),
     CellOutcome.NO_UPDATE),
])
def test_what_a_unit_does_wrong_has_a_name(shown: Seen, outcome: CellOutcome) -> None:
    found = judge(shown)
    assert (found.outcome, found.owner) == (outcome, Owner.UNIT)
    assert found.outcome.finding
    assert found.reason


@pytest.mark.parametrize(("error", "owner"), [
    (RigError("cable"), Owner.RIG), (NetworkError("no"), Owner.NETWORK)])
def test_what_others_do_is_no_finding(error: CellbenchError, owner: Owner) -> None:
    nothing_known = Seen(CELLS[CUT], PACKAGE, OLD, Stage.WRITING, failure=error)
    assert (judge(nothing_known).outcome, judge(nothing_known).owner) == (CellOutcome.ERROR, owner)
    dead = seen(CUT, RecoveryPath.DEAD, "")
    dead.bench.append("the supply was on after it was cut")
    assert (judge(dead).outcome, judge(dead).owner) == (CellOutcome.ERROR, Owner.RIG)
    after = seen(CUT, RecoveryPath.XMODEM_AGAIN, NEW, next_failure=error)
    assert (judge(after).outcome, judge(after).owner) == (CellOutcome.ERROR, owner)


def test_a_place_that_was_never_reached_is_no_pass() -> None:
    never = Seen(CELLS[CUT], PACKAGE, OLD, None, UPDATE)
    never.recovery = Recovery(RecoveryPath.NEW_FIRMWARE, NEW, 1.0)
    assert judge(never).outcome is CellOutcome.NOT_REACHED
    assert not judge(never).outcome.settled
