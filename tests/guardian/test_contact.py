"""A contact of a line board as a slot's supply: switched and read back, nothing set, nothing measured."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from cellbench.base.errors import NotPossible, RigError
from cellbench.guardian.client import GuardianClient
from cellbench.guardian.errors import EquipmentHeld

FEED, CLOSED_FEED = 20, 21


@pytest.fixture
def place(shared_place):
    return shared_place


@pytest.fixture
def client(bench):
    with GuardianClient.connect() as client:
        client.enrol(bench.equipment().only(frozenset({"relays1"})))
        yield client


def fed(bench, pin=FEED, closed_when_on=True, number=1):
    slot = bench.slot(number)
    output = replace(slot.output, supply="relays1", channel=pin, closed_when_on=closed_when_on)
    return replace(slot, output=output)


def lease_of(client, plan, run="run-1"):
    return client.lease(plan, run=run, controller_pid=os.getpid())


@pytest.mark.parametrize(("pin", "closed_when_on"), [(FEED, True), (CLOSED_FEED, False)])
def test_switches_and_tells_what_it_does_not_know(bench, client, pin, closed_when_on):
    lease = lease_of(client, fed(bench, pin, closed_when_on))
    reading = lease.power_on()
    assert reading.enabled
    assert (reading.voltage_v, reading.current_a, reading.tripped) == (None, None, None)
    assert (pin in bench.board.closed) is closed_when_on
    lease.power_off(hard=True, cause="the test")
    assert (pin in bench.board.closed) is not closed_when_on
    assert lease.reading().enabled is False
    lease.close()


def test_what_a_contact_cannot_do_is_not_possible(bench, client):
    lease = lease_of(client, fed(bench))
    lease.power_on()
    for lacking in (lambda: lease.set_voltage_v(3.6), lambda: lease.record_current(0.1),
                    lambda: lease.record_current(0.1, 1000.0)):
        with pytest.raises(NotPossible, match="only switches"):
            lacking()
    assert lease.reading().enabled
    lease.power_off(hard=True, cause="the test")
    with pytest.raises(NotPossible, match="measure the current"):
        lease.record_inrush(0.1)
    assert FEED not in bench.board.closed, "nothing may come on for a measurement that cannot be"
    lease.close()


def test_one_contact_feeds_one_slot(bench, client):
    lease = lease_of(client, fed(bench))
    with pytest.raises(EquipmentHeld, match="contact"):
        lease_of(client, fed(bench, number=2))
    lease.close()


@pytest.mark.parametrize(("pin", "closed_when_on"), [(FEED, True), (CLOSED_FEED, False)])
def test_holder_that_dies_leaves_the_slot_off(bench, pin, closed_when_on):
    program = bench.hold(fed(bench, pin, closed_when_on))
    bench.pids(program)
    assert (pin in bench.board.closed) is closed_when_on
    program.kill()
    bench.wait_log(f"output relays1:{pin} off")
    assert (pin in bench.board.closed) is not closed_when_on


def test_fast_log_of_a_supply_without_one_is_not_possible(bench):
    with GuardianClient.connect() as client:
        client.enrol(bench.equipment())
        lease = lease_of(client, bench.slot())
        lease.power_on()
        with pytest.raises(NotPossible, match="no fast current log"):
            lease.record_current(0.1, 1000.0)
        assert lease.reading().enabled
        lease.close()


def test_contact_that_does_not_close_is_a_rig_error(bench, client):
    lease = lease_of(client, fed(bench))
    bench.board.stop()
    with pytest.raises(RigError, match="relays1"):
        lease.power_on()
    bench.board.start()
    lease.close()
