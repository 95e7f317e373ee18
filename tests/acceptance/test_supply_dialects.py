"""One dialect through the production sequence, and six faults of a supply at its power-up: the bar that
tests/acceptance/supply_dialects.py tries with all dialects and suites."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).with_name("supply_dialects.py")
SIX = ("wrong model", "channel off by protection", "setting reads back out of tolerance",
       "connection cut in an answer", "error in queue", "answer of the previous query")


@pytest.fixture(scope="module")
def bar() -> ModuleType:
    """The script."""
    spec = importlib.util.spec_from_file_location("cellbench_supply_dialects", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # its dataclasses look themselves up there
    spec.loader.exec_module(script)
    return script


@pytest.fixture(scope="module")
def bench(bar: ModuleType) -> Iterator[object]:
    """A rack whose supply speaks one dialect."""
    with bar.bench("keysight-e36300", "LENA-R8") as made:
        yield made


@pytest.mark.parametrize("name", SIX)
def test_a_fault_of_the_supply_fails_safe(bar, bench, name):
    kind, *values = bar.FAULTS[name]
    with bench.fault(kind, *values):
        result = bench.run(bar.POWER_UP)
        assert bar.unsafe(bench, result) == ""


def test_the_production_sequence_passes_once_the_faults_are_gone(bar, bench):
    result = bench.run(bar.SEQUENCE)
    assert result.status == 0, result.text
    assert len(result.outcomes) == 11
