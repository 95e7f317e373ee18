"""A package is what it says, or is refused before a module is touched."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from cellbench.base.errors import OperatorError, Owner
from cellbench.catalogue.model import Series
from cellbench.host.firmware.model import (
    Package,
    PackageKind,
    Stage,
    UpdateNotApplied,
    UpdateRefused,
    UpdateSilent,
)

DATA = b"a delta"


@pytest.fixture
def package(tmp_path: Path) -> Package:
    path = tmp_path / "a.delta"
    path.write_bytes(DATA)
    return Package(path, Series.LENA_R8, PackageKind.DELTA, "1", "2", len(DATA),
                   hashlib.md5(DATA, usedforsecurity=False).hexdigest(),
                   hashlib.sha256(DATA).hexdigest().upper())


def test_the_bytes_of_a_package(package: Package) -> None:
    assert package.data() == DATA


def test_a_package_that_is_another_file(package: Package, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="7 bytes, 8 are expected"):
        replace(package, size=8).data()
    with pytest.raises(OperatorError, match="SHA-256 is"):
        replace(package, sha256="0" * 64).data()
    with pytest.raises(OperatorError, match=r"b\.delta: No such file"):
        replace(package, path=tmp_path / "b.delta").data()


def test_an_update_that_failed_is_the_units() -> None:
    errors = (UpdateRefused("no", 168, "does not fit"), UpdateSilent("quiet", Stage.WRITING),
              UpdateNotApplied("still", "1", "1"))
    assert {error.owner for error in errors} == {Owner.UNIT}
    assert (errors[0].code, errors[1].stage, errors[2].before) == (168, Stage.WRITING, "1")
