"""The module's clock (+CCLK, +CTZU): factory date until the network or the user sets it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

_QUARTER = datetime.timedelta(minutes=15)


class Rtc:
    """Local time and zone; runs on the host's clock."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._offset = datetime.timedelta(0)
        self.quarters = 0
        self.known = False
        self.power_on()

    def _utc(self) -> datetime.datetime:
        seconds, nanos = divmod(self._module.clock.utc_ns(), 1_000_000_000)
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds, microseconds=nanos // 1000)

    def power_on(self) -> None:
        """The clock starts at its factory date at every power-on without a back-up supply."""
        start = datetime.datetime(1980, 1, 6)
        self._offset = start - self._utc()
        self.quarters = 0
        self.known = False

    def from_network(self, quarters: int, dst: int) -> None:
        """Network identity and time: the true time in the zone the network tells."""
        del dst  # the zone of NITZ includes it (24.008 10.5.3.8)
        self.quarters = quarters
        self._offset = quarters * _QUARTER
        self.known = True

    def local(self) -> datetime.datetime:
        """Local time."""
        return self._utc() + self._offset

    def utc(self) -> datetime.datetime:
        """Universal time as the module has it, with its zone."""
        return (self.local() - self.quarters * _QUARTER).replace(tzinfo=datetime.UTC)

    def set_local(self, text: str) -> bool:
        """Set by +CCLK: ``yy/MM/dd,hh:mm:ss[±zz]``; False when that is no time."""
        zone = self.quarters
        if len(text) == 20 and text[17] in "+-" and text[18:].isdigit():
            zone = int(text[17:])
            text = text[:17]
        if not -48 <= zone <= 56:
            return False
        try:
            wanted = datetime.datetime.strptime(text, "%y/%m/%d,%H:%M:%S")
        except ValueError:
            return False
        self.quarters = zone
        self._offset = wanted - self._utc()
        return True

    def __str__(self) -> str:
        return f"{self.local():%y/%m/%d,%H:%M:%S}{self.quarters:+03d}"
