"""What flashing asks of a slot, and what it looks for on the bus before a tool is begun."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cellbench.base.errors import NotPossible, OperatorError, Owner, RigError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.firmware.flashing import FlashCourse, FlashFailed, flash_error, must_be_image
from cellbench.host.firmware.model import Package, PackageKind, Stage
from cellbench.host.transcript import Transcript
from cellbench.instruments.flasher.model import Ending, Entry
from cellbench.rig.dut import Dut
from cellbench.rig.flasher import FlasherAccess
from cellbench.rig.flashing import boot_port, flash, in_boot_mode, other_in_boot_mode
from cellbench.rig.host_turn import HostTurn
from cellbench.rig.schema import DrivenLine, Level, Lines, Ports, Power, UsbPort, UsbRoots
from cellbench.rig.schema import Slot as SlotModel
from cellbench.rig.slot import Slot, SlotTiming

HOME, NEIGHBOUR, NOBODY = "1-4.2", "1-4.3", "1-1"
BOOT = (0x0525, 0xA4A7)
TOOL = FlasherAccess("tool1", "flasher.command", {"command": ["true", "{image}"]}, Entry.USB_BOOT)


def _usb_view():
    path = Path(__file__).with_name("test_usb_view.py")
    spec = importlib.util.spec_from_file_location("cellbench_usb_view_tests", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


VIEW = _usb_view()


class Budget:
    def spend(self, cause):
        return


@pytest.fixture
def tree(tmp_path):
    made = VIEW.UsbTree(tmp_path)
    made.hub("1-4")
    return made


@pytest.fixture
def slot(tree, tmp_path):
    """``slot(flasher=..., series=...)``: a slot on that tree, without a lease."""

    def make(series=Series.LENA_R8, lines=None, power=None, flasher=None):
        ports, roots = Ports(usb=UsbPort(location=HOME)), UsbRoots(sysfs=str(tree.sysfs), dev=str(tree.dev))
        model = SlotModel(series=series, ports=ports, lines=lines or Lines(), power=power)
        return Slot("a1", model, profile_for(series), roots, None, Transcript(), SlotTiming(0.0, 0.2, 1.0),
                    Budget(), lambda *event: None, usb_elsewhere={NEIGHBOUR: "a2"}, flasher=flasher)

    return make


def boots(tree, location, tty):
    """A module in boot mode: one CDC ACM function (LENA-R8 guide Table 8)."""
    tree.plug(location, *BOOT, [VIEW.Part((2, 2, 1), "cdc_acm", tty), VIEW.Part((0x0A, 0, 0), "cdc_acm")])


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.pac"
    path.write_bytes(b"firmware")
    return Package(path, Series.LENA_R8, PackageKind.FULL, None, "02.00,A01.40", 8,
                   hashlib.md5(b"firmware").hexdigest(), hashlib.sha256(b"firmware").hexdigest())


# -- what a slot needs -----------------------------------------------------------------------------

AT_POWER_ON = replace(TOOL, entry=Entry.POWER_ON)
USB_BOOT = Lines(usb_boot=DrivenLine(on="relays1", pin=2, active=Level.HIGH))


@pytest.mark.parametrize(("given", "lacks"), [
    ({}, "a flashing tool under flasher (docs/flashing.md); USB_BOOT under lines.usb_boot; a supply output "
         "under power"),
    ({"flasher": TOOL}, "USB_BOOT under lines.usb_boot; a supply output under power"),
    ({"flasher": TOOL, "lines": USB_BOOT}, "a supply output under power"),
    ({"lines": USB_BOOT, "power": Power(supply="p", channel=1, voltage_v=3.8, current_limit_a=2.5)},
     "a flashing tool under flasher (docs/flashing.md); a supply output under power"),  # and no lease
    ({"series": Series.LARA_R6},
     "a flashing tool under flasher (docs/flashing.md); a supply output under power"),
    ({"series": Series.LARA_R6, "flasher": TOOL},
     "an entry other than usb-boot: LARA-R6001 has no USB_BOOT pin; a supply output under power"),
    ({"series": Series.LARA_R6, "flasher": AT_POWER_ON}, "a supply output under power"),
], ids=["nothing", "tool", "tool and line", "no tool", "LARA-R6", "LARA-R6 tool", "LARA-R6 at power-on"])
def test_what_a_slot_lacks_is_not_possible_and_all_of_it_is_named(slot, image, given, lacks):
    here = slot(**given)
    with pytest.raises(NotPossible, match="slot a1 cannot be flashed") as caught:
        flash(Dut(here, None), image)
    assert caught.value.remedy == f"it takes {lacks}"


def test_only_a_whole_image_of_the_series_is_taken(image):
    must_be_image(image, Series.LENA_R8, "a1")
    for wrong, why in ((replace(image, kind=PackageKind.DELTA), "delta package"),
                       (replace(image, series=Series.LARA_R6), "slot a1 holds a LENA-R8"),
                       (replace(image, sha256="0" * 64), "SHA-256"), (replace(image, size=9), "8 bytes, 9")):
        with pytest.raises(OperatorError, match=why):
            must_be_image(wrong, Series.LENA_R8, "a1")


# -- the bus ---------------------------------------------------------------------------------------


def test_the_port_of_boot_mode_is_found_at_the_slots_place(slot, tree):
    here = slot()
    assert not in_boot_mode(here)
    boots(tree, NEIGHBOUR, "ttyACM0")
    assert not in_boot_mode(here)
    boots(tree, HOME, "ttyACM7")
    assert in_boot_mode(here)
    device, node = boot_port(here)
    assert (device.location, node) == (HOME, str(tree.dev / "ttyACM7"))


def test_a_module_that_starts_otherwise_has_usb_boot_looked_at(slot, tree):
    tree.plug(HOME, 0x1782, 0x4D10, [VIEW.Part(tty=f"ttyUSB{number}") for number in range(8)])
    with pytest.raises(RigError, match=r"started as 1782:4d10.*, not in boot mode") as caught:
        boot_port(slot())
    assert "USB_BOOT" in caught.value.remedy


def test_another_slots_module_in_boot_mode_is_named(slot, tree):
    here = slot()
    boots(tree, HOME, "ttyACM0")
    tree.plug("1-4.4", 0x1782, 0x4D10, [VIEW.Part(tty=f"ttyUSB{number}") for number in range(8)])
    assert other_in_boot_mode(here, False) is None
    boots(tree, NEIGHBOUR, "ttyACM1")
    for told in (False, True):
        found = other_in_boot_mode(here, told)
        assert f"the module of slot a2 is in boot mode too, at {NEIGHBOUR}" in found.message
        assert "slot a2 with USB_BOOT low" in found.remedy


def test_a_stranger_in_boot_mode_matters_to_a_tool_that_takes_what_it_finds(slot, tree):
    here = slot()
    boots(tree, NOBODY, "ttyACM1")
    assert other_in_boot_mode(here, True) is None
    assert f"at {NOBODY} belongs to no slot" in other_in_boot_mode(here, False).message


# -- turns -----------------------------------------------------------------------------------------


def test_one_process_of_a_host_at_a_time_and_the_holder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CELLBENCH_LOCK_DIR", str(tmp_path))
    first, second = (HostTurn("flasher:x", "the flasher x", 0.2) for _ in range(2))
    first.enter("slot a1")
    first.enter("slot a1")
    with pytest.raises(RigError, match=r"the flasher x was not free within 0.2 s: slot a1 \(user .*, pid "):
        second.enter("slot a2")
    first.leave()
    first.leave()
    second.enter("slot a2")
    second.leave()


def test_a_dead_holder_has_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("CELLBENCH_LOCK_DIR", str(tmp_path))
    code = ("import os\nfrom cellbench.rig.host_turn import HostTurn\nHostTurn('k', 'w', 1.0).enter('it')\n"
            "os.kill(os.getpid(), 9)")
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    turn = HostTurn("k", "w", 20.0)
    turn.enter("slot a1")
    turn.leave()


# -- the course ------------------------------------------------------------------------------------


def test_what_is_left_is_told_by_the_pace_so_far():
    seen = []
    course = FlashCourse(seen.append)
    course.began -= 10.0
    course.tell(Stage.COMMANDED)
    course.wrote(10)
    course.began -= 30.0  # 30 s later
    course.wrote(40)
    assert [(event.stage, event.at) for event in seen] == [
        (Stage.COMMANDED, None), (Stage.WRITING, 10), (Stage.WRITING, 40)]
    assert seen[1].left_s is None
    assert seen[2].left_s == pytest.approx(60.0, abs=1.0)
    assert course.events == seen


def test_what_a_report_raises_ends_the_course():
    def report(event):
        raise KeyError(event.stage)

    with pytest.raises(KeyError):
        FlashCourse(report).tell(Stage.COMMANDED)


@pytest.mark.parametrize(("owner", "kind"), [(Owner.UNIT, FlashFailed), (Owner.RIG, RigError),
                                             (Owner.OPERATOR, OperatorError)])
def test_a_failure_has_the_owner_that_the_tool_tells(owner, kind):
    error = flash_error(Ending(owner, "refused: 168", 4, "look"), "tool1", "a1", "image.pac")
    assert type(error) is kind
    assert error.owner is owner
    assert error.message == "slot a1: flashing image.pac with tool1 failed: refused: 168"
    assert error.remedy == "look"
