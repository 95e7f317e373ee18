"""What stands at a USB location, for every composition, in sysfs trees as Linux shows them
(Documentation/ABI/stable/sysfs-bus-usb); each obstacle with the remedy that ends it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from cellbench.base.errors import Owner, RigError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for, variants_of
from cellbench.host.transcript import Transcript
from cellbench.io.pipe import PortMissing
from cellbench.rig.schema import Ports, UsbPort, UsbRoots
from cellbench.rig.schema import Slot as SlotModel
from cellbench.rig.slot_ports import SlotPorts
from cellbench.rig.usb_roles import misplaced, told_apart
from cellbench.rig.usb_view import UsbAbsent, UsbScene, UsbTrouble

HOME = "1-4.2"
R8 = profile_for(Series.LENA_R8)
RNDIS = [((0xE0, 1, 3), "rndis_host"), ((0x0A, 0, 0), "rndis_host")]
ECM = [((2, 6, 0), "cdc_ether"), ((0x0A, 0, 0), "cdc_ether")]
RMNET = [((0xFF, 0xFF, 0xFF), "qmi_wwan")]


@dataclass(frozen=True)
class Part:
    """One interface: class triple, driver ("" for none), the tty and the network interface it got."""

    triple: tuple[int, int, int] = (0xFF, 0, 0)
    driver: str = "option"
    tty: str = ""
    net: str = ""
    node: bool = True


class UsbTree:
    """sysfs and dev folders with one root hub; everything else is plugged."""

    def __init__(self, root: Path) -> None:
        self.sysfs, self.dev = root / "sys", root / "dev"
        self.devices = self.sysfs / "bus" / "usb" / "devices"
        self.drivers = self.sysfs / "bus" / "usb" / "drivers"
        (self.devices / "usb1").mkdir(parents=True)
        self.drivers.mkdir()
        self.dev.mkdir()
        self.devnum = 1

    def hub(self, location: str) -> None:
        """A hub."""
        self.plug(location, 0x1D6B, 0x0002, [Part((9, 0, 0), "hub")])

    def plug(self, location: str, vid: int, pid: int, parts: list[Part], **texts: str) -> None:
        """A device with its interfaces."""
        self.devnum += 1
        home = self.devices / location
        home.mkdir()
        facts = {"idVendor": f"{vid:04x}", "idProduct": f"{pid:04x}", "devnum": str(self.devnum),
                 "bNumInterfaces": f"{len(parts):2d}", **texts}
        for name, value in facts.items():
            (home / name).write_text(value + "\n")
        for number, part in enumerate(parts):
            self.interface(location, number, part)

    def interface(self, location: str, number: int, part: Part) -> None:
        """One interface with what its driver made of it."""
        home = self.devices / f"{location}:1.{number}"
        home.mkdir()
        names = ("bInterfaceNumber", "bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
        for name, value in zip(names, (number, *part.triple), strict=True):
            (home / name).write_text(f"{value:02x}\n")
        if part.driver:
            (self.drivers / part.driver).mkdir(exist_ok=True)
            (home / "driver").symlink_to(self.drivers / part.driver)
        if part.tty:
            acm = part.tty.startswith("ttyACM")
            (home / "tty" / part.tty if acm else home / part.tty / "tty" / part.tty).mkdir(parents=True)
            if part.node:
                (self.dev / part.tty).write_text("")
        if part.net:
            (home / "net" / part.net).mkdir(parents=True)

    def unplug(self, location: str) -> None:
        """The device and its interfaces vanish."""
        for path in [self.devices / location, *self.devices.glob(f"{location}:*")]:
            path.rename(path.with_name(f"gone-{self.devnum}-{path.name}"))


def parts_of(composition, first_tty=0):
    """The interfaces of a composition, each serial port with a tty whose number falls as the order rises."""
    network = {"rndis": RNDIS, "ecm": ECM, "rmnet": RMNET, "none": []}[composition.network]
    net = [Part(triple, driver, net="usb0" if number == 0 else "")
           for number, (triple, driver) in enumerate(network)]
    count = len(composition.interfaces)
    if composition.serial_class == "acm":
        serial = [part for number in range(count)
                  for part in (Part((2, 2, 1), "cdc_acm", f"ttyACM{number}"), Part((0x0A, 0, 0), "cdc_acm"))]
    else:
        serial = [Part(tty=f"ttyUSB{first_tty + count - number}") for number in range(count)]
    return [*net, *serial] if composition.network_first else [*serial, *net]


def without_driver(parts):
    return [Part(part.triple, "") for part in parts]


def every_composition():
    """Each composition once, with the last variant that has it."""
    found = {composition: (series, variant) for series in Series for variant in variants_of(series)
             for composition in profile_for(series, variant).usb}
    return [pytest.param(series, variant, one, id=f"{variant} {one.name} {one.ordering}")
            for one, (series, variant) in found.items()]


@pytest.fixture
def tree(tmp_path):
    made = UsbTree(tmp_path)
    made.hub("1-4")
    return made


def scene(tree, profile=R8, elsewhere=()):
    return UsbScene("a1", HOME, profile, UsbRoots(sysfs=str(tree.sysfs), dev=str(tree.dev)),
                    frozenset(elsewhere))


def trouble(tree, profile=R8, elsewhere=()):
    with pytest.raises(UsbTrouble) as caught:
        scene(tree, profile, elsewhere).view()
    assert caught.value.owner is Owner.RIG
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(("series", "variant", "composition"), every_composition())
def test_every_composition_is_found_with_its_roles(tree, series, variant, composition):
    tree.plug(HOME, composition.vid, composition.pid, parts_of(composition, 20))
    view = scene(tree, profile_for(series, variant)).view()
    assert composition in view.candidates
    assert len(view.nodes) == len(composition.interfaces)
    prefix = "ttyACM" if composition.serial_class == "acm" else "ttyUSB"
    numbers = [int(node.name.removeprefix(prefix)) for node in view.nodes]
    assert numbers == sorted(numbers, reverse=composition.serial_class != "acm")
    assert view.nets == (() if composition.network == "none" else ("usb0",))
    for one in view.candidates:
        assert (one.vid, one.pid, len(one.interfaces)) == (
            composition.vid, composition.pid, len(composition.interfaces))


@pytest.mark.parametrize(("series", "variant", "composition"), every_composition())
def test_a_composition_without_driver_names_the_lines_that_bind_it(tree, series, variant, composition):
    tree.plug(HOME, composition.vid, composition.pid, without_driver(parts_of(composition)))
    error = trouble(tree, profile_for(series, variant))
    ids = f"{composition.vid:04x} {composition.pid:04x}"
    narrow = " ff" if composition.network != "none" else ""
    if composition.serial_class == "acm":
        assert f"modprobe cdc_acm && echo {ids} > /sys/bus/usb/drivers/cdc_acm/new_id" in error.remedy
    else:
        line = f"echo {ids}{narrow} > /sys/bus/usb-serial/drivers/option1/new_id"
        assert f"modprobe option && {line}" in error.remedy
        assert f"RUN+=\"/bin/sh -c '{line}'\"" in error.remedy
    rules = f"/etc/udev/rules.d/71-cellbench-{ids.replace(' ', '-')}.rules"
    assert rules in error.remedy
    assert f'ATTR{{idVendor}}=="{composition.vid:04x}"' in error.remedy


@pytest.mark.parametrize(("network", "module"), [("rndis", "rndis_host"), ("ecm", "cdc_ether")])
def test_a_network_function_without_driver_names_its_own(tree, network, module):
    composition = next(one for one in R8.usb if one.network == network)
    parts = parts_of(composition)
    tree.plug(HOME, composition.vid, composition.pid, [*without_driver(parts[:2]), *parts[2:]])
    assert len(scene(tree).view().nodes) == 8, "AT does not wait for the network"
    with pytest.raises(UsbTrouble) as caught:
        scene(tree).network_interface()
    assert f"/sys/bus/usb/drivers/{module}/new_id" in caught.value.remedy


def test_the_network_interface(tree):
    composition = next(one for one in R8.usb if one.network == "ecm")
    tree.plug(HOME, composition.vid, composition.pid, parts_of(composition))
    assert scene(tree).network_interface() == "usb0"


def test_a_composition_without_network_has_none_to_give(tree):
    tree.plug(HOME, 0x1782, 0x4D10, parts_of(R8.usb[0]))
    with pytest.raises(UsbTrouble, match="no network function"):
        scene(tree).network_interface()


def test_the_boot_mode_counts_at_its_place_only(tree):
    boot = next(one for one in R8.usb if one.shared_id)
    tree.plug("1-4.3", boot.vid, boot.pid, parts_of(boot), manufacturer="Linux", product="Gadget Serial")
    with pytest.raises(UsbAbsent) as caught:
        scene(tree).view()
    assert "1-4.3" not in str(caught.value), "any Linux gadget has this id"
    tree.plug(HOME, boot.vid, boot.pid, [Part((2, 2, 1), "cdc_acm", "ttyACM7"),
                                         Part((0x0A, 0, 0), "cdc_acm")])
    assert [port.role for port in scene(tree).view().ports()] == ["fw-update"]


def test_lara_r6_has_no_boot_mode(tree):
    tree.plug(HOME, 0x0525, 0xA4A7, [Part((2, 2, 1), "cdc_acm", "ttyACM0"), Part((0x0A, 0, 0), "cdc_acm")])
    error = trouble(tree, profile_for(Series.LARA_R6))
    assert "0525:a4a7" in error.message


def test_a_module_at_another_place_is_named(tree):
    tree.plug("1-4.3", 0x1782, 0x4D10, parts_of(R8.usb[0]))
    error = trouble(tree)
    assert "found at 1-4.3, the rig file says 1-4.2" in error.message
    assert "location: 1-4.3" in error.remedy


def test_another_slots_module_is_no_candidate(tree):
    tree.plug("1-4.3", 0x1782, 0x4D10, parts_of(R8.usb[0]))
    with pytest.raises(UsbAbsent):
        scene(tree, elsewhere=["1-4.3"]).view()


def test_a_stranger_at_the_place_is_named(tree):
    tree.plug(HOME, 0x0403, 0x6001, [Part(driver="ftdi_sio", tty="ttyUSB0")], manufacturer="FTDI",
              product="TTL232R")
    error = trouble(tree)
    assert "0403:6001 (FTDI TTL232R)" in error.message
    assert "1782:4d10" in error.message


def test_a_missing_hub_is_named(tree):
    tree.unplug("1-4")
    assert "hub 1-4 is not there" in trouble(tree).message


def test_no_sysfs_at_all(tree, tmp_path):
    empty = UsbScene("a1", HOME, R8, UsbRoots(sysfs=str(tmp_path / "nowhere"), dev=str(tree.dev)))
    with pytest.raises(UsbTrouble, match="has no USB tree"):
        empty.view()


def test_nodes_that_udev_did_not_make(tree):
    parts = parts_of(R8.usb[0])
    parts[3] = Part(tty="ttyUSB77", node=False)
    tree.plug(HOME, 0x1782, 0x4D10, parts)
    error = trouble(tree)
    assert "there is no " in error.message
    assert "ttyUSB77" in error.message
    assert "udev" in error.remedy


def test_an_enumeration_under_way_is_no_view(tree):
    tree.plug(HOME, 0x1782, 0x4D10, parts_of(R8.usb[0])[:4])
    (tree.devices / HOME / "bNumInterfaces").write_text(" 8\n")
    assert "4 of its 8 interfaces" in trouble(tree).message


def test_an_unknown_number_of_ports(tree):
    tree.plug(HOME, 0x1782, 0x4D10, parts_of(R8.usb[0])[:6])
    assert "6 serial interfaces, 8 are known" in trouble(tree).message


def test_interfaces_that_a_virtual_machine_took(tree):
    tree.plug(HOME, 0x1782, 0x4D10, [Part(driver="usbfs") for _ in range(8)])
    assert "held by usbfs" in trouble(tree).message


def test_no_permission():
    """In a process of a user without rights: root may open everything."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to other users
        Path(folder).chmod(0o755)
        no_permission(UsbTree(Path(folder)))


def no_permission(tree):
    tree.hub("1-4")
    tree.plug(HOME, 0x1782, 0x4D10, parts_of(R8.usb[0]))
    for node in tree.dev.iterdir():
        node.chmod(0)
    program = (
        "import os, sys\n"
        "from cellbench.catalogue.model import Series\n"
        "from cellbench.catalogue.modules import profile_for\n"
        "from cellbench.rig.schema import UsbRoots\n"
        "from cellbench.rig.usb_view import UsbScene, UsbTrouble\n"
        f"scene = UsbScene('a1', {HOME!r}, profile_for(Series.LENA_R8), UsbRoots(sysfs={str(tree.sysfs)!r},"
        f" dev={str(tree.dev)!r}))\n"
        "if os.getuid() == 0:\n"
        "    scene.view()  # everything is imported before the rights are gone\n"
        "    os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        "    scene.view()\n"
        "except UsbTrouble as error:\n"
        "    print(error)\n")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60,
                          check=False)
    assert "no permission to open" in done.stdout, done.stderr
    assert "usermod -aG dialout" in done.stdout
    assert 'SUBSYSTEM=="tty", ATTRS{idVendor}=="1782", GROUP="dialout", MODE="0660"' in done.stdout


def lara_view(tree, count):
    tree.plug(HOME, 0x05C6, 0x908B, [Part(tty=f"ttyUSB{number}") for number in range(count)])
    return scene(tree, profile_for(Series.LARA_R6, "LARA-R6001")).view()


@pytest.mark.parametrize(("count", "at_ports", "name"), [
    (3, {1, 2}, "USIO 0"), (3, {1}, "USIO 2"), (4, {1, 2}, "USIO 3"), (4, {1, 2, 3}, "USIO 4")])
def test_compositions_that_look_alike_are_told_apart_by_at(tree, count, at_ports, name):
    view = lara_view(tree, count)
    assert len(view.candidates) == 2
    found = told_apart(view, lambda index, node: index in at_ports)
    assert found is not None
    assert found.name == name


def test_a_module_that_boots_tells_nothing(tree):
    view = lara_view(tree, 3)
    assert told_apart(view, lambda index, node: False) is None
    assert told_apart(view, lambda index, node: None) is None


def test_a_swapped_order_of_descriptors_is_the_units(tree):
    tree.plug(HOME, 0x1782, 0x4D10, parts_of(R8.usb[0]))
    view = scene(tree).view()
    wrong = misplaced(view, 0, lambda index, node: index == 3)
    assert wrong is not None
    assert wrong.owner is Owner.UNIT
    assert "port 3 (Unisoc Usb Serial Port 3, cp-trace) does" in str(wrong)
    assert misplaced(view, 0, lambda index, node: False) is None


def ports_of(tree, *, boot_max_s=30.0, settle_s=0.1):
    model = SlotModel(series=Series.LENA_R8, ports=Ports(usb=UsbPort(location=HOME)))
    roots = UsbRoots(sysfs=str(tree.sysfs), dev=str(tree.dev))
    return SlotPorts("a1", model, R8, roots, Transcript(), boot_max_s, settle_s=settle_s)


def test_a_missing_driver_is_told_long_before_the_longest_boot(tree):
    tree.plug(HOME, 0x1782, 0x4D10, without_driver(parts_of(R8.usb[0])))
    began = time.monotonic()
    with pytest.raises(UsbTrouble, match="no driver is bound"):
        ports_of(tree).wait_usb(30.0)
    assert time.monotonic() - began < 20.0


def test_a_module_that_stays_away_is_waited_for_to_the_end(tree):
    with pytest.raises(UsbAbsent, match=r"no module on USB at 1-4\.2 after 0\.2 s"):
        ports_of(tree).wait_usb(0.2)


def test_ports_that_come_one_after_the_other_are_no_trouble(tree):
    parts = parts_of(R8.usb[0])
    tree.plug(HOME, 0x1782, 0x4D10, [])
    (tree.devices / HOME / "bNumInterfaces").write_text(" 8\n")
    ports = ports_of(tree, settle_s=5.0)

    def appear() -> None:
        for number, part in enumerate(parts):
            tree.interface(HOME, number, part)

    coming = threading.Timer(0.05, appear)
    coming.start()
    assert ports.wait_usb(30.0).pid == 0x4D10
    coming.join()
    assert ports.roles() == ("at0", "at1", "at2")


def test_a_slot_whose_module_is_off_has_no_roles_on_usb(tree):
    assert ports_of(tree).roles() == ()


def test_ports_by_role(tree):
    tree.plug(HOME, 0x1782, 0x4D10, parts_of(R8.usb[0]))
    pipe = ports_of(tree).pipe("ap-trace")
    with pytest.raises(RigError):
        pipe.open()  # a plain file here: found, and refused as no terminal
    assert pipe.name == str(tree.dev / "ttyUSB4")
    with pytest.raises(PortMissing, match="has no port diag"):
        ports_of(tree).pipe("diag").open()
