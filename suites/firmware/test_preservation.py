"""What an update leaves of a user's data: LENA-R8 guide 11.4, Table 53.

LARA-R6's own note on updates was not at hand. What happens to its data is measured and told, row by row
beside the table of a relative, which decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from cellbench.api import (
    Dut,
    Fingerprint,
    Method,
    PackageKind,
    Packages,
    Recorder,
    Update,
    Updater,
    compare_fingerprints,
    fingerprint_of,
    procedure,
    record_preservation,
)

from .fota import store_by_serial
from .preservation import planted

BOTH = ("LENA-R8", "LARA-R6")
UPDATES = ("expendable",)
FLASHES = ("cut-power", "drive-usb-boot", "usb", "flash", *UPDATES)
UPDATE_S = 3600.0  # a module that updates itself may be silent for half an hour
LONGEST_FILE = 65_536


def _fingerprint(dut: Dut) -> Fingerprint:
    return fingerprint_of(dut.at, longest_file=LONGEST_FILE)


def _preserves(dut: Dut, record: Recorder, method: Method, update: Callable[[], Update]) -> None:
    """Fingerprint, update, fingerprint; the rows of Table 53 that the guide decides hold."""
    with planted(dut, record):
        dut.reboot()  # what a mere restart loses is not laid to the update
        before = _fingerprint(dut)
        with record.step(f"update by {method.value}"):
            done = update()
        dut.settle()
        after = _fingerprint(dut)
        assert (before.firmware, after.firmware) == (done.before, done.after)
        rows = record_preservation(
            record, compare_fingerprints(before, after, method, profile=dut.profile))
    failing = [f"{row.item.value}: {row.outcome}" for row in rows if row.fails]
    assert not failing, f"not preserved: {'; '.join(failing)}"


@procedure("R8:11.4", title="What an update over AT leaves of the user's data (Table 53)", series=BOTH,
           needs=UPDATES, timeout_s=UPDATE_S)
def test_foat(dut: Dut, record: Recorder, package: Packages, updater: Callable[[Dut], Updater]) -> None:
    """+UFWUPD."""
    chosen = package()
    _preserves(dut, record, Method.FOAT, lambda: updater(dut).foat(chosen))


@procedure("R8:11.4", title="What the installation of a stored package leaves of the user's data (Table 53)",
           series=BOTH, needs=UPDATES, timeout_s=UPDATE_S)
def test_install(dut: Dut, record: Recorder, package: Packages, updater: Callable[[Dut], Updater]) -> None:
    """+UFWINSTALL of a package that came over the serial port: how it came makes no difference to it."""
    chosen = package()

    def store_and_install() -> Update:
        store_by_serial(dut, chosen)
        return updater(dut).install(chosen, method=Method.SERIAL)

    _preserves(dut, record, Method.SERIAL, store_and_install)


@procedure("R8:11.4", title="What flashing leaves of the user's data (Table 53)",
           needs=FLASHES, uses=("flasher",), timeout_s=UPDATE_S)
def test_flash(dut: Dut, record: Recorder, package: Packages, updater: Callable[[Dut], Updater]) -> None:
    """A full image in boot mode."""
    chosen = package(PackageKind.FULL)
    _preserves(dut, record, Method.FLASH, lambda: updater(dut).flash(chosen))
