"""Updates and recoveries of a slot whose module is played on a real tty: results that contradict the version,
update mode that waits anew, an installation that goes on, a module that says nothing."""

from __future__ import annotations

import hashlib
import os
import re
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.firmware.model import (
    Method,
    Package,
    PackageKind,
    RecoveryPath,
    Told,
    UpdateError,
    UpdateNotApplied,
    UpdateRefused,
)
from cellbench.host.transcript import Transcript
from cellbench.rig.dut import Dut
from cellbench.rig.schema import Ports, UartPort, UsbRoots
from cellbench.rig.schema import Slot as SlotModel
from cellbench.rig.slot import PowerState, Slot, SlotTiming
from cellbench.rig.updating import Updater

OLD, NEW = "02.00,A01.22", "02.00,A01.40"
DATA = bytes(range(200))
BLOCKS = 2
ACK, NAK, EOT = b"\x06", b"\x15", b"\x04"
ONGOING, READY = b"\r\n+UFWUPD: ONGOING\r\n", b"\r\n+UUSTATUS: READY\r\n"
PROGRESS = b"\r\n+UFWPREVAL: 50\r\n\r\n+UFWUPD: 7\r\n\r\n+UFWUPD: 100\r\n"
CALL_S = 0.3


class Unit:
    """A module on the far end of a tty. ``result`` and ``after`` are what an update ends with; ``windows``:
    how many times update mode gives up before anybody can send."""

    def __init__(self) -> None:
        self.version = OLD
        self.after = NEW
        self.result = b"\r\n+UFWINSTALL: 128\r\n"
        self.windows = 0
        self.commands: list[bytes] = []
        self.took: list[bytes] = []
        self.mode = self._normal
        self.deaf = False
        self._buffer = b""
        self._called = 0.0
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._running = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._running = False
        self._thread.join()
        os.close(self.master)
        os.close(self._slave)

    def say(self, data: bytes) -> None:
        os.write(self.master, data)

    def waits(self) -> None:
        """Update mode begins."""
        self.took.clear()
        self.mode = self._waiting
        self.say(ONGOING)

    def _serve(self) -> None:
        while self._running:
            if select.select([self.master], [], [], 0.02)[0]:
                self._buffer += os.read(self.master, 65536)
            if not self.deaf:
                self.mode()

    def _normal(self) -> None:
        line, end, rest = self._buffer.partition(b"\r")
        if not end:
            return
        self._buffer = rest
        self.commands.append(line)
        if line.startswith((b"AT+UFWUPD=", b"AT+UFWINSTALL=")):
            self._buffer = b""
            self._begin(line)
            return
        told = {b"ATI9": self.version.encode(), b"AT+CGSN": b"353760970000001"}.get(line)
        refused = line.startswith(b"AT+USOCTL") or line == b"AT+UFWINSTALL?"
        text = b"\r\n" + told + b"\r\n" if told else b""
        self.say(text + (b"\r\nERROR\r\n" if refused else b"\r\nOK\r\n"))

    def _begin(self, line: bytes) -> None:
        if line.startswith(b"AT+UFWINSTALL"):
            self.say(b"\r\nOK\r\n")
            self._install()
        elif self.windows:
            self.windows -= 1
            self.say(b"\r\n>" + ONGOING + b"\r\nTimeout\r\n" + READY)
        else:
            self.waits()

    def _waiting(self) -> None:
        length = 1 if len(self.took) == BLOCKS else 132
        if len(self._buffer) >= length:
            block, self._buffer = self._buffer[:length], self._buffer[length:]
            self.say(ACK)
            if length == 1:
                self._install()
            else:
                self.took.append(block)
        elif not self.took and time.monotonic() - self._called > CALL_S:
            self._called = time.monotonic()
            self.say(NAK)

    def _install(self) -> None:
        self.mode = self._normal
        if self.after:
            self.version = self.after
        self.say(PROGRESS + READY + self.result if b"128" in self.result else self.result)


class Budget:
    def spend(self, cause: str) -> None:
        return


@pytest.fixture
def unit() -> Iterator[Unit]:
    made = Unit()
    yield made
    made.close()


@pytest.fixture
def slot(unit: Unit, tmp_path: Path) -> Iterator[Slot]:
    model = SlotModel(series=Series.LENA_R8, ports=Ports(uart=UartPort(url=unit.path)))
    roots = UsbRoots(sysfs=str(tmp_path), dev=str(tmp_path))
    made = Slot("a1", model, profile_for(Series.LENA_R8), roots, None, Transcript(),
                SlotTiming(0.0, 20.0, 1.0, 60.0), Budget(), lambda *event: None)
    made.state = PowerState.ON
    yield made
    made.close_channels()


@pytest.fixture
def updater(slot: Slot) -> Updater:
    return Updater(Dut(slot, slot.channel("uart")))


@pytest.fixture
def package(tmp_path: Path) -> Package:
    path = tmp_path / "a.delta"
    path.write_bytes(DATA)
    return Package(path, Series.LENA_R8, PackageKind.DELTA, OLD, NEW, len(DATA),
                   hashlib.md5(DATA, usedforsecurity=False).hexdigest(), hashlib.sha256(DATA).hexdigest())


def by_foat(updater: Updater, package: Package) -> object:
    return updater.foat(package)


def by_install(updater: Updater, package: Package) -> object:
    return updater.install(package, method=Method.HTTP)


WAYS = (by_foat, by_install)


def test_an_update_by_the_words_of_table_48(unit: Unit, updater: Updater, package: Package) -> None:
    update = updater.foat(package)
    assert (update.before, update.after, update.code, update.told) == (OLD, NEW, 128, Told.AFTER_BOOT)
    assert b"AT+UFWUPD=1,115200,,1" in unit.commands
    assert b"".join(block[3:-1] for block in unit.took).rstrip(b"\x1a") == DATA
    assert updater.dut.send("AT").ok
    assert not updater.dut.at.deaths.signs


def test_the_way_of_a_stored_package_is_the_callers(unit: Unit, updater: Updater, package: Package) -> None:
    update = updater.install(package, method=Method.HTTP, rate=115_200)
    assert (update.method, update.after, update.sent) == (Method.HTTP, NEW, None)


@pytest.mark.parametrize("way", WAYS)
def test_128_without_a_new_version(unit: Unit, updater: Updater, package: Package,
                                   way: Callable[[Updater, Package], object]) -> None:
    unit.after = ""
    with pytest.raises(UpdateNotApplied, match=f"said 128 and runs {re.escape(OLD)}") as caught:
        way(updater, package)
    assert (caught.value.before, caught.value.after) == (OLD, OLD)


@pytest.mark.parametrize("way", WAYS)
def test_a_code_and_a_new_version_all_the_same(unit: Unit, updater: Updater, package: Package,
                                               way: Callable[[Updater, Package], object]) -> None:
    unit.result = b"\r\n+UFWUPD: 129\r\n"
    with pytest.raises(UpdateNotApplied, match=rf"129 \(generic failure\) and yet runs {re.escape(NEW)}"):
        way(updater, package)


@pytest.mark.parametrize("way", WAYS)
def test_a_refused_package(unit: Unit, updater: Updater, package: Package,
                           way: Callable[[Updater, Package], object]) -> None:
    unit.result, unit.after = b"\r\n+UFWUPD: 168\r\n", ""
    with pytest.raises(UpdateRefused, match=f"still runs {re.escape(OLD)}") as caught:
        way(updater, package)
    assert caught.value.code == 168


def test_a_window_that_was_missed_is_opened_once_more(unit: Unit, updater: Updater, package: Package) -> None:
    unit.windows = 1
    assert updater.foat(package).after == NEW
    unit.windows, unit.version = 2, OLD
    with pytest.raises(UpdateRefused, match="ended without the package: Timeout"):
        updater.foat(package)


def test_nobody_sends(unit: Unit, updater: Updater) -> None:
    unit.windows = 1
    found = updater.unserved()
    assert (found.text, found.before, found.after) == ("Timeout", OLD, OLD)


# -- the way back ------------------------------------------------------------------------------------------


def test_a_module_in_normal_mode(unit: Unit, updater: Updater, package: Package) -> None:
    found = updater.recover(package)
    assert (found.path, found.version) == (RecoveryPath.OLD_FIRMWARE, OLD)
    assert b"AT+CMEE=2" in unit.commands, "not as a procedure begins"


def test_update_mode_that_waits_anew(unit: Unit, updater: Updater, package: Package) -> None:
    unit.waits()
    found = updater.recover(package)
    assert (found.path, found.version) == (RecoveryPath.XMODEM_AGAIN, NEW)
    assert len(unit.took) == BLOCKS


def test_an_installation_that_goes_on(unit: Unit, updater: Updater, package: Package) -> None:
    """Nobody cut the supply: it is the same installation, and nothing is sent to it."""
    unit.deaf, unit.version = True, NEW
    timer = threading.Timer(1.0, lambda: (unit.say(READY + unit.result), setattr(unit, "deaf", False)))
    unit.say(b"\r\n+UUFWINSTALL: 40\r\n")
    timer.start()
    found = updater.recover(package)
    timer.join()
    assert (found.path, found.version) == (RecoveryPath.NEW_FIRMWARE, NEW)


def test_update_mode_and_the_wrong_package(unit: Unit, updater: Updater, package: Package) -> None:
    unit.result, unit.after = b"\r\n+UFWUPD: 168\r\n" + ONGOING, ""
    install = unit._install

    def again() -> None:
        install()
        unit.waits()

    unit._install = again  # type: ignore[method-assign]
    unit.waits()
    with pytest.raises(UpdateError, match="refused the package with 168"):
        updater.recover(package)


def test_a_module_that_says_nothing_is_dead(unit: Unit, updater: Updater, slot: Slot,
                                            package: Package) -> None:
    unit.deaf = True
    slot.timing.update_silence_s = 2.0
    found = updater.recover(package)
    assert (found.path, found.version) == (RecoveryPath.DEAD, "")
