"""The plan of a matrix: every place × kind has a cell or a reason why not."""

from __future__ import annotations

import pytest

from cellbench.base.errors import OperatorError
from cellbench.campaign.cells import cells_of, matching
from cellbench.campaign.documented import documented_ways
from cellbench.campaign.places import PLACES, WHOLE
from cellbench.catalogue.model import Series
from cellbench.host.firmware.model import Method, RecoveryPath, Stage, UpdateEvent
from cellbench.record.interruption import Interruption

NO_PIN = {Method.FLASH: "no pin"}
REAL = [kind for kind in Interruption if kind not in (Interruption.NOTHING, Interruption.WRONG_PACKAGE)]


def test_every_place_and_kind_is_a_cell_with_a_name_of_its_own() -> None:
    cells = cells_of("LENA-R8", {})
    for method, places in PLACES.items():
        for place in places:
            kinds = [cell.kind for cell in cells if cell.method is method and cell.place is place]
            assert kinds == REAL
    assert len({cell.id for cell in cells}) == len(cells)
    assert len([cell for cell in cells if not cell.why_not]) >= 60


def test_what_makes_no_sense_says_why() -> None:
    cells = {cell.id: cell for cell in cells_of("LARA-R6", NO_PIN, Method.FTP)}
    assert "host" in cells["LARA-R6/foat/waiting/server-gone"].why_not
    assert "stored" in cells["LARA-R6/fota-ftp/write-50/link-lost"].why_not
    assert "as by FTP" in cells["LARA-R6/fota-http/write-50/supply-cut"].why_not
    assert not cells["LARA-R6/fota-ftp/write-50/supply-cut"].why_not
    assert cells["LARA-R6/flash/flash-50/supply-cut"].why_not == "no pin"
    assert not cells["LARA-R6/fota-http/download-50/server-gone"].why_not
    assert not cells["LARA-R6/foat/silent/host-killed"].why_not


@pytest.mark.parametrize(("name", "at", "reached"), [
    ("first-block", 1, True), ("middle-block", 36, False), ("middle-block", 37, True),
    ("last-block", 72, False), ("last-block", 73, True),
    ("check-50", 49, False), ("check-50", 53, True), ("write-first", 0, False), ("write-first", 2, True),
    ("write-100", 99, False), ("write-100", 100, True),
])
def test_a_place_is_reached_by_the_first_sign_at_it_or_beyond_it(name: str, at: int, reached: bool) -> None:
    place = next(place for place in PLACES[Method.FOAT] if place.name == name)
    assert place.reached(UpdateEvent(place.stage, at, 1.0), 74_268) is reached
    assert not place.reached(UpdateEvent(Stage.COMMANDED, at, 1.0), 74_268)


def test_half_a_download_is_half_the_bytes() -> None:
    place = next(place for place in PLACES[Method.FTP] if place.name == "download-50")
    assert not place.reached(UpdateEvent(Stage.DOWNLOADING, 499, 0.0), 1000)
    assert not place.reached(UpdateEvent(Stage.DOWNLOADING, None, 0.0), 1000)
    assert place.reached(UpdateEvent(Stage.DOWNLOADING, 500, 0.0), 1000)
    assert not place.reached(UpdateEvent(Stage.DOWNLOADING, 1000, 0.0), 1000), "it is over"
    assert place.passed(2.0, 4.0)
    assert not place.passed(1.9, 4.0)
    assert not place.passed(1.9, 0.0), "nobody knows how long it takes"


def test_patterns_choose_cells_and_one_that_fits_none_is_refused() -> None:
    cells = cells_of("LENA-R8", {})
    chosen = matching(cells, ["*/foat/*/supply-cut"])
    assert len(chosen) == len(PLACES[Method.FOAT])
    assert matching(cells, []) == cells
    with pytest.raises(OperatorError, match="LENA-R9"):
        matching(cells, ["LENA-R9/*"])


def test_what_is_documented_of_an_update_over_at_differs_by_series() -> None:
    old, again = RecoveryPath.OLD_FIRMWARE, RecoveryPath.XMODEM_AGAIN
    new, install = RecoveryPath.NEW_FIRMWARE, RecoveryPath.INSTALL_AGAIN
    assert documented_ways(Series.LENA_R8, Method.FOAT, Stage.RECEIVING, powered=False) == {old}
    assert documented_ways(Series.LARA_R6, Method.FOAT, Stage.RECEIVING, powered=False) == {old, again}
    for series in Series:
        assert documented_ways(series, Method.FOAT, Stage.RECEIVING, powered=True) == {old, new, again}
        for powered in (False, True):
            assert documented_ways(series, Method.FOAT, Stage.WRITING, powered=powered) == {again, new}
            assert documented_ways(series, Method.FTP, Stage.WRITING, powered=powered) == {install, new}
        assert documented_ways(series, Method.HTTP, Stage.DOWNLOADING, powered=False) == {old}


def test_the_whole_update_is_compared_with() -> None:
    cells = [cell for cell in cells_of("LENA-R8", {}) if cell.place is WHOLE]
    kinds = {cell.kind for cell in cells if cell.method is Method.FOAT}
    assert kinds == {Interruption.NOTHING, Interruption.WRONG_PACKAGE}
