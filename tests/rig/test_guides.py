"""Documents of an OEM's own that procedures are traced to."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.base.errors import FileErrors
from cellbench.catalogue.guide import SECTIONS, SectionKind
from cellbench.catalogue.model import R8_ONLY, Series
from cellbench.rig.guides import all_sections
from cellbench.rig.load import validate_file

GOOD = """\
guide: Tracker T1, test specification TS-17 issue 3
prefix: T1
series: [LENA-R8, LARA-R6]
sections:
  "1": {title: Connectivity, kind: reference}
  "1.1": {title: The module registers at home}
  REQ-7: {title: The receiver gets a fix, kind: rule, series: [LENA-R8]}
"""


def file(folder: Path, text: str, name: str = "ts17.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_own_sections_stand_behind_the_makers(tmp_path: Path) -> None:
    found = all_sections([file(tmp_path, GOOD)])
    assert found[:len(SECTIONS)] == SECTIONS
    own = found[len(SECTIONS):]
    assert [one.id for one in own] == ["T1:1", "T1:1.1", "T1:REQ-7"]
    assert own[0].kind is SectionKind.REFERENCE
    assert own[1].series == frozenset(Series)
    assert own[2].series == R8_ONLY
    assert {one.guide for one in own} == {"Tracker T1, test specification TS-17 issue 3"}


@pytest.mark.parametrize(("change", "line", "told"), [
    (("prefix: T1", "prefix: R8"), 2, "R8 is a guide of the module's maker"),
    (("kind: rule", "kind: rul"), 7, "kind"),
    (("  REQ-7:", "  RE Q:"), 7, "RE Q"),
    (("LENA-R8]}", "LENA-R9]}"), 7, "LENA-R8"),
    (("guide: Tracker", "guid: Tracker"), 1, "guid"),
])
def test_a_mistake_has_its_line(tmp_path: Path, change: tuple[str, str], line: int, told: str) -> None:
    path = file(tmp_path, GOOD.replace(*change))
    with pytest.raises(FileErrors) as caught:
        all_sections([path])
    text = str(caught.value)
    assert f"{path}:{line}:" in text
    assert told in text


def test_two_documents_cannot_share_a_prefix(tmp_path: Path) -> None:
    with pytest.raises(FileErrors, match="has the prefix T1, too"):
        all_sections([file(tmp_path, GOOD), file(tmp_path, GOOD, "other.yaml")])


def test_rig_validate_takes_such_a_file(tmp_path: Path) -> None:
    assert validate_file(file(tmp_path, GOOD)) == ()
    found = validate_file(file(tmp_path, GOOD.replace("title: Connectivity, ", "")))
    assert [one.line for one in found] == [5]
