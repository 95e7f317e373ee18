"""Runs as reports see them, built from their journals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cellbench.base.errors import OperatorError, Owner
from cellbench.record.attempt import (
    Attempt,
    AttemptEnded,
    AttemptStarted,
    Event,
    FirmwareChange,
    Kind,
    MeasurementRecord,
    Note,
    StepMark,
    TraceFile,
)
from cellbench.record.firmware import (
    change_words,
    course_words,
    firmware_words,
    last_version,
    unit_firmware,
    versions_of,
)
from cellbench.record.header import Header, ProcedureEntry, UnitEntry
from cellbench.record.journal import JournalWriter
from cellbench.record.measurement import Judgement, Limit
from cellbench.record.rollup import counts, final_attempts, overall, verdict_of
from cellbench.record.run import RunRecord, read_run
from cellbench.record.verdict import Outcome, Verdict

V1 = Path(__file__).parent / "data" / "journal-v1.jsonl"


def write(folder: Path, *records: tuple[Kind, object]) -> RunRecord:
    journal = JournalWriter.create(folder / "journal.jsonl", Header("r", 1, "rig"))
    for kind, data in records:
        journal.append(kind, data)
    journal.close()
    return read_run(folder)


def ended(name: str, slot: str) -> tuple[Kind, object]:
    return Kind.ATTEMPT_ENDED, AttemptEnded(name, f"p{name}", slot, Verdict(Outcome.PASS), 1.0)


def test_an_attempt_has_all_that_was_written_of_it(tmp_path: Path) -> None:
    limit = Limit(high=2.0, marginal=0.5, source="guide 4.1.5")
    run = write(
        tmp_path, (Kind.ATTEMPT_STARTED, AttemptStarted("1", "p", "s", 2, ("R8:4.1",))),
        (Kind.STEP, StepMark("1", 0, "first", None, ("network",))),
        (Kind.MEASUREMENT, MeasurementRecord("1", "t", 1.0, "s", limit, Judgement.PASS, 7, None, 0)),
        (Kind.STEP, StepMark("1", 0, "first", 0.25)), (Kind.STEP, StepMark("1", 1, "second")),
        (Kind.NOTE, Note("1", "as expected")), (Kind.TRACE, TraceFile("1", "uart", "trace/1.txt", 1, 9)),
        (Kind.ATTEMPT_ENDED, AttemptEnded("1", "p", "s", Verdict(Outcome.PASS), 0.5)))
    (attempt,) = run.attempts
    assert [(step.name, step.duration_s, step.depends_on) for step in attempt.steps] == [
        ("first", 0.25, ("network",)), ("second", None, ())]
    assert attempt.measurements[0].limit == limit
    assert (attempt.number, attempt.sections, attempt.duration_s) == (2, ("R8:4.1",), 0.5)
    assert attempt.notes == ("as expected",)
    assert attempt.traces[0].file == "trace/1.txt"


def test_a_unit_is_known_by_what_is_learned_of_it(tmp_path: Path) -> None:
    run = write(
        tmp_path, (Kind.UNIT, UnitEntry("s1", serial="SN1")), ended("1", "s1"),
        (Kind.UNIT, UnitEntry("s1", imei="351")), ended("2", "s1"),
        (Kind.UNIT, UnitEntry("s1", serial="SN2")), ended("3", "s1"), ended("4", "s2"),
        (Kind.UNIT, UnitEntry("s2", imei="352", firmware="02.00")), ended("5", "s2"), ended("6", ""))
    assert [(unit.serial, unit.imei) for unit in run.units] == [("SN1", "351"), ("SN2", ""), ("", "352")]
    assert [attempt.unit for attempt in run.attempts] == [0, 0, 1, 2, 2, -1]
    assert [attempt.id for attempt in run.attempts_of(0)] == ["1", "2"]


def test_facts_that_come_later_join_the_header(tmp_path: Path) -> None:
    first = ProcedureEntry("p", "T", (), ("s1",))
    run = write(
        tmp_path, (Kind.FACTS, {"procedures": (first,), "versions": {"a": "1"}}),
        (Kind.FACTS, {"procedures": (ProcedureEntry("p", "T", (), ("s2",)), ProcedureEntry("q", "U"),
                                    ProcedureEntry("r[3-udp]", "V")),
                      "versions": {"b": "2"}, "operator": "ada", "unheard_of": 1}))
    entries = [(entry.id, entry.slots) for entry in run.header.procedures]
    assert entries == [("p", ("s1", "s2")), ("q", ()), ("r[3-udp]", ())]
    assert run.header.versions == {"a": "1", "b": "2"}
    assert (run.header.operator, run.header.run) == ("ada", "r")
    assert run.title("q") == "U"
    assert run.title("r[3-udp]") == "V [3-udp]"
    assert run.title("unknown") == "unknown"


def test_a_record_that_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"jsonl:3: a event record that does not fit: Event\.what"):
        write(tmp_path, (Kind.NOTE, Note("1", "x")), (Kind.EVENT, {"what": 5}))


def test_kinds_of_later_programs_are_passed_over(tmp_path: Path) -> None:
    journal = JournalWriter.create(tmp_path / "journal.jsonl", Header("r", 1, "rig"))
    journal.append("weather", {"rain": True})
    journal.append(Kind.EVENT, Event("power", "s"))
    journal.close()
    assert [timed.event.what for timed in read_run(tmp_path).events] == ["power"]


def test_journals_of_schema_1_are_read() -> None:
    run = read_run(V1)
    assert (run.id, run.header.evidence, len(run.attempts)) == ("20261105T080000Z-0a1b2c", "simulated", 2)
    assert verdict_of(run.attempts[1]) == Verdict(
        Outcome.ERROR, Owner.SERVICE, "echo did not answer", ("echo asked directly: connection refused",))
    limit = run.attempts[0].measurements[0].limit
    assert limit == Limit(low=0.0, high=12.0, marginal=1.0, source="boot table")
    assert run.ended is not None
    assert run.ended.exit_status == 11


def test_every_attempt_has_the_firmware_that_its_unit_ran(tmp_path: Path) -> None:
    """As the journal tells it: identified once, changed by updates; a unit that tells none keeps the last."""
    run = write(
        tmp_path, (Kind.UNIT, UnitEntry("s1", imei="351", firmware="A")), ended("1", "s1"),
        *begun_and_ended("2", "s1", ("A", "B", "foat")), ended("3", "s1"),
        *begun_and_ended("4", "s1", ("B", "B", "fota-ftp"), ("B", "", "flash")), ended("5", "s1"),
        (Kind.UNIT, UnitEntry("s1", imei="351", firmware="B")),
        *begun_and_ended("6", "s1", ("B", "A", "recovery")), ended("7", "s2"))
    told = [(one.firmware_before, one.firmware_after) for one in run.attempts]
    assert told == [("A", "A"), ("A", "B"), ("B", "B"), ("B", ""), ("B", "B"), ("B", "A"), ("", "")]
    assert [change.method for change in run.attempts[3].firmware] == ["fota-ftp", "flash"]
    assert all(change.utc_ns for one in run.attempts for change in one.firmware)
    assert versions_of(run, 0) == ("A", "B", "A")
    assert (last_version(run, 0), unit_firmware(run, 0)) == ("A", "A → B → A")
    assert [firmware_words(one) for one in run.attempts[:4]] == ["A", "A → B", "B", "B → none told"]
    assert [change_words(change) for change in run.attempts[3].firmware] == [
        "firmware B: unchanged after update by FTP", "firmware B: no version told after update by flashing"]
    assert course_words("ABABABA") == "A → 5 more → A"


def begun_and_ended(name: str, slot: str, *changes: tuple[str, str, str]) -> Iterator[tuple[Kind, object]]:
    yield Kind.ATTEMPT_STARTED, AttemptStarted(name, "p", slot)
    for before, after, method in changes:
        yield Kind.FIRMWARE, FirmwareChange(name, before, after, method)
    yield ended(name, slot)


def attempt(name: str, outcome: Outcome | None, owner: Owner | None = None, procedure: str = "") -> Attempt:
    verdict = Verdict(outcome, owner, name) if outcome else None
    return Attempt(name, procedure or name, "s", 1, (), 1, 1.0, verdict)


def test_the_last_attempt_of_a_procedure_counts() -> None:
    tried = (attempt("1", Outcome.FAIL, Owner.UNIT, "p"), attempt("2", Outcome.PASS, None, "p"))
    assert [one.id for one in final_attempts(tried)] == ["2"]
    assert overall(tried) == Verdict(Outcome.PASS)
    assert counts(tried)[Outcome.FAIL] == 1


@pytest.mark.parametrize(("attempts", "outcome", "owner"), [
    ([attempt("1", Outcome.PASS), attempt("2", Outcome.ERROR, Owner.RIG),
      attempt("3", Outcome.FAIL, Owner.UNIT)], Outcome.FAIL, Owner.UNIT),
    ([attempt("1", Outcome.ERROR, Owner.NETWORK), attempt("2", Outcome.ERROR, Owner.RIG)],
     Outcome.ERROR, Owner.RIG),
    ([attempt("1", Outcome.ERROR, Owner.RIG), attempt("2", Outcome.ERROR, Owner.FRAMEWORK)],
     Outcome.ERROR, Owner.FRAMEWORK),
    ([attempt("1", Outcome.PASS), attempt("2", None)], Outcome.ABORTED, Owner.OPERATOR),
    ([attempt("1", Outcome.PASS), attempt("2", Outcome.NOT_POSSIBLE, Owner.RIG)], Outcome.PASS, None),
    ([attempt("1", Outcome.NOT_APPLICABLE)], Outcome.NOT_POSSIBLE, None),
    ([], Outcome.NOT_POSSIBLE, None),
])
def test_one_verdict_for_many(attempts: list[Attempt], outcome: Outcome, owner: Owner | None) -> None:
    verdict = overall(attempts)
    assert (verdict.outcome, verdict.owner) == (outcome, owner)
