"""The host's power management of a module on USB: may it be suspended, is it, how soon (Linux
Documentation/driver-api/usb/power-management.rst)."""

from __future__ import annotations

import time
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible
from cellbench.rig.slot import Slot

SUSPENDED, ACTIVE = "suspended", "active"
_POLL_S = 0.02


class UsbRest:
    """The settings of one module's USB device, put back at the end of a ``with`` block.

    ``allow()`` lets the host suspend it, ``forbid()`` keeps it resumed; ``status()`` is what it is now. All
    raise NotPossible where the slot has no USB, the module is not there, or the host does not let this user
    write its files.
    """

    def __init__(self, slot: Slot) -> None:
        scene = slot.ports.scene()
        self._slot = slot.name
        self._power = Path(scene.sysfs) / "bus" / "usb" / "devices" / scene.location / "power"
        self._before: dict[str, str] = {}

    def __enter__(self) -> UsbRest:
        for name in ("control", "autosuspend_delay_ms"):
            self._before[name] = self._read(name)
        return self

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if (self._power / name).exists():
                self._write(name, value)

    def allow(self, after_s: float = 0.1) -> None:
        """Let the host suspend the device when nothing passed for so long."""
        self._write("autosuspend_delay_ms", str(round(after_s * 1000)))
        self._write("control", "auto")

    def forbid(self) -> None:
        """Keep the device resumed."""
        self._write("control", "on")

    def status(self) -> str:
        """``active``, ``suspended``, or a state between."""
        return self._read("runtime_status")

    def suspends(self, at_most_s: float) -> bool:
        """True as soon as the host has suspended the device."""
        return self._becomes(SUSPENDED, at_most_s)

    def resumes(self, at_most_s: float) -> bool:
        """True as soon as the device is resumed."""
        return self._becomes(ACTIVE, at_most_s)

    def _becomes(self, status: str, at_most_s: float) -> bool:
        deadline = Deadline.after(at_most_s)
        while self.status() != status:
            if deadline.expired:
                return False
            time.sleep(_POLL_S)
        return True

    def _read(self, name: str) -> str:
        try:
            return (self._power / name).read_text(encoding="ascii", errors="replace").strip()
        except OSError as error:
            raise NotPossible(f"slot {self._slot}: {self._power / name} cannot be read: {error.strerror}",
                              remedy="see that the module is on USB; the kernel needs CONFIG_PM") from error

    def _write(self, name: str, value: str) -> None:
        if self._read(name) == value:
            return
        try:
            (self._power / name).write_text(value, encoding="ascii")
        except OSError as error:
            raise NotPossible(
                f"slot {self._slot}: {self._power / name} cannot be written: {error.strerror}",
                remedy="let this user write it by a udev rule: ACTION==\"add\", SUBSYSTEM==\"usb\", "
                       "ENV{DEVTYPE}==\"usb_device\", RUN+=\"/bin/chgrp dialout /sys%p/power/control "
                       "/sys%p/power/autosuspend_delay_ms\", RUN+=\"/bin/chmod g+w /sys%p/power/control "
                       "/sys%p/power/autosuspend_delay_ms\"") from error
