"""docs/usb-and-ports.md shows the lines and rules that the program gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for, variants_of
from cellbench.io.usb import UsbDevice, UsbFunction
from cellbench.rig.udev import PERMISSION_FILE, driver_remedy, permission_rules
from cellbench.rig.usb_loss import LossCause

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "usb-and-ports.md").read_text()
COMPOSITIONS = list(dict.fromkeys(
    one for series in Series for variant in variants_of(series) for one in profile_for(series, variant).usb))


def test_the_permission_rules_are_printed_whole():
    assert permission_rules(one.vid for one in COMPOSITIONS) in PAGE
    assert PERMISSION_FILE in PAGE


@pytest.mark.parametrize("composition", COMPOSITIONS, ids=lambda one: f"{one.pid:04x} {one.name}")
def test_every_composition_has_its_row(composition):
    ports = ", ".join(f"{number} {face.role}" for number, face in enumerate(composition.interfaces)
                      if face.role != "reserved")
    row = f"| {composition.selected_by} | `{composition.vid:04x}:{composition.pid:04x}` | {ports} |"
    assert row in PAGE


def test_the_drivers_rule_is_the_one_of_the_message():
    ports = tuple(UsbFunction(number, 0xFF, 0, 0, "") for number in range(2, 10))
    remedy = driver_remedy(UsbDevice("1-1", 0x1782, 0x4D13, ()), ports, has_network=True)
    rule = remedy.partition("the line: ")[2].partition("; then:")[0]
    assert rule in PAGE
    assert "modprobe option && echo 1782 4d13 ff > /sys/bus/usb-serial/drivers/option1/new_id" in remedy
    assert remedy.partition("write to ")[2].partition(" ")[0] in PAGE


@pytest.mark.parametrize("cause", list(LossCause))
def test_every_cause_of_a_loss_is_explained(cause):
    assert f"| {cause.value} |" in PAGE
