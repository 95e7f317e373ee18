"""Flashing in boot mode: LENA-R8 guide 11.3 to 11.3.2, Table 47. That boot mode shows its port (11.3.1) is
tested where USB is. LARA-R6 has no USB_BOOT pin: these are not for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cellbench.api import (
    Dut,
    DutState,
    FarSide,
    FlashFailed,
    Method,
    OperatorError,
    PackageKind,
    Packages,
    Recorder,
    RigError,
    Slot,
    Stage,
    Updater,
    procedure,
)

from .flashing import Cable, damaged, disguised, once_at

FLASHES = ("cut-power", "drive-usb-boot", "usb", "flash", "expendable")
BACK_S = 60.0
FLASHING_S = 1800.0


def _version(dut: Dut) -> str:
    return dut.identify(sim=False).firmware


@procedure("R8:11.3", "R8:11.3.2", title="A full image is written in boot mode and runs after the reboot",
           needs=FLASHES, uses=("flasher",), timeout_s=FLASHING_S)
def test_short_instructions(dut: Dut, slot: Slot, record: Recorder, package: Packages,
                            updater: Callable[..., Updater]) -> None:
    """The steps of 11.3.2, from boot mode to the reboot in normal mode. Table 47: the image comes from the
    host's file system, is a full one, and goes by USB in boot mode; all that follows is automatic."""
    image = package(PackageKind.FULL)
    ids = slot.ports.view(BACK_S).device.id
    update = updater(dut).flash(image)
    assert (update.method, update.after) == (Method.FLASH, image.end)
    assert update.before not in ("", image.end)
    assert _version(dut) == image.end
    percents = [event.at for event in update.events if event.stage is Stage.WRITING]
    assert percents == sorted(percents)
    stages = [event.stage for event in update.events if event.stage is not Stage.WRITING]
    assert stages == [Stage.COMMANDED, Stage.REBOOTING, Stage.DONE]
    assert slot.ports.view(BACK_S).device.id == ids, "not the configuration that it had before"
    record.measure("flashing", update.seconds, "s")


@procedure("R8:11.3.1.2", title="Without the tool nothing is begun, and the module is not touched",
           needs=FLASHES, uses=("flasher",))
def test_no_tool(dut: Dut, slot: Slot, package: Packages, updater: Callable[..., Updater],
                 monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool is looked for before the supply is cut: its absence is the rig's, and says what is missing."""
    image = package(PackageKind.FULL)
    before, since = _version(dut), slot.on_since
    missing = {"command": ["flashing-tool-of-nobody", "{image}"]}
    monkeypatch.setattr(slot, "flasher", replace(slot.flasher, kind="flasher.command", settings=missing))
    with pytest.raises(RigError, match="flashing-tool-of-nobody is not installed"):
        updater(dut).flash(image)
    assert (_version(dut), slot.on_since) == (before, since)


@procedure("R8:11.3", "R8:11.3.2", title="A package that is no image of this series never reaches the tool",
           needs=FLASHES, uses=("flasher",))
def test_wrong_file(dut: Dut, slot: Slot, package: Packages, updater: Callable[..., Updater],
                    tmp_path: Path) -> None:
    """Table 47: flashing takes a full image, not a delta package. A file that is not what the catalogue says
    is refused as well."""
    before, since = _version(dut), slot.on_since
    image = package(PackageKind.FULL)
    with pytest.raises(OperatorError, match="flashing takes an image"):
        updater(dut).flash(package(PackageKind.DELTA))
    with pytest.raises(OperatorError, match="SHA-256"):
        updater(dut).flash(replace(image, path=damaged(image, tmp_path).path))
    assert (_version(dut), slot.on_since) == (before, since)


@procedure("R8:11.3", "R8:11.3.2",
           title="A damaged image and a delta package are refused, the firmware stays",
           needs=FLASHES, uses=("flasher",), timeout_s=FLASHING_S)
def test_wrong_image(dut: Dut, dut_at: Callable[[DutState], Dut], package: Packages,
                     updater: Callable[..., Updater], record: Recorder, tmp_path: Path) -> None:
    """One byte of an image is another one; a delta package calls itself an image. The host knows of neither:
    tool or module finds it before anything is written."""
    before = _version(dut)
    for wrong in (damaged(package(PackageKind.FULL), tmp_path), disguised(package(PackageKind.DELTA))):
        with pytest.raises((FlashFailed, OperatorError)) as refused:
            updater(dut).flash(wrong)
        record.note(str(refused.value))
    assert _version(dut_at(DutState.READY)) == before


@procedure("R8:11.3", "R8:11.3.2",
           title="A flashing whose cable is pulled, or whose supply is cut, is the rig's, and is done anew",
           needs=FLASHES, uses=("flasher",), timeout_s=FLASHING_S)
def test_interrupted(dut: Dut, slot: Slot, far_side: FarSide, package: Packages,
                     updater: Callable[..., Updater], record: Recorder) -> None:
    """Part is written when the USB cable goes, then again when the supply goes. No document says what a
    module does then; it must not be lost."""
    image, cable = package(PackageKind.FULL), Cable(slot, far_side)
    try:
        with pytest.raises(RigError) as pulled:
            updater(dut, report=once_at(60, cable.pull)).flash(image)
    finally:
        cable.plug()
    record.note(str(pulled.value))
    cut = once_at(60, lambda: slot.power_off(hard=True, cause="procedure: cut while it writes"))
    with pytest.raises(RigError) as unsupplied:
        updater(dut, report=cut).flash(image)
    record.note(str(unsupplied.value))
    assert updater(dut).flash(image).after == image.end
    assert _version(dut) == image.end
