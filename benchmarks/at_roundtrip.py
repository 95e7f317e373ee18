"""An AT round trip through the whole channel, against a bare loop and other libraries doing less.

All speak on one pseudo-terminal to one responder process that sends back the echo, an information line and
OK. The channel runs complete: transcript on, URC dispatch on, the answer typed and its numbers read; the
20 ms rule is set to zero. The others: a bare write/poll/read loop that looks for OK; pyserial's read_until,
pexpect's fdspawn and gsmmodem's SerialComms, which give bytes or lines and no more.

Rounds of the contenders follow each other, and each ratio is taken within a round, so that the machine's other
work falls on all alike; the figure is the median over the rounds.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pexpect.fdpexpect
import serial
from gsmmodem.serial_comms import SerialComms

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.channel import Channel
from cellbench.host.transcript import Transcript
from cellbench.io.serial_port import SerialPort

ROUNDS = 40
TRIPS = 150  # of each contender in a round
GOAL_BARE = 1.25
GOAL_PEERS = 1.0

RESPONDER = r"""
import os
import sys

descriptor = int(sys.argv[1])
heard = b""
while True:
    heard += os.read(descriptor, 4096)
    if heard.endswith(b"\r"):
        os.write(descriptor, heard + b"\r\n+CSQ: 25,0\r\n\r\nOK\r\n")
        heard = b""
"""

Trip = Callable[[], object]


@contextmanager
def responder() -> Iterator[str]:
    """The tty whose other end the responder process serves."""
    master, slave = os.openpty()
    tty.setraw(slave)
    process = subprocess.Popen([sys.executable, "-S", "-c", RESPONDER, str(master)], pass_fds=[master])
    try:
        yield os.ttyname(slave)
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


@contextmanager
def bare(path: str) -> Iterator[Trip]:
    """Write, poll, read until OK."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)

    def trip() -> bytes:
        os.write(descriptor, b"AT+CSQ\r")
        heard = b""
        while not heard.endswith(b"OK\r\n"):
            if poll.poll(1000):
                heard += os.read(descriptor, 4096)
        return heard

    yield trip
    os.close(descriptor)


@contextmanager
def channel(path: str) -> Iterator[Trip]:
    """The whole channel."""
    one = Channel(SerialPort(path), profile_for(Series.LENA_R8), trace=Transcript(), name="uart", gap_s=0)
    one.start()

    def trip() -> tuple[object, ...]:
        values = one.send("AT+CSQ").value("+CSQ")
        if values != (25, 0):
            raise AssertionError(f"wrong answer {values}")
        return values

    yield trip
    one.stop()


@contextmanager
def pyserial(path: str) -> Iterator[Trip]:
    """pyserial's read_until."""
    port = serial.Serial(path, 115200, timeout=1)

    def trip() -> bytes:
        port.write(b"AT+CSQ\r")
        return port.read_until(b"OK\r\n")

    yield trip
    port.close()


@contextmanager
def expect(path: str) -> Iterator[Trip]:
    """pexpect on the descriptor."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    child = pexpect.fdpexpect.fdspawn(descriptor, timeout=1)

    def trip() -> int:
        child.send(b"AT+CSQ\r")
        return int(child.expect_exact(b"OK\r\n"))

    yield trip
    child.close()


@contextmanager
def gsmmodem(path: str) -> Iterator[Trip]:
    """gsmmodem's serial layer with its reading thread."""
    comms = SerialComms(path)
    comms.timeout = 0.02  # how long its thread needs to end; a trip never waits for it
    comms.connect()
    yield lambda: comms.write("AT+CSQ\r")
    comms.close()


CONTENDERS: dict[str, Callable[[str], AbstractContextManager[Trip]]] = {
    "bare": bare, "channel": channel, "pyserial": pyserial, "pexpect": expect, "gsmmodem": gsmmodem}


def round_trip_times(path: str) -> dict[str, float]:
    """The median round trip of each contender in one round, in seconds."""
    medians: dict[str, float] = {}
    for name, contender in CONTENDERS.items():
        with contender(path) as trip:
            for _ in range(10):
                trip()
            times = []
            for _ in range(TRIPS):
                began = time.perf_counter()
                trip()
                times.append(time.perf_counter() - began)
        medians[name] = statistics.median(times)
    return medians


def main() -> list[dict[str, object]]:
    """Channel against bare loop, and against each peer."""
    with responder() as path:
        round_trip_times(path)
        rounds = [round_trip_times(path) for _ in range(ROUNDS)]
    rows: list[dict[str, object]] = []
    for peer, goal in (("bare", GOAL_BARE), ("pyserial", GOAL_PEERS), ("pexpect", GOAL_PEERS),
                       ("gsmmodem", GOAL_PEERS)):
        ratio = statistics.median(one["channel"] / one[peer] for one in rounds)
        micros = {name: round(statistics.median(one[name] for one in rounds) * 1e6, 1) for name in ("channel", peer)}
        what = {"bare": "a bare write/poll/read loop", "pyserial": "pyserial read_until"}.get(peer, peer)
        rows.append({"what": f"AT round trip, whole channel : {what}", "goal": f"<= {goal}" if peer == "bare" else "< 1",
                     "figure": round(ratio, 3), "met": ratio <= goal if peer == "bare" else ratio < goal,
                     "microseconds": micros})
    return rows


if __name__ == "__main__":
    for row in main():
        print(json.dumps(row))
