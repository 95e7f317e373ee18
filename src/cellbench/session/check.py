"""``cellbench check``: validate a rig file, then reach instruments and ports without touching the unit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cellbench.base.errors import CellbenchError
from cellbench.guardian.client import GuardianClient
from cellbench.io.ports import open_pipe
from cellbench.io.usb import find_device
from cellbench.rig.build import equipment_plan
from cellbench.rig.load import LoadedRig, load_rig
from cellbench.roots.launch import launch

_EXIT_RIG = 10


def check(path: Path) -> int:
    """One line for each thing looked at; 10 when something is wrong. No output is switched, no line
    driven, no command sent to a module."""
    rig = load_rig(path)
    print(f"{path}: no mistakes")
    launched = launch(rig) if rig.model.launch is not None else None
    try:
        checks = _checks(launched.rig if launched is not None else rig)
        bad = sum(not _run(name, action) for name, action in checks)
    finally:
        if launched is not None:
            launched.stop()
    print("everything can be reached" if not bad else f"{bad} of {len(checks)} cannot be reached")
    return _EXIT_RIG if bad else 0


def _checks(rig: LoadedRig) -> list[tuple[str, Callable[[], str]]]:
    found = [(name, _instrument(rig, name)) for name in rig.model.instruments]
    for name, slot in rig.model.slots.items():
        uart = slot.ports.uart
        if uart is not None and uart.url is not None:
            found.append((f"{name}: uart", _reach(uart.url)))
        if slot.ports.usb is not None:
            found.append((f"{name}: usb", _usb(rig, slot.ports.usb.location)))
    return found


def _run(name: str, action: Callable[[], str]) -> bool:
    try:
        print(f"  {name}: {action()}")
    except CellbenchError as error:
        print(f"  {name}: {error}")
        return False
    return True


def _instrument(rig: LoadedRig, name: str) -> Callable[[], str]:
    def ask() -> str:
        with GuardianClient.connect() as guardian:
            return guardian.enrol(equipment_plan(rig, [name]))[name]

    return ask


def _reach(url: str) -> Callable[[], str]:
    def reach() -> str:
        pipe = open_pipe(url)
        pipe.open()
        pipe.close()
        return f"{url} opens"

    return reach


def _usb(rig: LoadedRig, location: str) -> Callable[[], str]:
    def look() -> str:
        device = find_device(Path(rig.model.usb.sysfs), Path(rig.model.usb.dev), location)
        if device is None:
            return f"nothing at {location}, as while the module is off"
        return f"{device.vid:04x}:{device.pid:04x} at {location} with {len(device.ttys)} serial ports"

    return look
