"""The tap: every byte stamped, in order, with its direction."""

from __future__ import annotations

import os
import time
import tty

import pytest

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible
from cellbench.base.trace import Direction, TraceRecord
from cellbench.io.pipe import PortStuck
from cellbench.io.serial_port import SerialPort
from cellbench.io.tap import Tap


class Sink:
    def __init__(self) -> None:
        self.records: list[TraceRecord] = []

    def record(self, record: TraceRecord) -> None:
        self.records.append(record)


@pytest.fixture
def pty():
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_bytes_and_events_are_stamped(pty):
    master, path = pty
    sink = Sink()
    tap = Tap(SerialPort(path), sink, "uart", sequence=7)
    before = time.monotonic_ns()
    tap.open()
    tap.write(b"AT\r", Deadline.after(1.0))
    os.write(master, b"\r\nOK\r\n")
    assert tap.read(100, 1.0) == b"\r\nOK\r\n"
    assert tap.read(100, 0) == b""
    tap.set_rate(9600)
    tap.close()
    assert [(record.sequence, record.direction, record.port) for record in sink.records] == [
        (7, Direction.EVENT, "uart"), (8, Direction.TX, "uart"), (9, Direction.RX, "uart"),
        (10, Direction.EVENT, "uart"), (11, Direction.EVENT, "uart")]
    assert [record.data for record in sink.records[1:4]] == [b"AT\r", b"\r\nOK\r\n", b"rate 9600"]
    times = [record.monotonic_ns for record in sink.records]
    assert before <= times[0]
    assert times == sorted(times)
    assert abs(sink.records[1].utc_ns - time.time_ns()) < 10e9
    assert tap.sequence == 12


def test_what_was_not_taken_is_recorded_as_tried(pty):
    _, path = pty
    sink = Sink()
    tap = Tap(SerialPort(path), sink, "uart")
    tap.open()
    with pytest.raises(PortStuck):
        tap.write(b"x" * 500_000, Deadline.after(0.05))
    assert len(sink.records[-1].data) == 500_000
    tap.close()


def test_a_pipe_without_lines_has_none_through_the_tap():
    class Bare:
        name = "mux 1"

        def open(self) -> None: ...
        def close(self) -> None: ...
        def write(self, data: bytes, deadline: Deadline) -> None: ...
        def read(self, limit: int, timeout_s: float) -> bytes:
            return b""

    tap = Tap(Bare(), Sink(), "mux1")
    assert tap.fileno() == -1
    with pytest.raises(NotPossible):
        tap.set_rate(9600)
