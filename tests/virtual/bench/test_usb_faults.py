"""USB as it goes wrong on the virtual host: the tree stays as Linux would show it."""

import os
import stat
from dataclasses import dataclass

import pytest

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for, variants_of
from cellbench.virtual.bench.sysfs import NEW_ID
from cellbench.virtual.bench.usb import Identity, UsbPlug
from cellbench.virtual.bench.usb_host import FAST, Gadget, UsbHost
from cellbench.virtual.bench.usb_layout import layout

R8 = {one.selected_by: one for one in profile_for(Series.LENA_R8).usb}
EIGHT = R8["usbmode=2"]
COMPOSITIONS = list(dict.fromkeys(
    one for series in Series for variant in variants_of(series) for one in profile_for(series, variant).usb))


@dataclass
class Port:
    """A serial function that nothing happens on."""

    transmit: object = None

    def receive(self, data):
        """Nothing."""

    def set_open(self, opened):
        """Nothing."""

    def set_dtr(self, on):
        """Nothing."""


@pytest.fixture
def host(loop, tmp_path):
    made = loop.call(lambda: UsbHost(loop.loop, tmp_path / "sysfs", tmp_path / "dev", FAST, 5))
    yield made
    loop.call(made.close)


@pytest.fixture
def plug(loop, host, tmp_path):
    made = loop.call(lambda: UsbPlug(host, 3, tmp_path / "usb", lambda index: Port(),
                                     lambda: Identity("u-blox", "LENA-R8001", "353760970000040")))
    yield made
    loop.call(made.close)


@pytest.fixture
def devices(tmp_path):
    return tmp_path / "sysfs/bus/usb/devices"


def show(loop, plug, composition=EIGHT):
    loop.call(lambda: plug.composition_changed(composition))
    loop.run(plug.wait_complete())


def nodes(tmp_path):
    return sorted(entry.name for entry in (tmp_path / "dev").iterdir())


@pytest.mark.parametrize("composition", COMPOSITIONS, ids=lambda one: f"{one.pid:04x} {one.name}")
def test_every_composition_is_laid_out(loop, plug, devices, tmp_path, composition):
    show(loop, plug, composition)
    expected = layout(composition)
    assert int((devices / "1-1.3/bNumInterfaces").read_text()) == len(expected)
    for part in expected:
        place = devices / f"1-1.3:1.{part.number}"
        triple = tuple(int((place / name).read_text(), 16) for name in (
            "bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"))
        assert triple == part.triple
        assert (place / "driver").resolve().name == part.driver
        assert (place / "net").exists() is bool(part.net)
        if part.tty == "ttyACM":
            (tty,) = (place / "tty").iterdir()
            assert (tmp_path / "sysfs/class/tty" / tty.name).resolve() == tty.resolve()
            assert (tty / "device").resolve() == place.resolve()
        elif part.tty:
            assert [entry for entry in place.iterdir() if entry.name.startswith("ttyUSB")]
    assert len(nodes(tmp_path)) == len(composition.interfaces)
    loop.call(lambda: plug.composition_changed(None))
    assert not list((tmp_path / "sysfs/class/tty").iterdir())
    assert not list((tmp_path / "sysfs/class/net").iterdir())


def test_the_network_interface_of_the_host(loop, plug, devices, tmp_path):
    show(loop, plug, R8["usbmode=3"])
    (net,) = (devices / "1-1.3:1.0/net").iterdir()
    assert (tmp_path / "sysfs/class/net" / net.name).resolve() == net.resolve()
    assert (devices / "1-1.3:1.0/driver").resolve().name == "rndis_host"


def test_no_driver_leaves_the_device_and_takes_the_ports(loop, plug, devices, tmp_path):
    show(loop, plug)
    loop.call(lambda: plug.set_driver(False))
    assert (devices / "1-1.3/idVendor").read_text() == "1782\n"
    assert (devices / "1-1.3:1.0/bInterfaceClass").exists()
    assert not (devices / "1-1.3:1.0/driver").is_symlink()
    assert nodes(tmp_path) == []
    assert not list((tmp_path / "sysfs/class/tty").iterdir())
    loop.call(lambda: plug.set_driver(True))
    loop.run(plug.wait_complete())
    assert (devices / "1-1.3:1.0/driver").resolve().name == "option"
    assert len(nodes(tmp_path)) == 8


def test_new_id_binds_what_has_no_driver(loop, plug, tmp_path):
    plug.faults.driver = False
    loop.call(lambda: plug.composition_changed(EIGHT))
    new_id = tmp_path / "sysfs" / NEW_ID
    new_id.write_text("nonsense\n1782 4d11\n")
    assert loop.wait_for(lambda: (tmp_path / "sysfs/bus/usb/devices/1-1.3").exists())
    assert nodes(tmp_path) == []
    new_id.write_text("1782 4d10 ff\n")
    loop.run(plug.wait_complete())
    assert len(nodes(tmp_path)) == 8


def test_nodes_come_late_or_never(loop, plug, devices, tmp_path):
    plug.faults.nodes = False
    loop.call(lambda: plug.composition_changed(EIGHT))
    assert loop.wait_for(lambda: len(list((tmp_path / "sysfs/class/tty").iterdir())) == 8)
    assert nodes(tmp_path) == []
    plug.faults.nodes, plug.faults.node_s = True, 0.05
    loop.call(plug.again)
    assert loop.wait_for(lambda: list((tmp_path / "sysfs/class/tty").iterdir()))
    assert nodes(tmp_path) == []
    loop.run(plug.wait_complete())
    assert len(nodes(tmp_path)) == 8


def test_permissions_of_nodes(loop, plug, tmp_path):
    plug.faults.mode = 0o600
    show(loop, plug)
    for name in nodes(tmp_path):
        assert stat.S_IMODE(os.stat(tmp_path / "dev" / name).st_mode) == 0o600


def test_another_place(loop, plug, devices):
    show(loop, plug)
    plug.faults.position = 9
    loop.call(plug.again)
    loop.run(plug.wait_complete())
    assert not (devices / "1-1.3").exists()
    assert (devices / "1-1.9/idVendor").read_text() == "1782\n"
    assert loop.call(plug.nodes)["location"] == "1-1.9"


def test_another_order_of_functions(loop, plug, tmp_path):
    plug.faults.order = (3, 1, 2, 0, 4, 5, 6, 7)
    show(loop, plug)
    facts = loop.call(plug.describe)
    assert (facts["port0"], facts["port3"]) == ("cp-trace", "at")
    place = tmp_path / "sysfs/bus/usb/devices/1-1.3:1.3"
    (tty,) = (entry.name for entry in place.iterdir() if entry.name.startswith("ttyUSB"))
    assert loop.call(plug.nodes)["at0"].endswith(tty)


def test_the_hub_takes_everything_along(loop, host, plug, devices):
    show(loop, plug)
    loop.call(lambda: host.set_gadget(Gadget(30, 0x0525, 0xA4A7), True))
    assert (devices / "1-1.30/idProduct").read_text() == "a4a7\n"
    before = (devices / "1-1/devnum").read_text()
    loop.call(lambda: host.set_hub(False))
    assert sorted(entry.name for entry in devices.iterdir()) == ["usb1"]
    loop.call(lambda: host.set_hub(True))
    loop.run(plug.wait_complete())
    assert (devices / "1-1.30").exists()
    assert (devices / "1-1.3").exists()
    assert (devices / "1-1/devnum").read_text() != before


def test_a_gadget_goes_again(loop, host, devices):
    loop.call(lambda: host.set_gadget(Gadget(30, 0x0525, 0xA4A7), True))
    assert host.has_gadget(30)
    loop.call(lambda: host.set_gadget(Gadget(30, 0x0525, 0xA4A7), False))
    assert not host.has_gadget(30)
    assert not (devices / "1-1.30").exists()
