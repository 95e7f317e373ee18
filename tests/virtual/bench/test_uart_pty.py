"""The UART as a pseudo-terminal: bytes, rates and hardware flow control by termios."""

import os
import termios
from dataclasses import dataclass, field

import pytest
import serial

from cellbench.virtual.bench.uart_pty import PtyUart


@dataclass
class Line:
    """A UART end that notes what comes and at which rate, and echoes it at its own."""

    rate: int = 115200
    heard: bytearray = field(default_factory=bytearray)
    rates: list[int] = field(default_factory=list)
    dtr: list[bool] = field(default_factory=list)
    rts: list[bool] = field(default_factory=list)
    ready: bool = True
    adapter: PtyUart | None = None

    def receive(self, data, host_rate):
        self.heard += data
        self.rates.append(host_rate)
        self.adapter.transmit(data, self.rate)

    def set_dtr(self, on):
        self.dtr.append(on)

    def set_rts(self, on):
        self.rts.append(on)

    def cts(self):
        return self.ready

    def dsr(self):
        return True

    def dcd(self):
        return False

    def ri(self):
        return False


@pytest.fixture
def line(loop, tmp_path):
    end = Line()

    async def make():
        end.adapter = PtyUart(end, 3, tmp_path / "uart")
        await end.adapter.start()

    loop.run(make())
    yield end
    loop.run(end.adapter.stop())
    assert not (tmp_path / "uart").is_symlink()


def test_bytes_pass_at_the_rate_that_is_set(line):
    with serial.Serial(line.adapter.url, 115200, timeout=5) as port:
        assert port.write(b"AT\r") == 3
        assert port.read(3) == b"AT\r"
        for rate in (460800, 3000000, 115200):
            port.baudrate = rate
            line.rate = rate
            port.write(bytes(range(256)))
            assert port.read(256) == bytes(range(256))
            assert line.rates[-1] == rate == line.adapter.rate


def test_another_rate_gives_other_bytes(line, loop):
    line.rate = 9600
    with serial.Serial(line.adapter.url, 115200, timeout=0.1) as port:
        port.write(b"AT\r")
        assert loop.wait_for(lambda: bytes(line.heard) == b"AT\r")
        assert port.read(3) != b"AT\r"


def test_opening_closing_and_rate_0_are_dtr(line, loop):
    descriptor = os.open(line.adapter.url, os.O_RDWR | os.O_NOCTTY)
    assert loop.wait_for(lambda: line.dtr[-1:] == [True])
    settings = termios.tcgetattr(descriptor)
    settings[4] = settings[5] = termios.B0
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    assert loop.wait_for(lambda: line.dtr[-1:] == [False])
    settings[4] = settings[5] = termios.B115200
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    assert loop.wait_for(lambda: line.dtr[-1:] == [True])
    os.close(descriptor)
    assert loop.wait_for(lambda: line.dtr[-1:] == [False])
    assert line.rts == [True] * len(line.rts)


def test_hardware_flow_control_holds_what_the_module_cannot_take(line, loop):
    with serial.Serial(line.adapter.url, 115200, timeout=5, rtscts=True) as port:
        line.ready = False
        port.write(b"held")
        assert loop.wait_for(lambda: len(line.adapter._to_module) == 4)
        assert not line.heard
        line.ready = True
        loop.call(line.adapter.lines_changed)
        assert port.read(4) == b"held"
        line.ready = False
        port.write(b"more")
        assert loop.wait_for(lambda: len(line.adapter._to_module) == 4)
        port.rtscts = False  # a host that takes flow control off sends what it has
        assert port.read(4) == b"more"


def test_the_control_room_sets_rates_and_spoils_bytes(line, loop):
    with serial.Serial(line.adapter.url, 115200, timeout=5) as port:
        line.adapter.rate = 57600
        line.rate = 57600
        port.write(b"AT\r")
        assert port.read(3) == b"AT\r"
        assert line.rates == [57600]
        line.adapter.drop = 1.0
        port.write(b"gone")
        assert loop.wait_for(lambda: line.adapter.lost == 4)
        line.adapter.drop = 0.0
        port.write(b"AT\r")
        assert port.read(3) == b"AT\r"
