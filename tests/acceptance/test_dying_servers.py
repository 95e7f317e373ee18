"""Each way of dying at one moment of each protocol; tests/acceptance/dying_servers.py tries all moments."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

NAMES = ("HTTP", "HTTPS", "FTP", "FTP data", "FTPS", "FTPS data", "MQTT", "MQTTS", "MQTT-SN",
         "MQTT-SN over DTLS", "CoAP", "CoAP over TCP", "CoAP over DTLS", "CoAP over TLS")


@pytest.fixture(scope="module")
def bar() -> ModuleType:
    """The script."""
    spec = importlib.util.spec_from_file_location(
        "cellbench_dying_servers", Path(__file__).with_name("dying_servers.py"))
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # its dataclasses look themselves up there
    spec.loader.exec_module(script)
    return script


@pytest.fixture(scope="module")
def bench(bar: ModuleType) -> Iterator[Any]:
    """Modules of both series."""
    bar.HTTP_S = 60
    with bar.Bench(patience=2.0) as made:
        yield made


@pytest.mark.parametrize("name", NAMES)
def test_a_server_dies(bar: ModuleType, bench: Any, name: str) -> None:
    assert [one.name for one in bar.PROTOCOLS] == list(NAMES)
    protocol = next(one for one in bar.PROTOCOLS if one.name == name)
    found = bench.judge(protocol, few=True)
    assert [one.faults for one in found] == [[] for _ in found]
    assert all(one.moments == len(bar.SAYS) for one in found)
    assert bench.bugs == []
