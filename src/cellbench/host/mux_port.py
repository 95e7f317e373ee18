"""A channel of a multiplexer as a port: the pipe that AT, data mode and PPP run over."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, NotPossible
from cellbench.io.pipe import PortLost, PortStuck
from cellbench.wire.cmux.control import Signals

HIGH_WATER, LOW_WATER = 262_144, 65_536
"""Bytes unread at which the far side is asked to wait (FC of our MSC), and to go on."""


class MuxLineSide(Protocol):
    """What a port needs of the line that carries it."""

    def establish(self, dlci: int) -> None:
        """Set the DLC up. Raises MuxRefused, MuxSilent, PortLost."""

    def release(self, dlci: int) -> None:
        """Release the DLC. Raises MuxSilent, PortLost."""

    def send(self, dlci: int, data: bytes, deadline: Deadline) -> None:
        """Send information. Raises PortLost, PortStuck."""

    def pump(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Read the line until ``ready()`` or the time is over; whether it is ready. Raises PortLost."""

    def show(self, dlci: int, signals: Signals, *, wait: bool) -> None:
        """Tell the far side our signals. Raises MuxSilent, PortLost."""

    def ours(self, dlci: int) -> Signals:
        """Our signals."""

    def theirs(self, dlci: int) -> Signals:
        """The far side's."""

    def accepts(self, dlci: int) -> bool:
        """True while the far side takes information."""


class MuxPort:
    """One DLC. ``fileno`` is readable while there is something to read, so that a thread can sleep on it."""

    def __init__(self, line: MuxLineSide, dlci: int, name: str, batch: int) -> None:
        """``batch``: how many bytes go out at most before other channels have their turn."""
        self.name = name
        self.dlci = dlci
        self._line = line
        self._batch = batch
        self._lock = threading.Lock()  # guards the inbox and the event
        self._writing = threading.Lock()
        self._inbox = bytearray()
        self._event = -1
        self._raised = False
        self._ended: PortLost | None = PortLost(f"{name}: the channel is not open")
        self._farewell = False
        self._holding = False

    # -- the pipe --------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """An event that is readable while bytes wait, or the port is gone; -1 while closed."""
        return self._event

    def open(self) -> None:
        """Set the channel up (SABM, repeated). Raises MuxRefused, MuxSilent, PortLost."""
        self.close()
        with self._lock:
            self._inbox.clear()
            self._ended, self._farewell, self._holding = None, False, False
            self._event, self._raised = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC), False
        try:
            self._line.establish(self.dlci)
        except BaseException:
            self._shut()
            raise

    def close(self) -> None:
        """Release the channel (DISC)."""
        if self._event < 0:
            return
        if self._ended is None:
            with contextlib.suppress(CellbenchError):
                self._line.release(self.dlci)
        self._shut()

    def read(self, limit: int, timeout_s: float) -> bytes:
        """See Pipe.read. Whoever waits here reads the line for all channels."""
        if not self._inbox and self._ended is None and timeout_s > 0:
            self._line.pump(self._has_news, timeout_s)
        resume = False
        with self._lock:
            data = bytes(self._inbox[:limit])
            del self._inbox[:len(data)]
            if not data and self._ended is not None:
                if not self._farewell:
                    raise self._ended
                self._farewell = False
            if self._raised and not self._inbox and self._ended is None:
                os.eventfd_read(self._event)
                self._raised = False
            if self._holding and len(self._inbox) < LOW_WATER:
                self._holding, resume = False, True
        if resume:
            self._line.show(self.dlci, replace(self._line.ours(self.dlci), fc=False), wait=False)
        return data

    def write(self, data: bytes, deadline: Deadline) -> None:
        """See Pipe.write. PortStuck when the far side holds the channel (FC, FCoff) until the deadline."""
        with self._writing:
            for at in range(0, len(data), self._batch):
                self._check()
                if not self._line.accepts(self.dlci) and not self._line.pump(self._may_go_on,
                                                                             deadline.remaining):
                    raise PortStuck(f"{self.name}: {len(data) - at} bytes were not taken in time, the module "
                                    "holds the channel (27.010 flow control)")
                self._check()
                self._line.send(self.dlci, data[at:at + self._batch], deadline)

    # -- lines -----------------------------------------------------------------------------------------------

    def set_rate(self, bit_s: int) -> None:
        """Raises NotPossible."""
        raise NotPossible(f"{self.name}: a channel of a multiplexer has no rate of its own",
                          remedy="set the rate on the UART before +CMUX")

    def set_output(self, line: str, on: bool) -> None:
        """Drive "dtr" (RTC) or "rts" (RTR) by MSC; back when the far side has answered. Raises MuxSilent."""
        self._check()
        shown = self._line.ours(self.dlci)
        self._line.show(self.dlci, replace(shown, rtc=on) if line == "dtr" else replace(shown, rtr=on),
                        wait=True)

    def read_inputs(self) -> Mapping[str, bool]:
        """The far side's last MSC: RTR is CTS, RTC is DSR, DV is DCD, IC is RI."""
        self._check()
        heard = self._line.theirs(self.dlci)
        return {"cts": heard.rtr, "dsr": heard.rtc, "dcd": heard.dv, "ri": heard.ic}

    # -- from the line ---------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """True between ``open`` and the end of the channel."""
        return self._ended is None

    def deliver(self, data: bytes) -> bool:
        """Information has come; True when the far side has to be held now."""
        with self._lock:
            if self._ended is not None:
                return False
            self._inbox += data
            self._raise()
            hold = len(self._inbox) > HIGH_WATER and not self._holding
            self._holding |= hold
            return hold

    def end(self, error: PortLost, *, quietly: bool = False) -> None:
        """The channel is gone: after what has come, reading raises ``error``. ``quietly``: the reader who
        waits gets nothing first, since he was told why already."""
        with self._lock:
            if self._ended is None:
                self._ended, self._farewell = error, quietly
                self._raise()

    # -- inside ----------------------------------------------------------------------------------------------

    def _has_news(self) -> bool:
        return bool(self._inbox) or self._ended is not None

    def _may_go_on(self) -> bool:
        return self._ended is not None or self._line.accepts(self.dlci)

    def _raise(self) -> None:
        if not self._raised and self._event >= 0:
            os.eventfd_write(self._event, 1)
            self._raised = True

    def _check(self) -> None:
        if self._ended is not None:
            raise self._ended

    def _shut(self) -> None:
        with self._lock:
            if self._ended is None:
                self._ended = PortLost(f"{self.name}: the channel is closed")
            event, self._event = self._event, -1
        if event >= 0:
            os.close(event)
