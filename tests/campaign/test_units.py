"""Only units that the rig file calls expendable are interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cellbench.base.errors import OperatorError, UsageError
from cellbench.campaign.units import choose
from cellbench.cli import main
from cellbench.rig.load import load_rig

RIG = {
    "rig": "bench",
    "slots": {
        "a1": {"series": "LENA-R8", "ports": {"uart": {"location": "1-1.1", "interface": 0}},
               "capabilities": ["expendable"]},
        "a2": {"series": "LARA-R6", "ports": {"uart": {"location": "1-1.2", "interface": 0}}},
    },
}


@pytest.fixture
def rig_file(tmp_path: Path) -> Path:
    path = tmp_path / "bench.yaml"
    path.write_text(yaml.safe_dump(RIG, sort_keys=False))
    return path


def test_expendable_units_are_used_and_the_others_left_alone_by_name(rig_file: Path) -> None:
    chosen = choose(load_rig(rig_file), ())
    assert chosen.slots == ("a1",)
    assert [text for text in chosen.left_alone if "slot a2 is not expendable" in text]


def test_one_that_is_named_and_not_expendable_is_refused_with_its_line(rig_file: Path) -> None:
    line = rig_file.read_text().splitlines().index("  a2:") + 1
    wanted = rf"bench\.yaml:{line}: slots\.a2: the unit of slot a2"
    with pytest.raises(OperatorError, match=wanted) as refused:
        choose(load_rig(rig_file), ("a2",))
    assert "expendable" in refused.value.remedy


def test_a_slot_that_is_not_there_is_a_mistake_of_the_command_line(rig_file: Path) -> None:
    with pytest.raises(UsageError, match="a3"):
        choose(load_rig(rig_file), ("a3",))


def test_the_command_ends_as_an_error_of_the_operator_before_anything_is_opened(
        rig_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLBENCH_RUNTIME_DIR", str(tmp_path / "run"))
    assert main(["interrupt", str(rig_file), "--slot", "a2"]) == 12
    told = capsys.readouterr()
    assert "not expendable" in told.err
    assert not (tmp_path / "run").exists()
