"""The module that builds wheels, as a fixture."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def building() -> ModuleType:
    """The module that builds and installs wheels."""
    spec = importlib.util.spec_from_file_location("cellbench_building", Path(__file__).parent / "building.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
