"""What `cellbench new` writes, and what it refuses to overwrite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cellbench.base.errors import OperatorError, UsageError
from cellbench.cli import main
from cellbench.rig.load import load_rig, validate_file
from cellbench.starter.write import FirstRig, next_steps, write_new


@pytest.mark.parametrize("rig", FirstRig)
def test_every_file_for_the_bench_has_no_mistake(tmp_path: Path, rig: FirstRig) -> None:
    written = write_new(tmp_path / "new", rig)
    names = {str(path.relative_to(tmp_path / "new")) for path in written}
    assert {"Makefile", "README.md", "pytest.ini", ".gitignore", "suites/test_product.py"} <= names
    assert ("rigs/virtual.yaml" in names) is (rig is FirstRig.VIRTUAL)
    for path in written:
        text = path.read_text()
        if path.suffix != ".json":  # a schema is copied as it is
            marks = text.replace("@procedure", "").replace("\n\t@", "")
            assert "@" not in marks, f"{path}: a mark is not filled"
        if path.suffix == ".yaml":
            assert validate_file(path) == (), path
        if path.suffix == ".json":
            assert json.loads(text)["$schema"]
        for line in text.splitlines()[:1]:
            if "$schema=" in line:
                assert (path.parent / line.rpartition("=")[2]).is_file(), path


def test_a_real_bench_is_complete_but_for_its_addresses(tmp_path: Path) -> None:
    write_new(tmp_path, FirstRig.EVK)
    rig = load_rig(tmp_path / "rigs/evk-r8.yaml")
    assert rig.model.launch is None
    assert rig.model.slots["evk-r8"].power is not None
    assert "RIG    ?= rigs/evk-r8.yaml" in (tmp_path / "Makefile").read_text()
    assert (tmp_path / "requirements.txt").read_text().startswith("cellbench >=")


def test_what_is_there_is_named_and_kept(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("mine\n")
    (tmp_path / "notes").write_text("mine\n")
    with pytest.raises(UsageError) as caught:
        write_new(tmp_path, FirstRig.VIRTUAL)
    assert "would overwrite Makefile;" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Makefile", "notes"]
    write_new(tmp_path, FirstRig.VIRTUAL, force=True)
    assert "help:" in (tmp_path / "Makefile").read_text()
    assert (tmp_path / "notes").read_text() == "mine\n"


def test_a_fresh_repository_is_empty_enough(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".venv").mkdir()
    assert write_new(tmp_path, FirstRig.VIRTUAL)


def test_a_file_and_a_place_without_rights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        write_new(tmp_path / "file", FirstRig.VIRTUAL)
    with pytest.raises(OperatorError, match="cannot be written"):
        write_new(Path("/proc/new"), FirstRig.VIRTUAL)


def test_the_command_says_what_is_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", str(tmp_path / "line"), "--rig", "evk"]) == 0
    told = capsys.readouterr().out
    assert f"cd {tmp_path / 'line'}" in told
    assert "cellbench rig discover" in told
    assert main(["new", str(tmp_path / "line")]) == 2
    assert "say --force" in capsys.readouterr().err
    assert "cd " not in next_steps(Path.cwd(), FirstRig.VIRTUAL)
