"""The CI part of tests/acceptance/resumption.py: each procedure with our servers and with s_server."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "acceptance" / "resumption.py"


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("cellbench_resumption", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = _script()


@pytest.fixture(scope="module")
def shown() -> Any:
    return script.credentials()


@pytest.mark.parametrize(("server", "kind", "udp"), [
    pytest.param(server, kind, udp, id=f"{server.split()[0]}-{script.KINDS[kind]}-{'DTLS' if udp else 'TLS'}")
    for server in ("ours", "openssl s_server") for kind, udp in script.CASES])
def test_the_server_tells_what_it_resumed(bench: Any, server: str, kind: int, udp: bool, shown: Any) -> None:
    """Abbreviated; full with one bit of id or ticket changed; failed with one of the master secret."""
    _, faults = script.run_case(bench, server, kind, udp, shown)
    assert faults == []


def test_a_server_that_resumes_nothing_is_seen() -> None:
    """The proof fails where the server never resumes: it is no formality."""
    first = script.Outcome(True, False, 3000, ("a", "b"))
    never = script.Outcome(True, False, 3000, ("c", "d"))
    resumed = script.Outcome(True, True, 300, ("a", "b"))
    assert script.faults(script.Proof(first, never, [first], [first], resumed), 0)
    assert script.faults(script.Proof(first, resumed, [resumed], [], resumed), 1)
    assert not script.faults(script.Proof(first, resumed, [first], [], resumed), 1)
