"""The supply's own fast log, through a guardian, from a rack whose supply has one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cellbench.guardian.client import GuardianClient
from cellbench.rig.build import equipment_plan, slot_plan
from cellbench.rig.capabilities import Capability, capabilities
from cellbench.rig.load import load_rig


@pytest.fixture
def rack(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(tmp_path / "rack"),
         "--timing", "fast", "--slot", "lara-r6", "--supply-dialect", "keysight-n6700"],
        stdout=subprocess.PIPE, text=True)
    yield load_rig(Path(json.loads(process.stdout.readline())["rig_file"]))
    process.send_signal(signal.SIGTERM)
    process.wait(20)


@pytest.fixture
def lease(rack, place, monkeypatch):
    monkeypatch.setenv("CELLBENCH_RUNTIME_DIR", str(place))
    monkeypatch.setenv("CELLBENCH_LOCK_DIR", str(place.with_name("locks")))
    monkeypatch.setenv("CELLBENCH_GUARDIAN_IDLE_S", "0.5")
    with GuardianClient.connect() as client:
        client.enrol(equipment_plan(rack))
        lease = client.lease(slot_plan(rack, "lara-r6-1"), run="run-1", controller_pid=os.getpid())
        lease.power_on()
        yield lease
        lease.close()


def test_log_gives_what_was_asked_for_and_gives_way_to_a_power_off(rack, lease):
    assert Capability.LOG_CURRENT in capabilities(rack.model, "lara-r6-1")
    samples = lease.record_current(0.4, 2000.0)
    assert len(samples) == 800
    assert [samples[0].at_s, samples[1].at_s] == [0.0, 0.0005]
    assert all(0 <= sample.current_a < 3 for sample in samples)
    assert 0 < lease.reading().current_a < 3, "single measurements are text again"

    failed = []

    def log():
        try:
            lease.record_current(30.0, 1000.0)
        except Exception as error:  # which one depends on where the power-off meets it
            failed.append(error)

    thread = threading.Thread(target=log, daemon=True)
    thread.start()
    for _ in range(5):
        assert lease.reading().enabled, "readings go in between"
    began = time.monotonic()
    lease.power_off(hard=True, cause="the test")
    assert time.monotonic() - began < 3, "a power-off waits for no log"
    assert lease.reading().enabled is False
    lease.close()
    thread.join(10)
    assert not thread.is_alive()
