"""Firmware updates of a DUT, and its way back after an interrupted one."""

from __future__ import annotations

from collections.abc import Callable

from cellbench.base.errors import NotPossible
from cellbench.host.firmware.model import Method, Package, Recovery, Update, UpdateEvent
from cellbench.host.xmodem import Mode
from cellbench.rig.dut import Dut

Report = Callable[[UpdateEvent], None]


class Updater:
    """Updates one DUT. ``report`` is called in the updating thread at every event; what it raises ends the
    update at that place."""

    def __init__(self, dut: Dut, *, report: Report | None = None) -> None:
        self.dut = dut
        self.report = report

    def foat(self, package: Package, *, port: str | None = None, rate: int = 115200,
             mode: Mode = Mode.XMODEM_1K) -> Update:
        """Update over AT (+UFWUPD, Xmodem) on the port of a role (default: the main one)."""
        raise NotPossible("update over AT is not there yet")

    def install(self, package: Package, *, method: Method, port: str | None = None,
                rate: int = 115200) -> Update:
        """Install the package that is stored in the module (+UFWINSTALL); ``method``: how it came there."""
        raise NotPossible("installation of a stored package is not there yet")

    def flash(self, package: Package) -> Update:
        """Write a full image in boot mode."""
        raise NotPossible("flashing is not there yet")

    def recover(self, package: Package | None) -> Recovery:
        """Bring the module back after an interruption."""
        raise NotPossible("recovery is not there yet")
