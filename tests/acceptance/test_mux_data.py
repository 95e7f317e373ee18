"""The bar of tests/acceptance/mux_data.py in small: 64 kB on every channel, 30 kB on a bad line."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cellbench.catalogue.model import Series

SCRIPT = Path(__file__).with_name("mux_data.py")


@pytest.fixture(scope="module")
def bar() -> ModuleType:
    """The script."""
    spec = importlib.util.spec_from_file_location("cellbench_mux_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # its dataclasses look themselves up there
    spec.loader.exec_module(script)
    return script


@pytest.fixture(scope="module")
def benches(bar: ModuleType) -> Iterator[dict[Series, Any]]:
    """One rack with a module of each series."""
    with bar.benches() as found:
        yield found


@pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
def test_every_channel_byte_for_byte(bar: ModuleType, benches: dict[Series, Any], series: Series) -> None:
    rows = bar.rows_of_exchange(series, benches[series], 65_536)
    assert [row for row in rows if not row["met"]] == []
    assert len(rows) == {Series.LENA_R8: 5, Series.LARA_R6: 4}[series]


@pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
def test_a_bad_line(bar: ModuleType, benches: dict[Series, Any], series: Series) -> None:
    rows = bar.rows_of_bad_line(series, benches[series], 30_000, 8192)
    assert [row for row in rows if not row["met"]] == []
