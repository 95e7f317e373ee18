"""Suspend and resume of a module on USB, as Linux's runtime power management does it.

``power/control`` of the device says whether the host may suspend it ("auto") or keeps it resumed ("on"),
``power/autosuspend_delay_ms`` after how long without traffic, ``power/runtime_status`` what it is
(Documentation/driver-api/usb/power-management.rst). Serial drivers suspend with ports open, too: what is
written resumes the device, and so does the module with something to say (remote wake-up).
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

CONTROL, DELAY, STATUS = "power/control", "power/autosuspend_delay_ms", "power/runtime_status"
_POLL_S = 0.1
_LONGEST_MS = 2**31 - 1


class UsbRest:
    """Whether one device is resumed; lives from its enumeration to its end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, folder: Path, delay_s: float) -> None:
        """``folder`` is the device's in the tree, ``delay_s`` the time that a host starts with."""
        self._loop = loop
        self._folder = folder
        self._power = folder / "power"
        self._power.mkdir(exist_ok=True)
        for name, value in ((CONTROL, "auto"), (DELAY, str(round(delay_s * 1000))), (STATUS, "active")):
            (folder / name).write_text(f"{value}\n", encoding="ascii")
        self.resumed = True
        self.remote_wakeups = 0
        self._auto = True
        self._delay_s = delay_s
        self._busy_at = loop.time()
        self._seen: tuple[int, ...] = ()
        self._timer: asyncio.TimerHandle | None = loop.call_later(_POLL_S, self._tick)

    def traffic(self, *, from_device: bool = False) -> None:
        """Something passes: the device is resumed for it."""
        self._busy_at = self._loop.time()
        if not self.resumed:
            self.remote_wakeups += from_device
            self._to(True)

    def close(self) -> None:
        """The device is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._read_files()
        now = self._loop.time()
        if not self._auto:
            self._busy_at = now
        due = self._busy_at + self._delay_s
        if self.resumed and self._auto and now >= due:
            self._to(False)
        elif not self.resumed and not self._auto:
            self._to(True)
        wait = due - now if self.resumed and self._auto else _POLL_S
        self._timer = self._loop.call_later(min(_POLL_S, max(0.001, wait)), self._tick)

    def _read_files(self) -> None:
        """Take what was written; what the kernel would refuse changes nothing."""
        files = (self._folder / CONTROL, self._folder / DELAY)
        try:
            seen = tuple(os.stat(file).st_mtime_ns for file in files)
            if seen == self._seen:
                return
            control, delay = (file.read_text(encoding="ascii", errors="replace").strip() for file in files)
        except OSError:
            return  # the device goes this very moment
        if control not in ("auto", "on") or not delay.lstrip("-").isdigit():
            return  # cut in the middle of being written: looked at again
        self._seen = seen
        self._auto = control == "auto" and int(delay) >= 0  # a negative delay prevents suspending
        self._delay_s = min(int(delay), _LONGEST_MS) / 1000

    def _to(self, resumed: bool) -> None:
        self.resumed = resumed
        try:
            (self._folder / STATUS).write_text("active\n" if resumed else "suspended\n", encoding="ascii")
        except OSError:
            return
