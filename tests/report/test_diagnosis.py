"""How a module was found when a test failed stands in the documents, folded beside the failure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cellbench.record.attempt import AttemptEnded, AttemptStarted, Kind, RunEnded
from cellbench.record.diagnosis import DiagnosisRecord, PollAnswer, diagnosis_lines
from cellbench.record.header import Header, SlotEntry, UnitEntry
from cellbench.record.journal import JournalWriter
from cellbench.record.run import RunRecord, read_run
from cellbench.record.verdict import Outcome, Verdict
from cellbench.report import formats
from cellbench.report.results import result_columns
from cellbench.report.write import write_format

FOUND = DiagnosisRecord("1", "s1", "s1.at0", (
    PollAnswer("AT+CEER", ('+CEER: "EMM cause",15,"No <suitable> cells in tracking area"', "OK"), 0.02),
    PollAnswer("AT+COPS?", ("+COPS: 0", "OK"), 0.03), PollAnswer("AT+CSQ")), ("1 poll was not asked",), 0.6)
ASLEEP = DiagnosisRecord("2", "s1", notes=("the module is off",))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = tmp_path_factory.mktemp("diagnosed")
    journal = JournalWriter.create(folder / "journal.jsonl", Header("r1", 1_700_000_000_000_000_000, "rig"))
    journal.append(Kind.SLOT, SlotEntry("s1", "LENA-R8"))
    journal.append(Kind.UNIT, UnitEntry("s1", "SN1", "351457830026040"))
    for found, outcome in ((FOUND, Outcome.FAIL), (ASLEEP, Outcome.FAIL), (None, Outcome.PASS)):
        name = found.attempt if found else "3"
        journal.append(Kind.ATTEMPT_STARTED, AttemptStarted(name, f"test_d.py::test_{name}", "s1"))
        if found is not None:
            journal.append(Kind.DIAGNOSIS, found)
        journal.append(Kind.ATTEMPT_ENDED, AttemptEnded(name, f"test_d.py::test_{name}", "s1",
                                                        Verdict(outcome, None, "why"), 2.5))
    journal.append(Kind.RUN_ENDED, RunEnded(1, 9.0))
    journal.close()
    return read_run(folder)


def test_the_record_comes_back_from_the_journal(run: RunRecord) -> None:
    first, second, third = run.attempts
    assert first.diagnoses[0].polls == FOUND.polls
    assert first.diagnoses[0].utc_ns > 0
    assert second.diagnoses[0].notes == ("the module is off",)
    assert third.diagnoses == ()


def test_the_lines_leave_out_the_ok_and_say_what_did_not_come() -> None:
    assert diagnosis_lines(FOUND) == (
        "state of the module, s1: asked over s1.at0, 2 of 3 polls answered in 0.6 s; 1 poll was not asked",
        '  AT+CEER       +CEER: "EMM cause",15,"No <suitable> cells in tracking area"',
        "  AT+COPS?      +COPS: 0", "  AT+CSQ        no answer")
    assert diagnosis_lines(ASLEEP) == ("state of the module, s1: not asked; the module is off",)


def test_the_page_has_it_folded_beside_the_failure(run: RunRecord, tmp_path: Path) -> None:
    (page,) = write_format(run, formats()["validation-html"], tmp_path)
    text = page.read_text()
    attention = text[text.index('id="attention"'):text.index('id="coverage"')]
    folded = re.search(r"<details><summary[^>]*>(.*?)</summary><pre>(.*?)</pre></details>", attention, re.S)
    assert folded is not None
    assert folded[1].startswith("state of the module, s1: asked over s1.at0")
    assert "No &lt;suitable&gt; cells" in folded[2]
    assert "not asked; the module is off" in attention
    data = json.loads(json.dumps(result_columns(run)))
    assert data["diagnoses"]["row"] == [0, 1]
    assert "AT+COPS?      +COPS: 0" in data["texts"][data["diagnoses"]["lines"][0]]
    assert data["texts"][data["diagnoses"]["lines"][1]] == ""


@pytest.mark.parametrize("name", ["junit", "record"])
def test_texts_have_its_lines(run: RunRecord, tmp_path: Path, name: str) -> None:
    (path,) = write_format(run, formats()[name], tmp_path)
    if name == "junit":
        said = "\n".join(one.text or "" for one in ElementTree.parse(path).iter("system-out"))
    else:
        said = "\n".join(json.loads(path.read_text())["attempts"][0]["notes"])
    assert "AT+COPS?      +COPS: 0" in said
    assert "asked over s1.at0" in said
