"""Rig files whose slots are fed through contacts."""

from __future__ import annotations

import pytest

from cellbench.rig.build import equipment_plan, slot_plan
from cellbench.rig.capabilities import Capability, capabilities
from cellbench.rig.load import load_rig, validate_file

TRANSCRIPT_OF = ("supply.relay",)
PSU = ("    kind: supply.scpi-generic\n    resource: TCPIP::192.168.1.20::5025::SOCKET\n    channels: 2\n",
       "    kind: supply.relay\n    board: relays1\n    pins: [6, 7]\n")


@pytest.fixture
def rig(rig_file, monkeypatch):
    monkeypatch.setenv("RELAY_PASSWORD", "x")
    return load_rig(rig_file(PSU, (", over_voltage_v: 4.4", "")))


def test_output_is_a_contact_of_the_board(rig):
    plan = slot_plan(rig, "a2")
    assert (plan.output.supply, plan.output.channel, plan.output.closed_when_on) == ("relays1", 7, True)
    assert plan.instruments() == {"relays1"}
    assert set(equipment_plan(rig).instruments) == {"psu1", "relays1"}


@pytest.mark.parametrize("board", [
    "{kind: line.serial-lines, url: /dev/ttyUSB0}",
    "{kind: line.lcus, url: /dev/ttyUSB0, relays: 2, read_back: false}",
])
def test_board_without_read_back_feeds_nobody(rig_file, board):
    path = rig_file((PSU[0], "    kind: supply.relay\n    board: lines2\n    pins: [0, 1]\n"),
                    ("slots:\n", f"  lines2: {board}\nslots:\n"), (", over_voltage_v: 4.4", ""))
    (found,) = validate_file(path)
    assert found.path == "instruments.psu1.board"
    assert "does not read back what it drives" in found.message


def test_inverted_contact_feeds_while_it_is_open(rig_file, monkeypatch):
    monkeypatch.setenv("RELAY_PASSWORD", "x")
    rig = load_rig(rig_file((PSU[0], PSU[1] + "    inverted: true\n"), (", over_voltage_v: 4.4", "")))
    assert slot_plan(rig, "a1").output.closed_when_on is False


def test_slot_can_cut_power_and_nothing_more(rig):
    found = capabilities(rig.model, "a1")
    assert Capability.CUT_POWER in found
    assert not found & {Capability.SET_VOLTAGE, Capability.MEASURE_VOLTAGE, Capability.MEASURE_CURRENT,
                        Capability.SEE_TRIP}


@pytest.mark.parametrize(("change", "finding"), [
    (("board: relays1", "board: relais1"), "instruments.psu1.board: there is no instrument relais1; did you "
                                           "mean relays1?"),
    (("board: relays1", "board: psu1"), "instruments.psu1.board: psu1 is a supply, not a line; name a line"),
    (("pins: [6, 7]", "pins: [6, 8]"), "instruments.psu1.pins[1]: relays1 has no pin 8; it has 0 to 7"),
    (("pins: [6, 7]", "pins: [6, 3]"), "instruments.psu1.pins[1]: pin 3 of relays1 is used by "
                                       "slots.a2.lines.usb_boot too; give each its own"),
    (("pins: [6, 7]", "pins: [6, 7]  # a2 asks for protection"), "slots.a2.power.over_voltage_v: psu1 cannot "
                                                                 "protect against over-voltage"),
    (("pins: [6, 7]", "pins: [6]"), "slots.a2.power.channel: psu1 has no channel 2; it has 1 to 1"),
])
def test_mistakes_are_told(rig_file, change, finding):
    findings = [str(one) for one in validate_file(rig_file((PSU[0], PSU[1].replace(*change))))]
    assert any(finding in one for one in findings), findings
