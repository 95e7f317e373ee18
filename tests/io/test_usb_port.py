"""A port that is found anew at each opening, on real PTYs."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from cellbench.base.clock import Deadline
from cellbench.io.pipe import PortLost, PortMissing
from cellbench.io.usb_port import PortPlace, UsbSerialPort


class Ptys:
    """Pseudo-terminals behind links, as device nodes are that change their meaning."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.masters: dict[str, int] = {}

    def make(self, name: str) -> Path:
        master, slave = os.openpty()
        tty.setraw(slave)
        node = self.folder / name
        node.unlink(missing_ok=True)
        node.symlink_to(os.ttyname(slave))
        os.close(slave)
        self.masters[name] = master
        return node

    def vanish(self, name: str) -> None:
        os.close(self.masters.pop(name))
        (self.folder / name).unlink()

    def close(self) -> None:
        for master in self.masters.values():
            os.close(master)


@pytest.fixture
def ptys(tmp_path: Path) -> Iterator[Ptys]:
    made = Ptys(tmp_path)
    yield made
    made.close()


def test_it_goes_on_where_the_port_is_now(ptys):
    places = [PortPlace(ptys.make("ttyUSB0"), "1-1", 4)]
    port = UsbSerialPort("a.at0", lambda: places[0])
    port.open()
    port.write(b"one", Deadline.after(1.0))
    assert os.read(ptys.masters["ttyUSB0"], 10) == b"one"
    places[0] = PortPlace(ptys.make("ttyUSB7"), "1-1", 5)
    ptys.vanish("ttyUSB0")
    with pytest.raises(PortLost):
        port.read(10, 1.0)
    port.open()
    port.write(b"two", Deadline.after(1.0))
    assert os.read(ptys.masters["ttyUSB7"], 10) == b"two"
    assert port.place == places[0]
    assert port.name.endswith("ttyUSB7")
    port.close()


def test_a_name_given_to_another_device_meanwhile_is_not_taken(ptys):
    """Found as ttyUSB0; by the time it is open, ttyUSB0 belongs to a neighbour and the port is ttyUSB5."""
    first = PortPlace(ptys.make("ttyUSB0"), "1-1", 4)
    second = PortPlace(ptys.make("ttyUSB5"), "1-1", 5)
    answers = [first, second, second, second]
    port = UsbSerialPort("a.at0", lambda: answers.pop(0))
    port.open()
    port.write(b"mine", Deadline.after(1.0))
    assert os.read(ptys.masters["ttyUSB5"], 10) == b"mine"
    os.set_blocking(ptys.masters["ttyUSB0"], False)
    with pytest.raises(OSError):
        os.read(ptys.masters["ttyUSB0"], 10)
    port.close()


def test_a_port_that_never_stays(ptys):
    node = ptys.make("ttyUSB0")
    numbers = iter(range(100))
    port = UsbSerialPort("a.at0", lambda: PortPlace(node, "1-1", next(numbers)))
    with pytest.raises(PortMissing, match="vanished as often as it was opened"):
        port.open()
    assert port.fileno() == -1


def test_what_keeps_it_away_is_told(ptys):
    def find() -> PortPlace:
        raise PortMissing("no module on USB at 1-1")

    with pytest.raises(PortMissing, match="no module on USB"):
        UsbSerialPort("a.at0", find).open()
