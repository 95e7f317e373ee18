"""The file of a matrix: a chain that goes on where it was cut, one matrix in one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cellbench.base.errors import OperatorError, Owner
from cellbench.campaign.ledger import Ledger
from cellbench.record.interruption import (
    FILE_NAME,
    CellEntry,
    CellOutcome,
    CellRecord,
    Interruption,
    MatrixHeader,
    read_matrix,
)
from cellbench.record.journal import verify

HEADER = MatrixHeader("0123456789ab", "bench", cells=tuple(
    CellEntry(f"cell-{number}", "LENA-R8", "foat", "here", Interruption.SUPPLY_CUT) for number in range(4)))


def record(number: int, outcome: CellOutcome = CellOutcome.OLD, owner: Owner | None = None) -> CellRecord:
    return CellRecord(f"cell-{number}", outcome, "a1", owner)


def test_settled_cells_stay_and_errors_are_run_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, HEADER)
    for number, outcome in enumerate((CellOutcome.OLD, CellOutcome.BRICKED, CellOutcome.ERROR)):
        ledger.begin(f"cell-{number}", "a1")
        ledger.end(record(number, outcome))
    ledger.begin("cell-3", "a1")
    ledger.close()
    again = Ledger(tmp_path, HEADER)
    assert [again.settled(f"cell-{number}") for number in range(4)] == [True, True, False, False]
    assert again.cut == {"cell-3": "a1"}
    again.end(record(3))
    again.close()
    found = read_matrix(tmp_path)
    assert found.cells["cell-3"].outcome is CellOutcome.OLD
    assert not found.cut
    assert verify(tmp_path / FILE_NAME).problems == ()


def test_a_torn_line_is_taken_off_and_the_chain_holds(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, HEADER)
    ledger.end(record(0))
    ledger.close()
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b'{"schema":1,"utc_ns":12')
    again = Ledger(tmp_path, HEADER)
    again.end(record(1))
    again.close()
    checked = verify(tmp_path / FILE_NAME)
    assert (checked.problems, checked.torn_bytes, checked.records) == ((), 0, 3)


def test_another_matrix_is_not_gone_on_with(tmp_path: Path) -> None:
    Ledger(tmp_path, HEADER).close()
    with pytest.raises(OperatorError, match="other packages or slots"):
        Ledger(tmp_path, MatrixHeader("ffffffffffff", "bench"))
    Ledger(tmp_path, HEADER).close()  # and nothing is left locked


def test_a_matrix_is_open_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, HEADER)
    with pytest.raises(OperatorError, match="under way in another process"):
        Ledger(tmp_path, HEADER)
    ledger.close()


def test_no_other_file_is_taken_for_a_matrix(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{}\n")
    with pytest.raises(OperatorError):
        Ledger(tmp_path, HEADER)


KILLED = """\
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.campaign.test_ledger import HEADER, record
from cellbench.campaign.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]), HEADER)
ledger.begin("cell-0", "a1")
ledger.end(record(0))
ledger.begin("cell-1", "a1")
print("begun", flush=True)
sys.stdin.read()
"""


def test_a_cell_is_on_disk_before_the_next_one_starts(tmp_path: Path) -> None:
    code = KILLED.format(root=str(Path(__file__).parents[2]))
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"begun\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(20)
    process.stdout.close()
    process.stdin.close()
    ledger = Ledger(tmp_path, HEADER)
    assert ledger.settled("cell-0")
    assert ledger.cut == {"cell-1": "a1"}
    ledger.close()
