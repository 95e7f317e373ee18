"""Serial ports on real PTYs."""

from __future__ import annotations

import os
import select
import termios
import threading
import time
import tty
from collections.abc import Iterator

import pytest

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible, OperatorError, RigError
from cellbench.io.pipe import HasFileno, LinePort, PortLost, PortMissing, PortStuck
from cellbench.io.ports import open_pipe
from cellbench.io.rfc2217 import Rfc2217Port
from cellbench.io.serial_port import SerialPort
from cellbench.io.tcp import TcpPort


class Pty:
    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)

    def close(self) -> None:
        for descriptor in (self.master, self.slave):
            if descriptor >= 0:
                os.close(descriptor)
        self.master = self.slave = -1


@pytest.fixture
def pty() -> Iterator[Pty]:
    pair = Pty()
    yield pair
    pair.close()


@pytest.fixture
def port(pty: Pty) -> Iterator[SerialPort]:
    port = SerialPort(pty.path)
    port.open()
    yield port
    port.close()


def test_bytes_both_ways_unchanged(port, pty):
    data = bytes(range(256))
    port.write(data, Deadline.after(1.0))
    assert os.read(pty.master, 1000) == data
    os.write(pty.master, data)
    assert port.read(1000, 1.0) == data


def test_reads_wait_no_longer_than_told(port, pty):
    began = time.monotonic()
    assert port.read(10, 0.05) == b""
    assert 0.05 <= time.monotonic() - began < 1
    assert port.read(10, 0) == b""
    threading.Timer(0.05, os.write, (pty.master, b"x")).start()
    assert port.read(10, 5.0) == b"x"


def test_the_limit_is_kept(port, pty):
    os.write(pty.master, b"abcdef")
    assert port.read(4, 1.0) == b"abcd"
    assert port.read(4, 1.0) == b"ef"


def test_a_write_that_nobody_takes_ends_at_its_deadline(port):
    with pytest.raises(PortStuck):
        port.write(b"x" * 1_000_000, Deadline.after(0.1))


def test_a_long_write_goes_through_as_it_is_taken(port, pty):
    data = os.urandom(200_000)
    got = bytearray()

    def take() -> None:
        while len(got) < len(data):
            if select.select([pty.master], [], [], 2.0)[0]:
                got.extend(os.read(pty.master, 65536))

    taker = threading.Thread(target=take)
    taker.start()
    port.write(data, Deadline.after(5.0))
    taker.join()
    assert bytes(got) == data


def test_a_port_that_vanishes_and_comes_back(port, pty):
    os.close(pty.master)
    pty.master = -1
    with pytest.raises(PortLost):
        port.read(10, 1.0)
    with pytest.raises(PortLost):
        port.write(b"AT\r", Deadline.after(1.0))
    port.close()
    with pytest.raises(PortLost):
        port.read(10, 0)


def test_a_closed_port_opens_again(pty):
    port = SerialPort(pty.path)
    for _ in range(3):
        port.open()
        port.write(b"a", Deadline.after(1.0))
        assert os.read(pty.master, 10) == b"a"
        port.close()
        port.close()
    assert port.fileno() == -1


def test_a_missing_port_names_those_beside_it(tmp_path):
    for name in ("ttyUSB0", "ttyUSB1"):
        (tmp_path / name).symlink_to("/dev/null")
    with pytest.raises(PortMissing, match=r"ttyUSB0.*ttyUSB1"):
        SerialPort(tmp_path / "ttyUSB9").open()


def test_what_is_no_serial_port_is_a_rig_error(tmp_path):
    with pytest.raises(RigError, match="not a serial port"):
        SerialPort("/dev/null").open()
    (tmp_path / "file").write_text("")
    with pytest.raises(RigError):
        SerialPort(tmp_path / "file").open()


def test_the_rate_reaches_the_driver(port, pty):
    for rate, constant in ((460800, termios.B460800), (115200, termios.B115200), (9600, termios.B9600)):
        port.set_rate(rate)
        assert termios.tcgetattr(pty.slave)[5] == constant
        assert port.rate == rate
    port.set_rate(14400)  # has no constant of its own


def test_a_pty_has_no_lines(port):
    with pytest.raises(NotPossible):
        port.set_output("dtr", True)
    with pytest.raises(NotPossible):
        port.read_inputs()


def test_nothing_is_translated_or_echoed(port, pty):
    attributes = termios.tcgetattr(pty.slave)
    assert attributes[0] == attributes[1] == attributes[3] == 0


def test_descriptors_do_not_reach_children(port):
    assert not os.get_inheritable(port.fileno())


def test_addresses():
    assert isinstance(open_pipe("/dev/ttyUSB0"), SerialPort)
    assert isinstance(open_pipe("rfc2217://127.0.0.1:4001"), Rfc2217Port)
    assert isinstance(open_pipe("socket://[::1]:4001"), TcpPort)
    for port in (open_pipe("/dev/ttyUSB0"), open_pipe("rfc2217://h:1"), open_pipe("socket://h:1")):
        assert isinstance(port, LinePort)
        assert isinstance(port, HasFileno)


@pytest.mark.parametrize("url", ["ttyUSB0", "COM3", "http://h:1", "rfc2217://host", "socket://h:0", "socket://:1",
                                 "rfc2217://h:port", "socket://h:70000"])
def test_addresses_of_no_known_form(url):
    with pytest.raises(OperatorError, match="port "):
        open_pipe(url)
