"""The UART adapter of a slot: an RFC 2217 server between one TCP client and the module's UART.

One client at a time; a second one waits (see tcp.py). While no client is there, what the module sends is
lost; DTR is off, RTS stays on (so that the module does not pile up output for a port nobody has open).
A client's coming switches DTR and RTS on, as opening a serial port does; its going switches DTR off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from . import comport
from .comport import Agreed, Received, Reply, Suboption, TelnetFilter
from .noise import NoisyLine
from .tcp import Link, OneClientServer
from .waveform import EIGHT_BITS, Format, reframe, resample, same_rate

FACTORY_RATE = 115200
MAX_HELD = 1024 * 1024
SIGNATURE_TEXT = b"CELLBENCH virtual UART 1.0"


class UartEnd(Protocol):
    """The module's UART as the adapter sees it; true means asserted (ON)."""

    def receive(self, data: bytes, host_rate: int) -> None:
        """Bytes sent to the module at ``host_rate`` bit/s."""
        ...

    def set_dtr(self, on: bool) -> None:
        """DTR into the module."""
        ...

    def set_rts(self, on: bool) -> None:
        """RTS into the module."""
        ...

    def cts(self) -> bool:
        """CTS out of the module."""
        ...

    def dsr(self) -> bool:
        """DSR out of the module."""
        ...

    def dcd(self) -> bool:
        """DCD out of the module."""
        ...

    def ri(self) -> bool:
        """RI out of the module."""
        ...


class UartAdapter(NoisyLine):
    """The serial server: rate, frame, lines, flow control, faults."""

    def __init__(self, end: UartEnd, seed: int) -> None:
        super().__init__(seed)
        self._end = end
        self._server = OneClientServer(self)
        self._link: Link | None = None
        self._telnet = TelnetFilter()
        self.rate = FACTORY_RATE
        self.url = ""
        """Where a host finds it, once started."""
        self.module_format: Callable[[], Format] = lambda: EIGHT_BITS
        """The module's own character format."""
        self._data_size, self._parity, self._stop_size = 8, 1, 1
        self._hardware_flow = False
        self._software_flow = False
        self._suspended = False
        self._break = False
        self._dtr = False
        self._rts = True
        self._modem_mask, self._line_mask = 0xFF, 0
        self._last_modem: int | None = None
        self._to_module = bytearray()  # waits for CTS
        self._to_client = bytearray()  # waits for FLOWCONTROL-RESUME

    async def start(self) -> int:
        """Listen; returns the port."""
        self._end.set_rts(True)
        self._end.set_dtr(False)
        port = await self._server.start()
        self.url = f"rfc2217://127.0.0.1:{port}"
        return port

    async def stop(self) -> None:
        """Close all connections."""
        await self._server.stop()

    # the client's side

    def opened(self, link: Link) -> None:
        """A client has the place."""
        self._link = link
        self._telnet = TelnetFilter()
        self._data_size, self._parity, self._stop_size = 8, 1, 1
        self._hardware_flow = self._software_flow = self._suspended = self._break = False
        self._modem_mask, self._line_mask = 0xFF, 0
        self._last_modem = None
        self._to_module.clear()
        self._to_client.clear()
        self.drive("rts", True)
        self.drive("dtr", True)

    def closed(self) -> None:
        """The client left."""
        self._link = None
        self._to_module.clear()
        self._to_client.clear()
        self.drive("dtr", False)
        self.drive("rts", True)

    def received(self, data: bytes) -> None:
        """Bytes of the client: data and commands in the order in which they were sent."""
        for event in self._telnet.feed(data):
            if isinstance(event, Received):
                self._forward(event.data)
            elif isinstance(event, Reply):
                self._send_raw(event.data)
            elif isinstance(event, Agreed):
                self._notify_modem(force=True)
            else:
                self._com_port(event)

    # the module's side

    def transmit(self, data: bytes, module_rate: int) -> None:
        """Bytes that the module sends at ``module_rate`` bit/s (0: at the adapter's, whatever it is)."""
        if self._link is None:
            return
        if module_rate and not same_rate(module_rate, self.rate):
            data = resample(data, module_rate, self.rate)
        data = self._faults(reframe(data, self.module_format(), self._format))
        if self._suspended:
            if len(self._to_client) < MAX_HELD:
                self._to_client += data
        elif data:
            self._link.send(self._telnet.encode(data))

    def lines_changed(self) -> None:
        """One of CTS, DSR, DCD, RI changed."""
        self._notify_modem()
        if self._to_module and self._end.cts():
            held = bytes(self._to_module)
            self._to_module.clear()
            self._end.receive(held, self.rate)

    def line_broke(self) -> None:
        """The module's TXD fell (it lost its supply): a break to a client that asked for line states."""
        if self._line_mask & comport.LINE_BREAK and self._telnet.com_port:
            self._answer(comport.NOTIFY_LINESTATE, bytes((comport.LINE_BREAK,)))

    def drive(self, line: str, on: bool) -> None:
        """Set DTR or RTS into the module (the client does, and the control room)."""
        if line == "dtr":
            self._dtr = on
            self._end.set_dtr(on)
        else:
            self._rts = on
            self._end.set_rts(on)

    # inside

    @property
    def _format(self) -> Format:
        return Format(self._data_size, self._parity)

    def _forward(self, data: bytes) -> None:
        """Data to the module, held while hardware flow control is on and CTS is off."""
        data = self._faults(data)
        if not data or self._break:
            return
        data = reframe(data, self._format, self.module_format())
        if self._hardware_flow and (self._to_module or not self._end.cts()):
            if len(self._to_module) < MAX_HELD:
                self._to_module += data
            return
        self._end.receive(data, self.rate)

    def _send_raw(self, data: bytes) -> None:
        if self._link is not None:
            self._link.send(data)

    def _answer(self, command: int, value: bytes) -> None:
        self._send_raw(self._telnet.suboption(comport.SERVER + command, value))

    def _notify_modem(self, force: bool = False) -> None:
        end = self._end
        now = ((comport.CTS if end.cts() else 0) | (comport.DSR if end.dsr() else 0)
               | (comport.DCD if end.dcd() else 0) | (comport.RI if end.ri() else 0))
        before, self._last_modem = self._last_modem, now
        if not self._telnet.com_port:
            return
        value = comport.modem_state(before, now)
        changed = 0 if before is None else (before ^ now) | (value & 0x0F)
        if force or changed & self._modem_mask:
            self._answer(comport.NOTIFY_MODEMSTATE, bytes((value & self._modem_mask,)))

    def _com_port(self, event: Suboption) -> None:
        """One command of the client (RFC 2217, 3)."""
        command, value = event.command, event.value
        if command == comport.SET_BAUDRATE:
            wanted = int.from_bytes(value[:4], "big") if len(value) >= 4 else 0
            if 0 < wanted <= comport.MAX_RATE:
                self.rate = wanted
            self._answer(command, self.rate.to_bytes(4, "big"))
        elif command in (comport.SET_DATASIZE, comport.SET_PARITY, comport.SET_STOPSIZE):
            self._frame(command, value[0] if value else 0)
        elif command == comport.SET_CONTROL and value:
            self._control(value[0])
        elif command == comport.SIGNATURE:
            if not value:
                self._answer(command, SIGNATURE_TEXT)
        elif command == comport.NOTIFY_MODEMSTATE:
            self._notify_modem(force=True)
        elif command == comport.NOTIFY_LINESTATE:
            self._answer(command, b"\0")
        elif command == comport.FLOW_SUSPEND:
            self._suspended = True
        elif command == comport.FLOW_RESUME:
            self._resume()
        elif command == comport.SET_LINESTATE_MASK and value:
            self._line_mask = value[0]
            self._answer(command, value[:1])
        elif command == comport.SET_MODEMSTATE_MASK and value:
            self._modem_mask = value[0]
            self._answer(command, value[:1])
        elif command == comport.PURGE_DATA and value:
            self._purge(value[0])

    def _frame(self, command: int, value: int) -> None:
        """Data bits 5 to 8, parity 1 to 5 (none, odd, even, mark, space), stop bits 1 to 3 (1, 2, 1.5)."""
        if command == comport.SET_DATASIZE:
            if 5 <= value <= 8:
                self._data_size = value
            self._answer(command, bytes((self._data_size,)))
        elif command == comport.SET_PARITY:
            if 1 <= value <= 5:
                self._parity = value
            self._answer(command, bytes((self._parity,)))
        else:
            if 1 <= value <= 3:
                self._stop_size = value
            self._answer(command, bytes((self._stop_size,)))

    def _control(self, value: int) -> None:
        """SET-CONTROL: flow control, break, DTR, RTS; requests are answered with the state."""
        if value in (1, 2, 3):
            self._software_flow, self._hardware_flow = value == 2, value == 3
            if not self._hardware_flow:
                self.lines_changed()
        elif value in (5, 6):
            self._break = value == 5
        elif value in (8, 9):
            self.drive("dtr", value == 8)
        elif value in (11, 12):
            self.drive("rts", value == 11)
        states = {
            0: 2 if self._software_flow else 3 if self._hardware_flow else 1,
            4: 5 if self._break else 6,
            7: 8 if self._dtr else 9,
            10: 11 if self._rts else 12,
            13: 15 if self._software_flow else 16 if self._hardware_flow else 14,
        }
        self._answer(comport.SET_CONTROL, bytes((states.get(value, value),)))

    def _resume(self) -> None:
        self._suspended = False
        held = bytes(self._to_client)
        self._to_client.clear()
        if held:
            self._send_raw(self._telnet.encode(held))

    def _purge(self, which: int) -> None:
        if which in (1, 3):
            self._to_client.clear()
        if which in (2, 3):
            self._to_module.clear()
        self._answer(comport.PURGE_DATA, bytes((which,)))
