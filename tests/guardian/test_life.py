"""A guardian's own beginning and end."""

from __future__ import annotations

import json
import os
import time

import pytest

from cellbench.guardian import protocol
from cellbench.guardian.client import GuardianClient
from cellbench.guardian.errors import GuardianLost
from cellbench.guardian.log import slots_left_here
from cellbench.guardian.start import stop


def test_where_nothing_ever_ran_nothing_is_stopped(tmp_path):
    assert stop(tmp_path / "nowhere") is False


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


def test_another_version_is_refused_while_slots_are_leased(bench, monkeypatch):
    with GuardianClient.connect() as client:
        client.enrol(bench.equipment())
        lease = client.lease(bench.slot(), run="run-1", controller_pid=os.getpid())
        monkeypatch.setattr(protocol, "VERSION", protocol.VERSION + 1)
        with pytest.raises(GuardianLost, match="speaks version 1, this program 2: slots are leased"):
            GuardianClient.connect()
        assert lease.power_on().enabled


def test_a_path_longer_than_a_sockets_address_will_do(bench, monkeypatch):
    deep = bench.place.parent / ("d" * 60) / ("e" * 60)
    with GuardianClient.connect(deep) as client:
        assert client.state()["pid"] == client.guardian_pid
    stop(deep)


def test_what_died_is_known_without_a_guardian(bench):
    program = bench.hold(bench.slot(), run="run-x")
    bench.pids(program)
    program.kill()
    bench.wait_log("run run-x died")
    stop(bench.place)
    assert slots_left_here() == {"run-x": {"slot-1": "off"}}
    until = time.monotonic() + 5.0  # what it leaves is removed at the end of its last breath
    while (bench.place / "guardian.sock").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not (bench.place / "guardian.sock").exists()


def test_a_guardian_that_cannot_start_says_why(bench, monkeypatch):
    monkeypatch.setenv("CELLBENCH_GUARDIAN_IDLE_S", "soon")
    with pytest.raises(GuardianLost, match="soon"):
        GuardianClient.connect()
