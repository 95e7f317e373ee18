"""Every format renders the golden runs, and says what their journals say."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from cellbench.base.errors import FrameworkError, OperatorError
from cellbench.record.journal import verify
from cellbench.record.rollup import final_attempts, verdict_of
from cellbench.record.run import RunRecord, read_run
from cellbench.record.verdict import Outcome
from cellbench.report import BUILT_IN, ReportFormat, formats, formats_for
from cellbench.report.resources import resource
from cellbench.report.summary import summary_lines
from cellbench.report.write import write_format, write_reports

RUNS = ("validation", "production", "cut")


def text_of(path: Path) -> str:
    files = [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if file.is_file()]
    return "\n".join(file.read_bytes().decode("latin-1") for file in files)


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda one: one.name)
@pytest.mark.parametrize("name", RUNS)
def test_every_format_renders_every_golden_run(one: ReportFormat, name: str, tmp_path: Path,
                                               request: pytest.FixtureRequest) -> None:
    run: RunRecord = request.getfixturevalue(name)
    written = write_format(run, one, tmp_path)
    assert len(written) == (len(run.units) if one.suffix else 1)
    assert all(path.exists() for path in written)
    assert all(path.stat().st_size > 500 for path in written if path.is_file() and path.suffix != ".csv")


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda one: one.name)
def test_the_same_run_gives_the_same_bytes(one: ReportFormat, production: RunRecord, tmp_path: Path) -> None:
    first, second = (text_of(one.renderer()(production, tmp_path / place / one.place)) for place in "ab")
    assert first == second


def test_no_document_holds_a_secret(golden: ModuleType, validation: RunRecord, tmp_path: Path) -> None:
    """Secrets are blanked before a byte is stored; nothing here may bring one back."""
    for one in BUILT_IN:
        write_format(validation, one, tmp_path)
    everything = text_of(tmp_path) + text_of(validation.folder)
    assert 'AT+UAUTHREQ=1,1,"user","' + "*" * len(golden.SECRET) in everything
    assert golden.SECRET not in everything


def test_the_golden_journals_are_sound(validation: RunRecord, production: RunRecord, cut: RunRecord) -> None:
    found = [verify(run.folder) for run in (validation, production, cut)]
    assert [one.problems for one in found] == [(), (), ()]
    assert [one.ended for one in found] == [True, True, False]
    assert {verdict_of(attempt).outcome for attempt in validation.attempts} == set(Outcome)
    assert len(cut.attempts) == len(validation.attempts)


def test_reports_are_written_beside_the_journal(golden: ModuleType, tmp_path: Path) -> None:
    golden.write_production(tmp_path)
    before = (tmp_path / "journal.jsonl").read_bytes()
    written = write_reports(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "records/SN-2026-000481.json", "certificates/SN-2026-000481.pdf", "certificates/SN-2026-000481.html",
        "units.csv", "junit.xml", "allure-results"]
    assert (tmp_path / "journal.jsonl").read_bytes() == before
    assert write_reports(tmp_path, ["csv"]) == [tmp_path / "units.csv"]
    assert len(write_reports(tmp_path, ["all"])) == len(BUILT_IN)


def test_an_unknown_format_is_named_with_its_nearest(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"'juint'; did you mean junit\?"):
        write_reports(tmp_path, ["juint"])


def test_a_folder_that_cannot_be_written_is_an_operators_matter(production: RunRecord,
                                                                tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    for one in BUILT_IN:
        with pytest.raises(OperatorError, match="cannot write"):
            write_format(production, one, tmp_path / "taken")


def test_formats_of_others_come_by_entry_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "acme-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[cellbench.reports]\nmes = acme_mes:FORMAT\n")
    (tmp_path / "acme_mes.py").write_text(
        "from cellbench.report import ReportFormat\n"
        "def render(journal, out):\n    out.write_text(journal.id)\n    return out\n"
        "FORMAT = ReportFormat('mes', 'MES file', 'mes.txt', 'acme_mes', frozenset({'production'}))\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "mes" in formats_for("production")
    assert "mes" not in formats_for("validation")
    (tmp_path / "acme_mes.py").write_text("FORMAT = 5\n")
    monkeypatch.delitem(__import__("sys").modules, "acme_mes")
    with pytest.raises(FrameworkError, match=r"mes .* is no ReportFormat"):
        formats()


def test_a_run_without_a_purpose_gets_a_validation_report() -> None:
    assert formats_for("") == formats_for("validation")


# -- production record and CSV --------------------------------------------------------------------------


@pytest.mark.parametrize("name", RUNS)
def test_the_production_record_fits_its_schema(name: str, request: pytest.FixtureRequest, tmp_path: Path,
                                               schema_check: ModuleType) -> None:
    schema = json.loads(resource("schema", "production-record-1.json"))
    run: RunRecord = request.getfixturevalue(name)
    for path in write_format(run, formats()["record"], tmp_path):
        data = json.loads(path.read_text())
        assert schema_check.problems(data, schema) == []
        assert data["journal"]["sha256"] == verify(run.folder).head
        data["verdict"]["owner"] = "nobody"
        data["unit"]["colour"] = "red"
        assert len(schema_check.problems(data, schema)) == 2


def test_the_production_record_says_what_was_measured(production: RunRecord, tmp_path: Path) -> None:
    (path,) = write_format(production, formats()["record"], tmp_path)
    data = json.loads(path.read_text())
    taken = {one["name"]: one for attempt in data["attempts"] for one in attempt["measurements"]}
    assert (taken["current, idle"]["value"], taken["current, idle"]["unit"]) == (0.0187, "A")
    assert taken["USB enumeration"]["judgement"] == "MARGINAL"
    assert taken["firmware"]["limit"]["one_of"] == ["02.00", "02.01"]
    assert (data["verdict"]["outcome"], data["unit"]["imei"]) == ("PASS", "351457830026040")
    assert data["run"]["started"] == "2026-11-05T08:00:00.000Z"


def test_a_run_that_was_cut_passes_no_unit(golden: ModuleType, tmp_path: Path) -> None:
    golden.write_production(tmp_path)
    path = tmp_path / "journal.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    (record,) = write_reports(tmp_path, ["record"])
    data = json.loads(record.read_text())
    assert (data["verdict"]["outcome"], data["run"]["complete"]) == ("ABORTED", False)


def test_the_csv_has_a_line_for_each_unit(validation: RunRecord, tmp_path: Path) -> None:
    (path,) = write_format(validation, formats()["csv"], tmp_path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["imei"] for row in rows] == ["351457830026040", "358887095221714"]
    assert float(rows[0]["boot time [s]"]) == pytest.approx(5.2, abs=0.6)
    assert rows[0]["reason"].startswith("'+CEREG URC"), "no spreadsheet may take it for a formula"
    assert rows[1]["firmware"] == "00.11,A00.01"
    assert rows[0]["verdict"] == "FAIL"


def test_two_units_of_one_name_do_not_share_a_file(golden: ModuleType, tmp_path: Path) -> None:
    from cellbench.record.attempt import Kind
    from cellbench.record.header import UnitEntry
    from cellbench.record.journal import JournalWriter

    journal = JournalWriter.create(tmp_path / "journal.jsonl", golden.header("r", "production", ()))
    for slot, serial in (("a", "SN/1"), ("b", "sn_1"), ("c", "../../etc"), ("d", ""), ("e", "x" * 300)):
        journal.append(Kind.UNIT, UnitEntry(slot, serial))
    journal.close()
    names = [path.name for path in write_reports(tmp_path, ["record"])]
    assert len(names) == 5
    assert {"SN_1-1.json", "sn_1-2.json", "d.json"} < set(names)
    assert all(path.parent == tmp_path / "records" for path in write_reports(tmp_path, ["record"]))


# -- JUnit and Allure -----------------------------------------------------------------------------------


def test_junit_counts_what_the_journal_counts(validation: RunRecord, tmp_path: Path) -> None:
    (path,) = write_format(validation, formats()["junit"], tmp_path)
    root = ElementTree.parse(path).getroot()
    final = final_attempts(validation.attempts)
    by_outcome = [verdict_of(attempt).outcome for attempt in final]
    cases = root.findall(".//testcase")
    assert len(cases) == len(final) == int(root.attrib["tests"])
    assert len({(case.attrib["classname"], case.attrib["name"]) for case in cases}) == len(cases)
    assert len(root.findall(".//failure")) == by_outcome.count(Outcome.FAIL) == int(root.attrib["failures"])
    errors = {error.attrib["type"] for error in root.findall(".//error")}
    assert errors == {"rig", "network", "service", "framework", "aborted"}
    assert len(root.findall(".//skipped")) == int(root.attrib["skipped"]) == 3
    assert [suite.attrib["name"] for suite in root.findall("testsuite")] == ["lena-r8-1", "lara-r6-1"]
    repeated = root.find(".//testcase[@name='test_registration[lara-r6-1]']/system-out")
    assert repeated is not None
    assert "attempt 1: FAIL registration time is 78.72 s" in str(repeated.text)


def test_junit_holds_any_text(golden: ModuleType, tmp_path: Path) -> None:
    from cellbench.base.errors import Owner
    from cellbench.record.attempt import AttemptEnded, Kind
    from cellbench.record.journal import JournalWriter
    from cellbench.record.verdict import Verdict

    journal = JournalWriter.create(tmp_path / "journal.jsonl", golden.header("r", "validation", ()))
    reason = "bytes \x00\x07\x1b[31m <&\"']]> \ud800 \uffff ü"
    journal.append(Kind.ATTEMPT_ENDED, AttemptEnded(
        "1", "t.py::Test::x", "s", Verdict(Outcome.FAIL, Owner.UNIT, reason, (reason,)), 1.0))
    journal.close()
    for name in ("junit", "allure", "validation-html", "validation-pdf"):
        assert write_reports(tmp_path, [name])
    failure = ElementTree.parse(tmp_path / "junit.xml").getroot().find(".//failure")
    assert failure is not None
    assert failure.attrib["message"].startswith("bytes \ufffd\ufffd\ufffd[31m <&\"']]> \ufffd")


def test_allure_results_name_series_slot_and_section(validation: RunRecord, tmp_path: Path) -> None:
    (folder,) = write_format(validation, formats()["allure"], tmp_path)
    results = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    assert len(results) == len(validation.attempts)
    registration = [one for one in results if one["fullName"].endswith("test_registration[lara-r6-1]")]
    assert len(registration) == 2
    assert len({one["historyId"] for one in registration}) == 1
    read = next(one for one in results if one["fullName"].endswith("test_read[lena-r8-1]"))
    labels = {(label["name"], label["value"]) for label in read["labels"]}
    assert {("series", "LENA-R8"), ("slot", "lena-r8-1"), ("section", "R8:9.2.4")} < labels
    assert ("owner", "service") in labels
    assert read["status"] == "broken"
    assert (folder / read["attachments"][0]["source"]).read_text().count("AT+USOCR") == 1
    assert read["start"] < read["stop"]


def test_every_allure_trouble_falls_into_one_category(validation: RunRecord, tmp_path: Path) -> None:
    (folder,) = write_format(validation, formats()["allure"], tmp_path)
    categories = json.loads((folder / "categories.json").read_text())
    for path in folder.glob("*-result.json"):
        result = json.loads(path.read_text())
        message = result.get("statusDetails", {}).get("message", "")
        fitting = [one["name"] for one in categories if result["status"] in one["matchedStatuses"]
                   and re.fullmatch(one.get("messageRegex", ".*"), message, re.DOTALL)]
        assert len(fitting) == (result["status"] != "passed"), (result["status"], message, fitting)
    environment = (folder / "environment.properties").read_text()
    assert f"journal.sha256={validation.head}\n" in environment
    assert "firmware.lara-r6-1=00.11,A00.01\n" in environment


# -- terminal -------------------------------------------------------------------------------------------


def test_the_summary_names_what_needs_attention(validation: RunRecord, tmp_path: Path) -> None:
    lines = summary_lines(validation, [tmp_path / "validation.html"])
    text = "\n".join(lines)
    assert lines[0].startswith("FAIL: run 20261105T080000Z-0a1b2c on virtual (simulated), 47 results")
    assert "ERROR service: test_read[lena-r8-1]: no echo within 10 s" in text
    assert "23 of 28 testable sections covered on LENA-R8" in text
    assert str(tmp_path / "validation.html") in text
    assert max(map(len, lines)) < 140


def test_an_empty_run_has_documents_too(golden: ModuleType, tmp_path: Path) -> None:
    from cellbench.record.journal import JournalWriter

    JournalWriter.create(tmp_path / "journal.jsonl", golden.header("r", "validation", ())).close()
    assert len(write_reports(tmp_path, ["all"])) == 5
    assert summary_lines(read_run(tmp_path))[0].startswith("NOT POSSIBLE: run r")
