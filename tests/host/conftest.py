"""A module's side of a serial line for the host's tests: a real PTY whose other end answers by rules."""

from __future__ import annotations

import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator

import pytest

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.host.channel import Channel
from cellbench.host.transcript import Transcript
from cellbench.io.serial_port import SerialPort

from .rack import SLOTS, Module, Rack

Reply = bytes | Callable[["Peer", bytes], None]


class Peer:
    """The far end of a PTY. ``on(line, reply)`` answers a command line with bytes, or calls a function."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.received: list[tuple[float, bytes]] = []  # each line with the time it was complete
        self.echo = True
        self._replies: dict[bytes, Reply] = {b"AT": b"\r\nOK\r\n"}
        self._buffer = b""
        self._want = 0
        self._payload: Callable[[Peer, bytes], None] | None = None
        self._running = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def on(self, line: str, reply: Reply) -> None:
        self._replies[line.encode("latin-1")] = reply

    def say(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.master, data):]

    def want_payload(self, count: int, then: Callable[[Peer, bytes], None]) -> None:
        """Take the next ``count`` bytes as they are."""
        self._want, self._payload = count, then

    def close(self) -> None:
        self._running = False
        self._thread.join()
        for descriptor in (self.master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)

    def vanish(self) -> None:
        """The device is unplugged."""
        self._running = False
        self._thread.join()
        os.close(self.master)
        self.master = -1

    def _serve(self) -> None:
        while self._running:
            if select.select([self.master], [], [], 0.02)[0]:
                self._take(os.read(self.master, 65536))

    def _take(self, data: bytes) -> None:
        self._buffer += data
        while True:
            if self._payload is not None:
                if len(self._buffer) < self._want:
                    return
                payload, self._buffer = self._buffer[:self._want], self._buffer[self._want:]
                then, self._payload = self._payload, None
                self.received.append((time.monotonic(), payload))
                then(self, payload)
                continue
            line, end, rest = self._buffer.partition(b"\r")
            if not end:
                return
            self._buffer = rest
            self.received.append((time.monotonic(), line))
            if self.echo:
                self.say(line + b"\r")
            reply = self._replies.get(line, b"\r\nERROR\r\n")
            if callable(reply):
                reply(self, line)
            else:
                self.say(reply)


@pytest.fixture(params=[Series.LENA_R8, Series.LARA_R6], ids=lambda series: series.value)
def profile(request: pytest.FixtureRequest) -> ModuleProfile:
    return profile_for(request.param)


@pytest.fixture
def r8() -> ModuleProfile:
    return profile_for(Series.LENA_R8)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def transcript() -> Transcript:
    return Transcript()


@pytest.fixture
def channel(peer: Peer, r8: ModuleProfile, transcript: Transcript) -> Iterator[Channel]:
    """A started channel to the peer, without the pause between commands."""
    channel = Channel(SerialPort(peer.path), r8, trace=transcript, name="uart", gap_s=0)
    channel.start()
    yield channel
    channel.stop()


@pytest.fixture
def other_peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture(scope="session")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    rack = Rack(tmp_path_factory.mktemp("rack"))
    yield rack
    rack.end()


@pytest.fixture(scope="module", params=list(SLOTS))
def module(rack: Rack, request: pytest.FixtureRequest) -> Iterator[Module]:
    """A module of each series on a virtual rack of its own process."""
    with rack.module(request.param) as module:
        yield module
