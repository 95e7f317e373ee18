"""What a lease does at the instruments, with a real guardian process."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time

import pytest

from cellbench.base.errors import FrameworkError, NotPossible, RigError
from cellbench.guardian.client import GuardianClient
from cellbench.guardian.errors import EquipmentHeld, LeaseEnded, OutputNotReached, SupplyTripped


@pytest.fixture
def place(shared_place):
    return shared_place


@pytest.fixture
def client(bench):
    with GuardianClient.connect() as client:
        client.enrol(bench.equipment())
        yield client


def lease_of(client, plan, run="run-1"):
    return client.lease(plan, run=run, controller_pid=os.getpid())


def test_enrol_identifies_and_twice_changes_nothing(bench, client):
    assert client.enrol(bench.equipment())["psu1"] == "TEST,SUPPLY,1,1"
    assert bench.supply.dialogues == 1


def test_power_on_sets_reads_back_and_releases_lines_first(bench, client):
    lease = lease_of(client, bench.slot())
    lease.drive("pwr_on", True)
    reading = lease.power_on()
    assert (reading.voltage_v, reading.current_a, reading.enabled, reading.tripped) == (3.8, 0.05, True, None)
    output = bench.supply.outputs[1]
    assert (output.volts, output.amperes, output.on) == (3.8, 2.5, True)
    opened = next(at for at, pin, closed in bench.board.log if pin == 0 and not closed)
    assert opened < bench.supply.log[-1][0]
    assert bench.board.closed == {2}  # reset_n is released by a closed contact


def test_power_off_switches_off_releases_and_says_why(bench, client):
    lease = lease_of(client, bench.slot())
    lease.power_on()
    lease.drive("vusb_det", True)
    lease.power_off(hard=True, cause="brown-out procedure")
    assert not bench.supply.outputs[1].on
    assert bench.board.closed == {2}
    assert "off, hard, by run run-1: brown-out procedure" in bench.log_text()


def test_a_trip_is_reported_as_a_trip(bench, client):
    bench.supply.outputs[1].shorted = True
    lease = lease_of(client, bench.slot())
    with pytest.raises(SupplyTripped, match=r"psu1:1 .*over-current protection tripped"):
        lease.power_on()
    assert not bench.supply.outputs[1].on
    assert lease.reading().tripped == "over-current"
    bench.supply.outputs[1].shorted = False
    assert lease.power_on().tripped is None


def test_a_current_limit_that_pulls_the_voltage_down_is_no_power_on(bench, client):
    bench.supply.outputs[1].sags_to_v = 1.1
    bench.supply.outputs[1].load_a = 2.5
    lease = lease_of(client, bench.slot())
    with pytest.raises(SupplyTripped, match=r"current limit holds the output at 1.1 V with 2.5 A"):
        lease.power_on()
    assert not bench.supply.outputs[1].on


def test_a_voltage_that_does_not_come_is_no_power_on(bench, client):
    bench.supply.outputs[1].sags_to_v = 3.5
    lease = lease_of(client, bench.slot())
    with pytest.raises(OutputNotReached, match=r"reads back 3.5 V"):
        lease.power_on()
    assert not bench.supply.outputs[1].on


def test_caps_hold_on_both_sides(bench, client):
    with pytest.raises(RigError, match=r"above 4\.5 V"):
        bench.slot(voltage_v=4.6)
    with pytest.raises(RigError, match="above 3 A"):
        bench.slot(current_limit_a=3.1)
    lease = lease_of(client, bench.slot())
    lease.power_on()
    lease.set_voltage_v(4.5)
    with pytest.raises(RigError, match=r"above 4\.5 V"):
        lease.set_voltage_v(4.51)
    assert bench.supply.outputs[1].volts == 4.5


def test_pulse_is_at_least_as_long_as_asked(bench, client):
    lease = lease_of(client, bench.slot())
    pulse = lease.pulse("pwr_on", 0.15)
    (on, _, closed), (off, _, opened) = [entry for entry in bench.board.log if entry[1] == 0]
    assert (closed, opened) == (True, False)
    assert 0.15 <= pulse.shortest_s <= pulse.longest_s
    assert 0.15 <= off - on <= pulse.longest_s


def test_senses_read_and_driven_lines(bench, client):
    lease = lease_of(client, bench.slot())
    assert lease.sense("v_int") is False
    bench.board.high.add(0)
    assert lease.sense("v_int") is True
    lease.drive("reset_n", True)
    assert lease.sense("reset_n") is True
    assert 2 not in bench.board.closed
    with pytest.raises(NotPossible, match="no line usb_boot"):
        lease.drive("usb_boot", True)


def test_inrush_and_current_are_sampled(bench, client):
    lease = lease_of(client, bench.slot())
    inrush = lease.record_inrush(0.1)
    assert len(inrush) >= 2
    assert max(inrush) == 0.05
    assert bench.supply.outputs[1].on
    samples = lease.record_current(0.1)
    assert samples[-1].at_s >= 0.1 - 1e-5  # times are kept in whole microseconds
    assert all(earlier.at_s < later.at_s for earlier, later in itertools.pairwise(samples))


def test_a_second_lease_is_refused_with_holder_and_time(bench, client):
    lease_of(client, bench.slot(), run="the-first")
    with pytest.raises(EquipmentHeld, match=r"slot-1 .*held by user .*, pid \d+, run the-first, since 20"):
        lease_of(client, bench.slot(), run="the-second")
    with pytest.raises(EquipmentHeld, match="as slot slot-1"):  # other names in another rig file, same output
        lease_of(client, bench.slot(2, channel=1))


def test_close_makes_safe_and_frees(bench, client):
    lease = lease_of(client, bench.slot())
    lease.power_on()
    lease.close()
    lease.close()
    assert not bench.supply.outputs[1].on
    assert lease_of(client, bench.slot()).power_on().enabled
    assert client.last_incidents(bench.began_utc_ns) == ()
    with pytest.raises(LeaseEnded):
        lease.reading()


def test_slots_of_one_supply_do_not_touch_each_other(bench, client):
    first, second = lease_of(client, bench.slot(1)), lease_of(client, bench.slot(2))
    first.power_on()
    second.power_on()
    first.close()
    assert bench.supply.outputs[2].on
    assert second.reading().voltage_v == 3.8


def test_hold_still_keeps_neighbours_from_switching(bench, client):
    first, second = lease_of(client, bench.slot(1)), lease_of(client, bench.slot(2))
    switched = threading.Event()

    def switch() -> None:
        second.drive("pwr_on", True)
        switched.set()

    with first.hold_still(5.0):
        thread = threading.Thread(target=switch)
        thread.start()
        first.drive("pwr_on", True)
        assert not switched.wait(0.1)
        assert second.reading().enabled is False
    assert switched.wait(20.0)
    thread.join()
    with pytest.raises(FrameworkError, match="at most 30 s"), first.hold_still(31):
        pass


def test_an_interrupted_call_leaves_lease_and_dialogue_usable(bench, client):
    """What Ctrl-C does: an exception out of a signal handler while a reply is waited for."""
    lease = lease_of(client, bench.slot())
    lease.power_on()
    pulsing = time.monotonic()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            lease.pulse("pwr_on", 30.0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert lease.reading().enabled
    lease.power_off(hard=False, cause="Ctrl-C")
    assert time.monotonic() - pulsing < 5.0
    assert not bench.supply.outputs[1].on
    assert 0 not in bench.board.closed  # the pulse was given up and its line released


def test_a_hard_off_overtakes_what_is_under_way(bench, client):
    lease = lease_of(client, bench.slot())
    lease.power_on()
    ended: list[BaseException] = []

    def pulse() -> None:
        try:
            lease.pulse("pwr_on", 30.0)
        except LeaseEnded as error:
            ended.append(error)

    thread = threading.Thread(target=pulse)
    thread.start()
    while 0 not in bench.board.closed:
        time.sleep(0.01)
    lease.power_off(hard=True, cause="second Ctrl-C")
    thread.join(2.0)
    assert len(ended) == 1
    assert not bench.supply.outputs[1].on
    assert lease.power_on().enabled


def test_a_child_must_not_use_its_parents_lease(bench, client):
    lease = lease_of(client, bench.slot())
    child = os.fork()
    if child == 0:
        try:
            lease.reading()
        except FrameworkError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert lease.reading().enabled is False


def test_an_instrument_that_is_not_there_is_named(bench, client):
    bench.supply.stop()
    plan = bench.equipment()
    with GuardianClient.connect() as other:
        other.enrol(plan)  # open already
    lease = lease_of(client, bench.slot())
    with pytest.raises(RigError, match="psu1"):
        lease.power_on()
    bench.supply.start()
    assert lease.power_on().enabled
