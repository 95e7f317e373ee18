""" "Plug it now": watch the USB tree and say where something appears."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.io.usb import UsbDevice, list_devices
from cellbench.session.check.tree import module_series, place_of

_LOOK_S = 0.1
_SETTLE_S = 1.0  # a device shows before its serial ports do


def snapshot(sysfs: Path, dev: Path) -> Mapping[str, UsbDevice]:
    """What is on the bus now, by location."""
    return {one.location: one for one in list_devices(sysfs, dev)}


def changes(
    sysfs: Path, dev: Path, before: Mapping[str, UsbDevice], deadline: Deadline
) -> Iterator[tuple[bool, UsbDevice]]:
    """Devices as they appear (True, once their ports have settled) and go (False), until the deadline."""
    while not deadline.expired:
        now = snapshot(sysfs, dev)
        for location in before.keys() - now.keys():
            yield False, before[location]
        for location in sorted(now.keys() - before.keys()):
            yield True, _settled(sysfs, dev, now[location], deadline)
        before = now
        time.sleep(min(_LOOK_S, deadline.remaining))


def describe(device: UsbDevice) -> str:
    """A device in one line: where, what, its serial ports."""
    series = module_series(device)
    what = f"{series.value} module" if series is not None else "serial adapter" if device.ttys else "device"
    ports = f", serial ports {', '.join(tty.name for tty in device.ttys)}" if device.ttys else ""
    return f"{place_of(device)}: {what}{ports}"


def wait_plugged(sysfs: Path, dev: Path, question: str, seconds: float) -> UsbDevice | None:
    """The next device that appears; None when the person presses Enter, or after ``seconds``."""
    print(f"{question} (Enter to leave it out; waiting {seconds:g} s)", file=sys.stderr, flush=True)
    deadline = Deadline.after(seconds)
    before = {one.location for one in list_devices(sysfs, dev)}
    while not deadline.expired:
        for one in list_devices(sysfs, dev):
            if one.location not in before:
                found = _settled(sysfs, dev, one, deadline)
                print(f"  {describe(found)}", file=sys.stderr, flush=True)
                return found
        if select.select([sys.stdin], [], [], _LOOK_S)[0]:
            sys.stdin.readline()
            return None
    return None


def _settled(sysfs: Path, dev: Path, device: UsbDevice, deadline: Deadline) -> UsbDevice:
    """The device once the number of its serial ports has stayed the same for a moment."""
    since = time.monotonic()
    while time.monotonic() - since < _SETTLE_S and not deadline.expired:
        now = next((one for one in list_devices(sysfs, dev) if one.location == device.location), device)
        if len(now.ttys) != len(device.ttys):
            since = time.monotonic()
        device = now
        time.sleep(_LOOK_S)
    return device
