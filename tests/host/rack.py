"""A virtual rack as its own process, and the AT channels of its modules: what the clients' tests talk to."""

from __future__ import annotations

import io
import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.channel import Channel
from cellbench.host.transcript import Transcript
from cellbench.io.serial_port import SerialPort
from cellbench.virtual.control.client import DONE, ctl

READY_S = 60.0
SLOTS = {"r8": Series.LENA_R8, "r6": Series.LARA_R6}


@dataclass(slots=True)
class Module:
    """A module of the rack with an active context 1."""

    name: str
    series: Series
    channel: Channel
    transcript: Transcript
    rack: Rack

    def ctl(self, *words: str) -> str:
        """A control verb of the rack, as its command line sends it."""
        out, err = io.StringIO(), io.StringIO()
        done = ctl(self.rack.directory, words[0], words[1:], slot=self.name, out=out, err=err)
        assert done == DONE, err.getvalue()
        return out.getvalue()


class Rack:
    """``cellbench virtual up`` with a module of each series; small file systems, so that they can be full."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        slots = [word for name, series in SLOTS.items() for word in ("--slot", f"{name}={series.value}")]
        command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(directory), *slots,
                   "--powered", "--timing", "fast", "--set", "fs_bytes=300000"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], READY_S)
        line = self.process.stdout.readline() if readable else ""
        if not line:
            self.process.kill()
            raise AssertionError(f"no ready line: {self.process.communicate()[1][-2000:]}")
        slots_ready = json.loads(line)["slots"]
        self.ports = {slot["name"]: slot["at"][0] for slot in slots_ready}
        self.others = {slot["name"]: slot["at"][1] for slot in slots_ready}  # a second AT port of each
        self.uarts = {slot["name"]: slot["uart"] for slot in slots_ready}

    @contextmanager
    def module(self, name: str) -> Iterator[Module]:
        """The module of a slot; its context is active."""
        series, transcript = SLOTS[name], Transcript()
        channel = Channel(SerialPort(self.ports[name]), profile_for(series), trace=transcript, name=name)
        channel.start()
        try:
            channel.sync(20.0)
            channel.send("ATE0")
            channel.send("AT+CMEE=2")
            assert wait_registered(channel), "the module does not register"
            if series is Series.LENA_R8:
                channel.send('AT+CGDCONT=1,"IP","internet.wind.biz"')
            channel.send("AT+CGACT=1,1")
            yield Module(name, series, channel, transcript, self)
        finally:
            channel.stop()

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def registered(channel: Channel) -> bool:
    """By +CEREG's <stat>."""
    return bool({1, 5} & set(channel.send("AT+CEREG?").value("+CEREG")[:2]))


def wait_registered(channel: Channel) -> bool:
    """Asks until it is, 30 s at most."""
    for _ in range(300):
        if registered(channel):
            return True
        channel.wait_until(lambda: False, 0.1)
    return False
