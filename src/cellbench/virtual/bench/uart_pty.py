"""The UART of a slot as a pseudo-terminal, for programs that want a device node and no RFC 2217.

A pseudo-terminal has no control lines. Opening it switches DTR and RTS on, closing it, or setting the rate to
0 as terminals hang up, switches DTR off. The rate is the one the host has set; characters are 8N1 whatever it
sets. With CRTSCTS what the host sends waits while CTS of the module is off.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
from pathlib import Path

from .noise import NoisyLine
from .pty import MAX_HELD, PtyPort, Watch, make_watch
from .uart import FACTORY_RATE, UartEnd
from .waveform import resample, same_rate

_GET, _SET = 0x802C542A, 0x402C542B  # TCGETS2, TCSETS2: the rate as a number (asm-generic/ioctls.h)
_TERMIOS = struct.Struct("IIII20sII")
_CBAUD, _BOTHER, _CRTSCTS = 0x100F, 0x1000, 0x80000000


class PtyUart(NoisyLine):
    """The line between a pseudo-terminal and the module's UART; ``link`` names its node."""

    def __init__(self, end: UartEnd, seed: int, link: Path) -> None:
        super().__init__(seed)
        self.url = str(link)
        """Where a host finds it, once started."""
        self._end = end
        self._link = link
        self._watch: Watch | None = None
        self._port: PtyPort | None = None
        self._to_module = bytearray()  # waits for CTS

    async def start(self) -> None:
        """Make the node."""
        loop = asyncio.get_running_loop()
        self._watch = make_watch(loop)
        self._port = PtyPort(loop, self._watch, on_data=self._received, on_open=self._opened,
                             on_set=self._settings)
        self.rate = FACTORY_RATE
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(self._port.path)
        self._end.set_rts(True)
        self._end.set_dtr(False)

    async def stop(self) -> None:
        """The node is gone."""
        if self._port is not None and self._watch is not None:
            self._port.close()
            self._watch.close()
            self._link.unlink(missing_ok=True)
            self._port = self._watch = None

    @property
    def rate(self) -> int:
        """The rate that the host has set, bit/s; 0 hangs up."""
        return _TERMIOS.unpack(self._termios())[6] if self._port is not None else FACTORY_RATE

    @rate.setter
    def rate(self, rate: int) -> None:
        if self._port is not None:
            iflag, oflag, cflag, lflag, rest, _, _ = _TERMIOS.unpack(self._termios())
            cflag = cflag & ~(_CBAUD | _CBAUD << 16) | _BOTHER
            fcntl.ioctl(self._port.master, _SET, _TERMIOS.pack(iflag, oflag, cflag, lflag, rest, rate, rate))

    def transmit(self, data: bytes, module_rate: int) -> None:
        """Bytes that the module sends at ``module_rate`` bit/s (0: at the host's, whatever it is)."""
        if self._port is None or not self._port.is_open:
            return
        rate = self.rate
        if module_rate and not same_rate(module_rate, rate):
            data = resample(data, module_rate, rate) if rate else b""
        data = self._faults(data)
        if data:
            self._port.write(data)

    def lines_changed(self) -> None:
        """Of the module's lines CTS alone does something here."""
        if self._to_module and self._end.cts():
            held = bytes(self._to_module)
            self._to_module.clear()
            self._end.receive(held, self.rate)

    def line_broke(self) -> None:
        """A pseudo-terminal has no break."""

    def drive(self, line: str, on: bool) -> None:
        """Set DTR or RTS into the module (the control room does; a host has no lines here)."""
        if line == "dtr":
            self._end.set_dtr(on)
        else:
            self._end.set_rts(on)

    def _termios(self) -> bytes:
        assert self._port is not None
        return fcntl.ioctl(self._port.master, _GET, bytes(_TERMIOS.size))

    def _opened(self, is_open: bool) -> None:
        self._to_module.clear()
        self.drive("rts", True)
        self.drive("dtr", is_open and self.rate != 0)

    def _settings(self) -> None:
        """The host has set its terminal: rate 0 hangs up."""
        if self._port is not None and self._port.is_open:
            self.drive("dtr", self.rate != 0)
            if not _TERMIOS.unpack(self._termios())[2] & _CRTSCTS and self._to_module:
                held = bytes(self._to_module)
                self._to_module.clear()
                self._end.receive(held, self.rate)

    def _received(self, data: bytes) -> None:
        data = self._faults(data)
        rate, flags = self.rate, _TERMIOS.unpack(self._termios())[2]
        if not data or not rate:
            return
        if flags & _CRTSCTS and (self._to_module or not self._end.cts()):
            self._to_module += data[:MAX_HELD - len(self._to_module)]
            return
        self._end.receive(data, rate)
