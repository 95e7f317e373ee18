"""Firmware update of the virtual modules: the guides' rows, refusals, what each method keeps, power cuts
(LENA-R8 guide 11, facts sheets device 11 and siblings 2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series
from cellbench.catalogue.releases import newest
from cellbench.virtual.device.files_at import file_store
from cellbench.virtual.device.filestore import FOAT
from cellbench.virtual.device.module import Input
from cellbench.virtual.device.power import PowerState
from cellbench.virtual.device.update import PACKAGE_NAME, Stage
from cellbench.virtual.device.update_package import PackageDefect, fitting
from cellbench.virtual.device.update_state import FileDisk, Record, State, UpdateState
from cellbench.virtual.world.world import CERTIFICATES as CERTS

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
        module = self.one.module
        self.one.until(lambda: module.power.running and not module.updater.in_update, seconds)
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


REFUSED = [(PackageDefect.WRONG_START, 168), (PackageDefect.CORRUPT, 148), (PackageDefect.UNSIGNED, 173)]


@pytest.mark.parametrize(("defect", "code"), REFUSED, ids=lambda one: getattr(one, "value", one))
def test_foat_of_a_package_that_is_refused(module: Any, defect: PackageDefect, code: int) -> None:
    """The check fails, its code is told, the old firmware runs (LENA-R8 guide 11.1.1)."""
    host, before = Host(module), module.module.updater.version
    host.begin()
    host.send(package(module, defect=defect))
    host.until(f"+UFWUPD: {code}\r\n".encode())
    host.running()
    assert host.version() == before
    assert module.module.updater.state.record.state is State.NORMAL


@pytest.mark.parametrize(("defect", "code"), REFUSED, ids=lambda one: getattr(one, "value", one))
def test_installation_of_a_package_that_is_refused(module: Any, defect: PackageDefect, code: int) -> None:
    host, before = Host(module), module.module.updater.version
    store(module, package(module, defect=defect))
    assert module.at("AT+UFWINSTALL=1,115200,,1") == ["OK"]
    host.until(f"{module.config.behaviour.fota_prefix}: {code}\r\n".encode())
    host.running()
    assert host.version() == before
    assert module.at('AT+ULSTFILE=0,"FOAT"') == ['+ULSTFILE: "updatePackage.bin"', "OK"]


def test_a_truncated_package_and_one_that_is_none(module: Any) -> None:
    for data, code in ((package(module)[:-1], 180), (b"x" * 500, 158)):
        host = Host(module)
        store(module, data)
        module.at("AT+UFWINSTALL=1,115200,,0")
        host.until(f"{module.config.behaviour.fota_prefix}: {code}\r\n".encode())
        host.running()
        assert module.at('AT+UDELFILE="updatePackage.bin","FOAT"') == ["OK"]


def test_missing_file_wrong_tag_wrong_name(module: Any) -> None:
    """Refused before anything happens (error list: 5000)."""
    module.at("AT+CMEE=1")
    assert module.at("AT+UFWINSTALL") == ["+CME ERROR: 5000"]
    store(module, package(module), tag="USER")
    assert module.at("AT+UFWINSTALL=1,115200,,1") == ["+CME ERROR: 5000"]
    store(module, package(module), name="other.bin")
    assert module.at("AT+UFWINSTALL=1,115200,,1") == ["+CME ERROR: 5000"]
    assert module.at('AT+UFWINSTALL=1,115200,"other.bin",1') == ["+CME ERROR: 5000"]
    assert module.module.power.running


def test_syntax_errors_are_answered_at_the_old_rate(module: Any) -> None:
    for line in ("AT+UFWUPD=9,115200", "AT+UFWUPD=1,1234", "AT+UFWUPD=", "AT+UFWINSTALL=1,7",
                 "AT+UFWUPD=1,115200,,2"):
        assert module.at(line)[-1] in ("ERROR", "+CME ERROR: 50"), line
        assert module.module.power.running


def test_a_package_that_is_too_large(driven: Make, series: Series) -> None:
    one = driven(series, **QUICK, fs_bytes=1500)
    one.power_up(vusb=False)
    one.wake()
    one.at("AT+CMEE=1")
    host, before = Host(one), one.module.updater.version
    assert store(one, package(one)) == ["+CME ERROR: 1637"]
    host.begin()
    host.until(b"C")
    data = package(one)
    for number in range(1, 4):  # the header says how large it is
        one.send(block(number, data[(number - 1) * 128 : number * 128], with_crc=True))
        one.run(0.1)
    host.until(CAN * 8)
    host.until(b"+UFWUPD: 230\r\n")
    host.running()
    assert host.version() == before


def test_nobody_sends(driven: Make, series: Series) -> None:
    """LENA-R8 guide 11.1.1: three C at 3 s, ten NAK at 10 s, 109 s in all; the old firmware boots."""
    one = driven(series)
    one.power_up(vusb=False)
    one.wake()
    host, before, start = Host(one), one.module.updater.version, 0.0
    host.begin()
    start = one.loop.time()
    seen = host.until(b"Timeout\r\n", 200)
    assert seen.replace(b"\r\nTimeout\r\n", b"") == b"CCC" + NAK * 10
    assert 108.9 < one.loop.time() - start < 109.3
    host.running()
    assert host.version() == before


def test_a_sender_that_starts_late_is_taken_with_the_sum(module: Any) -> None:
    host = Host(module)
    data = package(module)
    host.begin()
    host.until(NAK, 20)
    for number, begin in enumerate(range(0, len(data), 128), 1):
        module.send(block(number, data[begin : begin + 128], with_crc=False))
        host.until(ACK)
    module.send(EOT)
    host.until(b"+UFWUPD: 100\r\n")


def test_another_rate(driven: Make, series: Series) -> None:
    one = driven(series, **QUICK)
    one.power_up(vusb=False)
    one.wake()
    host = Host(one)
    host.begin("AT+UFWUPD=1,460800")
    assert one.rates[-1] == 460_800
    one.host_rate = 460_800
    host.send(package(one))
    host.until(b"+UFWUPD: 100\r\n")
    one.host_rate = 115_200
    host.running()
    assert host.version() == newest(one.module.profile.series).version


def test_urcs_are_chosen_once(module: Any) -> None:
    """+UFWINSTALL=,,,1 alone only chooses URCs; without them the result alone is told."""
    host = Host(module)
    prefix = module.config.behaviour.fota_prefix
    assert module.at("AT+UFWINSTALL=,,,1") == ["OK"]
    store(module, package(module, defect=PackageDefect.CORRUPT))
    assert module.at("AT+UFWINSTALL=,,,1") == ["OK"]
    assert module.module.power.running
    assert module.at("AT+UFWINSTALL=1,115200,,0") == ["OK"]
    assert b"PREVAL" not in host.until(f"{prefix}: 148\r\n".encode())
    host.running()
    assert module.at("AT+UFWINSTALL=1,115200") == ["OK"]
    assert b"+UFWPREVAL: 0" in host.until(f"{prefix}: 148\r\n".encode())


# -- what is kept ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["foat", "fota"])
def test_what_an_update_keeps(module: Any, method: str) -> None:
    """LENA-R8 guide Table 53: everything; LARA-R6: as the settings say."""
    host, facts = Host(module), module.config.behaviour
    store(module, b"mine", tag="USER", name="mine.txt")
    assert module.at("AT+CTZU=0") == ["OK"]
    if method == "foat":
        host.begin()
        host.send(package(module))
    else:
        store(module, package(module))
        module.at("AT+UFWINSTALL=1,115200,,1")
    host.running(600)
    wiped = (facts.update_wipes_foat if method == "foat" else facts.update_wipes_fota).split()
    assert (module.at("AT+CTZU?")[0] == "+CTZU: 0") is ("nvm" not in wiped)
    assert (module.at("AT+ULSTFILE=0")[0] == '+ULSTFILE: "mine.txt"') is ("files" not in wiped)
    assert host.version() == newest(module.module.profile.series).version


# -- power cuts ------------------------------------------------------------------------------------

BEFORE = [(Stage.ENTERING, 0), (Stage.WAITING, 0), (Stage.RECEIVING, 1), (Stage.CHECKING, 50)]
AFTER = [(Stage.WRITING, 0), (Stage.WRITING, 50), (Stage.WRITING, 100), (Stage.SILENT, 0)]


def foat_until(module: Any, stage: Stage, at: int) -> Host:
    """A FOAT whose power is cut there."""
    host = Host(module)
    data = package(module)
    done: list[bool] = []

    def watch(now: Stage, place: int) -> None:
        if now is stage and place >= at and not done:
            done.append(True)
            module.module.set_supply(0.0)

    module.module.updater.watchers.append(watch)
    module.uart.clear()
    module.send(b"AT+UFWUPD=1,115200,,1\r")
    for number, begin in enumerate(range(0, len(data), 1024), 1):
        module.until(lambda: bool(done) or module.uart.endswith((b"C", ACK)), END_S)
        module.uart.clear()
        module.send(block(number, data[begin : begin + 1024], with_crc=True, size=1024))
    module.until(lambda: bool(done) or ACK in module.uart, END_S)
    module.send(EOT)
    module.until(lambda: bool(done), END_S)
    module.module.updater.watchers.remove(watch)
    cut(module)
    return host


@pytest.mark.parametrize(("stage", "at"), BEFORE, ids=lambda one: getattr(one, "value", one))
def test_foat_cut_before_its_first_write(module: Any, stage: Stage, at: int) -> None:
    """The old firmware, at once or after the window of update mode (setting foat_cut_waits)."""
    before = module.module.updater.version
    host = foat_until(module, stage, at)
    if module.config.behaviour.foat_cut_waits:
        host.until(b"+UFWUPD: ONGOING\r\n")
        host.until(b"Timeout\r\n", 200)
    host.running()
    assert host.version() == before


@pytest.mark.parametrize(("stage", "at"), AFTER, ids=lambda one: getattr(one, "value", one))
def test_foat_cut_after_its_first_write(module: Any, stage: Stage, at: int) -> None:
    """Update mode at every start, until a package comes by Xmodem (facts sheet siblings 2.2)."""
    data = package(module)
    host = foat_until(module, stage, at)
    host.until(b"+UFWUPD: ONGOING\r\n")
    host.until(b"Timeout\r\n", 200)
    host.until(b"+UFWUPD: ONGOING\r\n")
    cut(module)
    host.until(b"+UFWUPD: ONGOING\r\n")
    host.send(data)
    host.until(b"+UFWUPD: 100\r\n")
    host.running()
    assert host.version() == newest(module.module.profile.series).version


@pytest.mark.parametrize(("stage", "at"), [(Stage.ENTERING, 0), (Stage.CHECKING, 100), *AFTER],
                         ids=lambda one: getattr(one, "value", one))
def test_installation_cut(module: Any, stage: Stage, at: int) -> None:
    """Before the first write the old firmware runs; after it the installation begins again by itself."""
    host, before = Host(module), module.module.updater.version
    store(module, package(module))
    module.at("AT+UFWINSTALL=1,115200,,1")
    cut_at(module, stage, at)
    if (stage, at) not in AFTER:
        host.running()
        assert host.version() == before
        assert module.at('AT+ULSTFILE=0,"FOAT"') == ['+ULSTFILE: "updatePackage.bin"', "OK"]
        return
    host.until(f"{module.config.behaviour.fota_prefix}: 128\r\n".encode(), 300)
    host.running()
    assert host.version() == newest(module.module.profile.series).version


def test_cut_when_all_is_done(module: Any) -> None:
    """The new firmware is there: it boots, whether 128 was told or not."""
    host = Host(module)
    store(module, package(module))
    module.at("AT+UFWINSTALL=1,115200,,1")
    cut_at(module, Stage.COMMITTED)
    host.running()
    assert host.version() == newest(module.module.profile.series).version
    assert module.at('AT+ULSTFILE=0,"FOAT"') == ['+ULSTFILE: ""', "OK"]


class Cutting:
    """The module's disk, and a supply that goes at one write: before it, or right after it."""

    def __init__(self, one: Any, left: int, *, after: bool) -> None:
        self._one, self.left, self.after = one, left, after
        updater = one.module.updater
        self._file = FileDisk(one.module.home / "update.json", self._drop)
        facts = one.config.behaviour
        updater.state = UpdateState(self, updater.version, keeps_package=facts.fota_keeps_package,
                                    cut_before_write_waits=facts.foat_cut_waits)

    def _drop(self) -> None:
        files = file_store(self._one.module)
        if files.exists(PACKAGE_NAME, FOAT):
            files.delete(PACKAGE_NAME, FOAT)

    def load(self) -> Record | None:
        return self._file.load()

    def _write(self, act: Callable[[], None]) -> None:
        due = self.left == 0
        self.left -= 1
        if not due or self.after:
            act()
        if due:
            self._one.module.set_supply(0.0)
            raise asyncio.CancelledError

    def put(self, record: Record) -> None:
        self._write(lambda: self._file.put(record))

    def drop_package(self) -> None:
        self._write(self._file.drop_package)


def cut_at_a_write(one: Any, method: str, place: int, *, after: bool) -> str:
    """One update whose power is cut at one write; how the module came back, AssertionError when it did not:
    not cut, old firmware, new firmware, update mode."""
    one.power_up(vusb=False)
    one.wake()
    old, new = one.module.updater.version, newest(one.module.profile.series).version
    data, host = package(one), Host(one)
    if method == "fota":
        store(one, data)
    disk = Cutting(one, place, after=after)
    one.uart.clear()
    if method == "foat":
        one.send(b"AT+UFWUPD=1,115200\r")
        for number, begin in enumerate(range(0, len(data), 1024), 1):
            one.until(lambda: disk.left < 0 or one.uart.endswith((b"C", ACK)), END_S)
            one.uart.clear()
            one.send(block(number, data[begin : begin + 1024], with_crc=True, size=1024))
        one.until(lambda: disk.left < 0 or ACK in one.uart, END_S)
        one.send(EOT)
    else:
        one.send(b"AT+UFWINSTALL=1,115200\r")
        one.until(lambda: disk.left < 0 or one.module.updater.in_update, END_S)
    one.until(lambda: disk.left < 0 or (one.module.power.running and not one.module.updater.in_update), 600)
    way = "not cut"
    if disk.left < 0:
        cut(one)
        one.until(lambda: one.module.power.state in (PowerState.UPDATE, PowerState.RUNNING), END_S)
        way = "firmware"
    state = one.module.updater.state
    if state.record.state in (State.WRITING, State.LOST):
        assert method == "foat"
        host.until(b"+UFWUPD: ONGOING\r\n")
        host.send(data)
        way = "update mode"
    host.running(600)
    assert state.record.state is State.NORMAL
    assert host.version() in (old, new)
    if way == "update mode":
        assert host.version() == new
    if method == "fota" and host.version() == new:
        assert one.at('AT+ULSTFILE=0,"FOAT"') == ['+ULSTFILE: ""', "OK"]
    if way == "firmware":
        return "new firmware" if host.version() == new else "old firmware"
    return way


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", [0, 1, 2, 3, 20, 40, 41, 42])
@pytest.mark.parametrize("method", ["foat", "fota"])
def test_a_cut_at_a_write(driven: Make, method: str, place: int, after: bool) -> None:
    """The old firmware, the new one, or update mode that a package by Xmodem ends; every write of both
    series: tests/acceptance/update_cuts.py."""
    assert cut_at_a_write(driven(Series.LENA_R8, **QUICK), method, place, after=after)


# -- defects ---------------------------------------------------------------------------------------


def updated(driven: Make, series: Series, fault: str, **wanted: Any) -> Any:
    """A module with a defect, about to install a package."""
    one = driven(series, **QUICK, update_defect=fault)
    one.power_up(vusb=False)
    one.wake()
    store(one, package(one, **wanted))
    one.at("AT+UFWINSTALL=1,115200,,1")
    return one


def test_defect_brick_at_100(driven: Make, series: Series) -> None:
    one = updated(driven, series, "brick-at-100")
    cut_at(one, Stage.SILENT)
    one.run(600)
    assert not one.module.power.running
    assert one.uart == b""


def test_defect_accept_wrong_start(driven: Make, series: Series) -> None:
    one = updated(driven, series, "accept-wrong-start", defect=PackageDefect.WRONG_START)
    host = Host(one)
    host.running()
    assert host.version() == newest(one.module.profile.series).version


def test_defect_report_128_without_update(driven: Make, series: Series) -> None:
    one = updated(driven, series, "report-128-without-update")
    host = Host(one)
    host.until(f"{one.config.behaviour.fota_prefix}: 128\r\n".encode(), 300)
    host.running()
    assert host.version() != newest(one.module.profile.series).version


def test_defect_lose_certificates(driven: Make, series: Series) -> None:
    one = driven(series, **QUICK, update_defect="lose-certificates")
    one.power_up(vusb=False)
    one.wake()
    pem = (CERTS / "ca_cert.crt").read_bytes()
    one.uart.clear()
    one.send(f'AT+USECMNG=0,0,"ca",{len(pem)}\r'.encode())
    one.until(lambda: one.uart.endswith(b">"), 5)
    one.run(0.2)
    one.send(pem)
    one.until(lambda: b"OK\r\n" in one.uart, 20)
    assert '"ca"' in one.at("AT+USECMNG=3")[0]
    store(one, package(one))
    one.at("AT+UFWINSTALL=1,115200,,1")
    Host(one).running()
    assert one.at("AT+USECMNG=3") == ["OK"]


def test_a_defect_that_does_not_exist_is_refused(driven: Make, series: Series) -> None:
    with pytest.raises(OperatorError, match="brick-at-100"):
        driven(series, update_defect="none")
