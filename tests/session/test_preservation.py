"""The rows of Table 53 in the record of an attempt."""

from __future__ import annotations

from pathlib import Path

from cellbench.catalogue.model import Series
from cellbench.catalogue.preservation import Item
from cellbench.host.firmware.fingerprint import Fingerprint, compare
from cellbench.host.firmware.model import Method
from cellbench.host.firmware.reading import Mark
from cellbench.record.attempt import AttemptStarted, Kind
from cellbench.record.header import Header
from cellbench.record.journal import JournalWriter
from cellbench.record.measurement import Judgement
from cellbench.record.run import read_run
from cellbench.session.preservation import record_preservation
from cellbench.session.recorder import Recorder


def made(series: Series, files: dict[str, str], settings: dict[str, str]) -> Fingerprint:
    marks = {Item.FILES: {name: Mark((text,)) for name, text in files.items()},
             Item.SETTINGS: {name: Mark((text,)) for name, text in settings.items()}}
    unread = {(Item.SMS, ""): "SIM PIN", (Item.SETTINGS, "+UAUTHREQ"): "no read"}
    return Fingerprint(series, "1", marks, unread)


def recorded(tmp_path: Path, series: Series) -> tuple[dict[str, tuple[object, Judgement]], list[str], bool]:
    journal = JournalWriter.create(tmp_path / "journal.jsonl", Header("r", 1, "rig"))
    journal.append(Kind.ATTEMPT_STARTED, AttemptStarted("1", "p", "s"))
    before = made(series, {"a.txt": "1"}, {f"setting {number}": "1" for number in range(60)})
    after = made(series, {}, {f"setting {number}": "1" for number in range(60)})
    rows = record_preservation(Recorder(journal, "1"), compare(before, after, Method.FOAT))
    journal.close()
    (attempt,) = read_run(tmp_path).attempts
    return ({one.name: (one.value, one.judgement) for one in attempt.measurements},
            list(attempt.notes), any(row.fails for row in rows))


def test_a_guide_judges_and_raises_nothing(tmp_path: Path) -> None:
    measured, notes, fails = recorded(tmp_path, Series.LENA_R8)
    assert measured == {"user files": ("1 lost of 1", Judgement.FAIL),
                        "user settings": ("as told", Judgement.PASS)}
    assert fails
    assert "  a.txt: lost (1)" in notes
    assert any(note.startswith("SMS: not read: SIM PIN") for note in notes)
    assert notes[-1] == "no command shows +UAUTHREQ"


def test_a_relatives_manual_judges_nothing(tmp_path: Path) -> None:
    measured, notes, fails = recorded(tmp_path, Series.LARA_R6)
    assert {judgement for _, judgement in measured.values()} == {Judgement.UNJUDGED}
    assert measured["user files"][0] == "1 lost of 1"
    assert not fails
    assert any("as told: 'wiped' (SARA-R5" in note for note in notes)
