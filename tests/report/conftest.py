"""The golden runs as fixtures; made once a session, read by all."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cellbench.record.run import RunRecord, read_run


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"cellbench_{name}", Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden() -> ModuleType:
    """The module that writes golden runs."""
    return _load("golden_run")


@pytest.fixture(scope="session")
def schema_check() -> ModuleType:
    """The module that checks data against a schema."""
    return _load("schema_check")


@pytest.fixture(scope="session")
def validation(golden: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """The golden validation run."""
    return read_run(golden.write_validation(tmp_path_factory.mktemp("validation")))


@pytest.fixture(scope="session")
def production(golden: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """The golden production run."""
    return read_run(golden.write_production(tmp_path_factory.mktemp("production")))


@pytest.fixture(scope="session")
def cut(golden: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """The golden validation run, cut before its workers' files were merged."""
    return read_run(golden.write_validation(tmp_path_factory.mktemp("cut"), end=False))


@pytest.fixture(scope="session")
def many(golden: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """10,000 results."""
    return read_run(golden.write_many(tmp_path_factory.mktemp("many"), 10_000))
