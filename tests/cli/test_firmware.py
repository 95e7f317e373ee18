"""``cellbench firmware`` as a person uses it: what it prints and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.cli import main

OLD, NEW = "02.00,A01.22", "02.00,A01.40"


@pytest.fixture
def catalogue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A delta up and a full image, made by the command that makes them, added by the one that adds."""
    path = tmp_path / "fw.yaml"
    for kind, start in (("delta", ["--from", OLD]), ("full", [])):
        image = str(tmp_path / f"{kind}.bin")
        assert main(["virtual", "package", "--series", "LENA-R8", "--kind", kind, image]) == 0
        assert main(["firmware", "add", str(path), image, "--series", "lena-r8", *start, "--to", NEW]) == 0
    capsys.readouterr()
    return path


def test_files_that_are_what_the_catalogue_says(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["firmware", "verify", str(catalogue)]) == 0
    told = capsys.readouterr().out
    assert f"delta.bin (delta {OLD} to {NEW}, 74268 bytes): good\n" in told
    assert f"note: {catalogue}:3: packages[0]: nothing leads to LENA-R8 {OLD}; a module" in told
    assert told.endswith("2 files, all as it says\n")
    rig = catalogue.parent / "rig.yaml"
    rig.write_text("rig: r\nfirmware: fw.yaml\n")
    assert main(["firmware", "verify", str(rig)]) == 0
    assert capsys.readouterr().out == told
    rig.write_text("rig: r\n")
    assert main(["firmware", "verify", str(rig)]) == 2
    assert "names no firmware catalogue; name one under firmware" in capsys.readouterr().err


def test_a_file_that_is_not_is_told(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (catalogue.parent / "full.bin").write_bytes(b"other")
    assert main(["firmware", "verify", str(catalogue)]) == 2
    told = capsys.readouterr().out
    assert f"{catalogue}:17: packages[1].size: full.bin has 5 bytes, not 262144 bytes; fetch" in told
    assert told.endswith("1 of 2 files are not what it says\n")
    assert main(["firmware", "verify", str(catalogue.parent / "none.yaml")]) == 2


def test_the_way_or_the_reasons(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["firmware", "path", str(catalogue), "--series", "LENA-R8", "--to", NEW]
    assert main([*words, "--from", OLD]) == 0
    assert capsys.readouterr().out.startswith(f"1. delta.bin (delta {OLD} to {NEW}, 74268 bytes), over AT")
    assert main(words) == 0
    assert "full.bin (full 02.00,A01.40, 262144 bytes), by flashing" in capsys.readouterr().out
    assert main([*words, "--no-flashing"]) == 1
    assert "would, but flashing is ruled out" in capsys.readouterr().err
    assert main([*words, "--from", NEW]) == 0
    assert main([*words, "--variant", "LENA-R7"]) == 2
    assert "LENA-R8 has LENA-R8001" in capsys.readouterr().err
