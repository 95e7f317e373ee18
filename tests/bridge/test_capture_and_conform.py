"""A small capture of a known card, changed in ten places: conform names them, learns half, names the rest."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from pathlib import Path

import pytest

from cellbench.cli import main

SCRIPT = Path(__file__).resolve().parents[1] / "acceptance" / "conform_forty.py"
ONLY = ("I", "+CGSN", "+CIMI", "+CCID", "+CNUM", "+CRSM", "+CGMM", "+CMGF", "+CRC", "&V", "+CMER", "+ICF",
        "+CMGW", "+CMGR", "+CMGD", "+CSMP")


def script():
    spec = importlib.util.spec_from_file_location("cellbench_conform_forty", SCRIPT)
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


def test_ten_changes_are_named_and_half_of_them_learnt(tmp_path: Path) -> None:
    forty = script()
    with forty.own_guardian() as folder:
        only = [word for name in ONLY for word in ("--only", name)]
        (persons,) = forty.persons(folder, "LARA-R6", "--grade", "3", *only)
        assert persons["met"], persons["figure"]
        taken, changed = folder / "LARA-R6.persons.jsonl", tmp_path / "changed.jsonl"
        planted = forty.plant(taken, changed, 10, random.Random(1))
        overlay = tmp_path / "overlay.yaml"
        status, said = forty.run("conform", str(changed), "--overlay", str(overlay), "--learn", "1-5")
        named = forty.found(said)
        assert (status, sorted(named)) == (1, sorted(planted)), said
        status, said = forty.run("conform", str(changed), "--overlay", str(overlay))
        assert (status, sorted(forty.found(said))) == (1, sorted(named[5:])), said


def test_nothing_is_sent_without_consent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rig = tmp_path / "rig.yaml"
    rig.write_text("rig: r\nslots: {a: {series: LARA-R6, ports: {uart: {url: /dev/nothing}}}}\n")
    assert main(["capture", str(rig), "--grade", "1"]) == 12
    told = capsys.readouterr()
    assert "AT+CREG=0,1,2,3,93" in told.out
    assert "no writes to memory" in told.out
    assert "add --yes" in told.err


@pytest.mark.parametrize(("words", "sentence"), [
    (("--learn", "all"), "add --overlay FILE"),
    (("--overlay", "missing.yaml"), "cannot be read"),
])
def test_mistakes_are_sentences(words: tuple[str, ...], sentence: str, tmp_path: Path,
                                capsys: pytest.CaptureFixture[str]) -> None:
    header = {"series": "LENA-R8", "variant": "LENA-R8001M10", "model": "m", "firmware": "1", "taken": "d",
              "by": "b", "grade": 0, "evidence": "measured", "timing": "real", "port": "uart",
              "conditions": {"sim": "ready", "registered": True}, "commands": []}
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps(header) + "\n")
    assert main(["conform", str(file), *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_broken_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text('{"capture": 2}\n')
    assert main(["conform", str(file)]) == 2
    assert f"{file}:1: capture:" in capsys.readouterr().err
