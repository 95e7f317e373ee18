"""The driver behind line.ftdi; it needs the pyftdi package.

MPSSE set and get of the two groups of pins, xDBUS (low) and xCBUS (high): FTDI AN_108, 3.6 (80h, 82h, 81h,
83h, 87h). A pin is an input until it is driven. Open drain is made by direction: closed is an output at low,
open is an input. Closing resets the interface: all pins are inputs again.
"""

from __future__ import annotations

import usb.core
from pyftdi.ftdi import FtdiError
from pyftdi.gpio import GpioMpsseController
from pyftdi.usbtools import UsbTools, UsbToolsError

from cellbench.base.errors import RigError
from cellbench.instruments.line.settings import FtdiSettings
from cellbench.instruments.line.stream import pin_in_range

# pyftdi and pyusb let their own errors and those of the URL and of a missing libusb through
_FAILURES = (FtdiError, UsbToolsError, usb.core.USBError, ValueError, OSError)
_CLOCK_HZ = 1e6  # of the serial engine, which no pin here uses; pyftdi wants one
_UDEV = 'SUBSYSTEM=="usb", ATTR{idVendor}=="0403", GROUP="plugdev", MODE="0664"'


class FtdiLines:
    """The pins of one interface; for one thread at a time."""

    __slots__ = ("_direction", "_gpio", "_settings", "_values", "name")

    def __init__(self, name: str, settings: FtdiSettings) -> None:
        """Opens the interface with all pins as inputs; RigError when that fails."""
        self.name = name
        self._settings = settings
        self._direction = self._values = 0
        self._gpio = GpioMpsseController()
        self._open()

    def identity(self) -> str:
        """The chip, as pyftdi knows it, and its number of pins."""
        self._open()
        return f"FTDI {self._gpio.ftdi.ic_name}, {self._gpio.width} pins, at {self._settings.url}"

    def drive(self, pin: int, closed: bool) -> None:
        """Close or open the contact at one pin (see the settings' ``drive``) and read the pin back."""
        self._open()
        bit = 1 << pin_in_range(self.name, pin, self._gpio.width, "pin")
        if self._settings.drive == "open-drain":
            high, output = False, closed
        else:
            high, output = closed is not self._settings.active_low, True
        self._values = self._values | bit if high else self._values & ~bit
        self._direction = self._direction | bit if output else self._direction & ~bit
        self._put()
        if output and self._levels() & bit != self._values & bit:
            level = "high" if high else "low"
            raise RigError(f"instrument {self.name}: pin {pin} is driven {level} and reads as the other",
                           remedy="look for a short at the pin")

    def is_closed(self, pin: int) -> bool:
        """True while the contact at a pin is closed, as the chip was told."""
        self._open()
        bit = 1 << pin_in_range(self.name, pin, self._gpio.width, "pin")
        if not self._direction & bit:
            return False
        if self._settings.drive == "open-drain":
            return not self._levels() & bit
        return bool(self._levels() & bit) is not self._settings.active_low

    def read(self, input: int) -> bool:
        """The level at one pin: True is high."""
        self._open()
        bit = 1 << pin_in_range(self.name, input, self._gpio.width, "input")
        if self._direction & bit:
            raise RigError(f"instrument {self.name}: pin {input} is named both as output and as input",
                           remedy="correct the slot's lines in the rig file")
        return bool(self._levels() & bit)

    def close(self) -> None:
        """Make every pin an input and give the interface back."""
        if not self._gpio.is_connected:
            return
        self._direction = self._values = 0
        try:
            self._put()
            self._gpio.close()
        except RigError:
            return  # the chip is gone, and _lost has closed it
        except _FAILURES as error:
            raise self._lost("cannot be closed", error) from error

    def _open(self) -> None:
        if self._gpio.is_connected:
            return
        self._direction = self._values = 0
        try:
            UsbTools.flush_cache()  # else a chip that was plugged in again is not seen
            self._gpio.configure(self._settings.url, direction=0, frequency=_CLOCK_HZ)
        except _FAILURES as error:
            raise self._lost("cannot be reached", error) from error

    def _put(self) -> None:
        try:
            self._gpio.set_direction((1 << self._gpio.width) - 1, self._direction)
            self._gpio.write(self._values)
        except _FAILURES as error:
            raise self._lost("failed", error) from error

    def _levels(self) -> int:
        try:
            got = self._gpio.read()
        except _FAILURES as error:
            raise self._lost("failed", error) from error
        return int(got if isinstance(got, int) else got[0])

    def _lost(self, what: str, error: Exception) -> RigError:
        try:
            self._gpio.close()
        except _FAILURES:
            self._gpio = GpioMpsseController()
        remedy = "check the chip's URL with ftdi_urls.py and its cable"
        if isinstance(error, usb.core.USBError) and error.errno == 13:
            remedy = f"add the udev rule {_UDEV} and plug the chip in again"
        elif "backend" in str(error).lower():
            remedy = "install libusb 1.0 (apt install libusb-1.0-0)"
        return RigError(f"instrument {self.name} ({self._settings.url}) {what}: {error}", remedy=remedy)
