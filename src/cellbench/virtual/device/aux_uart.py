"""The auxiliary UART of a module: RXD, TXD, RTS, CTS, on the pins that DTR, DSR, DCD and RI of the main UART
leave free (LARA-R6 application note, +USIO=1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cellbench.virtual.device.faces import HELD, garble

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.front.port import AtPort


class AuxUart:
    """The auxiliary UART as the bench sees it; ``transmit(data, module_rate)`` as of the main one.

    ``on_cts`` is told when CTS changes.
    """

    def __init__(self, module: Module) -> None:
        self.transmit: Callable[[bytes, int], None] | None = None
        self.on_cts: Callable[[], None] | None = None
        self.rate = 0
        self.port: AtPort | None = None
        self._module = module
        self._gated = False
        self._rts = True
        self._held = bytearray()

    @property
    def cts(self) -> bool:
        """True while the module takes characters."""
        return self.port is not None

    def start(self, port: AtPort, rate: int, *, gated: bool) -> None:
        """The AT port comes up at ``rate`` bit/s; ``gated``: RTS off holds output back."""
        self.port, self.rate, self._gated = port, rate, gated
        self._tell()

    def stop(self) -> None:
        """The module goes off, or gives the pins away."""
        if self.port is None:
            return
        self.port, self.rate = None, 0
        self._held.clear()
        self._tell()

    def set_rate(self, rate: int) -> None:
        """The rate of +IPR; it is not kept (application note)."""
        self.rate = rate

    def set_gated(self, gated: bool) -> None:
        """Whether RTS counts (&K3)."""
        self._gated = gated
        self._release()

    def set_rts(self, on: bool) -> None:
        """RTS of the host."""
        self._rts = on
        self._release()

    def receive(self, data: bytes, host_rate: int) -> None:
        """Bytes sent by the host at ``host_rate`` bit/s."""
        if self.port is None:
            return
        heard = garble(data, host_rate, self.rate)
        if heard:
            self.port.receive(heard)

    def send(self, data: bytes) -> None:
        """Bytes of the AT port to the host."""
        if self._gated and not self._rts:
            if len(self._held) + len(data) <= HELD:
                self._held += data
        elif self.transmit is not None:
            self.transmit(data, self.rate)

    def _release(self) -> None:
        if self._held and (self._rts or not self._gated) and self.transmit is not None:
            held = bytes(self._held)
            self._held.clear()
            self.transmit(held, self.rate)

    def _tell(self) -> None:
        if self.on_cts is not None:
            self.on_cts()
