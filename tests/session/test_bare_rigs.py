"""The CI part of tests/acceptance/bare_rigs.py: a slot with a UART alone, one with USB alone, no supply."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import yaml

SCRIPT = Path(__file__).resolve().parents[1] / "acceptance" / "bare_rigs.py"
PROCEDURES = (
    "suites/application/test_stages.py",
    "suites/connectivity/test_usb.py",
    "suites/internet/test_dns.py::test_name_to_address",
    "suites/production/test_sequence.py",
)
POWER = {"test_greeting_at_power_on", "test_supply_alone_starts_nothing", "test_short_pulse_starts_nothing",
         "test_registers_by_itself", "test_normal_shutdown", "test_shutdown_by_pulse",
         "test_emergency_shutdown", "test_01_power_up", "test_07_currents", "test_11_power_off"}


@pytest.fixture(scope="module")
def script():  # type: ignore[no-untyped-def]
    """The acceptance script as a module."""
    spec = importlib.util.spec_from_file_location("cellbench_bare_rigs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_rig_without_supply_and_lines_is_reset_by_command(script, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """LENA-R8 by USB alone, LARA-R6 by UART alone: power procedures are not possible, the rest passes."""
    with script.powered_rack(tmp_path / "rack") as rig:
        bare = script.write_bare(rig, tmp_path / "bare.yaml", ("power", "lines"))
        model = yaml.safe_load(bare.read_text())
        del model["slots"]["lena-r8-1"]["ports"]["uart"]
        del model["slots"]["lara-r6-1"]["ports"]["usb"]
        assert model["instruments"] == {}
        bare.write_text(yaml.safe_dump(model))
        status, said = script.run_suites(bare, tmp_path / "results", *PROCEDURES, within_s=240)
    assert status == 0, said[-4000:]
    found = script.verdicts(tmp_path / "results")
    lacking = {name: reason for name, (outcome, reason) in found.items() if outcome == "NOT_POSSIBLE"}
    inapplicable = {name.split("::")[1].split("[")[0] for name, (outcome, _) in found.items()
                    if outcome == "NOT_APPLICABLE"}
    assert inapplicable == {"test_09_antenna"}, "sample products have no resistor at their antennas"
    assert {outcome for outcome, _ in found.values()} == {"PASS", "NOT_POSSIBLE", "NOT_APPLICABLE"}
    assert {name.split("::")[1].split("[")[0] for name in lacking} >= POWER
    assert all("cannot" in reason or "no supply" in reason for reason in lacking.values()), lacking
    passed = {name.split("::")[1] for name, (outcome, _) in found.items() if outcome == "PASS"}
    assert {"test_persistent_setting[lena-r8-1]", "test_volatile_setting[lena-r8-1]",
            "test_06_data_echo[lara-r6-1]", "test_06_data_echo[lena-r8-1]"} <= passed


def test_a_module_that_is_off_is_the_rigs_error(script, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Nothing here can start it: ERROR rig that says what to do, not a failure of the unit."""
    with script.powered_rack(tmp_path / "rack") as rig:
        bare = script.write_bare(rig, tmp_path / "bare.yaml", ("power", "lines", "usb"))
        ctl = [sys.executable, "-m", "cellbench", "virtual", "ctl", "--dir", str(tmp_path / "rack"),
               "--slot", "lara-r6-1", "power", "state=off"]
        assert script.subprocess.run(ctl, timeout=60, check=False).returncode == 0
        status, said = script.run_suites(
            bare, tmp_path / "results", "suites/production/test_sequence.py::test_03_identity",
            "--slot", "lara-r6-1", within_s=120)
    assert status == 10, said[-3000:]
    ((outcome, reason),) = script.verdicts(tmp_path / "results").values()
    assert outcome == "ERROR"
    assert "does not answer AT, and the bench does not switch its supply; switch it on by hand" in reason
