"""Packages for a slot's module out of the rig's catalogue, and updates that stand in the record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cellbench.base.errors import NotPossible
from cellbench.catalogue.model import Series
from cellbench.host.firmware.model import (
    Method,
    Package,
    PackageKind,
    Recovery,
    RecoveryPath,
    Stage,
    Told,
    Update,
    UpdateEvent,
    UpdateNotApplied,
    UpdateRefused,
)
from cellbench.record.attempt import Kind
from cellbench.record.header import Header
from cellbench.record.journal import JournalWriter
from cellbench.record.run import read_run
from cellbench.rig.updating import Report, Updater
from cellbench.session.recorder import Recorder
from cellbench.session.updating import RecordingUpdater
from cellbench.virtual.packaging import write_catalogue

OLD, NEW = "02.00,A01.22", "02.00,A01.40"

TESTS = '''
@procedure("R8:11", title="fits", series=BOTH)
def test_fits(package, slot_name):
    from cellbench.api import PackageKind

    old, new = "02.00,A01.22", "02.00,A01.40"
    assert package(start=old).end == new
    assert package(start=new).end == old
    assert package(PackageKind.FULL, start=old, end=old).start is None
    assert [one.end for one in package.route(new, start=old)] == [new]
    assert len(package.all(PackageKind.DELTA)) == 3
    assert len(package.all()) == 5
    assert package(start=old).data()


@procedure("R8:11", title="does not fit", series=BOTH)
def test_does_not_fit(package):
    package(start="09.99,A09.99")
'''


def test_a_procedure_gets_what_fits_or_the_reasons(project, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    write_catalogue(tmp_path / "fw" / "firmware.yaml", {(Series.LENA_R8, "LENA-R8001")})
    bare = project(TESTS, {"a1": "LENA-R8"}, "\nfirmware: fw/firmware.yaml\n")
    done = bare.run("--slot", "a1")
    assert bare.verdicts() == [("a1", "test_does_not_fit", "NOT_POSSIBLE", "rig"),
                               ("a1", "test_fits", "PASS", "")], done.stdout
    assert f"begins from {OLD}, installed is 09.99,A09.99" in bare.reason("a1", "test_does_not_fit")


def test_a_rig_without_a_catalogue_says_what_to_name(project) -> None:  # type: ignore[no-untyped-def]
    bare = project(TESTS, {"a1": "LENA-R8"})
    bare.run("-k", "does_not_fit")
    assert bare.verdicts() == [("a1", "test_does_not_fit", "NOT_POSSIBLE", "rig")]
    assert "rig bare has no firmware catalogue; name one under firmware" in bare.reason(
        "a1", "test_does_not_fit")


# -- what is recorded ------------------------------------------------------------------------------


class Played(Updater):
    """An updater whose ways end as they are told to; what it is made of is made with itself, as the real
    one's recovery is."""

    def __init__(self, ends: dict[str, Callable[[], object]], *, report: Report) -> None:
        self.ends, self.report, self.before = ends, report, OLD

    def follow(self, *stages: Stage) -> None:
        """Tell stages, as an update does that goes on."""
        for number, stage in enumerate(stages):
            self.report(UpdateEvent(stage, number, float(number)))

    def foat(self, package, **how):  # type: ignore[no-untyped-def]
        return self.ends["foat"]()

    def flash(self, package):  # type: ignore[no-untyped-def]
        return self.ends["flash"]()

    def recover(self, package):  # type: ignore[no-untyped-def]
        self.flash(package)
        return self.ends["recover"]()


class Recording(RecordingUpdater, Played):
    """The recording updater over the played one, which needs no module."""

    def __init__(self, record: Recorder, ends: dict[str, Callable[[], object]]) -> None:
        RecordingUpdater.__init__(self, ends, record, report=lambda event: self.seen.append(event))  # type: ignore[arg-type]
        self.seen: list[UpdateEvent] = []


def update(method: Method, before: str, after: str) -> Update:
    return Update(method, before, after, 128, 1.0, (), Told.AFTER_BOOT)


def fails(error: Exception) -> Callable[[], object]:
    def fail() -> object:
        raise error
    return fail


def test_every_update_is_recorded_once_refused_or_not(tmp_path: Path) -> None:
    journal = JournalWriter.create(tmp_path / "journal.jsonl", Header("r", 1, "rig"))
    record = Recorder(journal, "1")
    package = Package(tmp_path / "x", Series.LENA_R8, PackageKind.DELTA, OLD, NEW, 1, "", "")
    one = Recording(record, {
        "foat": lambda: update(Method.FOAT, OLD, NEW), "flash": lambda: update(Method.FLASH, "", NEW),
        "recover": lambda: Recovery(RecoveryPath.BOOT_MODE, NEW, 2.0)})
    assert one.foat(package).after == NEW
    assert one.flash(package).before == ""
    assert one.recover(package).version == NEW
    one.ends["foat"] = fails(UpdateNotApplied("said 128", NEW, OLD))
    with pytest.raises(UpdateNotApplied):
        one.foat(package)
    one.ends["foat"] = fails(UpdateRefused("168", 168, "does not fit"))
    with pytest.raises(UpdateRefused):
        one.foat(package)
    one.ends["foat"] = fails(NotPossible("no port"))
    with pytest.raises(NotPossible):
        one.foat(package)
    journal.close()
    (attempt,) = read_run(tmp_path).attempts
    assert [(change.before, change.after, change.method) for change in attempt.firmware] == [
        (OLD, NEW, "foat"), ("", NEW, "flash"), (OLD, NEW, "recovery"), (NEW, OLD, "foat"), (OLD, "", "foat")]
    assert attempt.notes == (f"recovered: boot mode, {NEW}, 2.0 s",)
    assert Kind.FIRMWARE == "firmware"


def test_each_stage_is_a_step(tmp_path: Path) -> None:
    journal = JournalWriter.create(tmp_path / "journal.jsonl", Header("r", 1, "rig"))
    record = Recorder(journal, "1")
    package = Package(tmp_path / "x", Series.LENA_R8, PackageKind.DELTA, OLD, NEW, 1, "", "")

    def good() -> object:
        one.follow(Stage.RECEIVING, Stage.RECEIVING, Stage.WRITING, Stage.DONE)
        return update(Method.FOAT, OLD, NEW)

    def bad() -> object:
        one.follow(Stage.RECEIVING)
        raise UpdateRefused("168", 168, "does not fit")

    one = Recording(record, {"foat": good})
    with record.step("around"):
        one.foat(package)
        one.ends["foat"] = bad
        with pytest.raises(UpdateRefused):
            one.foat(package)
    journal.close()
    (attempt,) = read_run(tmp_path).attempts
    assert [(step.name, step.problem) for step in attempt.steps] == [
        ("around", ""), ("update: receiving", ""), ("update: writing", ""), ("update: receiving", "168")]
    assert all(step.duration_s is not None for step in attempt.steps)
    assert len(one.seen) == 5
