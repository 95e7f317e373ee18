"""The CI form of the bar that tests/acceptance/watchdog_ladder.py tries fifty times, and a module in update
mode, whose power is left alone."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

SCRIPT = Path(__file__).with_name("watchdog_ladder.py")
UPDATE = b"AT+UFWUPD=1,115200,,1\r"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cellbench_watchdog_ladder", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found  # its dataclasses look themselves up there
    spec.loader.exec_module(found)
    return found


def test_one_of_each_depth() -> None:
    rows = script().main(1, {"lena-r8-1": ("context", "call"), "lara-r6-1": ("radio",)})
    assert [row for row in rows if not row["met"]] == []


def test_the_power_of_a_module_in_update_mode_is_left_alone() -> None:
    soak = script()
    with soak._scene({"lena-r8-1": "LENA-R8"}) as scene:
        patient = soak.Patient(scene, "lena-r8-1")
        hands = soak.SlotHands(patient.dut)
        assert hands.update_signs(0.2) == ""
        with patient.dut.at.declare_reboot(60.0):
            patient.dut.at.write_raw(UPDATE)
            until = time.monotonic() + 30.0
            seen = ""
            while not seen and time.monotonic() < until:
                seen = hands.update_signs(0.2)
            assert "words of an update" in seen or "+UFWUPD" in seen
