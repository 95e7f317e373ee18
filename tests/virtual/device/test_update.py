"""Firmware update of the virtual modules: the guides' rows, refusals, what each method keeps, power cuts
(LENA-R8 guide 11, facts sheets device 11 and siblings 2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.catalogue.releases import newest
from cellbench.virtual.device.config import Timing
from cellbench.virtual.device.module import Input
from cellbench.virtual.device.power import PowerState
from cellbench.virtual.device.update import PACKAGE_NAME, Stage
from cellbench.virtual.device.update_package import Kind, PackageDefect, fitting
from cellbench.virtual.device.update_state import State

Make = Callable[..., Any]
SIZE = 2000
QUICK = {"update_write_s": 5.0, "update_check_s": 2.0, "update_silent_s": 10.0}
ACK, NAK, CAN, EOT, SOH, STX = b"\x06", b"\x15", b"\x18", b"\x04", 1, 2
END_S = 60.0


def crc(data: bytes) -> int:
    """CRC-16/XMODEM, bit by bit."""
    register = 0
    for octet in data:
        for place in range(7, -1, -1):
            top = register >> 15 ^ (octet >> place & 1)
            register = (register << 1 & 0xFFFF) ^ (0x1021 if top else 0)
    return register


def block(number: int, data: bytes, *, with_crc: bool, size: int = 128) -> bytes:
    """One block as a sender makes it."""
    data = data.ljust(size, b"\x1a")
    check = crc(data).to_bytes(2, "big") if with_crc else bytes([sum(data) & 0xFF])
    return bytes([SOH if size == 128 else STX, number & 0xFF, 255 - (number & 0xFF)]) + data + check


class Host:
    """The sender by hand on the UART of a module whose time jumps."""

    def __init__(self, one: Any) -> None:
        self.one = one

    def begin(self, line: str = "AT+UFWUPD=1,115200,,1") -> None:
        """The command, up to +UFWUPD: ONGOING."""
        self.one.uart.clear()
        self.one.send(line.encode() + b"\r")
        self.until(b"+UFWUPD: ONGOING\r\n")

    def until(self, text: bytes, seconds: float = END_S) -> bytes:
        """Let time pass until something came; all before and with it, taken."""
        self.one.until(lambda: text in self.one.uart, seconds)
        before, _, rest = bytes(self.one.uart).partition(text)
        self.one.uart[:] = rest
        return before + text

    def send(self, data: bytes, *, size: int = 1024, stop_at: int = 0) -> None:
        """The whole file with CRC, each block acknowledged."""
        self.until(b"C")
        for number, begin in enumerate(range(0, len(data), size), 1):
            self.one.uart.clear()
            self.one.send(block(number, data[begin : begin + size], with_crc=True, size=size))
            self.until(ACK)
            if number == stop_at:
                return
        self.one.send(EOT)
        self.until(ACK)

    def running(self, seconds: float = 300.0) -> None:
        """The module answers again after a restart."""
        self.one.until(lambda: self.one.module.power.running, seconds)
        self.one.run(0.5)
        lines = self.one.lines()
        self.one.send(b"AT\r")
        self.one.run(0.3)
        self.one.at("ATE0")
        self.told = lines

    def version(self) -> str:
        """ATI9."""
        return str(self.one.at("ATI9")[0])


def store(one: Any, data: bytes, tag: str = "FOAT", name: str = PACKAGE_NAME) -> list[str]:
    """+UDWNFILE."""
    one.uart.clear()
    one.send(f'AT+UDWNFILE="{name}",{len(data)},"{tag}"\r'.encode())
    one.until(lambda: one.uart.endswith(b">") or b"ERROR" in one.uart, 5)
    if b"ERROR" in one.uart:
        return list(one.lines())
    one.uart.clear()
    one.send(data)
    one.until(lambda: b"\r\n" in one.uart.lstrip(), 5)
    return list(one.lines())


def cut(one: Any) -> None:
    """The supply goes and comes back, PWR_ON is pressed."""
    one.module.set_supply(0.0)
    one.run(0.5)
    one.uart.clear()
    one.module.set_supply(one.module.profile.power.vcc_typical_v.value)
    one.run(0.1)
    one.pulse(Input.PWR_ON, one.module.profile.power.pwr_on_pulse_s.value[0] + 0.05)


def cut_at(one: Any, stage: Stage, at: int = 0) -> None:
    """Cut the supply the moment an update is there."""
    done: list[bool] = []

    def watch(now: Stage, place: int) -> None:
        if now is stage and place >= at and not done:
            done.append(True)
            one.module.set_supply(0.0)

    one.module.updater.watchers.append(watch)
    one.until(lambda: bool(done), END_S)
    one.module.updater.watchers.remove(watch)
    cut(one)


@pytest.fixture
def module(driven: Make, series: Series) -> Any:
    """A module that answers."""
    one = driven(series, **QUICK)
    one.power_up(vusb=False)
    one.wake()
    return one


def package(one: Any, **wanted: Any) -> bytes:
    """A package for what runs."""
    series = one.module.profile.series
    return fitting(series, one.module.updater.version, **{"size": SIZE, **wanted})


def test_foat(module: Any) -> None:
    """Table 48."""
    host = Host(module)
    host.begin()
    assert module.module.power.state is PowerState.UPDATE
    host.send(package(module))
    host.until(b"+UFWPREVAL: 0\r\n")
    host.until(b"+UFWPREVAL: 1\r\n")
    host.until(b"+UFWUPD: 0\r\n")
    host.until(b"+UFWUPD: 100\r\n")
    prefix = module.config.behaviour.foat_result_prefix.encode()
    host.until(prefix + b": 128\r\n", 300) if not module.config.behaviour.foat_result_after_boot else None
    host.running()
    if module.config.behaviour.foat_result_after_boot:
        assert f"{prefix.decode()}: 128" in host.told
    assert host.version() == newest(module.module.profile.series).version
    assert module.at("AT+CGMR") == [host.version().partition(",")[0], "OK"]


def test_install(module: Any) -> None:
    """Tables 51 and 52."""
    host = Host(module)
    assert store(module, package(module)) == ["OK"]
    assert module.at('AT+ULSTFILE=0,"FOAT"') == ['+ULSTFILE: "updatePackage.bin"', "OK"]
    assert module.at("AT+UFWINSTALL=1,115200,,1") == ["OK"]
    prefix = module.config.behaviour.fota_prefix.encode()
    host.until(b"+UFWPREVAL: 0\r\n")
    host.until(prefix + b": 0\r\n")
    host.until(prefix + b": 100\r\n")
    host.until(prefix + b": 128\r\n")
    host.running()
    assert host.version() == newest(module.module.profile.series).version
    assert module.at('AT+ULSTFILE=0,"FOAT"') == ['+ULSTFILE: ""', "OK"]
