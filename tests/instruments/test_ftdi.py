"""line.ftdi through the real pyftdi and pyusb, over a USB bus with one FT232H.

The bus is a pyusb backend; its chip is written from FTDI's AN_108 (MPSSE commands 80h to 87h, FAh for a
bad command) and AN_232B-05 (two status bytes before what a bulk transfer reads). Each pin has a pull-up.
"""

from __future__ import annotations

import sys
from array import array
from types import ModuleType, SimpleNamespace

import pytest
import usb.core
from pyftdi.usbtools import UsbTools
from usb.backend import IBackend

from cellbench.base.errors import RigError
from cellbench.instruments.kinds import find_kind

TRANSCRIPT_OF = ("line.ftdi",)
URL = "ftdi://ftdi:232h:CB0001/1"
SET_LOW, GET_LOW, SET_HIGH, GET_HIGH, SEND_NOW = 0x80, 0x81, 0x82, 0x83, 0x87
LENGTHS = {0x84: 1, 0x85: 1, 0x86: 3, 0x8A: 1, 0x8B: 1, 0x8C: 1, 0x8D: 1, 0x96: 1, 0x97: 1, 0x9E: 3}


class Ft232h:
    """The chip: values, directions and what the outside holds low."""

    def __init__(self):
        self.value = self.direction = 0
        self.held_low = self.held_high = 0
        self.mpsse = b""  # every byte that came for the MPSSE
        self.answers = b""
        self.present = True

    def levels(self):
        level = (self.value & self.direction) | (0xFFFF & ~self.direction)
        return (level & ~self.held_low) | self.held_high

    def write(self, data):
        self.mpsse += data
        while data:
            data = data[self._command(data):]

    def _command(self, data):
        code = data[0]
        if code in (SET_LOW, SET_HIGH):
            shift = 0 if code == SET_LOW else 8
            keep = 0xFF00 if code == SET_LOW else 0x00FF
            self.value = self.value & keep | data[1] << shift
            self.direction = self.direction & keep | data[2] << shift
            return 3
        if code in (GET_LOW, GET_HIGH):
            self.answers += bytes((self.levels() >> (0 if code == GET_LOW else 8) & 0xFF,))
            return 1
        if code != SEND_NOW and code not in LENGTHS:
            self.answers += bytes((0xFA, code))
        return LENGTHS.get(code, 1)

    def reset(self):
        """SET_BITMODE 00h: every pin is an input again."""
        self.direction = 0


class Bus(IBackend):
    """One host controller with the chip on it."""

    def __init__(self, chip):
        self.chip = chip

    def enumerate_devices(self):
        return iter((1,) if self.chip.present else ())

    def get_device_descriptor(self, dev):
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x200, bDeviceClass=0, bDeviceSubClass=0, bDeviceProtocol=0,
            bMaxPacketSize0=64, idVendor=0x0403, idProduct=0x6014, bcdDevice=0x900, iManufacturer=1,
            iProduct=2, iSerialNumber=3, bNumConfigurations=1, address=5, bus=1, port_number=1,
            port_numbers=(1,), speed=3)

    def get_configuration_descriptor(self, dev, config):
        if config:
            raise IndexError(config)
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=32, bNumInterfaces=1, bConfigurationValue=1,
            iConfiguration=0, bmAttributes=0x80, bMaxPower=45, extra_descriptors=[])

    def get_interface_descriptor(self, dev, intf, alt, config):
        if intf or alt or config:
            raise IndexError(intf)
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=0, bAlternateSetting=0, bNumEndpoints=2,
            bInterfaceClass=255, bInterfaceSubClass=255, bInterfaceProtocol=255, iInterface=2,
            extra_descriptors=[])

    def get_endpoint_descriptor(self, dev, ep, intf, alt, config):
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=(0x81, 0x02)[ep], bmAttributes=2,
            wMaxPacketSize=512, bInterval=0, bRefresh=0, bSynchAddress=0, extra_descriptors=[])

    def open_device(self, dev):
        return dev

    def close_device(self, dev_handle):
        pass

    def set_configuration(self, dev_handle, config_value):
        pass

    def get_configuration(self, dev_handle):
        return 1

    def claim_interface(self, dev_handle, intf):
        pass

    def release_interface(self, dev_handle, intf):
        pass

    def is_kernel_driver_active(self, dev_handle, intf):
        return False

    def bulk_write(self, dev_handle, ep, intf, data, timeout):
        self._must_be_there()
        self.chip.write(bytes(data))
        return len(data)

    def bulk_read(self, dev_handle, ep, intf, buff, timeout):
        self._must_be_there()
        data = array("B", b"\x32\x60" + self.chip.answers)
        self.chip.answers = b""
        buff[:len(data)] = data
        return len(data)

    def ctrl_transfer(self, dev_handle, request_type, request, value, index, data, timeout):
        self._must_be_there()
        if request_type == 0x80 and request == 6 and value >> 8 == 3:  # string descriptors, UTF-16
            text = ("\u0409", "FTDI", "Single RS232-HS", "CB0001")[value & 0xFF].encode("utf-16-le")
            return self._fill(data, bytes((2 + len(text), 3)) + text)
        if request_type == 0xC0:
            return self._fill(data, b"\x32\x60")
        if request == 0x0B and value >> 8 == 0:
            self.chip.reset()
        return len(data)

    def _fill(self, data, answer):
        answer = answer[:len(data)]
        data[:len(answer)] = array("B", answer)
        return len(answer)

    def _must_be_there(self):
        if not self.chip.present:
            raise usb.core.USBError("No such device (it may have been disconnected)", -4, 19)


@pytest.fixture
def chip(monkeypatch):
    one = Ft232h()
    module = ModuleType("cellbench_test_bus")
    module.get_backend = lambda: Bus(one)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(UsbTools, "BACKENDS", (module.__name__,))
    UsbTools.flush_cache()
    yield one
    UsbTools.flush_cache()


def board(**settings):
    return find_kind("line.ftdi").open("ftdi", {"url": URL, **settings})


def test_opening_leaves_every_pin_an_input(chip):
    pins = board()
    assert chip.direction == 0
    assert pins.identity() == f"FTDI ft232h, 16 pins, at {URL}"
    pins.close()


def test_open_drain_by_direction_with_the_bytes_of_an_108(chip):
    pins = board()
    chip.mpsse = b""
    pins.drive(0, True)
    assert chip.mpsse.startswith(bytes((SET_LOW, 0x00, 0x01, SET_HIGH, 0x00, 0x00)))
    assert chip.levels() & 1 == 0
    assert pins.is_closed(0)
    pins.drive(9, True)
    assert (chip.value, chip.direction) == (0, 0x0201)
    chip.mpsse = b""
    pins.drive(0, False)
    assert chip.mpsse == bytes((SET_LOW, 0x00, 0x00, SET_HIGH, 0x00, 0x02))
    assert (chip.levels() & 1, pins.is_closed(0), pins.is_closed(9)) == (1, False, True)
    pins.close()


@pytest.mark.parametrize(("active_low", "level"), [(False, True), (True, False)])
def test_push_pull_and_its_polarity(chip, active_low, level):
    pins = board(drive="push-pull", active_low=active_low)
    pins.drive(3, True)
    assert (bool(chip.levels() >> 3 & 1), chip.direction) == (level, 8)
    assert pins.is_closed(3)
    pins.drive(3, False)
    assert (bool(chip.levels() >> 3 & 1), chip.direction) == (not level, 8)
    assert not pins.is_closed(3)
    pins.close()


def test_inputs_of_both_groups(chip):
    pins = board()
    assert pins.read(7) is True
    chip.held_low = 1 << 12
    assert (pins.read(7), pins.read(12)) == (True, False)
    with pytest.raises(RigError, match="no input 16; it has 0 to 15"):
        pins.read(16)
    pins.close()


def test_closing_lets_go_of_what_was_driven(chip):
    pins = board()
    pins.drive(0, True)
    pins.drive(8, True)
    pins.close()
    assert chip.direction == 0
    assert chip.mpsse.endswith(bytes((SET_LOW, 0x00, 0x00, SET_HIGH, 0x00, 0x00)))


def test_a_short_and_a_pin_that_is_both_are_told(chip):
    pins = board()
    chip.held_high = 1
    with pytest.raises(RigError, match="pin 0 is driven low and reads as the other"):
        pins.drive(0, True)
    with pytest.raises(RigError, match="both as output and as input"):
        pins.read(0)
    pins.close()


def test_an_unplugged_chip_is_a_rig_error_and_comes_back(chip):
    pins = board()
    chip.present = False
    with pytest.raises(RigError, match=r"instrument ftdi .*failed"):
        pins.drive(0, True)
    with pytest.raises(RigError, match="cannot be reached"):
        pins.read(1)
    chip.present = True
    assert pins.read(1) is True
    pins.close()


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "cellbench.instruments.line.ftdi_board", raising=False)
    for name in ("pyftdi", "pyftdi.ftdi", "pyftdi.gpio", "pyftdi.usbtools"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RigError, match=r"instrument ftdi .* needs the package pyftdi") as caught:
        board()
    assert caught.value.remedy == "pip install 'cellbench[ftdi]'"


def test_no_such_chip_and_no_libusb_name_their_remedy(monkeypatch):
    UsbTools.flush_cache()
    with pytest.raises(RigError, match="cannot be reached"):
        board()
    monkeypatch.setattr(UsbTools, "BACKENDS", ())
    with pytest.raises(RigError, match="No backend available") as caught:
        board()
    assert "libusb" in caught.value.remedy
