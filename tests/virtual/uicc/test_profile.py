"""Profile files: what they may say, and what is wrong with one that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.base.errors import OperatorError
from cellbench.virtual.uicc.build import card_of
from cellbench.virtual.uicc.dispatch import transmit
from cellbench.virtual.uicc.files import CURRENT_APPLICATION, Ef, located
from cellbench.virtual.uicc.profile import CARDS, load_profile, named, profile_from


@pytest.mark.parametrize("path", sorted(CARDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_cards_of_the_package(path: Path) -> None:
    profile = load_profile(path)
    for one in (profile, *profile.profiles):
        assert transmit(card_of(one), bytes.fromhex("00A4000C022FE2")) == b"\x90\x00"
    assert named(path.stem) == path


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "card.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_files_are_changed_added_and_taken_away(tmp_path: Path) -> None:
    path = written(tmp_path, """
        imsi: "001010123456789"
        mnc_digits: 3
        files:
          - {path: 3F00/7FFF/6F46, hex: "0154455354"}
          - {path: 7FFF/6F3E, absent: true}
          - {path: 3F00/7F10/6F99, structure: cyclic, size: 4, records: 3, rule: pin, sfi: 9}
          - {path: 3F00/7FFF/6FB7, records: 2, size: 14, structure: linear, hex: "11F2"}
    """)
    master = card_of(load_profile(path)).master

    def ef(*fids: int) -> Ef:
        found = located(master, fids)
        assert isinstance(found, Ef)
        return found

    assert ef(CURRENT_APPLICATION, 0x6F46).content[:5] == b"\x01TEST"
    assert located(master, (CURRENT_APPLICATION, 0x6F3E)) is None
    assert (ef(0x7F10, 0x6F99).records, ef(0x7F10, 0x6F99).record, ef(0x7F10, 0x6F99).sfi) == (3, 4, 9)
    assert ef(CURRENT_APPLICATION, 0x6FB7).read(1)[:2] == b"\x11\xf2"
    assert ef(CURRENT_APPLICATION, 0x6FAD).content[3] == 3


@pytest.mark.parametrize(("text", "said"), [
    ("imsi: 222885850018994", "quotes"),
    ("iccid: '12'", "iccid"),
    ("colour: red", "no such key"),
    ("channels: 9", "0 to 3"),
    ("isim: maybe", "true or false"),
    ("files: x", "a list"),
    ("files: [{path: '6F'}]", "not like 3F00"),
    ("files: [{path: 6F07, colour: 1}]", "no such key"),
    ("files: [{path: 3F00/7FFF/6F07, hex: XY}]", "hexadecimal"),
    ("files: [{path: 3F00/7FFF/6F07, rule: nobody}]", "rule is one of"),
    ("files: [{path: 3F00/7FFF/6F07, structure: round}]", "structure is one of"),
    ("numbers: [12]", "name"),
    ("- 1", "a mapping"),
    ("a: [", "no YAML"),
])
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        load_profile(written(tmp_path, text))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(OperatorError, match="cannot be read"):
        load_profile(named("no-such-card"))


@pytest.mark.parametrize(("files", "said"), [
    ([{"path": "3F00/7FFF/6F07", "hex": "00" * 10}], "more than its 9"),
    ([{"path": "3F00/7FFF/6F98", "hex": "00"}], "size must be given"),
    ([{"path": "3F00/7F55/6F98"}], "no such directory"),
    ([{"path": "3F00/7F10", "hex": "00"}], "has no content"),
])
def test_files_that_cannot_be(files: list[dict[str, str]], said: str) -> None:
    profile = profile_from({"files": files})
    with pytest.raises(ValueError, match=said):
        card_of(profile)
