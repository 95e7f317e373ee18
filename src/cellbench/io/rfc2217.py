"""The client end of RFC 2217: a serial port on another machine, with its rate and lines.

Everything is sent at once and answers are matched as they come, so that opening, a new rate or a line takes
one round trip and no pause.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable, Mapping

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible, RigError
from cellbench.io.frame import Frame, Parity
from cellbench.io.pipe import PortLost
from cellbench.io.tcp import acknowledge, connect, send_all
from cellbench.io.telnet import (
    BINARY,
    COM_PORT,
    CONTROL_DTR,
    CONTROL_HARDWARE_FLOW,
    CONTROL_NO_FLOW,
    CONTROL_RTS,
    DO,
    DONT,
    MODEM_BITS,
    SERVER,
    SUPPRESS_GO_AHEAD,
    WILL,
    WONT,
    ComPort,
    Negotiation,
    Subnegotiation,
    TelnetDecoder,
    TelnetEvent,
    com_port,
    escape,
    negotiation,
)

_WANTED = frozenset({BINARY, SUPPRESS_GO_AHEAD, COM_PORT})
_ANSWER_S = 3.0  # how long a server may take to answer one setting
_PARITIES = {Parity.NONE: 1, Parity.ODD: 2, Parity.EVEN: 3}  # RFC 2217, 3
_CONTROLS = {"dtr": CONTROL_DTR, "rts": CONTROL_RTS}


class NoAnswer(RigError):
    """The server did not answer a setting."""


class Rfc2217Port:
    """A serial port behind an RFC 2217 server (pyserial's, ser2net, terminal servers)."""

    def __init__(self, host: str, port: int, *, rate: int = 115200, flow_control: bool = False) -> None:
        """``rate`` in bit/s; ``flow_control``: the server's driver handles RTS and CTS itself."""
        self.name = f"rfc2217://{host}:{port}"
        self.flow_control = flow_control
        self._address = (host, port)
        self._rate = rate
        self._socket: socket.socket | None = None
        self._poll = select.poll()
        self._decoder = TelnetDecoder()
        self._receiving = threading.Lock()  # who holds it may take bytes off the socket
        self._sending = threading.Lock()
        self._heard = threading.Condition()  # guards what follows
        self._inbox = b""
        self._answers: dict[int, bytes] = {}
        self._refused = False
        self._modem: int | None = None

    def fileno(self) -> int:
        """The socket's descriptor, or -1 while closed."""
        return self._socket.fileno() if self._socket is not None else -1

    @property
    def rate(self) -> int:
        """The bit rate set, in bit/s."""
        return self._rate

    def open(self) -> None:
        """Connect, negotiate and set 8N1 at the port's rate, DTR and RTS on. Raises PortMissing; RigError
        when the server does not speak RFC 2217 or refuses the rate."""
        self.close()
        self._socket = connect(self.name, self._address)
        self._poll.register(self._socket, select.POLLIN)
        self._decoder = TelnetDecoder()
        self._inbox, self._refused, self._modem = b"", False, None
        self._answers.clear()
        flow = CONTROL_HARDWARE_FLOW if self.flow_control else CONTROL_NO_FLOW
        try:
            self._send(b"".join((
                negotiation(WILL, COM_PORT), negotiation(WILL, BINARY), negotiation(DO, BINARY),
                negotiation(DO, SUPPRESS_GO_AHEAD), negotiation(WILL, SUPPRESS_GO_AHEAD),
                com_port(ComPort.SET_MODEMSTATE_MASK, b"\xff"),
                com_port(ComPort.SET_DATASIZE, b"\x08"), com_port(ComPort.SET_PARITY, b"\x01"),
                com_port(ComPort.SET_STOPSIZE, b"\x01"), com_port(ComPort.SET_CONTROL, bytes((flow,))),
                com_port(ComPort.SET_CONTROL, bytes((CONTROL_DTR[True],))),
                com_port(ComPort.SET_CONTROL, bytes((CONTROL_RTS[True],))))))
            self.set_rate(self._rate)
        except RigError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            with contextlib.suppress(OSError, KeyError):
                self._poll.unregister(self._socket)
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def read(self, limit: int, timeout_s: float) -> bytes:
        """See Pipe.read. What Telnet says in between is taken care of on the way."""
        deadline = Deadline.after(timeout_s)
        with self._receiving:
            while True:
                if self._inbox:
                    with self._heard:
                        data, self._inbox = self._inbox[:limit], self._inbox[limit:]
                    return data
                if not self._pump(deadline.remaining) and (timeout_s <= 0 or deadline.expired):
                    return b""

    def write(self, data: bytes, deadline: Deadline) -> None:
        """See Pipe.write."""
        self._send(escape(data), deadline)

    def set_rate(self, bit_s: int) -> None:
        """See LinePort.set_rate. Raises RigError when the server keeps another rate."""
        answer = self._ask(ComPort.SET_BAUDRATE, struct.pack("!I", bit_s), len)
        real = int.from_bytes(answer[:4], "big")
        if real != bit_s:
            raise RigError(f"{self.name}: {bit_s} bit/s asked for, the server answers {real}")
        self._rate = bit_s

    def set_frame(self, frame: Frame) -> None:
        """See FramedPort.set_frame. Raises RigError when the server keeps another format."""
        for command, value in ((ComPort.SET_DATASIZE, frame.data_bits), (ComPort.SET_PARITY,
                               _PARITIES[frame.parity]), (ComPort.SET_STOPSIZE, frame.stop_bits)):
            answer = self._ask(command, bytes((value,)), len)
            if answer[0] != value:
                raise RigError(f"{self.name}: {frame} asked for, the server answers {answer[0]} to "
                               f"{command.name}")

    def set_output(self, line: str, on: bool) -> None:
        """See LinePort.set_output."""
        values = _CONTROLS[line]
        own = frozenset(values.values())
        try:
            answer = self._ask(ComPort.SET_CONTROL, bytes((values[on],)), lambda value: value[0] in own, 1.0)
        except NoAnswer as error:  # ser2net says nothing for a device without lines
            raise NotPossible(f"{self.name}: the server does not answer for {line.upper()}") from error
        if answer[0] != values[on]:
            raise NotPossible(f"{self.name}: the server does not drive {line.upper()}")

    def read_inputs(self) -> Mapping[str, bool]:
        """See LinePort.read_inputs; the server reports changes by itself."""
        if self._modem is None:
            with contextlib.suppress(NoAnswer):
                self._ask(ComPort.NOTIFY_MODEMSTATE, b"", len, wait_s=0.5)
        state = self._modem
        if state is None:
            raise NotPossible(f"{self.name}: the server does not report its inputs")
        return {name: bool(state & bit) for name, bit in MODEM_BITS.items()}

    def _ask(self, command: ComPort, value: bytes, fits: Callable[[bytes], object],
             wait_s: float = _ANSWER_S) -> bytes:
        """Send one setting and wait for the server's answer to it, reading the connection if no other call
        does."""
        with self._heard:
            self._answers.pop(command, None)
        self._send(com_port(command, value))
        deadline = Deadline.after(wait_s)
        while True:
            with self._heard:
                answer = self._answers.get(command)
                if answer is not None and answer and fits(answer):
                    return answer
                if self._refused:
                    raise RigError(f"{self.name}: the server does not speak RFC 2217 (it refused the option)")
            if deadline.expired:
                raise NoAnswer(f"{self.name}: no answer to {command.name} within {wait_s:g} s",
                               remedy="does the server speak RFC 2217?")
            if self._receiving.acquire(blocking=False):
                try:
                    self._pump(deadline.remaining)
                finally:
                    self._receiving.release()
            else:  # another call reads; it tells what it hears
                with self._heard:
                    if self._answers.get(command) is answer:
                        self._heard.wait(min(0.02, deadline.remaining))

    def _pump(self, timeout_s: float) -> bool:
        """Take what the server sent; the caller holds ``_receiving``. False when nothing came in time."""
        link = self._socket
        if link is None:
            raise PortLost(f"{self.name}: not open")
        try:
            if not self._poll.poll(timeout_s * 1000 + 0.999 if timeout_s > 0 else 0):
                return False
            raw = link.recv(65536)
            acknowledge(link)
        except BlockingIOError:
            return False
        except OSError as error:
            raise PortLost(f"{self.name}: the connection broke ({error.strerror or error})") from error
        if not raw:
            raise PortLost(f"{self.name}: the server closed the connection")
        data, events = self._decoder.receive(raw)
        with self._heard:
            if data:
                self._inbox = self._inbox + data if self._inbox else data
            if events:
                for event in events:
                    self._telnet(event)
                self._heard.notify_all()
        return True

    def _telnet(self, event: TelnetEvent) -> None:
        if isinstance(event, Negotiation):
            self._negotiate(event)
        elif event.option == COM_PORT and event.data:
            self._com_port(event)

    def _negotiate(self, event: Negotiation) -> None:
        if event.verb == DONT and event.option == COM_PORT:
            self._refused = True
        elif event.verb == WILL and event.option not in _WANTED:
            self._send(negotiation(DONT, event.option))
        elif event.verb == DO and event.option not in _WANTED:
            self._send(negotiation(WONT, event.option))
        elif event.verb == WILL and event.option == COM_PORT:
            self._send(negotiation(DO, COM_PORT))

    def _com_port(self, event: Subnegotiation) -> None:
        command, value = event.data[0] - SERVER, event.data[1:]
        if command == ComPort.NOTIFY_MODEMSTATE and value:
            self._modem = value[0]
        if value:
            self._answers[command] = value

    def _send(self, wire: bytes, deadline: Deadline | None = None) -> None:
        link = self._socket
        if link is None:
            raise PortLost(f"{self.name}: not open")
        with self._sending:
            send_all(self.name, link, wire, deadline)
