"""The catalogue that a virtual rack writes: what its modules can have, both ways, and one that fits none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series
from cellbench.virtual.device.update_package import Kind, read
from cellbench.virtual.packaging import write_catalogue


def test_every_file_is_a_package_that_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "firmware.yaml"
    write_catalogue(path, {(Series.LENA_R8, "LENA-R8001M10"), (Series.LARA_R6, "LARA-R6001D")})
    entries = yaml.safe_load(path.read_text())["packages"]
    for entry in entries:
        package = read((tmp_path / entry["file"]).read_bytes())
        assert (package.series.value, package.kind.value) == (entry["series"], entry["kind"])
        assert (package.start, package.end, package.size) == (entry.get("from"), entry["to"], entry["size"])
    ways = {(one.get("from"), one["to"]) for one in entries if one["series"] == "LARA-R6"}
    releases = {"00.13,A00.01", "02.14,A00.01", "04.19,A00.01"}
    assert ways == {(start, end) for start in {None, *releases} for end in releases if start != end} | {
        ("01.01,A00.01", "04.19,A00.01")}
    assert sum(one["kind"] == Kind.FULL.value for one in entries) == 5


def test_a_variant_has_its_own_releases(tmp_path: Path) -> None:
    path = tmp_path / "firmware.yaml"
    write_catalogue(path, {(Series.LARA_R6, "LARA-R6001")})
    assert {one["to"] for one in yaml.safe_load(path.read_text())["packages"]} == {
        "02.14,A00.01", "04.19,A00.01"}


def test_a_place_that_cannot_be_written_is_an_operators_matter(tmp_path: Path) -> None:
    (tmp_path / "firmware").write_text("taken")
    with pytest.raises(OperatorError, match="firmware"):
        write_catalogue(tmp_path / "firmware.yaml", {(Series.LENA_R8, "LENA-R8001")})
