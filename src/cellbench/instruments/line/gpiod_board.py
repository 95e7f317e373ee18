"""The driver behind line.gpiod; it needs the gpiod package.

A line is taken as input when it is first read and as output when it is first driven, under the consumer's
name. The kernel keeps a line's direction when a program lets go of it, so each driven line is made an input
before: what was driven is let go when the board is closed.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Protocol, cast

import gpiod
from gpiod.line import Bias, Direction, Drive, Value

from cellbench.base.clock import Deadline
from cellbench.base.errors import RigError
from cellbench.instruments.line.settings import GpiodSettings

_DRIVES = {"push-pull": Drive.PUSH_PULL, "open-drain": Drive.OPEN_DRAIN, "open-source": Drive.OPEN_SOURCE}
_BIASES = {"as-is": Bias.AS_IS, "disabled": Bias.DISABLED, "pull-up": Bias.PULL_UP,
           "pull-down": Bias.PULL_DOWN}
_SETTLE_S = 0.05  # a released open-drain line rises as fast as its pull resistor lets it
_UDEV = 'SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"'


class Request(Protocol):
    """What is used of gpiod.LineRequest."""

    def get_value(self, line: int) -> Value:
        """The value of one line."""
        ...

    def set_value(self, line: int, value: Value) -> None:
        """Set one output."""
        ...

    def reconfigure_lines(self, config: dict[int, gpiod.LineSettings]) -> None:
        """Change direction, drive or bias."""
        ...

    def release(self) -> None:
        """Let go of the line."""
        ...


class ChipInfo(Protocol):
    """What is used of gpiod.ChipInfo."""

    name: str
    label: str
    num_lines: int


class Chip(Protocol):
    """What is used of gpiod.Chip."""

    def get_info(self) -> ChipInfo:
        """Name, label and number of lines."""
        ...

    def request_lines(self, config: dict[int, gpiod.LineSettings], consumer: str) -> Request:
        """Take lines."""
        ...

    def close(self) -> None:
        """Close the chip."""
        ...


class GpiodLines:
    """The lines of one chip; for one thread at a time."""

    __slots__ = ("_chip", "_driven", "_info", "_open_chip", "_read", "_settings", "name")

    def __init__(self, name: str, settings: GpiodSettings,
                 open_chip: Callable[[str], Chip] | None = None) -> None:
        """Opens the chip and takes no line yet; RigError when it is not there or may not be opened.

        ``open_chip`` is another than gpiod.Chip only where there is no chip to open.
        """
        self._open_chip = open_chip or cast(Callable[[str], Chip], gpiod.Chip)
        self.name = name
        self._settings = settings
        self._driven: dict[int, Request] = {}
        self._read: dict[int, Request] = {}
        self._chip: Chip | None = None
        try:
            self._info = self._opened().get_info()
        except OSError as error:
            raise self._cannot_open(error) from error

    def identity(self) -> str:
        """The chip's name, label and number of lines, as the kernel tells them."""
        return f"{self._info.name} [{self._info.label}] ({self._info.num_lines} lines)"

    def drive(self, pin: int, closed: bool) -> None:
        """Close or open the contact at one line (see the settings' ``drive``) and read the line back."""
        self._in_range(pin)
        if pin in self._read:
            raise self._both(pin)
        wanted = Value.ACTIVE if closed else Value.INACTIVE
        try:
            if pin in self._driven:
                self._driven[pin].set_value(pin, wanted)
            else:
                self._driven[pin] = self._take(pin, self._as_output(wanted))
            agrees = self._settles(pin, wanted)
        except OSError as error:
            raise self._failed(pin, "drive", error) from error
        if not agrees:
            raise RigError(f"instrument {self.name}: line {pin} of {self._settings.chip} was made "
                           f"{'closed' if closed else 'open'} and reads as the other",
                           remedy="look for a short, or for a missing pull resistor on an open-drain line")

    def is_closed(self, pin: int) -> bool:
        """True while the contact at a driven line is closed; False for one that was never driven."""
        self._in_range(pin)
        if pin not in self._driven:
            return False
        try:
            return self._driven[pin].get_value(pin) is Value.ACTIVE
        except OSError as error:
            raise self._failed(pin, "read", error) from error

    def read(self, input: int) -> bool:
        """The level at one line: True is high."""
        self._in_range(input)
        if input in self._driven:
            raise self._both(input)
        try:
            if input not in self._read:
                self._read[input] = self._take(input, self._as_input())
            return self._read[input].get_value(input) is Value.ACTIVE
        except OSError as error:
            raise self._failed(input, "read", error) from error

    def close(self) -> None:
        """Let go of every line; those that were driven become inputs first."""
        chip, driven, read = self._chip, self._driven, self._read
        self._chip, self._driven, self._read = None, {}, {}
        try:
            for pin, request in driven.items():
                request.reconfigure_lines({pin: self._as_input()})
            for request in (*driven.values(), *read.values()):
                request.release()
            if chip is not None:
                chip.close()
        except OSError as error:
            raise RigError(f"instrument {self.name}: lines of {self._settings.chip} could not be let go: "
                           f"{error.strerror or error}", remedy="look at them with gpioinfo") from error

    def _take(self, pin: int, settings: gpiod.LineSettings) -> Request:
        return self._opened().request_lines({pin: settings}, consumer=self._settings.consumer)

    def _opened(self) -> Chip:
        if self._chip is None:
            try:
                self._chip = self._open_chip(self._settings.chip)
            except OSError as error:
                raise self._cannot_open(error) from error
        return self._chip

    def _settles(self, pin: int, wanted: Value) -> bool:
        deadline = Deadline.after(_SETTLE_S)
        while self._driven[pin].get_value(pin) is not wanted:
            if deadline.expired:
                return False
        return True

    def _as_output(self, value: Value) -> gpiod.LineSettings:
        # an open-drain output pulls at its low value: closed is the active state of an active-low line
        low = self._settings.active_low or self._settings.drive == "open-drain"
        return gpiod.LineSettings(direction=Direction.OUTPUT, drive=_DRIVES[self._settings.drive],
                                  bias=_BIASES[self._settings.bias], active_low=low, output_value=value)

    def _as_input(self) -> gpiod.LineSettings:
        return gpiod.LineSettings(direction=Direction.INPUT, bias=_BIASES[self._settings.bias])

    def _in_range(self, pin: int) -> None:
        if not 0 <= pin < self._info.num_lines:
            raise RigError(f"instrument {self.name}: {self._settings.chip} has no line {pin}; it has 0 to "
                           f"{self._info.num_lines - 1}", remedy="find the line's offset with gpioinfo")

    def _both(self, pin: int) -> RigError:
        return RigError(f"instrument {self.name}: line {pin} of {self._settings.chip} is named both as "
                        "output and as input", remedy="correct the slot's lines in the rig file")

    def _cannot_open(self, error: OSError) -> RigError:
        remedy = "name the device node of a GPIO chip: gpiodetect lists them"
        if isinstance(error, PermissionError):
            remedy = f"add the user to the group that owns the node, or add the udev rule {_UDEV}"
        return RigError(f"instrument {self.name}: {self._settings.chip} cannot be opened: "
                        f"{error.strerror or error}", remedy=remedy)

    def _failed(self, pin: int, what: str, error: OSError) -> RigError:
        busy = error.errno == errno.EBUSY
        return RigError(f"instrument {self.name}: cannot {what} line {pin} of {self._settings.chip}: "
                        f"{error.strerror or error}",
                        remedy="gpioinfo shows which program or driver has it" if busy else "see gpioinfo")
