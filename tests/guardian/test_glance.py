"""A slot read without a lease: nothing is switched, nothing made safe afterwards."""

from __future__ import annotations

import dataclasses
import os

import pytest

from cellbench.guardian.client import GuardianClient
from cellbench.guardian.errors import EquipmentHeld
from cellbench.guardian.locks import Lock, Owner, file_name, holder_of
from cellbench.guardian.paths import lock_dir
from cellbench.guardian.plan import ReadLinePlan

ME = Owner("ann", os.getpid(), "run-1", 1_795_000_000_000_000_000, "/run/ann")


@pytest.fixture
def place(shared_place):
    return shared_place


@pytest.fixture
def client(bench):
    with GuardianClient.connect() as client:
        client.enrol(bench.equipment())
        yield client


def test_a_look_reads_and_leaves_everything_as_it_is(bench, client):
    bench.supply.outputs[1].on = True
    bench.supply.outputs[1].volts = 3.8
    bench.board.high.add(0)
    seen = client.look(bench.slot())
    assert seen.output is not None
    assert (seen.output.voltage_v, seen.output.enabled, seen.output.tripped) == (3.8, True, None)
    # reset_n is a normally closed contact: open means asserted
    assert dict(seen.asserted) == {"v_int": True, "pwr_on": False, "vusb_det": False, "reset_n": True}
    assert not seen.errors
    client.close()
    assert bench.supply.outputs[1].on
    assert bench.supply.log == []
    assert bench.board.log == []


def test_what_cannot_be_read_is_told_beside_what_can(bench, client):
    plan = dataclasses.replace(bench.slot(), read={"v_int": ReadLinePlan("relays1", 999)})
    seen = client.look(plan)
    assert seen.output is not None
    assert "no input 999" in seen.errors["v_int"].message
    assert "v_int" not in seen.asserted


def test_a_slot_that_a_run_holds_can_be_looked_at_and_not_taken(bench, client):
    lease = client.lease(bench.slot(), run="run-1", controller_pid=os.getpid())
    lease.power_on()
    with GuardianClient.connect() as other:
        other.enrol(bench.equipment())
        assert other.look(bench.slot()).output.enabled
        with pytest.raises(EquipmentHeld, match="since 20"):
            other.lease(bench.slot(), run="run-2", controller_pid=os.getpid())
    assert lease.reading().enabled
    lease.close()


def test_who_holds_a_lock_is_told_without_trying_it(tmp_path):
    locks = lock_dir(tmp_path / "locks")
    assert holder_of(locks, "port:x") == (False, None)
    assert not (locks / file_name("port:x", ".lock")).exists()
    lock = Lock.take(locks, "port:x", "port x", ME)
    assert holder_of(locks, "port:x") == (True, ME)
    lock.release(keep_account=True)
    assert holder_of(locks, "port:x") == (False, ME)
    Lock.take(locks, "port:x", "port x", ME).release()
    assert holder_of(locks, "port:x") == (False, None)
