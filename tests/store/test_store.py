"""The store: filled from journals, unchanged by loading one again."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from cellbench.base.errors import OperatorError, Owner
from cellbench.record.attempt import AttemptEnded, Event, FirmwareChange, Kind, MeasurementRecord, RunEnded
from cellbench.record.header import Header, SlotEntry, UnitEntry
from cellbench.record.journal import JournalWriter
from cellbench.record.measurement import Judgement, Limit
from cellbench.record.run import RunRecord, read_run
from cellbench.record.series import SeriesRecord
from cellbench.record.verdict import Outcome, Verdict
from cellbench.store.store import Store


def write_run(folder: Path, name: str, *, end: bool = True) -> RunRecord:
    journal = JournalWriter.create(folder / name / "journal.jsonl",
                                   Header(name, 1, "rig", versions={"cellbench": "0.1.0"}))
    journal.append(Kind.SLOT, SlotEntry("s1", "LENA-R8"))
    journal.append(Kind.UNIT, UnitEntry("s1", "SN1", "351"))
    limit = Limit(0.0, 12.0, marginal=1.0, source="boot table")
    for value in (5.0, float("nan"), "02.00"):
        journal.append(Kind.MEASUREMENT, MeasurementRecord("1", "boot", value, "s", limit, Judgement.PASS, 5))
    journal.append(Kind.SERIES, SeriesRecord.of(
        "1", "current", "A", (0.0, 1.0, 2.0, 4.0), (0.01, 0.03, float("nan"), 0.02), ((1.0, "idle"),), 7))
    journal.append(Kind.FIRMWARE, FirmwareChange("1", "02.00", "02.01", "foat", 9))
    journal.append(Kind.ATTEMPT_ENDED, AttemptEnded("1", "p", "s1", Verdict(
        Outcome.ERROR, Owner.NETWORK, "no cell", ("asked",)), 2.5, ("R8:1",)))
    journal.append(Kind.EVENT, Event("power", "s1", values={"state": "on"}))
    if end:
        journal.append(Kind.RUN_ENDED, RunEnded(11, 3.0))
    journal.close()
    return read_run(folder / name)


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    tables = (store.tables.runs, *store.tables.of_run)
    return {table.name: sorted(map(tuple, store.select(sa.select(table))), key=str) for table in tables}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "results" / "store.sqlite")


def test_a_run_is_there_with_all_it_has(store: Store, tmp_path: Path) -> None:
    assert store.load(write_run(tmp_path, "r1"))
    t = store.tables
    (run,) = store.select(sa.select(t.runs))
    assert (run.run, run.exit_status, run.versions) == ("r1", 11, {"cellbench": "0.1.0"})
    (attempt,) = store.select(sa.select(t.attempts))
    assert (attempt.outcome, attempt.owner, attempt.evidence) == ("ERROR", "network", ["asked"])
    assert (attempt.firmware_before, attempt.firmware_after) == ("02.00", "02.01")
    (update,) = store.select(sa.select(t.updates))
    assert (update.attempt, update.version_before, update.version_after, update.method) == (
        "1", "02.00", "02.01", "foat")
    values = [(row.value, row.value_text, row.high) for row in store.select(sa.select(t.measurements))]
    assert values == [(5.0, None, 12.0), (None, "nan", 12.0), (None, "02.00", 12.0)]
    (series,) = store.select(sa.select(t.series))
    assert (series.name, series.unit, series.samples, series.seconds) == ("current", "A", 4, 4.0)
    assert (series.least, series.greatest, series.marks) == (0.01, 0.03, [[1.0, "idle", 0.02]])
    assert series.points == [[0.0, 0.01], [1.0, 0.03], [2.0, None], [4.0, 0.02]]
    joined = sa.select(t.units.c.imei, t.attempts.c.reason).join(
        t.attempts, sa.and_(t.attempts.c.run == t.units.c.run, t.attempts.c.unit == t.units.c.unit))
    assert store.select(joined) == [("351", "no cell")]


def test_loading_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    runs = [write_run(tmp_path, "r1"), write_run(tmp_path, "r2")]
    for run in runs:
        assert store.load(run)
    before = contents(store)
    for run in runs:
        assert not store.load(run)
    assert contents(store) == before
    assert {name: len(rows) for name, rows in before.items()} == {
        "runs": 2, "slots": 2, "units": 2, "attempts": 2, "measurements": 6, "series": 2, "events": 2,
        "updates": 2}


def test_a_run_loaded_before_its_end_is_completed(store: Store, tmp_path: Path) -> None:
    assert store.load(write_run(tmp_path / "early", "r1", end=False))
    (run,) = store.select(sa.select(store.tables.runs))
    assert run.exit_status is None
    assert store.load(write_run(tmp_path / "late", "r1"))
    assert {name: len(rows) for name, rows in contents(store).items()} == {
        "runs": 1, "slots": 1, "units": 1, "attempts": 1, "measurements": 3, "series": 1, "events": 1,
        "updates": 1}
    assert [row.exit_status for row in store.select(sa.select(store.tables.runs))] == [11]


def test_another_run_of_the_same_name_is_refused(store: Store, tmp_path: Path) -> None:
    store.load(write_run(tmp_path / "a", "r1"))
    before = contents(store)
    with pytest.raises(OperatorError, match="holds another run named r1"):
        store.load(write_run(tmp_path / "b", "r1"))
    assert contents(store) == before


def test_a_load_that_breaks_leaves_nothing(store: Store, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path, "r1")

    def broken(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "_rows", broken)
    with pytest.raises(KeyboardInterrupt):
        store.load(run)
    monkeypatch.undo()
    assert contents(store)["runs"] == []
    assert store.load(run)


def test_two_processes_share_one_file(tmp_path: Path) -> None:
    first, second = (Store.open(tmp_path / "store.sqlite") for _ in range(2))
    assert first.load(write_run(tmp_path, "r1"))
    assert not second.load(read_run(tmp_path / "r1"))
    assert second.load(write_run(tmp_path, "r2"))
    assert len(contents(first)["runs"]) == 2
    assert first.select(sa.text("PRAGMA journal_mode")) == [("wal",)]  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["nonsense://x", "postgresql+psycopg://user:hunter2@127.0.0.1:1/base"])
def test_a_store_that_cannot_be_reached_is_an_operators_matter(where: str) -> None:
    with pytest.raises(OperatorError) as refused:
        Store.open(where)
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("this is no database, but long enough to be looked at as one" * 20)
    with pytest.raises(OperatorError, match="refuses: file is not a database"):
        Store.open(tmp_path / "store.sqlite")


def test_a_store_of_a_newer_program_is_refused(store: Store, tmp_path: Path) -> None:
    with store._engine.begin() as connection:
        connection.execute(sa.insert(store.tables.info), [{"schema": 99}])
    with pytest.raises(OperatorError, match="schema 99, newer"):
        Store.open(tmp_path / "results" / "store.sqlite")


def test_a_store_of_schema_1_gets_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with Store.open(path) as store:
        store.load(write_run(tmp_path, "r1"))
        with store._engine.begin() as connection:  # as the program of schema 1 made it
            for text in ("DROP TABLE updates", "DELETE FROM store_info",
                         "INSERT INTO store_info (schema) VALUES (1)",
                         "ALTER TABLE attempts DROP COLUMN firmware_before",
                         "ALTER TABLE attempts DROP COLUMN firmware_after"):
                connection.execute(sa.text(text))
    for _ in range(2):
        with Store.open(path) as store:
            (attempt,) = store.select(sa.select(store.tables.attempts))
            assert (attempt.outcome, attempt.firmware_before, attempt.firmware_after) == ("ERROR", "", "")
    with Store.open(path) as store:
        assert [row.schema for row in store.select(sa.select(store.tables.info))] == [1, 2]
        assert store.load(write_run(tmp_path, "r2"))
        assert {row.firmware_after for row in store.select(sa.select(store.tables.attempts))} == {"", "02.01"}
