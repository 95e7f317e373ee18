"""The requests that line.gpiod makes, at the edge of the bindings, and its errors on real nodes.

The kernel here has neither a GPIO chip nor gpio-sim, so a chip of our own takes the requests. It keeps each
line as the kernel documents it (userspace-api/gpio/chardev.rst): open drain drives low and lets go, a line
that was let go keeps its direction, a line that is requested is busy for everybody else.
"""

from __future__ import annotations

import errno
import inspect
import os
import sys
from types import SimpleNamespace

import gpiod
import pytest
from gpiod.line import Bias, Direction, Drive, Value

from cellbench.base.errors import RigError
from cellbench.instruments.kinds import find_kind
from cellbench.instruments.line.gpiod_board import GpiodLines
from cellbench.instruments.line.settings import GpiodSettings

TRANSCRIPT_OF = ("line.gpiod",)


class Wire:
    """One pad: what the chip drives, and what the board around it pulls to."""

    def __init__(self):
        self.pull = True
        self.settings = gpiod.LineSettings()
        self.value = Value.INACTIVE
        self.consumer = None

    def level(self):
        if self.settings.direction is not Direction.OUTPUT:
            return self.pull
        high = (self.value is Value.ACTIVE) is not self.settings.active_low
        if (self.settings.drive is Drive.OPEN_DRAIN and high) or (
                self.settings.drive is Drive.OPEN_SOURCE and not high):
            return self.pull
        return high


class Request:
    def __init__(self, wires):
        self._wires = wires

    def get_value(self, line):
        wire = self._wires[line]
        return Value.ACTIVE if wire.level() is not wire.settings.active_low else Value.INACTIVE

    def set_value(self, line, value):
        assert self._wires[line].settings.direction is Direction.OUTPUT
        self._wires[line].value = value

    def reconfigure_lines(self, config):
        for line, settings in config.items():
            self._wires[line].settings = settings

    def release(self):
        for wire in self._wires.values():
            wire.consumer = None


class Chip:
    def __init__(self, path, wires):
        self.path, self.wires, self.closed = path, wires, False

    def get_info(self):
        return SimpleNamespace(name="gpiochip0", label="pinctrl-bcm2711", num_lines=len(self.wires))

    def request_lines(self, config, consumer):
        for line, settings in config.items():
            if self.wires[line].consumer is not None:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            self.wires[line].settings = settings
            self.wires[line].value = settings.output_value
            self.wires[line].consumer = consumer
        return Request({line: self.wires[line] for line in config})

    def close(self):
        self.closed = True


@pytest.mark.parametrize(("ours", "theirs"), [(Chip, gpiod.Chip), (Request, gpiod.LineRequest)])
def test_the_chip_here_is_called_as_the_bindings_own(ours, theirs):
    for name, method in inspect.getmembers(ours, inspect.isfunction):
        if not name.startswith("_"):
            told = list(inspect.signature(getattr(theirs, name)).parameters)
            used = list(inspect.signature(method).parameters)
            assert used == told[:len(used)]


@pytest.fixture
def wires():
    return [Wire() for _ in range(8)]


def lines(wires, **settings):
    stated = GpiodSettings.model_validate({"kind": "line.gpiod", **settings})
    return GpiodLines("gpio", stated, open_chip=lambda path: Chip(path, wires))


def test_nothing_is_taken_before_it_is_used(wires):
    board = lines(wires)
    assert board.identity() == "gpiochip0 [pinctrl-bcm2711] (8 lines)"
    assert [wire.consumer for wire in wires] == [None] * 8
    assert board.is_closed(3) is False


def test_open_drain_pulls_low_and_lets_go(wires):
    board = lines(wires, consumer="rig-1")
    board.drive(3, True)
    assert wires[3].level() is False
    assert wires[3].consumer == "rig-1"
    assert wires[3].settings.drive is Drive.OPEN_DRAIN
    assert board.is_closed(3) is True
    board.drive(3, False)
    assert wires[3].level() is True
    assert board.is_closed(3) is False


def test_a_line_is_never_high_between_its_request_and_its_first_value(wires):
    board = lines(wires, drive="push-pull")
    board.drive(0, True)
    assert wires[0].settings.output_value is Value.ACTIVE


@pytest.mark.parametrize(("settings", "closed", "opened"), [
    ({"drive": "push-pull"}, True, False), ({"drive": "push-pull", "active_low": True}, False, True),
    ({"drive": "open-drain"}, False, True),
])
def test_polarity(wires, settings, closed, opened):
    board = lines(wires, **settings)
    board.drive(1, True)
    assert wires[1].level() is closed
    board.drive(1, False)
    assert wires[1].level() is opened


def test_open_source_pulls_high_and_lets_go(wires):
    wires[2].pull = False
    board = lines(wires, drive="open-source")
    board.drive(2, True)
    assert wires[2].level() is True
    board.drive(2, False)
    assert wires[2].level() is False


def test_inputs_tell_the_level_whatever_the_outputs_polarity(wires):
    board = lines(wires, bias="pull-up", drive="push-pull", active_low=True)
    assert board.read(5) is True
    wires[5].pull = False
    assert board.read(5) is False
    assert wires[5].settings.bias is Bias.PULL_UP
    assert wires[5].settings.active_low is False


def test_closing_makes_inputs_of_what_was_driven_and_lets_go(wires):
    board = lines(wires)
    board.drive(0, True)
    board.read(1)
    board.close()
    assert wires[0].level() is True
    assert wires[0].settings.direction is Direction.INPUT
    assert [wire.consumer for wire in wires] == [None] * 8
    board.drive(0, True)  # and takes it anew
    assert wires[0].level() is False
    board.close()


def test_a_short_is_told(wires):
    wires[4].pull = False
    with pytest.raises(RigError, match=r"line 4 of .* was made open and reads as the other"):
        lines(wires).drive(4, False)


def test_a_line_of_another_program_is_told(wires):
    wires[6].consumer = "spi0 CS0"
    board = lines(wires)
    with pytest.raises(RigError, match=r"cannot drive line 6 .*busy.*gpioinfo shows which program"):
        board.drive(6, True)
    with pytest.raises(RigError, match="cannot read line 6"):
        board.read(6)


def test_one_line_is_not_both(wires):
    board = lines(wires)
    board.drive(0, True)
    board.read(1)
    for act in (lambda: board.read(0), lambda: board.drive(1, True)):
        with pytest.raises(RigError, match="both as output and as input"):
            act()
    with pytest.raises(RigError, match="no line 8; it has 0 to 7"):
        board.drive(8, True)


@pytest.mark.parametrize(("node", "why"), [
    ("/dev/gpiochip99", "No such file"), ("/dev/null", "No such device"),
    ("/etc/hostname", "Inappropriate ioctl"),
])
def test_real_nodes_that_are_no_chip(node, why):
    with pytest.raises(RigError, match=f"instrument gpio: {node} cannot be opened: {why}") as caught:
        find_kind("line.gpiod").open("gpio", {"chip": node})
    assert "gpiodetect" in caught.value.remedy


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "cellbench.instruments.line.gpiod_board")
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(RigError, match=r"instrument gpio .* needs the package gpiod") as caught:
        find_kind("line.gpiod").open("gpio", {})
    assert caught.value.remedy == "pip install 'cellbench[gpio]'"


def test_active_low_goes_with_push_pull_alone():
    with pytest.raises(RigError, match="active_low goes with drive: push-pull"):
        find_kind("line.gpiod").open("gpio", {"active_low": True})
