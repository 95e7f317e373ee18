"""USB port power from the rig file to the module: a hub's program that pulls the virtual rack's USB cable."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from cellbench.base.errors import NotPossible
from cellbench.guardian.start import stop as stop_guardian
from cellbench.host.transcript import Transcript
from cellbench.io.usb import find_device
from cellbench.rig.bench import Bench
from cellbench.rig.build import slot_plan
from cellbench.rig.capabilities import Capability, capabilities
from cellbench.rig.load import load_rig, validate_file
from cellbench.roots.farside import far_side

STANDIN = Path(__file__).parents[1] / "instruments" / "standin_uhubctl.py"
ACT = """\
import sys
from cellbench.virtual.control.client import ctl
sys.exit(ctl(__import__("pathlib").Path(sys.argv[1]), "usb",
             [f"state={'plug' if sys.argv[3] == 'on' else 'unplug'}"], slot="r8"))
"""


def settles(read, wanted):
    deadline = time.monotonic() + 20
    while read() != wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return read() == wanted


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    """A rack of one slot behind the hub 1-1, and its rig file with that hub."""
    tmp_path = tmp_path_factory.mktemp("usb")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("CELLBENCH_RUNTIME_DIR", str(tmp_path / "run"))
        monkeypatch.setenv("CELLBENCH_LOCK_DIR", str(tmp_path / "locks"))
        monkeypatch.setenv("UHUBCTL_STATE", str(tmp_path / "hub.json"))
        yield from _rack(tmp_path)


def _rack(tmp_path):
    directory = tmp_path / "rack"
    program = tmp_path / "uhubctl"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {STANDIN} \"$@\"\n")
    program.chmod(0o755)
    virtual = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "r8=LENA-R8", "--dir", str(directory),
         "--timing", "fast", "--end-with", str(os.getpid())], stdout=subprocess.PIPE, text=True)
    try:
        json.loads(virtual.stdout.readline())
        model = yaml.safe_load((directory / "rig.yaml").read_text())
        slot = model["slots"]["r8"]
        port = int(slot["ports"]["usb"]["location"].removeprefix("1-1."))
        (tmp_path / "hub.json").write_text(json.dumps({
            "location": "1-1", "ports": 4, "on": [1, 2, 3, 4],
            "act": [sys.executable, "-c", ACT, str(directory)]}))
        model["instruments"]["hub1"] = {"kind": "hub.uhubctl", "location": "1-1", "program": str(program)}
        slot["usb_power"] = {"hub": "hub1", "port": port}
        (directory / "hub.yaml").write_text(yaml.safe_dump(model))
        yield directory / "hub.yaml"
    finally:
        if (tmp_path / "run").exists():
            stop_guardian(tmp_path / "run")
        virtual.terminate()
        virtual.wait(20)


@pytest.fixture
def told():
    """The slot's events."""
    return []


@pytest.fixture
def bench(rack, told):
    rig = load_rig(rack)
    one = Bench(rig=rig, run="usb", controller_pid=os.getpid(), trace=lambda name: Transcript(),
                events=lambda name: lambda what, detail, values: told.append((what, values)),
                far_side_for=lambda name: far_side(rig, name))
    yield one
    one.close(hard=True)


def powered(rack):
    return json.loads((rack.parents[1] / "hub.json").read_text())["on"]


def test_the_module_leaves_usb_and_comes_back_and_rests_without_power(rack, bench, told):
    slot = bench.slot("r8")
    port = slot.model.usb_power.port

    def on_usb():
        location = slot.model.ports.usb.location
        return find_device(Path(slot.roots.sysfs), Path(slot.roots.dev), location) is not None

    slot.power_on()
    assert port in powered(rack)
    assert on_usb()
    slot.channel("at0").sync(20)
    slot.usb_power(False)
    assert port not in powered(rack)
    assert settles(on_usb, False)
    slot.ports.close()
    slot.usb_power(True)
    slot.wait_usb(20)
    slot.channel("at0").sync(20)
    assert ("power", {"usb": "off"}) in told
    assert ("power", {"usb": "on"}) in told
    slot.power_off(hard=True)
    assert port not in powered(rack)  # no USB voltage on a module without supply
    slot.usb_power(True)
    assert port in powered(rack)
    slot.close()  # the lease ends with the port on: the guardian makes it safe
    bench._slots.clear()
    assert settles(lambda: port in powered(rack), False)


def test_a_module_that_is_still_booting_is_switched_off_in_order(bench, told):
    """Its UART, opened for that, measures the rate: a first command would be lost, and with it 40 s."""
    slot = bench.slot("r8")
    slot.power_on(sync=False)
    slot.close_channels()
    slot.power_off()
    assert ("power", {"state": "off"}) in told
    assert ("power", {}) not in told  # "no orderly switch-off"


def test_a_slot_with_a_hub_port_can_cut_usb(rack):
    rig = load_rig(rack)
    assert Capability.CUT_USB in capabilities(rig.model, "r8")
    driven = slot_plan(rig, "r8").driven["usb_power"]
    assert (driven.board, driven.closed_when_asserted) == ("hub1", True)
    assert slot_plan(rig, "r8").releases()[-1] == "usb_power"


def changed(rack, edit):
    model = yaml.safe_load(rack.read_text())
    edit(model)
    path = rack.with_name("changed.yaml")
    path.write_text(yaml.safe_dump(model))
    return path


def test_without_a_supply_the_port_rests_with_power(rack):
    def edit(model):
        del model["slots"]["r8"]["power"]
    plan = slot_plan(load_rig(changed(rack, edit)), "r8")
    assert plan.driven["usb_power"].closed_when_asserted is False


def test_without_a_hub_it_is_not_possible(rack, bench):
    slot = bench.slot("r8")
    slot.model = slot.model.model_copy(update={"usb_power": None})
    with pytest.raises(NotPossible, match=r"no USB port whose power the bench can switch; .*usb_power"):
        slot.usb_power(False)


@pytest.mark.parametrize(("edit", "told"), [
    (lambda model: model["slots"]["r8"]["usb_power"].update(port=9),
     r"usb_power.port: port 9 of hub 1-1 is USB location 1-1.9, the module is at 1-1\."),
    (lambda model: model["slots"]["r8"]["usb_power"].update(hub="psu1"),
     "psu1 is a supply, not a hub; name one of hub1"),
    (lambda model: model["slots"]["r8"]["usb_power"].update(hub="hub7"), "hub7"),
    (lambda model: model["instruments"]["hub1"].update(location="1-2"), "is USB location 1-2."),
    (lambda model: model["instruments"]["hub1"].update(ports=1, location="1-1") or
     model["slots"]["r8"]["usb_power"].update(port=2), "hub1 has no port 2; it has 1 to 1"),
])
def test_mistakes_are_told(rack, edit, told):
    found = [str(finding) for finding in validate_file(changed(rack, edit))]
    assert any(re.search(told, line) for line in found), found
