"""USB discovery in a tree as Linux makes it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cellbench.base.clock import Deadline
from cellbench.io.usb import find_device, hub_of, list_devices, missing_hub, wait_device, wait_gone


class Tree:
    """sysfs and dev folders with devices as the usb-serial and cdc_acm drivers show them."""

    def __init__(self, root: Path) -> None:
        self.sysfs, self.dev = root / "sys", root / "dev"
        self.devices = self.sysfs / "bus" / "usb" / "devices"
        self.devices.mkdir(parents=True)
        self.dev.mkdir()

    def plug(self, location: str, vid: str, pid: str, ttys: dict[int, str], *, node: bool = True) -> None:
        place = self.devices / location
        place.mkdir()
        (place / "idVendor").write_text(vid + "\n")
        (place / "idProduct").write_text(pid + "\n")
        for number, name in ttys.items():
            interface = self.devices / f"{location}:1.{number}"
            below = interface / "tty" / name if name.startswith("ttyACM") else interface / name / "tty" / name
            below.mkdir(parents=True)
            (interface / "bInterfaceNumber").write_text(f"{number:02x}\n")
            if node:
                (self.dev / name).write_text("")

    def unplug(self, location: str) -> None:
        for path in self.devices.glob(f"{location}*"):
            path.rename(path.with_name(f"gone{path.name}"))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_ttys_come_in_descriptor_order_whatever_their_names(tree):
    tree.plug("1-1.4", "1782", "4d10", {0: "ttyUSB9", 2: "ttyUSB10", 10: "ttyUSB1", 6: "ttyUSB0"})
    device = find_device(tree.sysfs, tree.dev, "1-1.4")
    assert device is not None
    assert (device.vid, device.pid) == (0x1782, 0x4D10)
    assert [tty.name for tty in device.ttys] == ["ttyUSB9", "ttyUSB10", "ttyUSB0", "ttyUSB1"]
    assert device.interfaces == (0, 2, 6, 10)


def test_cdc_acm_and_interfaces_without_tty(tree):
    tree.plug("2-1", "05c6", "908b", {1: "ttyACM0"})
    (tree.devices / "2-1:1.4").mkdir()
    (tree.devices / "2-1:1.4" / "bInterfaceNumber").write_text("04\n")
    device = find_device(tree.sysfs, tree.dev, "2-1")
    assert device is not None
    assert device.ttys == (tree.dev / "ttyACM0",)


def test_a_node_that_is_not_there_yet_does_not_count(tree):
    tree.plug("1-1", "1782", "4d10", {0: "ttyUSB0"}, node=False)
    device = find_device(tree.sysfs, tree.dev, "1-1")
    assert device is not None
    assert device.ttys == ()


def test_neighbours_are_not_mixed_up(tree):
    tree.plug("1-1", "1782", "4d10", {0: "ttyUSB0"})
    tree.plug("1-1.2", "0403", "6001", {0: "ttyUSB1"})
    tree.plug("1-11", "05c6", "908b", {0: "ttyUSB2"})
    device = find_device(tree.sysfs, tree.dev, "1-1")
    assert device is not None
    assert device.ttys == (tree.dev / "ttyUSB0",)
    assert [one.location for one in list_devices(tree.sysfs, tree.dev)] == ["1-1", "1-1.2", "1-11"]


def test_nothing_there(tree, tmp_path):
    assert find_device(tree.sysfs, tree.dev, "1-1") is None
    assert find_device(tmp_path / "nowhere", tree.dev, "1-1") is None
    assert list_devices(tmp_path / "nowhere", tree.dev) == ()
    assert wait_device(tree.sysfs, tree.dev, "1-1", Deadline.after(0.03)) is None


def test_waiting_for_all_ports_of_a_device(tree):
    tree.plug("1-1", "1782", "4d10", {0: "ttyUSB0", 1: "ttyUSB1"}, node=False)
    timers = [threading.Timer(0.03 * (number + 1), (tree.dev / f"ttyUSB{number}").write_text, ("",))
              for number in range(2)]
    for timer in timers:
        timer.start()
    device = wait_device(tree.sysfs, tree.dev, "1-1", Deadline.after(5.0), ttys=2, poll_s=0.005)
    assert device is not None
    assert len(device.ttys) == 2


def test_waiting_until_a_device_is_gone(tree):
    tree.plug("1-1", "1782", "4d10", {})
    assert not wait_gone(tree.sysfs, tree.dev, "1-1", Deadline.after(0.03))
    threading.Timer(0.03, tree.unplug, ("1-1",)).start()
    assert wait_gone(tree.sysfs, tree.dev, "1-1", Deadline.after(5.0), poll_s=0.005)


def test_every_interface_with_class_driver_and_what_became_of_it(tree):
    tree.plug("1-1", "1782", "4d13", {2: "ttyUSB0"})
    for number, triple, driver, net in ((0, ("02", "06", "00"), "cdc_ether", "usb0"),
                                        (1, ("0a", "00", "00"), "", "")):
        place = tree.devices / f"1-1:1.{number}"
        place.mkdir()
        names = ("bInterfaceNumber", "bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
        for name, value in zip(names, (f"{number:02x}", *triple), strict=True):
            (place / name).write_text(value + "\n")
        if driver:
            (tree.sysfs / "drivers" / driver).mkdir(parents=True)
            (place / "driver").symlink_to(tree.sysfs / "drivers" / driver)
        if net:
            (place / "net" / net).mkdir(parents=True)
    device = find_device(tree.sysfs, tree.dev, "1-1")
    assert device is not None
    assert [(one.number, one.usb_class, one.driver, one.nets) for one in device.functions] == [
        (0, 2, "cdc_ether", ("usb0",)), (1, 10, "", ()), (2, 0, "", ())]
    assert device.functions[2].nodes == (tree.dev / "ttyUSB0",)
    assert device.id == "1782:4d13"


def test_hubs_above_a_place(tree):
    assert hub_of("1-4.2.1") == "1-4.2"
    assert hub_of("1-4") == "usb1"
    assert missing_hub(tree.sysfs, "1-4.2") == "usb1"
    (tree.devices / "usb1").mkdir()
    assert missing_hub(tree.sysfs, "1-4.2") == "1-4"
    (tree.devices / "1-4").mkdir()
    assert missing_hub(tree.sysfs, "1-4.2") is None
