"""Discover on a real terminal, over a USB tree in a folder: questions, wrong answers, plug it now."""

from __future__ import annotations

import sys
from pathlib import Path

import pexpect
import pytest

from cellbench.base.errors import UsageError
from cellbench.rig.load import load_rig, validate_file
from cellbench.session.discover.questions import Asker
from cellbench.session.discover.run import discover

WAIT_S = 30


def plug(root: Path, location: str, vid: str, pid: str, product: str, ttys: int = 0) -> None:
    """A device in the tree, complete before it shows."""
    bus, dev = root / "sysfs/bus/usb/devices", root / "dev"
    home = root / "sysfs/devices" / location
    for folder in (bus, dev, home):
        folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("idVendor", vid),
        ("idProduct", pid),
        ("product", product),
        ("maxchild", "0"),
        ("bNumInterfaces", str(ttys)),
    ):
        (home / name).write_text(text + "\n")
    for number in range(ttys):
        interface = root / "sysfs/devices" / f"{location}:1.{number}"
        (interface / f"ttyUSB{number}").mkdir(parents=True)
        (interface / "bInterfaceNumber").write_text(f"{number:02x}\n")
        (dev / f"ttyUSB{number}").write_text("")
        (bus / interface.name).symlink_to(interface)
    (bus / location).symlink_to(home)


@pytest.fixture
def tree(tmp_path):
    plug(tmp_path, "1-1", "1d6b", "0002", "Hub")
    (tmp_path / "sysfs/devices/1-1/maxchild").write_text("4\n")
    return tmp_path


def found(tree: Path, **changes: object) -> int:
    return discover(tree / "rig.yaml", sysfs=tree / "sysfs", dev=tree / "dev", **changes)


def run_in_terminal(*words: str) -> pexpect.spawn[str]:
    command = ["-m", "cellbench", "rig", "discover", *words]
    return pexpect.spawn(sys.executable, command, timeout=WAIT_S, encoding="utf-8", dimensions=(40, 300))


def test_without_a_person_gaps_stay_and_are_refused(tree, capsys):
    plug(tree, "1-1.2", "1782", "4d10", "LENA-R8001M10-00C-00")
    answers = tree / "answers.yaml"
    answers.write_text("rig: desk\n")
    assert found(tree, answers=answers) == 2
    told = capsys.readouterr().out
    assert "network.apn: this is not filled in yet" in told
    assert "next: fill these in" in told
    text = (tree / "rig.yaml").read_text()
    assert 'usb: {location: "1-1.2"}' in text
    assert "variant: LENA-R8001M10" in text
    (tree / "rig.yaml").write_text(
        text.replace("FILL IN: Access point name of the SIMs' operator", "internet")
    )
    assert load_rig(tree / "rig.yaml").model.slots["slot-1"].series.value == "LENA-R8"


def test_answers_complete_a_rig_that_validates(tree):
    plug(tree, "1-1.2", "1782", "4d10", "LENA-R8001-00C-00")
    plug(tree, "1-1.3", "0403", "6010", "Dual RS232", ttys=2)
    answers = tree / "answers.yaml"
    answers.write_text(
        "apn: internet\nslots:\n- {name: a, uart: '1-1.3:1'}\n- {name: b, series: LARA-R6, "
        "usb: none, uart: '/dev/ttyS0', variant: LARA-R6001}\n"
    )
    assert found(tree, answers=answers) == 0
    model = load_rig(tree / "rig.yaml").model
    assert model.slots["a"].variant == "LENA-R8001"
    assert (model.slots["a"].ports.uart.location, model.slots["a"].ports.uart.interface) == ("1-1.3", 1)
    assert model.slots["b"].ports.usb is None
    assert model.slots["b"].ports.uart.url == "/dev/ttyS0"
    assert validate_file(tree / "rig.yaml") == ()


def test_a_rig_file_that_exists_is_left_alone(tree):
    (tree / "rig.yaml").write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        found(tree, answers=None)
    assert (tree / "rig.yaml").read_text() == "mine"


def test_a_person_is_asked_and_plugs_a_module_in(tree):
    terminal = run_in_terminal(
        "-o", str(tree / "rig.yaml"), "--sysfs", str(tree / "sysfs"), "--dev", str(tree / "dev")
    )
    try:
        terminal.expect("How many slots has the bench")
        terminal.sendline("none of your business")
        terminal.expect("is no whole number from 1 to 64")
        terminal.sendline("1")
        terminal.expect("Name of slot 1")
        terminal.sendline("left")
        terminal.expect("Plug in, or switch on, the module of slot left now")
        plug(tree, "1-1.4", "05c6", "908b", "LARA-R6001-00B-00")
        terminal.expect("at 1-1.4: LARA-R6 module")
        terminal.expect("Variant in left")
        terminal.sendline("LARA-R6001")
        terminal.expect("UART of left")
        terminal.sendline("rfc2217://127.0.0.1:4000")
        terminal.expect("Name of the SIM")
        terminal.sendline("")
        terminal.expect("Name of the rig")
        terminal.sendline("")
        terminal.expect("Access point name")
        terminal.sendline("internet")
        terminal.expect("next: cellbench check")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close()
    assert terminal.exitstatus == 0
    slot = load_rig(tree / "rig.yaml").model.slots["left"]
    assert (slot.series.value, slot.variant, slot.ports.usb.location) == ("LARA-R6", "LARA-R6001", "1-1.4")
    assert slot.sim.ref == "sim-1"


def test_plugging_is_shown_as_it_happens(tree):
    terminal = run_in_terminal("--plug", "--sysfs", str(tree / "sysfs"), "--dev", str(tree / "dev"))
    try:
        terminal.expect("plug something in")
        plug(tree, "1-1.1", "1782", "4d10", "LENA-R8001M10-00C-00")
        terminal.expect_exact("+ 1782:4d10 (LENA-R8001M10-00C-00) at 1-1.1: LENA-R8 module")
        (tree / "sysfs/bus/usb/devices/1-1.1").unlink()
        terminal.expect_exact("- 1782:4d10")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close()
    assert terminal.exitstatus == 0


def test_an_answer_that_does_not_fit_names_its_place(tmp_path):
    file = tmp_path / "answers.yaml"
    file.write_text("slots: [{channel: x}]\n")
    asker = Asker.reading(file)
    with pytest.raises(UsageError, match=r"answer slots\.0\.channel: 'x' is no whole number from 1 to 3"):
        asker.number(("slots", 0, "channel"), "Channel", least=1, most=3)
    assert asker.number(("slots", 0, "pin"), "Pin") == "FILL IN: Pin"
    assert asker.left_open == ["slots.0.pin"]
