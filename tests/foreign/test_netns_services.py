"""The CI part of tests/acceptance/servers_elsewhere.py: sockets and resolver against servers in another
network namespace, through the far side ``services``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "acceptance" / "servers_elsewhere.py"
PROCEDURES = (
    "suites/sockets/test_read.py::test_first_scenario",
    "suites/sockets/test_read.py::test_second_datagram_waits",
    "suites/sockets/test_state.py::test_close_wait",
    "suites/sockets/test_state.py::test_last_error_after_reset",
    "suites/sockets/test_connect.py",
    "suites/sockets/test_listen.py::test_first_integer_available",
    "suites/internet/test_dns.py",
)
CANNOT = {
    "test_first_integer_available": "a server cannot reach a module behind its operator's address",
    "test_override_is_asked": "servers see neither contexts nor the module's ports",
}


@pytest.fixture(scope="module")
def script():  # type: ignore[no-untyped-def]
    """The acceptance script as a module."""
    spec = importlib.util.spec_from_file_location("cellbench_servers_elsewhere", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_suites_pass_against_servers_elsewhere(script, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """What connections and names take, over a link between two namespaces; the rest says why it cannot."""
    with script.namespace() as inside:
        if isinstance(inside, str):
            pytest.skip(f"NOT_POSSIBLE: {inside}")
        with script.servers(inside, tmp_path / "services") as services:
            rig = script.write_rig(tmp_path / "elsewhere.yaml", services)
            results = tmp_path / "results"
            ran = script.run_suites(rig, results, *PROCEDURES, within_s=240)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
    found = script.verdicts(results)
    passed = [name for name, (outcome, _) in found.items() if outcome == "PASS"]
    others = {name: what for name, what in found.items() if what[0] != "PASS"}
    assert len(passed) >= 20, found
    assert all(outcome == "NOT_POSSIBLE" for outcome, _ in others.values()), others
    told = {name.split("::")[1].split("[")[0]: reason for name, (_, reason) in others.items()}
    assert told.keys() == CANNOT.keys(), told
    assert all(why in told[name] for name, why in CANNOT.items()), told
