"""Updates in the documents: on each result, in the head of the report, and in every format that has units."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cellbench.record.attempt import AttemptEnded, AttemptStarted, FirmwareChange, Kind, RunEnded
from cellbench.record.header import Header, SlotEntry, UnitEntry
from cellbench.record.journal import JournalWriter
from cellbench.record.run import RunRecord, read_run
from cellbench.record.verdict import Outcome, Verdict
from cellbench.report import formats
from cellbench.report.results import result_columns
from cellbench.report.summary import summary_lines
from cellbench.report.validation import validation_view
from cellbench.report.write import write_format

OLD, NEW = "02.00,A01.22", "02.00,A01.40"
COURSE = f"{OLD} → {NEW}"


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A run of three attempts: an update, one that was refused, and one that asks nothing of firmware."""
    folder = tmp_path_factory.mktemp("updated")
    journal = JournalWriter.create(folder / "journal.jsonl", Header("r1", 1_700_000_000_000_000_000, "rig"))
    journal.append(Kind.SLOT, SlotEntry("s1", "LENA-R8"))
    journal.append(Kind.UNIT, UnitEntry("s1", "SN1", "351457830026040", firmware=OLD))
    changes = [(FirmwareChange("1", OLD, NEW, "foat"),), (FirmwareChange("2", NEW, NEW, "fota-http"),), ()]
    for number, found in enumerate(changes, 1):
        journal.append(Kind.ATTEMPT_STARTED, AttemptStarted(str(number), f"test_u.py::test_{number}", "s1"))
        for change in found:
            journal.append(Kind.FIRMWARE, change)
        journal.append(Kind.ATTEMPT_ENDED, AttemptEnded(
            str(number), f"test_u.py::test_{number}", "s1", Verdict(Outcome.PASS), 2.5))
    journal.append(Kind.RUN_ENDED, RunEnded(0, 9.0))
    journal.close()
    return read_run(folder)


def test_the_report_lists_updates_and_the_units_course(updated: RunRecord) -> None:
    view = validation_view(updated)
    assert view.slots[0][3] == COURSE
    assert [(row.before, row.after, row.method, row.index) for row in view.updates] == [
        (OLD, NEW, "over AT", 0), (NEW, NEW, "by HTTP", 1)]
    assert f"{COURSE} SN1" in "\n".join(summary_lines(updated))


def test_each_result_of_the_page_has_its_versions(updated: RunRecord) -> None:
    data = json.loads(json.dumps(result_columns(updated)))
    texts = data["texts"]
    assert [texts[one] for one in data["results"]["firmware"]] == [COURSE, NEW, NEW]
    assert data["firmware"]["row"] == [0, 1]
    assert texts[data["firmware"]["text"][1]] == f"firmware {NEW}: unchanged after update by HTTP"


def test_the_page_and_the_pdf_say_it(updated: RunRecord, tmp_path: Path) -> None:
    (page,) = write_format(updated, formats()["validation-html"], tmp_path)
    text = page.read_text()
    assert "<h3>Firmware updates</h3>" in text
    assert f"<td>{OLD}</td><td><b>{NEW}</b></td><td>over AT</td>" in text
    assert f"<td>{NEW}</td><td>unchanged</td><td>by HTTP</td>" in text
    (pdf,) = write_format(updated, formats()["validation-pdf"], tmp_path)
    assert pdf.stat().st_size > 5000


def test_junit_has_the_versions_of_every_case(updated: RunRecord, tmp_path: Path) -> None:
    (path,) = write_format(updated, formats()["junit"], tmp_path)
    suite = ElementTree.parse(path).getroot().find("testsuite")
    assert suite is not None

    def of(node: ElementTree.Element, name: str) -> str | None:
        return next((one.get("value") for one in node.iter("property") if one.get("name") == name), None)

    assert of(suite, "firmware") == COURSE
    cases = suite.findall("testcase")
    assert [(of(case, "firmware before"), of(case, "firmware after")) for case in cases] == [
        (OLD, NEW), (NEW, NEW), (NEW, NEW)]
    assert cases[0].findtext("system-out") == f"firmware {COURSE}: update over AT"


def test_documents_of_the_unit_say_what_it_has_now(updated: RunRecord, tmp_path: Path) -> None:
    known = formats()
    (record,) = write_format(updated, known["record"], tmp_path)
    data = json.loads(record.read_text())
    assert data["unit"]["firmware"] == NEW
    assert data["attempts"][0]["notes"] == [f"firmware {COURSE}: update over AT"]
    (line,) = write_format(updated, known["csv"], tmp_path)
    assert f'"{NEW}"' in line.read_text()
    (certificate,) = write_format(updated, known["certificate-html"], tmp_path)
    assert COURSE in certificate.read_text()
    (folder,) = write_format(updated, known["allure"], tmp_path)
    results = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    found = {one["value"] for result in results for one in result["parameters"] if one["name"] == "firmware"}
    assert found == {COURSE, NEW}
