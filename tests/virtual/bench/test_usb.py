"""The USB side: ports as pseudo-terminals opened by pyserial and by bare system calls, and the tree."""

import itertools
import os
import select
import termios
import time
from dataclasses import dataclass, field

import pytest
import serial

from cellbench.catalogue.model import Evidence, Source
from cellbench.catalogue.modules.model import UsbComposition, UsbInterface
from cellbench.virtual.bench.probe import answers_at
from cellbench.virtual.bench.pty import PollingWatch, PtyPort, make_watch
from cellbench.virtual.bench.usb import Identity, UsbPlug
from cellbench.virtual.bench.usb_host import FAST, UsbHost
from cellbench.virtual.bench.usb_layout import link_names

GUIDE = Source(Evidence.GUIDE, "test")
THREE = UsbComposition("three", 0x1782, 0x4D10, (
    UsbInterface("AT", "at"), UsbInterface("trace", "cp-trace"), UsbInterface("AT 2", "at")), "none", GUIDE)
ECM = UsbComposition("ecm", 0x1782, 0x4D13, (UsbInterface("AT", "at"),), "ecm", GUIDE)


@dataclass
class Port:
    """A port of a module that echoes, and notes openings."""

    transmit: object = None
    heard: bytearray = field(default_factory=bytearray)
    opened: list[bool] = field(default_factory=list)
    dtr: list[bool] = field(default_factory=list)

    def receive(self, data):
        self.heard += data
        self.transmit(b"\r\nOK\r\n" if data == b"AT\r" else data)

    def set_open(self, opened):
        self.opened.append(opened)

    def set_dtr(self, on):
        self.dtr.append(on)


@pytest.fixture
def host(loop, tmp_path):
    made = loop.call(lambda: UsbHost(loop.loop, tmp_path / "sysfs", tmp_path / "dev", FAST, 5))
    yield made
    loop.call(made.close)


@pytest.fixture
def ports():
    return {}


@pytest.fixture
def plug(loop, host, ports, tmp_path):
    made = UsbPlug(host, 3, tmp_path / "usb", lambda index: ports.setdefault(index, Port()),
                   lambda: Identity("u-blox", "LENA-R8001", "353760970000040"))
    yield made
    loop.call(made.close)


def enumerate_(loop, plug, composition=THREE):
    loop.call(lambda: plug.composition_changed(composition))
    loop.run(plug.wait_complete())


def names(tmp_path):
    return sorted(entry.name for entry in (tmp_path / "dev").iterdir())


def test_the_tree_reads_as_linux_shows_it(loop, plug, tmp_path):
    enumerate_(loop, plug)
    device = tmp_path / "sysfs/bus/usb/devices/1-1.3"
    assert (device / "idVendor").read_text() == "1782\n"
    assert (device / "idProduct").read_text() == "4d10\n"
    assert (device / "serial").read_text() == "353760970000040\n"
    assert int((device / "bNumInterfaces").read_text()) == 3
    assert device.resolve().is_relative_to(tmp_path / "sysfs/devices")
    ttys = set()
    for number in range(3):
        interface = tmp_path / f"sysfs/bus/usb/devices/1-1.3:1.{number}"
        assert (interface / "bInterfaceNumber").read_text() == f"{number:02x}\n"
        assert (interface / "bInterfaceClass").read_text() == "ff\n"
        assert (interface / "driver").resolve().name == "option"
        tty = next(entry.name for entry in interface.iterdir() if entry.name.startswith("ttyUSB"))
        assert (tmp_path / "sysfs/class/tty" / tty).resolve() == (interface / tty / "tty" / tty).resolve()
        assert (tmp_path / "sysfs/class/tty" / tty / "device").resolve() == (interface / tty).resolve()
        ttys.add(tty)
    assert names(tmp_path) == sorted(ttys)
    assert all(os.path.realpath(tmp_path / "dev" / tty).startswith("/dev/pts/") for tty in ttys)


def test_links_follow_descriptor_order_and_vanish(loop, plug, ports, tmp_path):
    enumerate_(loop, plug)
    assert sorted(link.name for link in (tmp_path / "usb").iterdir()) == ["at0", "at1", "cp-trace0"]
    with serial.Serial(str(tmp_path / "usb/at1"), timeout=3) as port:
        port.write(b"second")
        assert port.read(6) == b"second"
    assert bytes(ports[2].heard) == b"second"
    loop.call(lambda: plug.composition_changed(None))
    assert list((tmp_path / "usb").iterdir()) == []
    assert names(tmp_path) == []
    assert not (tmp_path / "sysfs/bus/usb/devices/1-1.3").exists()
    assert list((tmp_path / "sysfs/class/tty").iterdir()) == []


def test_every_enumeration_has_other_names(loop, plug, tmp_path):
    seen, numbers, orders = [], [], set()
    for _ in range(6):
        enumerate_(loop, plug)
        seen.append(set(names(tmp_path)))
        numbers.append((tmp_path / "sysfs/bus/usb/devices/1-1.3/devnum").read_text())
        links = [os.readlink(tmp_path / "usb" / name) for name in ("at0", "cp-trace0", "at1")]
        orders.add(tuple(sorted(range(3), key=lambda index: links[index])))
    assert all(not a & b for a, b in itertools.pairwise(seen))
    assert len(set(numbers)) == 6
    assert len(orders) > 1


def test_network_function_takes_the_first_interfaces(loop, plug, tmp_path):
    enumerate_(loop, plug, ECM)
    devices = tmp_path / "sysfs/bus/usb/devices"
    assert (devices / "1-1.3:1.0/bInterfaceClass").read_text() == "02\n"
    assert (devices / "1-1.3:1.0/driver").resolve().name == "cdc_ether"
    assert (devices / "1-1.3:1.2/driver").resolve().name == "option"
    assert loop.call(plug.describe) == {"vid": "1782", "pid": "4d13", "serial_ports": "1", "port0": "at",
                                        "net": "ecm"}


def test_open_and_close_are_seen_and_nothing_is_kept_for_nobody(loop, plug, ports, tmp_path):
    enumerate_(loop, plug)
    loop.call(lambda: ports[0].transmit(b"to nobody"))
    for round_ in range(1, 4):
        with serial.Serial(str(tmp_path / "usb/at0"), timeout=3) as port:
            assert loop.wait_for(lambda: ports[0].opened[-1:] == [True])
            port.write(b"hello")
            assert port.read(5) == b"hello"
            loop.call(lambda: ports[0].transmit(b"left unread"))
        assert loop.wait_for(lambda seen=round_: ports[0].opened == [True, False] * seen)


def test_bytes_of_a_host_that_closes_at_once_still_count(loop, plug, ports, tmp_path):
    enumerate_(loop, plug)
    for _ in range(20):
        fd = os.open(tmp_path / "usb/at0", os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"quick")
        os.close(fd)
    assert loop.wait_for(lambda: len(ports[0].heard) == 100)
    assert loop.wait_for(lambda: ports[0].opened[-1] is False)


def test_two_openers_are_one_dtr(loop, plug, ports, tmp_path):
    enumerate_(loop, plug)
    first = os.open(tmp_path / "usb/at0", os.O_RDWR | os.O_NOCTTY)
    second = os.open(tmp_path / "usb/at0", os.O_RDWR | os.O_NOCTTY)
    assert loop.wait_for(lambda: ports[0].opened == [True])
    os.close(first)
    os.write(second, b"still here")
    assert loop.wait_for(lambda: bytes(ports[0].heard) == b"still here")
    assert ports[0].opened == [True]
    os.close(second)
    assert loop.wait_for(lambda: ports[0].opened == [True, False])


def test_unplugging_ends_the_hosts_side(loop, plug, ports, tmp_path):
    enumerate_(loop, plug)
    fd = os.open(tmp_path / "usb/at0", os.O_RDWR | os.O_NOCTTY)
    assert loop.wait_for(lambda: ports[0].opened == [True])
    loop.call(lambda: plug.plug(False))
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    assert poll.poll(3000)[0][1] & select.POLLHUP
    assert os.read(fd, 10) == b""
    with pytest.raises(OSError, match="Input/output error"):
        os.write(fd, b"x")
    os.close(fd)
    assert ports[0].opened == [True, False]
    loop.call(lambda: plug.plug(True))
    loop.run(plug.wait_complete())
    with serial.Serial(str(tmp_path / "usb/at0"), timeout=3) as port:
        port.write(b"back")
        assert port.read(4) == b"back"


def test_the_line_is_raw_before_a_host_sets_it(loop, plug, tmp_path):
    enumerate_(loop, plug)
    fd = os.open(tmp_path / "usb/at0", os.O_RDWR | os.O_NOCTTY)
    settings = termios.tcgetattr(fd)
    assert not settings[3] & (termios.ECHO | termios.ICANON)
    assert not settings[1] & termios.OPOST
    payload = bytes(range(256))
    os.write(fd, payload)
    heard = b""
    while len(heard) < 256:
        heard += os.read(fd, 256)
    assert heard == payload
    os.close(fd)


def test_a_host_that_does_not_read_gets_all_in_the_end(loop, plug, ports, tmp_path):
    enumerate_(loop, plug)
    payload = os.urandom(300_000)
    fd = os.open(tmp_path / "usb/at0", os.O_RDWR | os.O_NOCTTY)
    assert loop.wait_for(lambda: ports[0].opened == [True])
    for start in range(0, len(payload), 10_000):
        loop.call(lambda start=start: ports[0].transmit(payload[start:start + 10_000]))
    heard = bytearray()
    while len(heard) < len(payload):
        heard += os.read(fd, 65536)
    assert bytes(heard) == payload
    os.close(fd)


def test_dtr_can_be_forced_until_the_host_opens_or_closes(loop, plug, ports, tmp_path):
    enumerate_(loop, plug)
    loop.call(lambda: plug.force_dtr(plug.at_port(1), False))
    assert ports[2].dtr == [False]
    assert loop.call(lambda: plug.at_port(2)) is None


def test_probe_asks_at(loop, plug, tmp_path):
    enumerate_(loop, plug)
    loop.run(answers_at(tmp_path / "usb/at0"))


@pytest.mark.parametrize("make", [make_watch, PollingWatch])
def test_a_closed_port_costs_no_wakeups(loop, make):
    heard = []

    def setup():
        watch = make(loop.loop)
        port = PtyPort(loop.loop, watch, on_data=heard.append, on_open=lambda opened: heard.append(opened))
        return watch, port

    watch, port = loop.call(setup)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1
    fd = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    os.write(fd, b"x")
    assert loop.wait_for(lambda: heard == [True, b"x"])
    os.close(fd)
    assert loop.wait_for(lambda: heard == [True, b"x", False])
    loop.call(port.close)
    loop.call(watch.close)


def test_link_names():
    assert link_names(["at", "reserved", "at", "cp-trace"]) == ["at0", "reserved0", "at1", "cp-trace0"]
