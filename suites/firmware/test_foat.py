"""Firmware update over AT: LENA-R8 guide 11.1 and 11.1.1 with Table 48. LARA-R6's guide has no such chapter:
its procedures lean on its manuals and on a relative's note (SARA-R5, UBX-20033314), which never decide a FAIL
by a time of their own.

Which package fits is the firmware catalogue's; what a module must refuse is made from it, so that no format
of a maker need be known.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cellbench.api import (
    Dut,
    Limit,
    NotPossible,
    Package,
    PackageKind,
    Packages,
    Recorder,
    Stage,
    Told,
    Update,
    Updater,
    UpdateRefused,
    XmodemCheck,
    XmodemMode,
    procedure,
)

BOTH = ("LENA-R8", "LARA-R6")
UPDATES = ("expendable",)
UPDATE_S = 3600.0
SUCCESS = 128
RATE, FASTER = 115_200, 460_800
WINDOW_S = 109.0  # 11.1.1
MARGIN = 1.1
C_COUNT, NAK_COUNT = 3, 10
TIMEOUTS = ("Timeout", "ERROR1")  # by relatives' notes
SIGNATURE = 64  # bytes at the end of a package that are made zeros
REFUSALS = {"corrupt": (148, 173, 180, 247), "unsigned": (173, 148, 180, 227, 247),
            "too large": (230, 145, 180, 148, 158, 144, 173), "wrong start": (168,)}
"""Codes that a public driver names for such a package; of those that fit, which comes first is not told."""
ORDER = (Stage.COMMANDED, Stage.WAITING, Stage.RECEIVING, Stage.CHECKING, Stage.WRITING, Stage.SILENT,
         Stage.REBOOTING, Stage.DONE)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to deliver a package: blocks, check, port (None: the main one), rate in bit/s."""

    mode: XmodemMode
    check: XmodemCheck | None
    port: str | None
    rate: int

    @property
    def name(self) -> str:
        """For the test's id."""
        check = self.check.name.lower() if self.check is not None else "any"
        return f"{self.mode.value.lower()}-{check}-{self.port or 'main'}-{self.rate}"


WAYS = (
    Way(XmodemMode.XMODEM, XmodemCheck.CRC, None, RATE),
    Way(XmodemMode.XMODEM, XmodemCheck.CHECKSUM, None, FASTER),
    Way(XmodemMode.XMODEM_1K, XmodemCheck.CHECKSUM, "at0", RATE),
)


def _version(dut: Dut) -> str:
    return dut.identify(sim=False).firmware


def _has(dut: Dut, port: str | None) -> None:
    """NotPossible where the slot lacks a port."""
    if port is not None and port not in dut.slot.roles():
        raise NotPossible(f"slot {dut.slot.name} has no port {port}", remedy="name its USB under ports.usb")


def _in_order(update: Update) -> None:
    """Stages follow each other, and the progress of each never falls; any percent may miss (11.1.1)."""
    stages = [ORDER.index(event.stage) for event in update.events]
    assert stages == sorted(stages), [event.stage.value for event in update.events]
    for stage in (Stage.RECEIVING, Stage.CHECKING, Stage.WRITING):
        told = [event.at for event in update.events if event.stage is stage and event.at is not None]
        assert told, f"no progress was told while {stage.value}"
        assert told == sorted(told), f"{stage.value}: {told}"
        if stage is not Stage.RECEIVING:
            assert told[-1] <= 100, f"{stage.value}: {told}"


def _updated(dut: Dut, update: Update, package: Package, record: Recorder) -> None:
    """The module runs what the package leads to, and said so as the guide has it or was asked."""
    assert _version(dut) == update.after == package.end != update.before
    assert update.code == SUCCESS or update.told is Told.ASKED
    assert update.sent is not None
    assert update.sent.size == package.size
    record.note(f"success was told {update.told.value}; check {update.sent.check}")
    record.measure("transfer", update.sent.seconds, "s")
    record.measure("update", update.seconds, "s")


@procedure("R8:11.1", "R8:11.1.1", title="FOAT by Xmodem-1k on the UART, from the command to the new version",
           series=BOTH, needs=(*UPDATES, "uart"), timeout_s=UPDATE_S)
def test_table_48(dut: Dut, record: Recorder, package: Packages, updater: Callable[..., Updater]) -> None:
    """Table 48, row by row: ONGOING and C, progress of the check, progress of the installation, the reboot,
    128 before or after it. Download, check and installation follow each other by themselves."""
    chosen, mark = package(), dut.slot.trace.mark()
    update = updater(dut).foat(chosen, port="uart", rate=RATE, mode=XmodemMode.XMODEM_1K)
    _updated(dut, update, chosen, record)
    _in_order(update)
    assert update.code == SUCCESS, "128 was not heard on the UART"
    heard = Dut(dut.slot, dut.port("uart")).raw().heard_since(mark)
    words = heard[heard.index(b"+UFWUPD: ONGOING"):]
    assert words.index(b"+UFWPREVAL:") < words.rindex(b"+UFWUPD:") or b"+UFWUPD: 100" not in words
    assert b"C" in words[:words.index(b"+UFWPREVAL:")] or update.sent.check is XmodemCheck.CHECKSUM
    assert b"128" in words[words.index(b"+UFWPREVAL:"):]


@procedure("R8:11.1", "R8:11.1.1", title="FOAT on USB: the module goes off the bus and comes back as before",
           series=BOTH, needs=(*UPDATES, "usb"), timeout_s=UPDATE_S)
def test_on_usb(dut: Dut, record: Recorder, package: Packages, updater: Callable[..., Updater]) -> None:
    """Table 47: USB in normal mode. What is said while the port is away is nobody's fault: the module is
    asked."""
    _has(dut, "at0")
    chosen = package()
    ids = dut.slot.wait_usb(dut.slot.timing.boot_max_s).id
    update = updater(dut).foat(chosen, port="at0")
    _updated(dut, update, chosen, record)
    _in_order(update)
    assert dut.slot.wait_usb(dut.slot.timing.boot_max_s).id == ids


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
@procedure("R8:11.1.1", title="A delta of another release comes whole on each way, is refused with 168, and "
                              "changes nothing",
           series=BOTH, needs=UPDATES, timeout_s=UPDATE_S)
def test_ways(dut: Dut, record: Recorder, package: Packages, updater: Callable[..., Updater], way: Way
              ) -> None:
    """Xmodem and Xmodem-1k; the CRC for who begins on a C, the checksum for who begins on a NAK; UART and
    USB; the rate of the command. Only a package that came whole is known as one of another release, so that
    the transfer is judged without an update."""
    _has(dut, way.port)
    before, wrong = _version(dut), _other_start(package)
    seen: list[Stage] = []
    with pytest.raises(UpdateRefused) as refused:
        updater(dut, lambda event: seen.append(event.stage)).foat(
            wrong, port=way.port, rate=way.rate, mode=way.mode, check=way.check)
    record.note(f"{way.name}: {refused.value.code}, {refused.value.meaning}")
    assert refused.value.code in REFUSALS["wrong start"]
    assert Stage.WRITING not in seen, "it was written all the same"
    blocks = seen.count(Stage.RECEIVING)
    assert blocks >= _blocks(wrong, way), f"{blocks} blocks"
    assert _version(dut) == before


@pytest.mark.parametrize("defect", ["corrupt", "unsigned", "too large"])
@procedure("R8:11.1.1", title="A package that the check refuses: the documented code, the firmware unchanged",
           series=BOTH, needs=UPDATES, timeout_s=UPDATE_S)
def test_refused(dut: Dut, record: Recorder, package: Packages, updater: Callable[..., Updater],
                 tmp_path: Path, defect: str) -> None:
    """11.1.1: the check fails, a code comes with +UFWUPD, the module returns to normal mode and its firmware
    is usable."""
    before, good = _version(dut), package()
    bad = _spoilt(good, tmp_path / "package", defect, dut)
    with pytest.raises(UpdateRefused) as refused:
        updater(dut).foat(bad)
    record.note(f"{defect}: {refused.value.code}, {refused.value.meaning}")
    assert refused.value.code in REFUSALS[defect]
    assert _version(dut) == before
    assert dut.send("AT").ok


@procedure("R8:11.1.1", title="Update mode without a sender gives up within 109 s, the firmware is unchanged",
           series=BOTH, needs=UPDATES, timeout_s=UPDATE_S)
def test_no_sender(dut: Dut, record: Recorder, updater: Callable[..., Updater]) -> None:
    """Up to three C, then up to ten NAK; then the old firmware."""
    before = _version(dut)
    found = updater(dut).unserved()
    checks = [check for _, check in found.calls]
    runs = [(check, len(list(group))) for check, group in itertools.groupby(checks)]
    assert [check for check, _ in runs] == [XmodemCheck.CRC, XmodemCheck.CHECKSUM], runs
    counts = dict(runs)
    record.measure("C", counts[XmodemCheck.CRC], "", Limit(1, C_COUNT))
    record.measure("NAK", counts[XmodemCheck.CHECKSUM], "", Limit(1, NAK_COUNT))
    record.measure("window", found.seconds - found.calls[0][0], "s", Limit(0, WINDOW_S * MARGIN))
    record.note(f"it ended with {found.text!r}" if found.text else "it ended without a word")
    assert not found.text or found.text in TIMEOUTS
    assert _version(dut) == found.after == before


@procedure("R8:11.1.1", title="A mistake in +UFWUPD is told at the rate in use", series=BOTH)
def test_mistakes_at_the_old_rate(dut: Dut) -> None:
    """Only a syntax error gives a result code at the original rate, whatever rate the command names."""
    before = _version(dut)
    for line in ("AT+UFWUPD=9,460800", "AT+UFWUPD=1,7", "AT+UFWUPD=1,460800,,9"):
        assert not dut.send(line, check=False).ok, f"{line} is taken"
        assert dut.send("AT").ok
    assert _version(dut) == before


def _other_start(package: Packages) -> Package:
    """A delta that begins from a release that is not installed. NotPossible where the catalogue has none."""
    fitting = package()
    for one in package.all(PackageKind.DELTA):
        if one.start not in (fitting.start, fitting.end):
            return one
    raise NotPossible("the firmware catalogue has no delta that begins from another release",
                      remedy="add one to it (docs/firmware.md)")


def _blocks(package: Package, way: Way) -> int:
    """The fewest blocks that carry a package: long ones go with the CRC alone."""
    length = 1024 if way.mode is XmodemMode.XMODEM_1K and way.check is not XmodemCheck.CHECKSUM else 128
    return -(-package.size // length)


def _spoilt(good: Package, path: Path, defect: str, dut: Dut) -> Package:
    """A package with a defect, as a file of its own."""
    data = bytearray(good.data())
    if defect == "corrupt":
        data[len(data) // 2] ^= 0xFF
    elif defect == "unsigned":
        data[-SIGNATURE:] = bytes(SIGNATURE)
    else:
        data += bytes(dut.files.free() + len(data))
    path.write_bytes(data)
    return replace(good, path=path, size=len(data), md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
                   sha256=hashlib.sha256(data).hexdigest())
