"""The Linux kernel's own multiplexer (n_gsm) as responder, the host's end of 27.010 as its initiator; and the
other way round, for the host's machine can be either.

A kernel in a process (user-mode-linux) has the other end of a pseudo-terminal: see uml.py. The kernel makes
every frame that the host reads and judges every one that it sends; what speaks AT on its channels is
peers/n_gsm_responder.py. This kernel takes CLD for the end without answering it, and DISC of the control
channel no more after it: the host gives up after its time-outs and finds AT on the bare line.
"""

from __future__ import annotations

import os
import secrets
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cellbench.base.clock import Deadline
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.channel import Channel
from cellbench.host.datamode import DataMode
from cellbench.host.mux import Mux
from cellbench.host.mux_settings import MuxParameters
from cellbench.host.ppp import PppLink
from cellbench.host.ppp_model import PppDial
from cellbench.host.transcript import Transcript
from cellbench.io.pipe import PortLost, PortStuck
from cellbench.wire.cmux.events import Breach, Closed, ClosedDown, Event, Opened, Received
from cellbench.wire.cmux.machine import Multiplexer, Role, Settings

PROGRAM = Path(__file__).with_name("peers") / "n_gsm_responder.py"
CHANNELS = 4
COUNT = 65536
WAIT_S = 60.0
MODULES = ("n_gsm", "crc-ccitt", "slhc", "ppp_generic", "ppp_async")
FAR = "10.64.0.1"  # of pppd in the guest
PARAMETERS = MuxParameters(n1=200, t1=50, n2=3, t2=40)

SCRIPT = f"""
busybox mount -t tmpfs etc /etc/ppp
: >/etc/ppp/options
"$PYTHON" -S -E {PROGRAM} /dev/ttyS0 {PARAMETERS.n1} {CHANNELS} >said 2>&1
"""


class Master:
    """The near end of a pseudo-terminal as a pipe; opening and closing leave it as it is."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.name = self.far_end = os.ttyname(self._slave)
        os.set_blocking(self._master, False)

    def fileno(self) -> int:
        return self._master

    def open(self) -> None:
        """It is open."""

    def close(self) -> None:
        """It stays open."""

    def read(self, limit: int, timeout_s: float) -> bytes:
        if not select.select([self._master], [], [], timeout_s)[0]:
            return b""
        try:
            return os.read(self._master, limit)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortLost(f"{self.name}: {error}") from error

    def write(self, data: bytes, deadline: Deadline) -> None:
        while data:
            if not select.select([], [self._master], [], deadline.remaining)[1]:
                raise PortStuck(f"{self.name}: {len(data)} bytes were not taken")
            data = data[os.write(self._master, data):]

    def end(self) -> None:
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def line() -> Iterator[Master]:
    line = Master()
    yield line
    line.end()


def echoed(link: DataMode, count: int) -> bool:
    """Random bytes there and back, some kilobytes on their way."""
    data, heard, sent = secrets.token_bytes(count), bytearray(), 0
    while len(heard) < count:
        while sent < count and sent - len(heard) < 4096:
            link.write(data[sent:sent + 1024], WAIT_S)
            sent += 1024
        more = link.read(65536, WAIT_S)
        if not more:
            return False
        heard += more
    return heard == data


def test_the_host_meets_the_kernels_multiplexer(line: Master, guest: Callable[..., Any]) -> None:
    """Opening, AT on one channel while the others carry data and PPP, lines both ways, test command, the
    end."""
    one = guest(SCRIPT, serial=line.far_end, modules=MODULES, memory_mb=192)
    uart = Channel(line, profile_for(Series.LARA_R6), trace=Transcript(), name="uart", gap_s=0)
    uart.start()
    try:
        uart.sync(WAIT_S)
        with Mux(uart, parameters=PARAMETERS, channels=CHANNELS) as mux:
            assert mux.test(b"is this the kernel?") > 0
            lines(mux)
            data_beside_commands(mux)
            ppp_beside_commands(mux)
            count, machine = mux.count, mux.machine
            ending = threading.Thread(target=lambda: one.until(lambda: not machine.up, WAIT_S) and one.tell(
                "plain"))
            ending.start()
        ending.join()
        assert uart.send("AT", timeout_s=WAIT_S).ok
        one.tell("done")
        assert one.ended(WAIT_S) == 0, one.file("said").read_text()
    finally:
        uart.stop()
    said = dict(text.split("=", 1) for text in one.file("said").read_text().splitlines())
    assert said.pop("pppd") in ("0", "16"), "16: the line hung up, behind the orderly end"
    assert said == {"cmux": PARAMETERS.command, "open": str(CHANNELS), "bare": "yes",
                    "bytes": f"0|{COUNT}|{COUNT}|{COUNT}"}
    assert (count.lost_frames, count.skipped_bytes) == (0, 0)
    # this kernel shows the signals of a channel before it is set up
    assert set(machine.breaches) <= {Breach.NOT_CONNECTED}
    assert not machine.up


def lines(mux: Mux) -> None:
    """DTR and RTS go, what the kernel shows comes."""
    channel = mux.channels[1]
    assert channel.lines()["dsr"]
    for name in ("cts", "dsr"):
        for on in (False, True):
            assert channel.send(f"AT+{name}={on:d}", timeout_s=WAIT_S).ok
            assert channel.wait_line(name, on, WAIT_S)
    for name in ("dtr", "rts"):
        channel.set_line(name, False)
        channel.set_line(name, True)
    assert channel.send("AT", timeout_s=WAIT_S).ok


def data_beside_commands(mux: Mux) -> None:
    """Every channel but the first in data mode at once; DTR ends it."""
    found: dict[int, bool] = {}

    def run(number: int) -> None:
        channel = mux.channels[number]
        link = channel.open_data("ATD", timeout_s=WAIT_S)
        found[number] = echoed(link, COUNT)
        link.escape_by(lambda: channel.set_line("dtr", False), WAIT_S)
        channel.set_line("dtr", True)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2, CHANNELS + 1)]
    for thread in threads:
        thread.start()
    asked = 0
    while any(thread.is_alive() for thread in threads):
        assert mux.channels[1].send("AT", timeout_s=WAIT_S).ok
        asked += 1
    assert asked > 1
    assert found == dict.fromkeys(range(2, CHANNELS + 1), True)
    for channel in mux.channels.values():
        assert channel.send("AT", timeout_s=WAIT_S).ok


def ppp_beside_commands(mux: Mux) -> None:
    """The host's PPP on one channel with pppd behind the kernel's end, AT on another."""
    stop = threading.Event()
    asked: list[bool] = []

    def ask() -> None:
        while not stop.is_set():
            asked.append(mux.channels[1].send("AT", timeout_s=WAIT_S).ok)

    with PppLink(mux.channels[2], PppDial(1)) as link:
        asking = threading.Thread(target=ask)
        asking.start()
        try:
            assert link.peer == FAR
            # the first may come before the kernel's interface is up
            assert link.ping(FAR, 3, size=500, timeout_s=3.0)[-1].answered
            assert link.fetch(f"http://{FAR}/").body == b"p" * 5000
        finally:
            stop.set()
            asking.join()
    assert len(asked) > 1
    assert all(asked)


class Responder:
    """The host's machine as the other side: AT on channel 1, an echo on channel 2."""

    def __init__(self, line: Master, n1: int) -> None:
        self.line = line
        self.machine = Multiplexer(Role.RESPONDER, Settings(n1=n1, t1_s=1.0, n2=5, t2_s=1.0))
        self.heard: list[Event] = []
        self._commands = {0: b"", 1: b""}
        self._multiplexing = False

    def run(self, done: Callable[[], bool]) -> None:
        """Until the guest has ended."""
        while not done():
            data = self.line.read(65536, 0.02)
            if self._multiplexing and self.machine.up:
                self._frames(data)
            elif data:
                self.line.write(self._answers(0, data), Deadline.after(WAIT_S))

    def _frames(self, data: bytes) -> None:
        now = time.monotonic()
        events = self.machine.receive(data, now) if data else []
        for event in events + self.machine.tick(now):
            self.heard.append(event)
            if isinstance(event, Received) and self.machine.connected(event.dlci):
                self.machine.send(event.dlci, self._answers(1, event.data) if event.dlci == 1 else event.data)
        self.line.write(self.machine.outgoing(), Deadline.after(WAIT_S))

    def _answers(self, where: int, data: bytes) -> bytes:
        *commands, self._commands[where] = (self._commands[where] + data).split(b"\r")
        self._multiplexing |= any(b"+CMUX" in command for command in commands)
        return b"\r\nOK\r\n" * len(commands)


def test_the_kernel_meets_the_hosts_machine_as_responder(line: Master, guest: Callable[..., Any]) -> None:
    """SABM, MSC, information, DISC and CLD from the kernel; what the machine says is right for it."""
    program, count = PROGRAM.with_name("n_gsm_initiator.py"), 20_000
    one = guest(f'"$PYTHON" -S -E {program} /dev/ttyS0 200 {count} >said 2>&1', serial=line.far_end,
                modules=("n_gsm",))
    other = Responder(line, 200)
    until = time.monotonic() + WAIT_S
    other.run(lambda: one.file("status").exists() or time.monotonic() > until)
    text = one.file("said").read_text()
    assert one.ended(1) == 0, text
    assert dict(row.partition(" ")[2].split("=", 1) for row in text.splitlines()) == {
        "cmux": "OK", "lines": "CTS|DSR|DCD", "echoed": "True", "at": "OK",
        "close-down": "f9 01 ef 05 c1 01 93 f9", "bare": "OK"}
    assert [type(event) for event in other.heard if isinstance(event, Opened | Closed | ClosedDown)] == [
        Opened, Opened, Opened, Closed, Closed, ClosedDown]
    assert other.heard[-1] == ClosedDown(True)
    assert other.machine.decoder.stretches == 0
    assert set(other.machine.breaches) <= {Breach.NOT_CONNECTED}
