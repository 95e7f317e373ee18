"""All slots at work: processes that die, units that die, servers that one cell takes from another."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.base.errors import Owner
from cellbench.campaign.cells import Cell, cells_of, matching
from cellbench.campaign.crew import Crew
from cellbench.campaign.ledger import Ledger
from cellbench.record.interruption import CellOutcome, CellRecord, Interruption, MatrixHeader, read_matrix
from tests.campaign.toy_slot import start

ALL = cells_of("LENA-R8", {})


def crew(folder: Path, patterns: list[str], slots: int = 2) -> tuple[Crew, list[CellRecord]]:
    cells = matching(ALL, patterns)
    header = MatrixHeader("1", "bench", cells=tuple(cell.entry() for cell in cells))
    told: list[CellRecord] = []
    diary = folder / "diary"
    folder.mkdir(exist_ok=True)
    diary.touch()
    names = {f"a{number}": "LENA-R8" for number in range(slots)}
    ledger = Ledger(folder, header)
    return Crew(ledger, cells, names, lambda slot: start(slot, diary), told.append, 60.0), told


def test_another_process_finishes_the_cell_whose_host_was_killed(tmp_path: Path) -> None:
    one, told = crew(tmp_path, ["*/foat/write-50/host-killed"], slots=1)
    one.run()
    one.ledger.close()
    assert [(record.outcome, record.evidence) for record in told] == [(CellOutcome.OLD, ("last words",))]


def test_a_process_that_is_lost_is_no_finding_and_its_cell_is_tried_once_more(tmp_path: Path) -> None:
    one, told = crew(tmp_path, ["*/foat/check-50/supply-cut"], slots=1)
    one.run()
    one.ledger.close()
    assert [record.outcome for record in told] == [CellOutcome.ERROR, CellOutcome.OLD]
    assert told[0].owner is Owner.FRAMEWORK
    assert "ended with 7" in told[0].reason
    assert read_matrix(tmp_path).cells[told[0].cell].outcome is CellOutcome.OLD


def test_a_dead_unit_ends_its_slot_and_others_of_its_series_go_on(tmp_path: Path) -> None:
    patterns = ["*/foat/write-100/supply-cut", "*/foat/*-block/supply-cut"]
    one, _ = crew(tmp_path, patterns)
    one.run()
    one.ledger.close()
    found = read_matrix(tmp_path).cells
    assert sorted(record.outcome.name for record in found.values()) == ["BRICKED", "OLD", "OLD", "OLD"]


def test_cells_for_which_no_unit_is_left_are_named(tmp_path: Path) -> None:
    one, _ = crew(tmp_path, ["*/foat/write-100/*"], slots=1)
    one.run()
    one.ledger.close()
    found = read_matrix(tmp_path).cells.values()
    left = [record for record in found if record.outcome is CellOutcome.NOT_RUN]
    assert len(left) == 2
    since = "a0: its unit starts no more since LENA-R8/foat/write-100/"
    assert all(since in record.reason for record in left)


def test_a_bench_out_of_order_does_no_more_and_its_cells_go_to_others(tmp_path: Path) -> None:
    one, told = crew(tmp_path, ["*/flash/flash-*/*"])
    one.run()
    one.ledger.close()
    found = read_matrix(tmp_path).cells.values()
    assert {(record.outcome, record.slot) for record in found} == {(CellOutcome.OLD, "a1")}
    assert 1 <= sum(record.outcome is CellOutcome.ERROR for record in told) <= 3
    alone, told = crew(tmp_path / "alone", ["*/flash/flash-*/*"], slots=1)
    alone.run()
    alone.ledger.close()
    assert len(told) == 3
    left = [record for record in read_matrix(tmp_path / "alone").cells.values() if not record.outcome.settled]
    assert len(left) == 9
    assert {record.owner for record in left} == {Owner.RIG}


def test_settled_cells_are_not_run_again(tmp_path: Path) -> None:
    one, told = crew(tmp_path, ["*/foat/*-block/supply-cut"])
    one.run()
    one.ledger.close()
    assert len(told) == 3
    again, told = crew(tmp_path, ["*/foat/*-block/supply-cut"])
    again.run()
    again.ledger.close()
    assert told == []


@pytest.mark.parametrize("method", ["fota-ftp", "fota-http"])
def test_nobody_uses_a_server_while_a_cell_stops_it(tmp_path: Path, method: str) -> None:
    one, _ = crew(tmp_path, [f"*/{method}/download-*"], slots=3)
    one.run()
    one.ledger.close()
    running: dict[str, Cell] = {}
    cells = {cell.id: cell for cell in ALL}
    for line in (tmp_path / "diary").read_text().splitlines():
        mark, slot, name = line.split()
        if mark == "-":
            running.pop(slot)
            continue
        running[slot] = cells[name]
        stops = [cell for cell in running.values() if cell.kind is Interruption.SERVER_GONE]
        assert not stops or len(running) == 1
