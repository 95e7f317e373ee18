"""Recording of a stream on real PTYs: bounds, drops, gaps."""

from __future__ import annotations

import os
import time
import tty
from collections.abc import Callable, Iterator

import pytest

from cellbench.io.recorder import Mark, StreamRecorder
from cellbench.io.serial_port import SerialPort

WAIT_S = 10.0


class Pty:
    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self.slave = slave

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


def until(ready: Callable[[], bool]) -> bool:
    end = time.monotonic() + WAIT_S
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture
def pty() -> Iterator[Pty]:
    made = Pty()
    yield made
    made.close()


@pytest.fixture
def record() -> Iterator[Callable[..., StreamRecorder]]:
    made: list[StreamRecorder] = []

    def start(path: str, limit_bytes: int = 1_000_000, keep_s: float = 60.0) -> StreamRecorder:
        made.append(StreamRecorder("a.cp-trace", SerialPort(path), limit_bytes=limit_bytes, keep_s=keep_s))
        made[-1].start()
        return made[-1]

    yield start
    for recorder in made:
        recorder.stop()


def test_what_comes_is_kept_as_it_is(pty, record):
    recorder = record(pty.path)
    data = bytes(range(256)) * 10
    os.write(pty.master, data)
    assert until(lambda: recorder.seen == len(data))
    held = recorder.since(Mark(0, 0))
    assert held.data == data
    assert (held.dropped, held.gaps, held.problem) == (0, 0, "")
    assert held.began_utc_ns <= held.ended_utc_ns


def test_a_mark_cuts_what_was_before(pty, record):
    recorder = record(pty.path)
    os.write(pty.master, b"before")
    assert until(lambda: recorder.seen == 6)
    mark = recorder.mark()
    os.write(pty.master, b"after")
    assert until(lambda: recorder.seen == 11)
    assert recorder.since(mark).data == b"after"
    assert recorder.all().data == b"beforeafter"


def test_the_ring_is_bounded_and_says_what_fell_out(pty, record):
    recorder = record(pty.path, limit_bytes=1000)
    sent = 0
    for number in range(40):
        os.write(pty.master, bytes([number]) * 100)
        sent += 100
        assert until(lambda sent=sent: recorder.seen == sent)
    held = recorder.since(Mark(0, 0))
    assert len(held.data) <= 1000
    assert held.dropped == 4000 - len(held.data)
    assert held.data.endswith(bytes([39]) * 100)
    assert recorder.all().dropped == 0


def test_old_bytes_fall_out(pty, record):
    recorder = record(pty.path, keep_s=0.05)
    os.write(pty.master, b"old")
    assert until(lambda: recorder.seen == 3)
    time.sleep(0.1)  # the age itself is what is tried here
    os.write(pty.master, b"new")
    assert until(lambda: recorder.seen == 6)
    held = recorder.since(Mark(0, 0))
    assert (held.data, held.dropped) == (b"new", 3)


def test_a_port_that_comes_back_is_a_gap(tmp_path, record):
    node = tmp_path / "ttyUSB0"
    first, second = Pty(), Pty()
    node.symlink_to(first.path)
    recorder = record(str(node))
    os.write(first.master, b"one")
    assert until(lambda: recorder.seen == 3)
    node.unlink()
    first.close()
    node.symlink_to(second.path)
    os.write(second.master, b"two")
    assert until(lambda: recorder.seen == 6)
    held = recorder.since(Mark(0, 0))
    assert (held.data, held.gaps) == (b"onetwo", 1)
    recorder.stop()
    second.close()


def test_a_port_that_is_not_there_is_said(tmp_path, record):
    recorder = record(str(tmp_path / "ttyUSB9"))
    assert until(lambda: "no such port" in recorder.all().problem)
    assert recorder.all().data == b""


def test_stopping_twice_and_never_started():
    recorder = StreamRecorder("a", SerialPort("/dev/none"), limit_bytes=10, keep_s=1.0)
    recorder.stop()
    recorder.start()
    recorder.stop()
    recorder.stop()
    assert recorder.seen == 0
