"""A guardian's own beginning and end."""

from __future__ import annotations

import json
import os
import time

from cellbench.guardian.client import GuardianClient


def test_it_leaves_when_idle_and_keeps_nothing(bench, monkeypatch):
    monkeypatch.setenv("CELLBENCH_GUARDIAN_IDLE_S", "0.1")
    with GuardianClient.connect() as client:
        pid = client.guardian_pid
        client.enrol(bench.equipment())
        client.lease(bench.slot(), run="run-1", controller_pid=os.getpid()).close()
        time.sleep(0.3)
        assert client.state()["pid"] == pid  # somebody is connected
    bench.wait_log(f"guardian leaves, pid {pid}")
    assert not (bench.place / "guardian.sock").exists()
    assert json.loads((bench.place / "leased.json").read_text())["held"] == []
    assert all(path.read_bytes() == b"" for path in bench.locks.glob("*.lock"))


def test_many_starters_meet_one_guardian(bench):
    programs = [bench.hold(bench.slot(number), run=f"run-{number}", on=False) for number in (1, 2, 3)]
    for program in programs:
        bench.pids(program)
    with GuardianClient.connect() as client:
        assert {lease["run"] for lease in client.state()["leases"]} == {"run-1", "run-2", "run-3"}
    assert bench.log_text().count("guardian started") == 1
