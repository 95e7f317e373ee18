"""The bar of tests/acceptance/transfers.py in small: 60,000 bytes, and file systems of 200,000."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cellbench.catalogue.model import Series

SCRIPT = Path(__file__).with_name("transfers.py")
SIZE = 60_000


@pytest.fixture(scope="module")
def bar() -> ModuleType:
    """The script."""
    spec = importlib.util.spec_from_file_location("cellbench_transfers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # its dataclasses look themselves up there
    spec.loader.exec_module(script)
    return script


@pytest.fixture(scope="module", params=list(Series), ids=lambda series: series.value)
def channel(bar: ModuleType, request: pytest.FixtureRequest) -> Iterator[object]:
    """A module with a small file system."""
    with bar.modules((request.param,), "fs_bytes=200000") as found:
        yield found[request.param]


@pytest.mark.parametrize("name", ["HTTP", "FTP", "FTP restarted in the middle"])
def test_transfers(bar: ModuleType, channel: object, name: str) -> None:
    bar.TRANSFERS[name](channel, SIZE)


@pytest.mark.parametrize("name", ["FTP", "HTTP", "+UDWNFILE"])
def test_full(bar: ModuleType, channel: object, name: str) -> None:
    bar.on_full(channel, name, SIZE)
