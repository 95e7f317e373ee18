"""The UART adapter, by pyserial's RFC 2217 client and by raw sockets."""

import itertools
import socket
import time
from dataclasses import dataclass, field

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.bench import comport
from cellbench.virtual.bench.comport import Received, Suboption, TelnetFilter
from cellbench.virtual.bench.uart import UartAdapter


@dataclass
class Line:
    """A UART end that notes what comes and echoes it at its own rate."""

    rate: int = 115200
    heard: bytearray = field(default_factory=bytearray)
    rates: list[int] = field(default_factory=list)
    dtr: bool | None = None
    rts: bool | None = None
    state: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(("cts", "dsr"), True))
    adapter: UartAdapter | None = None

    def receive(self, data, host_rate):
        self.heard += data
        self.rates.append(host_rate)
        self.adapter.transmit(data, self.rate)

    def set_dtr(self, on):
        self.dtr = on

    def set_rts(self, on):
        self.rts = on

    def cts(self):
        return self.state.get("cts", False)

    def dsr(self):
        return self.state.get("dsr", False)

    def dcd(self):
        return self.state.get("dcd", False)

    def ri(self):
        return self.state.get("ri", False)


@pytest.fixture
def line(loop):
    end = Line()

    async def make():
        end.adapter = UartAdapter(end, 3)
        end.port = await end.adapter.start()

    loop.run(make())
    yield end
    loop.run(end.adapter.stop())


def client(line, baudrate=115200, **settings):
    return serial.serial_for_url(f"rfc2217://127.0.0.1:{line.port}", baudrate, timeout=3, **settings)


def exactly(port, count):
    data = b""
    while len(data) < count:
        chunk = port.read(count - len(data))
        if not chunk:
            break
        data += chunk
    return data


def test_bytes_and_rates_pass(line):
    payload = bytes(range(256)) * 4
    with client(line) as port:
        port.write(payload)
        assert exactly(port, len(payload)) == payload
        port.baudrate = line.rate = 9600
        port.write(b"slow")
        assert exactly(port, 4) == b"slow"
        port.baudrate = line.rate = 921600
        port.write(b"fast")
        assert exactly(port, 4) == b"fast"
        line.rate = 115200
        port.write(b"AT\r\n" * 20)
        port.timeout = 0.1
        heard = port.read(200)
        assert heard
        assert b"AT\r\n" not in heard
    assert bytes(line.heard[:1024]) == payload
    assert list(dict.fromkeys(line.rates)) == [115200, 9600, 921600]


def test_control_lines_both_ways(loop, line):
    with client(line) as port:
        assert loop.wait_for(lambda: line.dtr is True and line.rts is True)
        port.dtr = False
        assert loop.wait_for(lambda: line.dtr is False)
        port.rts = False
        assert loop.wait_for(lambda: line.rts is False)
        assert (port.cts, port.dsr, port.cd, port.ri) == (True, True, False, False)

        def change():
            line.state.update(cts=False, dcd=True, ri=True)
            line.adapter.lines_changed()

        loop.call(change)
        deadline = time.monotonic() + 3
        while (port.cts, port.cd, port.ri) != (False, True, True) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (port.cts, port.dsr, port.cd, port.ri) == (False, True, True, True)
    assert loop.wait_for(lambda: line.dtr is False and line.rts is True)


def test_hardware_flow_control_holds_bytes_until_cts(loop, line):
    with client(line, rtscts=True) as port:
        loop.call(lambda: line.state.update(cts=False))
        port.write(b"held")
        with served_by_nobody(line):
            pass
        assert bytes(line.heard) == b""

        def ready():
            line.state.update(cts=True)
            line.adapter.lines_changed()

        loop.call(ready)
        assert exactly(port, 4) == b"held"


def served_by_nobody(line):
    """A second connection: it is taken, and served by nobody while the first is there."""
    other = socket.create_connection(("127.0.0.1", line.port), 3)
    other.settimeout(0.1)
    with pytest.raises(TimeoutError):
        other.recv(1)
    return other


def test_successive_clients(line):
    for number in range(2):
        with client(line) as port:
            text = b"client %d" % number
            port.write(text)
            assert exactly(port, len(text)) == text


def raw_client(line):
    return socket.create_connection(("127.0.0.1", line.port), 3)


def test_nobody_there_loses_the_modules_bytes(loop, line):
    loop.call(lambda: line.adapter.transmit(b"unheard", 115200))
    with raw_client(line) as raw:
        raw.sendall(b"x")
        assert raw.recv(10) == b"x"


def test_raw_client_gets_a_raw_stream(line):
    with raw_client(line) as raw:
        raw.sendall(b"AT\xff\r")
        assert raw.recv(100) == b"AT\xff\r"


def test_noise_and_drops_can_be_switched_on_and_off(loop, line):
    with raw_client(line) as raw:
        raw.sendall(b"all")
        assert raw.recv(10) == b"all"
        loop.call(lambda: setattr(line.adapter, "drop", 1.0))
        raw.sendall(b"lost")
        assert loop.wait_for(lambda: line.adapter.lost == 4)
        loop.call(lambda: setattr(line.adapter, "drop", 0.0))
        raw.sendall(b"kept")
        assert raw.recv(10) == b"kept"
        loop.call(lambda: setattr(line.adapter, "noise", 1.0))
        raw.sendall(b"AAAA")
        assert raw.recv(10) != b"AAAA"


def test_purge_and_settings_are_acknowledged(line):
    with client(line, bytesize=7, parity="E", stopbits=2) as port:
        port.reset_input_buffer()
        port.reset_output_buffer()
        port.send_break(0.01)
        port.write(b"AT")
        assert port.read(2) is not None
    assert line.heard


def test_break_is_reported_to_who_asks_for_line_states(loop, line):
    with socket.create_connection(("127.0.0.1", line.port), 3) as raw:
        raw.sendall(bytes((255, 251, 44)))
        raw.sendall(bytes((255, 250, 44, comport.SET_LINESTATE_MASK, 0xFF, 0xFF, 255, 240)))
        assert loop.wait_for(lambda: line.adapter._line_mask == 0xFF)
        loop.call(line.adapter.line_broke)
        seen = b""
        while bytes((44, comport.SERVER + comport.NOTIFY_LINESTATE, 0x10)) not in seen:
            seen += raw.recv(200)
        assert bytes((255, 253, 44)) in seen


def events_of(chunks):
    machine = TelnetFilter()
    data, others = bytearray(), []
    for chunk in chunks:
        for event in machine.feed(chunk):
            if isinstance(event, Received):
                data += event.data
            else:
                others.append(event)
    return bytes(data), others


STREAM = (bytes((255, 251, 44)) + b"AT+A\r" + bytes((255, 255)) + b"b"
          + bytes((255, 250, 44, 1, 0, 1, 255, 255, 0, 255, 240)) + b"tail"
          + bytes((255, 241)) + bytes((255, 250, 24, 1, 255, 240)) + b"end")


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=10))
def test_any_split_of_a_telnet_stream_gives_the_same_events(cuts):
    places = sorted({0, len(STREAM), *cuts})
    chunks = [STREAM[a:b] for a, b in itertools.pairwise(places)]
    data, others = events_of(chunks)
    assert data == b"AT+A\r\xffbtailend"
    assert Suboption(1, b"\x00\x01\xff\x00") in others


@given(st.binary(max_size=300))
def test_any_bytes_after_a_telnet_command_are_taken(noise):
    machine = TelnetFilter()
    list(machine.feed(bytes((255, 251, 44))))
    assert isinstance(list(machine.feed(noise)), list)


@given(st.binary(max_size=100))
def test_data_survives_encoding(data):
    machine = TelnetFilter()
    machine.telnet = True
    sent = bytes((255, 251, 44)) + machine.encode(data)
    assert events_of([sent])[0] == data


@pytest.mark.parametrize(("before", "now", "value"), [
    (None, 0x30, 0x30), (0x10, 0x00, 0x01), (0x00, 0x40, 0x40), (0x40, 0x00, 0x04), (0x00, 0x80, 0x88)])
def test_modem_state_values(before, now, value):
    assert comport.modem_state(before, now) == value
