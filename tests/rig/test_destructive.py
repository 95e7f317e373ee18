"""The identity interlock before a destructive step, on a virtual rack whose rig file exchanges wires."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import subprocess
import sys
import threading

import pytest
import yaml

from cellbench.guardian.start import stop as stop_guardian
from cellbench.host.transcript import Transcript
from cellbench.rig import destructive
from cellbench.rig.bench import Bench
from cellbench.rig.destructive import NotOurUnit, must_be_stated, own_unit
from cellbench.rig.dut import Dut
from cellbench.rig.load import load_rig
from cellbench.rig.slot import PowerState
from cellbench.roots.farside import far_side


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    """A rack of two slots; the plain data of its rig file, and a folder."""
    place = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("CELLBENCH_RUNTIME_DIR", str(place / "run"))
        monkeypatch.setenv("CELLBENCH_LOCK_DIR", str(place / "locks"))
        virtual = subprocess.Popen(
            [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "a=LARA-R6", "--slot", "b=LARA-R6",
             "--dir", str(place / "rack"), "--end-with", str(os.getpid())], stdout=subprocess.PIPE, text=True)
        try:
            ready = json.loads(virtual.stdout.readline())
            with open(ready["rig_file"]) as file:
                yield place, yaml.safe_load(file)
            stop_guardian(place / "run")
        finally:
            virtual.terminate()
            virtual.wait(10)
            virtual.stdout.close()


@pytest.fixture
def bench_with(rack):
    """``bench_with(change)``: a bench of the rig file with the slots changed."""
    place, model = rack
    with contextlib.ExitStack() as stack:
        def make(change=lambda slots: None):
            changed = copy.deepcopy(model)
            change(changed["slots"])
            path = place / "rack" / "changed.yaml"
            path.write_text(yaml.safe_dump(changed, sort_keys=False))
            rig = load_rig(path)
            bench = Bench(rig, "own", os.getpid(), trace=lambda name: Transcript(), events=said,
                          far_side_for=lambda name: far_side(rig, name))
            stack.callback(bench.close, hard=True)
            return bench

        events = []

        def said(name):
            return lambda *told: events.append((name, *told))

        make.events = events
        yield make


def exchange(*keys):
    """Exchange a setting of slots a and b."""
    def change(slots):
        one, other = slots["a"], slots["b"]
        for key in keys[:-1]:
            one, other = one[key], other[key]
        one[keys[-1]], other[keys[-1]] = other[keys[-1]], one[keys[-1]]
    return change


def dut_of(bench, name="a", role="uart"):
    slot = bench.slot(name)
    slot.power_on()
    dut = Dut(slot, slot.channel(role))
    dut.settle()
    return slot, dut


def test_the_own_module_is_proven_once_in_a_power_session(bench_with):
    bench = bench_with()
    slot, dut = dut_of(bench)
    began = slot.on_since
    proof = own_unit(slot, dut)
    assert slot.on_since != began, "it was not switched off and on"
    assert proof.imei == dut.send("AT+CGSN").text, "dut.at is not usable afterwards"
    told = " ".join(proof.signs)
    for sign in ("USB path", "V_INT rose", "supply channel gives", f"IMEI {proof.imei} on at0",
                 f"IMEI {proof.imei} on uart"):
        assert sign in told
    again = slot.on_since
    assert own_unit(slot, dut) is proof
    assert slot.on_since == again
    assert [one[1] for one in bench_with.events].count("identity") == 1
    slot.power_off()
    slot.supply_only()
    assert slot.on_since != proof.since, "the proof outlives the power session"


def test_another_module_than_the_expected_one_is_refused_before_anything_is_switched(bench_with):
    slot, dut = dut_of(bench_with(lambda slots: slots["a"].update(imei="490154203237518")))
    began = slot.on_since
    with pytest.raises(NotOurUnit, match=r"with IMEI 3578\d+, the rig file says 490154203237518"):
        must_be_stated(slot, dut.identify(sim=False).imei)
    must_be_stated(slot, "490154203237518")
    with pytest.raises(NotOurUnit, match=r"490154203237518 \(in the rig file\) is expected, .*IMEI 3578"):
        own_unit(slot, dut)
    assert slot.on_since == began
    slot.unit.imei = "353760970000040"
    slot.model = slot.model.model_copy(update={"imei": None})
    with pytest.raises(NotOurUnit, match=r"353760970000040 \(recorded by this run\)"):
        own_unit(slot, dut)


@pytest.fixture
def impatient(monkeypatch):
    """What never comes is not waited for long."""
    for name, value in {"_GONE_S": 0.7, "_LATE_S": 0.5, "_TRIES": 2}.items():
        monkeypatch.setattr(destructive, name, value)


def both_on(bench):
    """Both modules run; the UART of a leads somewhere."""
    slots = [bench.slot("b"), bench.slot("a")]
    for slot in slots:
        slot.supply_only()
    for slot in slots:  # what power_on does without looking at V_INT, whose wire may be another's
        slot.drive("vusb_det", True)
        slot.pulse("pwr_on", 0.2)
        slot.state = PowerState.ON
    channel = slot.channel("uart")
    channel.sync(30)
    slot.timing.power_off_max_s = 1.0
    dut = Dut(slot, channel)
    dut.settle()
    return slot, dut


@pytest.mark.parametrize(("keys", "sentence"), [
    (("ports", "usb"), r"was switched off, and a device stays at its USB location 1-1\.\d"),
    (("lines", "v_int"), r"was switched off, and its V_INT stays high"),
    (("ports", "uart"), r"\(told before it was switched off\) is expected, and a\.at0 leads to the one with"),
    (("power", "channel"), r"its supply channel gives 0\.0\d\d A, so that another supply feeds it"),
])
def test_wires_exchanged_with_a_running_neighbour_are_found(bench_with, impatient, keys, sentence):
    slot, dut = both_on(bench_with(exchange(*keys)))
    with pytest.raises(NotOurUnit, match=sentence):
        own_unit(slot, dut)
    assert slot.unit.proof is None


def test_a_path_that_is_another_slots_is_found(bench_with, impatient):
    bench = bench_with(exchange("ports", "usb"))
    slot = bench.slot("a")
    slot.power_on(sync=False)
    slot.close_channels()
    dut = Dut(slot, slot.channel("uart"))
    dut.at.sync(30)
    with pytest.raises(NotOurUnit, match=r"IMEI \d+ .*: 1-1\.\d \(slot b\) appeared on USB, and not 1-1\.\d"):
        own_unit(slot, dut)


def test_a_neighbour_that_restarts_meanwhile_is_no_sign(bench_with):
    bench = bench_with()
    slot, dut = dut_of(bench)
    other, neighbour = dut_of(bench, "b")
    assert slot.lease.powered_beside() == {"b"}
    done, restarts = threading.Event(), []

    def restart():
        while not done.is_set():
            restarts.append(neighbour.reboot_only())

    thread = threading.Thread(target=restart)
    thread.start()
    began = len(bench_with.events)
    try:
        own_unit(slot, dut)
    finally:
        done.set()
        thread.join(60)
    assert restarts
    assert [event[2] for event in bench_with.events[began:] if event[0] == "a"].count("supply on") == 1
    other.power_off()
    assert slot.lease.powered_beside() == set()


def test_without_usb_the_other_signs_count(bench_with):
    bench = bench_with(lambda slots: slots["a"]["ports"].pop("usb"))
    slot, dut = dut_of(bench)
    told = ", ".join(own_unit(slot, dut).signs)
    assert "no USB path was there to look at" in told
    assert "V_INT rose" in told
    assert "A" in told
    assert "on uart" in told


def test_where_nothing_is_switched_the_imei_is_asked_on_every_port(bench_with):
    slot, dut = dut_of(bench_with())
    whole = slot.model
    bare = slot.model.model_copy(update={"power": None, "lines": slot.model.lines.model_copy(
        update={"pwr_on": None})})
    slot.model = slot.ports.model = bare
    slot.on_since = None
    signs = own_unit(slot, dut).signs
    assert "nothing switches it" in signs[0]
    assert len(signs) == 3
    slot.model = slot.ports.model = whole
