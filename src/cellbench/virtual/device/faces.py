"""The lines and serial faces of a virtual module, as its bench sees them."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.front.port import AtPort


class Input(enum.Enum):
    """Lines into the module; active means asserted (electrical low for PWR_ON and RESET_N, DTR ON ...)."""

    PWR_ON = "pwr_on"
    RESET_N = "reset_n"
    USB_BOOT = "usb_boot"
    VUSB_DET = "vusb_det"
    RTS = "rts"
    DTR = "dtr"


class Output(enum.Enum):
    """Lines out of the module; True means on: V_INT at 1.8 V, CTS, DSR, DCD, RI asserted."""

    V_INT = "v_int"
    CTS = "cts"
    DSR = "dsr"
    DCD = "dcd"
    RI = "ri"


class Subsystem(Protocol):
    """A part that lives from one boot to the next power-off (sockets, resolver ...)."""

    def power_off(self) -> None:
        """The module goes off or restarts: stop tasks, close connections, at once."""
        ...


class Carrier(Protocol):
    """What takes the UART's octets in place of its AT port: the multiplexer."""

    @property
    def holding(self) -> bool:
        """True while output waits for the host to take it."""
        ...

    def receive(self, data: bytes) -> None:
        """Octets on TXD."""
        ...

    def woke(self) -> None:
        """The first octet after a sleep was lost."""
        ...

    def port_changed(self, port: AtPort) -> None:
        """A port entered or left data mode."""
        ...

    def ring(self, on: bool) -> None:
        """RI goes on or off."""
        ...

    def resume(self) -> None:
        """Flow control of the host may have ended."""
        ...


GREETING_RATE = 115_200
HELD = 65_536  # bytes kept while RTS is off


def garble(data: bytes, sent_at: int, taken_at: int) -> bytes:
    """What a UART set to ``taken_at`` bit/s makes of 8N1 characters sent at ``sent_at`` bit/s.

    The line's bits are sampled in the middle of the receiver's bit times; a character whose stop bit
    is not seen high is dropped, as a receiver that ignores framing errors does.
    """
    if sent_at == taken_at or not data:
        return data
    if sent_at <= 0 or taken_at <= 0:
        return b""
    bits: list[int] = []
    for byte in data:
        bits.append(0)
        bits.extend((byte >> place) & 1 for place in range(8))
        bits.append(1)
    ratio = sent_at / taken_at
    count = len(bits)
    taken = bytearray()
    start = 0.0
    while True:
        begin = int(start)
        while begin < count and bits[begin]:
            begin += 1
        if begin >= count:
            return bytes(taken)
        start = max(start, float(begin))
        samples = [int(start + ratio * (place + 0.5)) for place in range(10)]
        levels = [bits[place] if place < count else 1 for place in samples]
        if levels[0] == 0 and levels[9]:
            taken.append(sum(level << place for place, level in enumerate(levels[1:9])))
        start += ratio * 9.5


class _Autobaud(enum.Enum):
    OFF = "off"  # a fixed rate
    MEASURING = "measuring"
    SWALLOWING = "swallowing"  # the rest of the measuring AT
    LOCKED = "locked"


class UartFace:
    """The UART as the bench sees it.

    ``transmit(data, module_rate)`` is called for what the module sends; the bench garbles it for a
    host set to another rate (:func:`garble`). ``rate`` is the rate in force, 0 while autobauding has
    not yet measured one.
    """

    def __init__(self, module: Module) -> None:
        self.transmit: Callable[[bytes, int], None] | None = None
        self.rate = 0
        self.frame = (8, 1)
        """Data bits, and parity as RFC 2217 numbers it (1 none, 2 odd, 3 even): the format of +ICF."""
        self.port: AtPort | None = None
        self.last_data = float("-inf")
        self.carrier: Carrier | None = None
        self.loader: Callable[[bytes], None] | None = None
        self._module = module
        self._autobaud = _Autobaud.MEASURING
        self._seen = b""
        self._deaf_until = 0.0
        self._held = bytearray()

    def start(self, port: AtPort, rate: int) -> None:
        """The AT port comes up at ``rate`` (0: autobauding)."""
        self.port = port
        self._held.clear()
        self.set_rate(rate)
        port.muted = rate == 0

    def stop(self) -> None:
        """The module goes off."""
        self.port = self.carrier = self.loader = None
        self.rate = 0
        self._held.clear()

    def start_loader(self, rate: int, take: Callable[[bytes], None]) -> None:
        """Update mode has the UART: a fixed rate, no AT, no flow control."""
        self.loader = take
        self.set_rate(rate)

    def set_rate(self, rate: int) -> None:
        """The rate of +IPR; 0 starts autobauding."""
        self.rate = rate
        self._seen = b""
        self._autobaud = _Autobaud.OFF if rate else _Autobaud.MEASURING

    def set_frame(self, frame: tuple[int, int]) -> None:
        """The character format of +ICF."""
        self.frame = frame

    def receive(self, data: bytes, host_rate: int) -> None:
        """Bytes on TXD, sent by the host at ``host_rate`` bit/s."""
        if self.loader is not None and data:
            self.loader(garble(data, host_rate, self.rate))
            return
        port = self.port
        if port is None or not data:
            return
        now = self._module.pace.now()
        lost = self._module.sleep.lost(data, now)
        if lost:
            data = data[lost:]
            if self.carrier is not None:
                self.carrier.woke()
        self.last_data = now
        if self._autobaud is not _Autobaud.OFF:
            data = self._measured(data, host_rate, now)
        elif host_rate != self.rate:
            data = garble(data, host_rate, self.rate)
        if data and now >= self._deaf_until:
            (port if self.carrier is None else self.carrier).receive(data)

    def deaf_for(self, seconds: float) -> None:
        """What comes within that time is lost."""
        self._deaf_until = self._module.pace.now() + seconds

    def set_dtr(self, on: bool) -> None:
        """DTR of the UART; under the multiplexer each channel has its own (LARA-R6 guide 4.3)."""
        if self.port is not None and self.carrier is None:
            self.port.set_dtr(on)

    @property
    def holding(self) -> bool:
        """True while output waits for the host to take it."""
        return bool(self._held) or (self.carrier is not None and self.carrier.holding)

    def _measured(self, data: bytes, host_rate: int, now: float) -> bytes:
        """Autobauding (LENA-R8 guide 5.3): the first AT only tells the rate; what is left is data."""
        if self._autobaud is _Autobaud.LOCKED:
            if host_rate == self.rate:
                return data
            if not self._module.config.behaviour.autobaud_again:
                return garble(data, host_rate, self.rate)
            self.set_rate(0)
        if self._autobaud is _Autobaud.MEASURING:
            seen = (self._seen + data).upper()
            place = seen.find(b"AT")
            if place < 0:
                self._seen = seen[-1:]
                return b""
            self._autobaud = _Autobaud.SWALLOWING
            self.rate = host_rate
            data = seen[place + 2:]
        if b"\r" in data or b"\n" in data:
            self._lock(now)
        return b""

    def _lock(self, now: float) -> None:
        self._autobaud = _Autobaud.LOCKED
        settle = self._module.config.behaviour.autobaud_settle_s
        self._deaf_until = now + settle
        port = self.port
        if port is not None and port.muted:
            port.muted = False
            self._module.pace.later_true(settle, port.flush)

    def send(self, data: bytes) -> None:
        """Bytes of the AT port to the host; held back while RTS is off under hardware flow control."""
        if self._module.serial.rts_gates and not self._module.input(Input.RTS):
            if len(self._held) + len(data) <= HELD:
                self._held += data
            return
        if self._module.config.behaviour.upsv_output_counts:
            self.last_data = self._module.pace.now()
        if self.transmit is not None:
            self.transmit(data, self.rate or GREETING_RATE)

    def send_raw(self, data: bytes) -> None:
        """Bytes of update mode to the host."""
        if self.transmit is not None:
            self.transmit(data, self.rate)

    def rts_on(self) -> None:
        """The host is ready again: what was held goes out."""
        if self.carrier is not None:
            self.carrier.resume()
        if self._held and self.transmit is not None:
            held = bytes(self._held)
            self._held.clear()
            self.transmit(held, self.rate or GREETING_RATE)


class UsbFace:
    """One serial port of the USB composition in force, in descriptor order."""

    def __init__(self, role: str, name: str, index: int) -> None:
        self.transmit: Callable[[bytes], None] | None = None
        self.role = role
        self.name = name
        self.index = index
        self.port: AtPort | None = None
        self.taker: Callable[[bytes], None] | None = None
        """What takes the bytes of a port that has no AT: update mode, boot mode."""
        self.opened = False
        self.on_open: Callable[[bool], None] | None = None

    def receive(self, data: bytes) -> None:
        """Bytes from the host; a port that is not an AT port takes them and says nothing."""
        if self.taker is not None and self.opened:
            self.taker(data)
        elif self.port is not None and self.opened:
            self.port.receive(data)

    def send(self, data: bytes) -> None:
        """Bytes to the host; lost while no host has the port open."""
        if self.opened and self.transmit is not None:
            self.transmit(data)

    def set_open(self, opened: bool) -> None:
        """A host opened or closed the port; open counts as DTR on."""
        self.opened = opened
        self.set_dtr(opened)
        if self.on_open is not None:
            self.on_open(opened)

    def set_dtr(self, on: bool) -> None:
        """DTR of the virtual port, where it is driven apart from opening."""
        if self.port is not None:
            self.port.set_dtr(on)
