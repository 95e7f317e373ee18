"""hub.uhubctl against a program that prints what uhubctl prints, and its parser against anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.errors import RigError
from cellbench.instruments.hub.uhubctl import read_status
from cellbench.instruments.kinds import find_kind

TRANSCRIPT_OF = ("hub.uhubctl",)
STANDIN = Path(__file__).with_name("standin_uhubctl.py")

# in the form of print_port_status in uhubctl.c
ONE_HUB = """\
Current status for hub 1-1 [0424:9514, USB 2.00, 5 ports, ppps]
  Port 1: 0503 power highspeed enable connect [0424:ec00]
  Port 2: 0100 power
  Port 3: 0103 power enable connect [0403:6001 FTDI FT232R USB UART A10KZP45]
  Port 4: 0000 off
  Port 5: 0507 power highspeed suspend enable connect [1546:1404 u-blox AG u-blox Modem]
"""
TWO_HALVES = """\
Current status for hub 2-1 [2109:0817 VIA Labs, Inc. USB3.0 Hub, USB 3.10, 4 ports, ppps]
  Port 4: 02a0 power 5gbps Rx.Detect
Current status for hub 1-1 [2109:2817 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]
  Port 4: 0503 power highspeed enable connect [1546:1404]
Sent power off request
New status for hub 2-1 [2109:0817 VIA Labs, Inc. USB3.0 Hub, USB 3.10, 4 ports, ppps]
  Port 4: 0080 off
New status for hub 1-1 [2109:2817 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]
  Port 4: 0000 off
"""


def test_one_hub_with_devices():
    (hub,) = read_status(ONE_HUB)
    assert (hub.location, hub.what) == ("1-1", "0424:9514, USB 2.00, 5 ports, ppps")
    assert hub.powered == {1: True, 2: True, 3: True, 4: False, 5: True}


def test_the_state_printed_last_counts_for_both_halves():
    assert {hub.location: dict(hub.powered) for hub in read_status(TWO_HALVES)} == {
        "2-1": {4: False}, "1-1": {4: False}}


def test_a_device_that_calls_itself_power_is_none():
    (hub,) = read_status("Current status for hub 1-1 [x, 4 ports]\n  Port 1: 0000 off [0000:0000 power ]\n")
    assert hub.powered == {1: False}


@given(st.text(max_size=300))
def test_any_text_is_read_or_passed_over(text):
    for hub in read_status(text):
        assert hub.location


@pytest.fixture
def uhubctl(tmp_path, monkeypatch):
    """The stand-in on PATH; what it gives sets the hub's state."""
    state = tmp_path / "hub.json"
    program = tmp_path / "bin" / "uhubctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -S {STANDIN} \"$@\"\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("UHUBCTL_STATE", str(state))

    def put(**changes):
        now = json.loads(state.read_text()) if state.exists() else {
            "location": "1-1", "dual": None, "ports": 4, "on": [1, 2, 3, 4]}
        state.write_text(json.dumps({**now, **changes}))
        return json.loads(state.read_text())

    put()
    return put


def hub(**settings):
    return find_kind("hub.uhubctl").open("hub1", {"location": "1-1", **settings})


def test_switches_one_port_and_reads_it_back(uhubctl):
    one = hub()
    assert one.identity() == "hub 1-1 [05e3:0608 USB2.0 Hub, USB 2.00, 4 ports, ppps] by uhubctl"
    one.drive(2, False)
    assert uhubctl()["on"] == [1, 3, 4]
    assert (one.is_closed(2), one.is_closed(3)) == (False, True)
    one.drive(2, True)
    assert uhubctl()["on"] == [1, 2, 3, 4]
    one.close()


def test_both_halves_of_a_usb_3_hub(uhubctl):
    uhubctl(dual="2-1")
    one = hub(ports=4)
    one.drive(4, False)
    assert one.is_closed(4) is False


@pytest.mark.parametrize(("mode", "why", "remedy"), [
    ("denied", "no permission to switch hub 1-1", "52-usb.rules: SUBSYSTEM"),
    ("broken", "ended with 1: Error initializing USB!", "by hand"),
    ("hang", "not ended within 0.3 s", "whether the hub answers"),
])
def test_each_failure_names_its_remedy(uhubctl, mode, why, remedy):
    uhubctl(mode=mode)
    with pytest.raises(RigError, match=f"instrument hub1 cannot be used: .*{why}") as caught:
        hub(timeout_s=0.3 if mode == "hang" else 10)
    assert remedy in caught.value.remedy


def test_no_hub_there(uhubctl):
    with pytest.raises(RigError, match=r"no hub with switched ports at 1-7"):
        hub(location="1-7")


def test_no_program(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RigError, match=r"program uhubctl-of-nobody is not installed; .*apt install uhubctl"):
        hub(program="uhubctl-of-nobody")
    (tmp_path / "data").write_text("no program")
    with pytest.raises(RigError, match="cannot be run: Permission denied"):
        hub(program=str(tmp_path / "data"))


def test_a_port_that_keeps_its_power(uhubctl):
    one = hub()
    uhubctl(mode="stuck")
    with pytest.raises(RigError, match="port 3 of hub 1-1 stays with power"):
        one.drive(3, False)


def test_ports_that_the_hub_has_not(uhubctl):
    with pytest.raises(RigError, match="has 4 ports, the rig file says 7"):
        hub(ports=7)
    with pytest.raises(RigError, match="no port 5; it has 1 to 4"):
        hub().drive(5, True)
    with pytest.raises(RigError, match="no port 0"):
        hub().is_closed(0)
