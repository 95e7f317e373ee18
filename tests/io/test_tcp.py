"""A raw TCP connection as a port."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible
from cellbench.io.pipe import PortLost, PortMissing, PortStuck
from cellbench.io.tcp import TcpPort


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(2.0)
        yield server


def opened(listener: socket.socket) -> tuple[TcpPort, socket.socket]:
    port = TcpPort(*listener.getsockname())
    port.open()
    return port, listener.accept()[0]


def test_bytes_both_ways(listener):
    port, far = opened(listener)
    port.write(b"AT\r", Deadline.after(1.0))
    assert far.recv(10) == b"AT\r"
    far.send(b"\r\nOK\r\n")
    assert port.read(100, 1.0) == b"\r\nOK\r\n"
    assert port.read(100, 0.02) == b""
    far.close()
    with pytest.raises(PortLost):
        port.read(100, 1.0)
    port.close()
    with pytest.raises(PortLost):
        port.write(b"x", Deadline.after(1.0))


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with pytest.raises(PortMissing):
        TcpPort(*address).open()


def test_a_far_end_that_takes_nothing(listener):
    port, far = opened(listener)
    with pytest.raises(PortStuck):
        port.write(b"x" * 100_000_000, Deadline.after(0.05))
    far.close()
    port.close()


def test_no_rate_and_no_lines(listener):
    port, far = opened(listener)
    for call in (lambda: port.set_rate(9600), lambda: port.set_output("dtr", True), port.read_inputs):
        with pytest.raises(NotPossible):
            call()
    far.close()
    port.close()
