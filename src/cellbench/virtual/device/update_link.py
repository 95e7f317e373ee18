"""The serial port of a module in update mode: bytes, no AT, no flow control (LENA-R8 guide 11.1.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from cellbench.virtual.device.update_state import Told

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

UART = 1
"""<port> of +UFWUPD and +UFWINSTALL; 0 and 3 are USB."""


class UpdateLink:
    """What update mode hears and says. Bytes wait in ``received`` unless ``taker`` takes them."""

    def __init__(self, module: Module, told: Told) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self.taker: Callable[[bytes], None] | None = None
        self._send: Callable[[bytes], None] = lambda data: None  # USB is not there: nobody hears it
        if told.port == UART:
            module.uart.start_loader(told.rate, self._take)
            self._send = module.uart.send_raw
            return
        for face in module.usb_faces:
            if face.role == "at":
                face.taker = self._take
                self._send = face.send
                return

    def _take(self, data: bytes) -> None:
        if self.taker is not None:
            self.taker(data)
        else:
            self.received.put_nowait(data)

    def send(self, data: bytes) -> None:
        """Bytes to the host."""
        if data:
            self._send(data)

    def say(self, text: str) -> None:
        """A line, as a URC looks."""
        self._send(f"\r\n{text}\r\n".encode("ascii"))
