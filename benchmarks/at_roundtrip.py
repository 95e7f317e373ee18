"""An AT round trip through the whole channel, against a bare loop and other libraries doing less.

All speak on one pseudo-terminal to one responder process that sends back echo, information line and OK. The
channel runs complete: transcript on, URC dispatch on, the answer typed and its numbers read; the
20 ms rule is set to zero. The others: a bare write/poll/read loop that looks for OK; pyserial's read_until,
pexpect's fdspawn and gsmmodem's SerialComms, which give bytes or lines and no more.

A pseudo-terminal's round trip takes 18 or 60 us, depending on whether the kernel finds a processor asleep,
and changes between the two from one moment to the next. So bare loop and channel take turns every 20 trips on
the same open port, and each ratio is taken between neighbours; the other libraries, which have to open the
port anew, take turns in rounds. The figure is the median over all turns.
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

TURNS, TURN_TRIPS = 400, 20
ROUNDS, ROUND_TRIPS = 10, 150
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


def bare_trip(path: str) -> Trip:
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

    return trip


def channel_trip(channel: Channel) -> Trip:
    """The whole channel."""

    def trip() -> tuple[object, ...]:
        values = channel.send("AT+CSQ").value("+CSQ")
        if values != (25, 0):
            raise AssertionError(f"wrong answer {values}")
        return values

    return trip


@contextmanager
def opened(path: str) -> Iterator[Channel]:
    """A channel with everything on, the pause between commands off."""
    channel = Channel(SerialPort(path), profile_for(Series.LENA_R8), trace=Transcript(), name="uart", gap_s=0)
    channel.start()
    yield channel
    channel.stop()


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


PEERS: dict[str, Callable[[str], AbstractContextManager[Trip]]] = {
    "pyserial read_until": pyserial, "pexpect": expect, "gsmmodem": gsmmodem}


def median_trip(trip: Trip, count: int) -> float:
    """The median of some round trips, in seconds."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        trip()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def against_bare(path: str) -> list[tuple[float, float]]:
    """Medians of channel and bare loop, turn by turn."""
    turns = []
    with opened(path) as channel:
        ours, bare = channel_trip(channel), bare_trip(path)
        for _ in range(TURNS):
            with channel.paused():
                theirs = median_trip(bare, TURN_TRIPS)
            turns.append((median_trip(ours, TURN_TRIPS), theirs))
    return turns[TURNS // 10:]


def against_peers(path: str) -> dict[str, list[tuple[float, float]]]:
    """Medians of channel and each peer, round by round."""
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in PEERS}
    for _ in range(ROUNDS):
        with opened(path) as channel:
            ours = median_trip(channel_trip(channel), ROUND_TRIPS)
        for name, peer in PEERS.items():
            with peer(path) as trip:
                rounds[name].append((ours, median_trip(trip, ROUND_TRIPS)))
    return rounds


def row(peer: str, goal: str, limit: float, pairs: list[tuple[float, float]]) -> dict[str, object]:
    """One line of the result."""
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    micros = [round(statistics.median(times) * 1e6, 1) for times in zip(*pairs, strict=True)]
    return {"what": f"AT round trip through the whole channel against {peer}", "goal": goal,
            "figure": round(ratio, 3), "met": ratio <= limit, "microseconds": micros}


def main() -> list[dict[str, object]]:
    """Channel against the bare loop, and against each peer."""
    with responder() as path:
        rows = [row("a bare write/poll/read loop", f"<= {GOAL_BARE}", GOAL_BARE, against_bare(path))]
        rows += [row(name, "< 1", GOAL_PEERS, pairs) for name, pairs in against_peers(path).items()]
    return rows


if __name__ == "__main__":
    for line in main():
        print(json.dumps(line))
