"""cellbench virtual package: what it writes fits a module of virtual up, or is wrong as asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.catalogue.model import Series
from cellbench.cli import main
from cellbench.virtual.device.update_package import (
    GUIDE_SIZE,
    Fault,
    Kind,
    PackageFault,
    make,
    read,
)
from cellbench.virtual.world.world import load_world


@pytest.mark.parametrize("series", ["LENA-R8", "lara-r6"])
def test_a_package_that_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str], series: str) -> None:
    out = tmp_path / "updatePackage.bin"
    assert main(["virtual", "package", "--series", series, str(out)]) == 0
    found = read(out.read_bytes())
    assert found.size == GUIDE_SIZE
    assert found.kind is Kind.DELTA
    assert found.start == load_world().firmware()[found.series]
    assert "md5" in capsys.readouterr().out


def test_releases_kind_and_size(tmp_path: Path) -> None:
    out = tmp_path / "image.pac"
    assert main(["virtual", "package", "--series", "LENA-R8", "--from", "A", "--to", "B", "--size", "3000",
                 str(out)]) == 0
    found = read(out.read_bytes())
    assert (found.start, found.end, found.size) == ("A", "B", 3000)
    assert main(["virtual", "package", "--series", "LENA-R8", "--to", "B", "--kind", "full", str(out)]) == 0
    assert read(out.read_bytes()).start is None


@pytest.mark.parametrize(("defect", "fault"), [("corrupt", Fault.CORRUPT), ("unsigned", Fault.SIGNATURE)])
def test_defects(tmp_path: Path, defect: str, fault: Fault) -> None:
    out = tmp_path / "p"
    assert main(["virtual", "package", "--series", "LENA-R8", "--defect", defect, str(out)]) == 0
    with pytest.raises(PackageFault) as refused:
        read(out.read_bytes())
    assert refused.value.fault is fault


def test_what_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["virtual", "package", "--series", "LENA-R8", "--size", "9", str(tmp_path / "p")]) != 0
    assert "--size" in capsys.readouterr().err
    assert main(["virtual", "package", "--series", "LENA-R8", str(tmp_path / "no" / "p")]) != 0


def test_any_changed_byte_is_found() -> None:
    data = make(Series.LENA_R8, "A", "B", Kind.DELTA, size=400)
    for place in range(len(data)):
        with pytest.raises(PackageFault):
            read(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    for length in range(len(data)):
        with pytest.raises(PackageFault):
            read(data[:length])
