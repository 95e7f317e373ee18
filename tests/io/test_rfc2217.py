"""The RFC 2217 client against pyserial's own server end (PortManager) over real TCP."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import serial
from serial.rfc2217 import PortManager

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible, RigError
from cellbench.io.frame import Frame
from cellbench.io.pipe import PortLost, PortMissing
from cellbench.io.rfc2217 import Rfc2217Port


class Uart(serial.SerialBase):
    """The serial port that the server serves: its lines are attributes, what is written to it comes back."""

    def __init__(self) -> None:
        self.inputs = {"cts": True, "dsr": False, "ri": False, "cd": False}
        self.outputs: list[tuple[str, bool]] = []
        super().__init__()
        self.is_open = True

    def _reconfigure_port(self, force_update: bool = False) -> None:
        """Nothing to configure."""

    def _update_dtr_state(self) -> None:
        self.outputs.append(("dtr", self._dtr_state))

    def _update_rts_state(self) -> None:
        self.outputs.append(("rts", self._rts_state))

    def reset_input_buffer(self) -> None:
        """Nothing kept."""

    def reset_output_buffer(self) -> None:
        """Nothing kept."""

    cts = property(lambda self: self.inputs["cts"])
    dsr = property(lambda self: self.inputs["dsr"])
    ri = property(lambda self: self.inputs["ri"])
    cd = property(lambda self: self.inputs["cd"])


class Server:
    """One connection at a time, served as pyserial's example server does."""

    def __init__(self) -> None:
        self.uart = Uart()
        self.received = b""
        self.echo = True
        self.manager: PortManager | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._link: socket.socket | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        with self._lock:
            if self._link is not None:
                self._link.sendall(data)

    def say(self, data: bytes) -> None:
        assert self.manager is not None
        self.write(b"".join(self.manager.escape(data)))

    def set_input(self, name: str, on: bool) -> None:
        self.uart.inputs[name] = on
        assert self.manager is not None
        self.manager.check_modem_lines()

    def drop(self) -> None:
        if self._link is not None:
            self._link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        # Closing alone does not end an accept in another thread.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with contextlib.suppress(OSError):
            self.drop()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                self._link, _ = self._listener.accept()
            except OSError:
                return
            # A client that leaves in the middle of an answer is no fault.
            with self._link, contextlib.suppress(ConnectionError):
                self.manager = PortManager(self.uart, self)
                while raw := self._link.recv(1024):
                    data = b"".join(self.manager.filter(raw))
                    self.received += data
                    if data and self.echo:
                        self.say(data)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def port(server: Server) -> Iterator[Rfc2217Port]:
    port = Rfc2217Port(*server.address)
    port.open()
    yield port
    port.close()


def read_all(port: Rfc2217Port, count: int) -> bytes:
    deadline = Deadline.after(2.0)
    data = b""
    while len(data) < count and not deadline.expired:
        data += port.read(4096, deadline.remaining)
    return data


def until(ready, seconds: float = 2.0) -> bool:
    deadline = Deadline.after(seconds)
    while not ready() and not deadline.expired:
        time.sleep(0.002)
    return bool(ready())


def test_bytes_both_ways_with_all_values(port):
    data = bytes(range(256)) + b"\xff\xff\xff\xf0\xfa"
    port.write(data, Deadline.after(1.0))
    assert read_all(port, len(data)) == data


def test_the_rate_is_set_and_answered(port, server):
    assert server.uart.baudrate == 115200
    port.set_rate(460800)
    assert server.uart.baudrate == 460800
    assert port.rate == 460800
    assert server.uart.bytesize == 8
    assert server.uart.stopbits == 1


def test_lines_out(port, server):
    server.uart.outputs.clear()
    port.set_output("dtr", False)
    port.set_output("rts", False)
    port.set_output("dtr", True)
    assert server.uart.outputs == [("dtr", False), ("rts", False), ("dtr", True)]


def test_lines_in_are_told_by_the_server(port, server):
    assert port.read_inputs() == {"cts": True, "dsr": False, "dcd": False, "ri": False}
    server.set_input("cd", True)
    server.set_input("cts", False)

    def arrived() -> bool:
        port.read(10, 0)
        state = port.read_inputs()
        return state["dcd"] and not state["cts"]

    assert until(arrived)


def test_opening_asks_for_dtr_and_rts(port, server):
    assert until(lambda: {("dtr", True), ("rts", True)} <= set(server.uart.outputs))


def test_data_that_comes_during_a_setting_is_kept(port, server):
    server.say(b"RING")
    port.set_rate(9600)
    assert read_all(port, 4) == b"RING"


def test_a_setting_while_another_thread_reads(port, server):
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(port.read(100, 5.0)))
    reader.start()
    for rate in (9600, 115200, 460800):
        port.set_rate(rate)
        port.set_output("dtr", rate != 9600)
    server.say(b"done")
    reader.join(5.0)
    assert got == [b"done"]


def test_opening_and_settings_take_round_trips_not_pauses(server):
    def ours() -> float:
        began = time.monotonic()
        port = Rfc2217Port(*server.address)
        port.open()
        port.set_rate(9600)
        port.set_output("dtr", False)
        took = time.monotonic() - began
        port.close()
        return took

    began = time.monotonic()
    port = serial.serial_for_url(f"rfc2217://127.0.0.1:{server.address[1]}")
    port.baudrate = 9600
    port.dtr = False
    pyserials = time.monotonic() - began
    port.close()
    assert min(ours() for _ in range(5)) < pyserials / 10


def test_opening_again(server):
    port = Rfc2217Port(*server.address)
    for _ in range(3):
        port.open()
        port.write(b"x", Deadline.after(1.0))
        assert read_all(port, 1) == b"x"
        port.close()
    assert port.fileno() == -1


def test_a_server_that_goes_away(port, server):
    server.drop()
    with pytest.raises(PortLost):
        port.read(10, 2.0)
    with pytest.raises(PortLost):
        port.set_rate(9600)


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    with pytest.raises(PortMissing):
        Rfc2217Port(*address).open()


class Stubborn:
    """A server that answers every option with a refusal, or with other values than asked for."""

    def __init__(self, answer: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._answer = answer
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        link, _ = self._listener.accept()
        with link:
            while link.recv(4096):
                link.sendall(self._answer)

    def close(self) -> None:
        self._thread.join(2.0)
        self._listener.close()


def test_a_server_without_the_option_is_said_to_be_one():
    server = Stubborn(b"\xff\xfe\x2c")  # IAC DONT COM-PORT
    with pytest.raises(RigError, match="does not speak RFC 2217"):
        Rfc2217Port(*server.address).open()
    server.close()


def test_a_server_that_keeps_another_rate_is_told():
    server = Stubborn(bytes.fromhex("fffa2c6500002580fff0"))  # SERVER SET-BAUDRATE 9600
    with pytest.raises(RigError, match="9600"):
        Rfc2217Port(*server.address).open()
    server.close()


def test_a_server_without_lines():
    rate = bytes.fromhex("fffa2c650001c200fff0")
    server = Stubborn(rate + bytes.fromhex("fffa2c6909fff0"))  # and DTR stays off, whatever is asked
    port = Rfc2217Port(*server.address)
    port.open()
    with pytest.raises(NotPossible):
        port.set_output("dtr", True)
    with pytest.raises(NotPossible):
        port.read_inputs()
    port.close()
    server.close()


def test_the_format_is_set_and_answered(port, server):
    port.set_frame(Frame.of("7E2"))
    assert (server.uart.bytesize, server.uart.parity, server.uart.stopbits) == (7, "E", 2)
    port.set_frame(Frame())
    assert (server.uart.bytesize, server.uart.parity, server.uart.stopbits) == (8, "N", 1)
