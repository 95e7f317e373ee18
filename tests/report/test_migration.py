"""The migration report: sides out of a journal's attempts, the lines of a host's code, page and text."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.base.errors import Owner, UsageError
from cellbench.catalogue.migration import MIGRATION
from cellbench.cli import main
from cellbench.record.attempt import (
    AttemptEnded,
    AttemptStarted,
    Kind,
    MeasurementRecord,
    Note,
    RunEnded,
)
from cellbench.record.header import Header, SlotEntry, UnitEntry
from cellbench.record.journal import JournalWriter
from cellbench.record.measurement import Judgement
from cellbench.record.run import RunRecord, read_run
from cellbench.record.verdict import Outcome, Verdict
from cellbench.report.migration import NOT_RUN, migration_text, write_migration
from cellbench.session.migration import migration_view, search

FILE = "suites/migration/test_table_54.py"
PASSED = Verdict(Outcome.PASS)
Said = tuple[str, str, Verdict]  # row, what AT+... told, verdict
CODE = '''/* <modem> */
send("AT+UMNOPROF=%d", profile);
send("AT+CFUN=16");
send("AT+UPSV=1,2000");
'''


def journal(folder: Path, slot: str, series: str, said: tuple[Said, ...]) -> RunRecord:
    """A run with one module."""
    header = Header(f"run-{slot}", 1_700_000_000_000_000_000, "rig", evidence="simulated")
    writer = JournalWriter.create(folder / "journal.jsonl", header)
    writer.append(Kind.SLOT, SlotEntry(slot, series))
    writer.append(Kind.UNIT, UnitEntry(slot, series=series, model=f"{series}001", firmware="01.00"))
    for number, (row, told, verdict) in enumerate(said):
        name = f"{FILE}::test_some[{row}]"
        writer.append(Kind.ATTEMPT_STARTED, AttemptStarted(str(number), name, slot))
        writer.append(Kind.MEASUREMENT, MeasurementRecord(str(number), "AT+X?", told, "", None,
                                                          Judgement.UNJUDGED, 1))
        writer.append(Kind.NOTE, Note(str(number), f"a note <of> {slot}"))
        writer.append(Kind.ATTEMPT_ENDED, AttemptEnded(str(number), name, slot, verdict, 0.5))
    writer.append(Kind.RUN_ENDED, RunEnded(0, 9.0))
    writer.close()
    return read_run(folder)


@pytest.fixture
def both(tmp_path: Path) -> tuple[RunRecord, RunRecord]:
    """A run of a rig with a LARA-R6 and one of another rig with a LENA-R8."""
    old, new = tmp_path / "old", tmp_path / "new"
    failed = Verdict(Outcome.FAIL, Owner.UNIT, "AT+USIO? was taken")
    for folder in (old, new):
        folder.mkdir()
    return (journal(old, "a", "LARA-R6", (("peripherals", "+USIO: 0,0", PASSED), ("upsv", "same", PASSED),
                                          ("fota", "ERROR", PASSED))),
            journal(new, "b", "LENA-R8", (("peripherals", "+USIO: 0,0 <odd>", failed),
                                          ("upsv", "same", PASSED), ("fota", "+CME ERROR: unknown", PASSED))))


def test_two_runs_make_one_report(both: tuple[RunRecord, RunRecord]) -> None:
    view = migration_view(both)
    assert [(one.series, one.model) for one in view.modules] == [("LARA-R6", "LARA-R6001"),
                                                                  ("LENA-R8", "LENA-R8001")]
    rows = {row.id: row for row in view.rows}
    assert len(rows) == len(MIGRATION)
    assert (rows["peripherals"].old.outcome, rows["peripherals"].new.outcome) == ("PASS", "FAIL")
    assert rows["peripherals"].contradicted
    assert [one.differs for name in ("peripherals", "upsv", "fota") for one in rows[name].compared] == [
        True, False, False]
    assert rows["dns"].old.outcome == NOT_RUN
    assert view.verdict[0] == "FAIL"
    assert view.missing == ()
    assert "1 otherwise" in view.summary


def test_a_series_that_was_not_asked_is_named(both: tuple[RunRecord, RunRecord], tmp_path: Path) -> None:
    view = migration_view(both[:1])
    assert view.missing == ("LENA-R8",)
    assert "LENA-R8: no module was asked" in migration_text(view)
    assert "No LENA-R8 was asked" in write_migration(view, tmp_path / "page.html").read_text()


def test_a_run_of_other_procedures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no migration procedure"):
        migration_view([journal(tmp_path, "a", "LARA-R6", (("no-such-row", "", PASSED),))])


def test_lines_of_the_hosts_code_stand_with_their_rows(
    both: tuple[RunRecord, RunRecord], tmp_path: Path
) -> None:
    code = tmp_path / "code"
    (code / ".git").mkdir(parents=True)
    (code / "modem.c").write_text(CODE)
    (code / ".git" / "old.c").write_text(CODE)
    (code / "image.bin").write_bytes(b"AT+USIO=0\0")
    found = search(code)
    assert {name: [(one.file, one.line) for one in places] for name, places in found.items()} == {
        "mno-profile": [("modem.c", 2)], "upsv": [("modem.c", 4)]}
    view = migration_view(both, code)
    page, text = write_migration(view, tmp_path / "page.html").read_text(), migration_text(view)
    assert "modem.c:4" in page
    assert "modem.c:4: send(" in text
    with pytest.raises(UsageError, match="no folder"):
        search(code / "modem.c")


def test_page_and_text_tell_both_sides(both: tuple[RunRecord, RunRecord], tmp_path: Path) -> None:
    view = migration_view(both)
    page, text = write_migration(view, tmp_path / "page.html").read_text(), migration_text(view)
    for row in view.rows:
        assert row.topic in text
        assert f'id="{row.id}"' in page
    assert "+USIO: 0,0 &lt;odd&gt;" in page
    assert "<odd>" not in page
    assert "AT+USIO? was taken" in page
    assert "AT+USIO? was taken" in text
    assert "://" not in page, "the page asks for nothing from anywhere"
    assert "≠ AT+X?" in text
    assert "Beyond the table" in text


def test_the_command_makes_one_report_of_two_runs(
    both: tuple[RunRecord, RunRecord], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(run.folder) for run in both]
    assert main(["migration", *folders]) == 0
    assert "grep -rnE" in capsys.readouterr().out
    assert (tmp_path / "new" / "migration.html").is_file()
    assert main(["migration", *folders, "--code", str(tmp_path / "nowhere")]) == 2
    assert "is no folder" in capsys.readouterr().err
