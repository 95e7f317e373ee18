"""An analyser and a power meter through a guardian."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cellbench.base.errors import NotPossible, RigError
from cellbench.guardian.client import GuardianClient
from cellbench.rig.build import equipment_plan
from cellbench.rig.load import load_rig
from cellbench.rig.radio import radio_meter


@pytest.fixture
def rack(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(tmp_path / "rack"),
         "--timing", "fast", "--slot", "lara-r6", "--with", "analyser"], stdout=subprocess.PIPE, text=True)
    yield load_rig(Path(json.loads(process.stdout.readline())["rig_file"]))
    process.send_signal(signal.SIGTERM)
    process.wait(20)


@pytest.fixture
def client(place, monkeypatch):
    monkeypatch.setenv("CELLBENCH_RUNTIME_DIR", str(place))
    monkeypatch.setenv("CELLBENCH_LOCK_DIR", str(place.with_name("locks")))
    monkeypatch.setenv("CELLBENCH_GUARDIAN_IDLE_S", "0.5")
    with GuardianClient.connect() as client:
        yield client


def test_peak_and_power_are_measured_and_refusals_are_rig_errors(rack, client):
    client.enrol(equipment_plan(rack))
    meter = radio_meter(rack.model, client)
    found = meter.peak(1_747_500_000.0, 20e6)
    assert abs(found.frequency_hz - 1_747_500_000.0) <= 10e6
    assert -140 < found.power_dbm < 30
    assert -140 < meter.power_dbm(1_747_500_000.0) < 30
    with pytest.raises(RigError, match="analyser1 refused 'FREQ:CENT"):
        meter.peak(9e13, 1e6)
    assert -140 < meter.power_dbm(1_747_500_000.0) < 30


def test_rig_without_an_analyser(rack, client):
    model = rack.model.model_copy(update={"instruments": {
        name: settings for name, settings in rack.model.instruments.items() if name != "analyser1"}})
    with pytest.raises(NotPossible, match="has no analyser"):
        radio_meter(model, client)
    client.enrol(equipment_plan(rack, ["relays1"]))
    with pytest.raises(NotPossible, match="no instrument analyser1 is enrolled"):
        client.peak("analyser1", 1e9, 1e6)
