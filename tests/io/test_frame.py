"""Character formats, as text and on real ports."""

from __future__ import annotations

import os
import termios
import tty

import pytest

from cellbench.base.errors import NotPossible
from cellbench.base.trace import Direction, TraceRecord
from cellbench.io.frame import Frame, Parity
from cellbench.io.serial_port import SerialPort
from cellbench.io.tap import Tap
from cellbench.io.tcp import TcpPort


@pytest.fixture
def slave():
    """A terminal that stays open on our side."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield slave
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("text", ["8N1", "8E1", "8O2", "7E1", "5N2"])
def test_a_format_and_its_text(text):
    assert str(Frame.of(text)) == text


@pytest.mark.parametrize("text", ["", "8", "9N1", "8N3", "8X1", "8N1 "])
def test_texts_that_are_no_format(text):
    with pytest.raises(ValueError):
        Frame.of(text)


def test_the_format_reaches_the_driver(slave):
    """A pseudo-terminal keeps CS8 without parity (tty_ioctl(4)); stop bits are noted."""
    port = SerialPort(os.ttyname(slave))
    port.open()
    port.set_frame(Frame(8, Parity.NONE, 2))
    assert termios.tcgetattr(slave)[2] & termios.CSTOPB
    port.set_frame(Frame())
    assert not termios.tcgetattr(slave)[2] & termios.CSTOPB
    port.close()


class Sink:
    """A transcript."""

    def __init__(self):
        self.records: list[TraceRecord] = []

    def record(self, record):
        self.records.append(record)


def test_the_tap_passes_it_on_and_notes_it(slave):
    sink = Sink()
    tap = Tap(SerialPort(os.ttyname(slave)), sink, "uart", sequence=0)
    tap.open()
    tap.set_frame(Frame.of("8N2"))
    assert [record.data for record in sink.records if record.direction is Direction.EVENT][-1] == b"frame 8N2"
    tap.close()


def test_a_raw_connection_has_none():
    with pytest.raises(NotPossible, match="no character format"):
        Tap(TcpPort("127.0.0.1", 9), Sink(), "uart", sequence=0).set_frame(Frame())
