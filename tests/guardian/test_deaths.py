"""Who dies, and what is off afterwards: real processes, SIGKILL, the instruments' own logs."""

from __future__ import annotations

import os
import signal
import time

import pytest

from cellbench.guardian.client import GuardianClient
from cellbench.guardian.errors import EquipmentHeld, GuardianLost, LeaseEnded
from cellbench.guardian.incident import Cause, slots_left
from cellbench.guardian.log import read_incidents
from cellbench.guardian.start import connect, stop

SAFE_S = 3.0


@pytest.fixture
def place(shared_place):
    return shared_place


def kill(pid: int) -> float:
    at = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    return at


def guardian_pid(bench) -> int:
    connection = connect(bench.place, "test")
    assert connection is not None
    pid = connection.guardian_pid
    connection.close()
    return pid


def incidents(bench):
    """What the guardian's record tells; its line is written after the log's."""
    until = time.monotonic() + 10.0
    while not (found := read_incidents(bench.place, bench.began_utc_ns)) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def test_a_killed_run_is_switched_off_and_named(bench):
    program = bench.hold(bench.slot(), run="run-killed")
    bench.pids(program)
    at = kill(program.pid)
    assert bench.supply.off_since(1, at, SAFE_S) < SAFE_S
    line = bench.wait_log("run run-killed died")
    assert "controller died" in line
    assert "output psu1:1 off" in line
    assert bench.board.closed == {2}
    (incident,) = incidents(bench)
    assert (incident.run, incident.slot, incident.cause, incident.safe) == (
        "run-killed", "slot-1", Cause.CONTROLLER_DIED, True)
    assert slots_left([incident]) == {"run-killed": {"slot-1": "off"}}


def test_a_killed_worker_leaves_its_neighbour_alone(bench):
    program = bench.hold(bench.slot(1), bench.slot(2), workers=True)
    bench.pids(program, 2)
    channel = 2
    at = kill(worker_of(bench, channel))
    assert bench.supply.off_since(channel, at, SAFE_S) < SAFE_S
    assert "worker died" in bench.wait_log(f"slot slot-{channel}: run run-1 died")
    assert bench.supply.outputs[3 - channel].on


def worker_of(bench, number: int) -> int:
    with GuardianClient.connect() as client:
        leases = client.state()["leases"]
    return next(lease["worker_pid"] for lease in leases if lease["slot"] == f"slot-{number}")


def test_a_killed_controller_takes_its_workers_along(bench):
    program = bench.hold(bench.slot(1), bench.slot(2), workers=True)
    workers = bench.pids(program, 2)
    at = kill(program.pid)
    assert max(bench.supply.off_since(channel, at, SAFE_S) for channel in (1, 2)) < SAFE_S
    bench.wait_log("slot slot-1: run run-1 died (controller died")
    bench.wait_log("slot slot-2: run run-1 died (controller died")
    until = time.monotonic() + SAFE_S
    while any(os.path.exists(f"/proc/{pid}") for pid in workers):
        assert time.monotonic() < until, "a worker outlived its controller"
        time.sleep(0.01)


def test_a_run_killed_in_a_pulse_has_its_line_released(bench):
    program = bench.hold(bench.slot(), pulse=True)
    bench.pids(program)
    while 1 not in bench.board.closed:
        time.sleep(0.01)
    at = kill(program.pid)
    bench.supply.off_since(1, at, SAFE_S)
    bench.wait_log("run run-1 died")
    assert bench.board.closed == {2}


def test_a_killed_guardians_successor_makes_safe_at_once_and_the_run_can_go_on(bench):
    with GuardianClient.connect() as client:
        client.enrol(bench.equipment())
        lease = client.lease(bench.slot(), run="run-1", controller_pid=os.getpid())
        lease.power_on()
        lease.drive("pwr_on", True)
        at = kill(client.guardian_pid)
        assert bench.supply.off_since(1, at, SAFE_S) < SAFE_S  # nobody asked for anything
        bench.wait_log("run run-1 lost its guardian (guardian died")
        assert bench.board.closed == {2}
        with pytest.raises(GuardianLost):
            lease.reading()
        lease.power_off(hard=True, cause="the module is in doubt")  # takes the lease anew
        assert lease.power_on().enabled
        assert [entry.cause for entry in client.last_incidents(bench.began_utc_ns)] == [Cause.GUARDIAN_DIED]
        assert client.enrol(bench.equipment())["psu1"].startswith("TEST")
    assert not bench.supply.outputs[1].on


def test_guardian_and_run_killed_together_are_cleared_up_by_the_next_run(bench):
    program = bench.hold(bench.slot(), run="run-old")
    bench.pids(program)
    pid = guardian_pid(bench)
    program.send_signal(signal.SIGSTOP)  # it cannot start a successor
    kill(pid)
    kill(program.pid)
    program.wait()
    assert bench.supply.outputs[1].on
    began = time.monotonic()
    with GuardianClient.connect() as client:
        assert not bench.supply.outputs[1].on
        assert bench.supply.off_since(1, began, 0.1) < SAFE_S
        assert bench.board.closed == {2}
        assert slots_left(client.last_incidents(bench.began_utc_ns)) == {"run-old": {"slot-1": "off"}}
        client.enrol(bench.equipment())
        lease = client.lease(bench.slot(), run="run-new", controller_pid=os.getpid())
        assert lease.power_on().enabled


def test_nothing_secret_is_stored(bench):
    program = bench.hold(bench.slot())
    bench.pids(program)
    kept = {path.name: path.read_bytes() for folder in (bench.place, bench.locks)
            for path in folder.iterdir() if path.is_file()}
    assert b"slot-1" in kept["leased.json"]
    assert not [name for name, content in kept.items() if b"nobody-may-store-this" in content]


def test_a_hung_line_board_does_not_keep_the_supply_on(bench):
    program = bench.hold(bench.slot())
    bench.pids(program)
    bench.board.frozen.set()
    at = kill(program.pid)
    assert bench.supply.off_since(1, at, SAFE_S) < 1.0
    bench.wait_log("not yet")
    bench.board.frozen.clear()
    bench.board.thawed.set()
    assert ", safe after" in bench.wait_log("run run-1 died", 8.0)
    assert bench.board.closed == {2}


def test_a_supply_whose_answers_are_wrong_is_switched_off_all_the_same(bench):
    program = bench.hold(bench.slot(2))
    bench.pids(program)
    bench.supply.selected = 1  # somebody's hand at the front panel
    bench.supply.stale = True
    at = kill(program.pid)
    assert bench.supply.off_since(2, at, SAFE_S) < SAFE_S
    bench.wait_log("output psu1:2 off: told so without an answer")
    bench.supply.stale = False
    assert ", safe after" in bench.wait_log("run run-1 died", 8.0)


def test_a_supply_off_the_net_is_switched_off_when_it_is_back(bench):
    program = bench.hold(bench.slot())
    bench.pids(program)
    bench.supply.stop()
    kill(program.pid)
    bench.wait_log("slot-1: not yet output psu1:1 off")
    bench.supply.start()
    assert ", safe after" in bench.wait_log("run run-1 died", 8.0)
    assert not bench.supply.outputs[1].on


def test_another_users_guardian_is_told_who_holds_the_bench(bench, tmp_path, monkeypatch):
    program = bench.hold(bench.slot(), run="run-here")
    bench.pids(program)
    other = tmp_path / "other"
    try:
        holder = r"instrument (psu1|relays1) .* held by user .*, pid \d+, run run-here, since 20"
        with GuardianClient.connect(other) as client, pytest.raises(EquipmentHeld, match=holder):
            client.enrol(bench.equipment())
    finally:
        stop(other)


def test_a_dead_holders_lock_is_taken_over_and_its_slots_made_safe(bench, tmp_path):
    program = bench.hold(bench.slot(), run="run-there")
    bench.pids(program)
    pid = guardian_pid(bench)
    program.send_signal(signal.SIGSTOP)
    kill(pid)
    kill(program.pid)
    program.wait()
    other = tmp_path / "other"
    try:
        with GuardianClient.connect(other) as client:
            assert bench.supply.outputs[1].on
            client.enrol(bench.equipment())
            assert not bench.supply.outputs[1].on
            assert bench.board.closed == {2}
        assert "left by a holder that died" in (other / "guardian.log").read_text()
    finally:
        stop(other)


def test_a_stopped_guardian_makes_everything_safe_and_says_so(bench):
    with GuardianClient.connect() as client:
        client.enrol(bench.equipment())
        lease = client.lease(bench.slot(), run="run-1", controller_pid=os.getpid())
        lease.power_on()
        os.kill(client.guardian_pid, signal.SIGTERM)
        bench.wait_log("guardian leaves")
        assert not bench.supply.outputs[1].on
        with pytest.raises(LeaseEnded, match="guardian stopped"):
            lease.drive("pwr_on", True)
        assert lease.power_on().enabled


def test_a_paused_run_keeps_its_power(bench):
    program = bench.hold(bench.slot())
    bench.pids(program)
    program.send_signal(signal.SIGSTOP)  # as a debugger does
    time.sleep(0.5)
    assert bench.supply.outputs[1].on
    program.send_signal(signal.SIGCONT)
    assert "died" not in bench.log_text()


def test_a_dead_controller_gets_no_lease(bench):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    with GuardianClient.connect() as client:
        client.enrol(bench.equipment())
        with pytest.raises(LeaseEnded, match="has ended already"):
            client.lease(bench.slot(), run="run-1", controller_pid=child)
        assert client.lease(bench.slot(), run="run-1", controller_pid=os.getpid()).reading().enabled is False
