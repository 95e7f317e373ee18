"""Racks as users start them: a process of their own, its ready line read from standard output."""

import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cellbench.virtual.control.client import ctl

READY_S = 30.0


class RackProcess:
    """One running ``cellbench virtual up``."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(directory), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.ready: dict[str, Any] = {}

    def wait_ready(self) -> "RackProcess":
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], READY_S)
        line = self.process.stdout.readline() if readable else b""
        if not line:
            self.process.kill()
            raise AssertionError(f"no ready line: {self.process.communicate()[1].decode()[-2000:]}")
        self.ready = json.loads(line)
        return self

    def ctl(self, *words: str, slot: str | None = None) -> subprocess.CompletedProcess[str]:
        """What ``cellbench virtual ctl`` does, without the start of a process."""
        out, err = io.StringIO(), io.StringIO()
        status = ctl(self.directory, words[0], words[1:], slot=slot, out=out, err=err)
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())

    def ctl_program(self, *words: str, slot: str | None = None) -> subprocess.CompletedProcess[str]:
        """The program itself."""
        where = ["--slot", slot] if slot else []
        command = [sys.executable, "-m", "cellbench", "virtual", "ctl", "--dir", str(self.directory)]
        return subprocess.run([*command, *where, *words], capture_output=True, text=True, timeout=30,
                              check=False)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Exit status and seconds it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(10)
        return status, time.monotonic() - started

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """True when ``condition`` comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def ask_at(node: str, line: bytes, seconds: float = 5.0) -> bytes:
    """What a port answers to a line, up to its final result code."""
    fd = os.open(node, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    heard, end = b"", time.monotonic() + seconds
    try:
        os.write(fd, line + b"\r")
        while b"\r\nOK\r\n" not in heard and b"ERROR" not in heard and time.monotonic() < end:
            if select.select([fd], [], [], 0.2)[0]:
                heard += os.read(fd, 4096)
    finally:
        os.close(fd)
    return heard


@pytest.fixture(scope="session")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RackProcess]:
    """A powered rack with one slot of each series."""
    process = RackProcess(tmp_path_factory.mktemp("rack") / "dir", "--slot", "LENA-R8", "--slot", "LARA-R6",
                          "--powered")
    yield process.wait_ready()
    process.end()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., RackProcess]]:
    """Starts racks that end with the test."""
    started: list[RackProcess] = []

    def start(*arguments: str, directory: Path | None = None) -> RackProcess:
        process = RackProcess(directory or tmp_path / "dir", *arguments)
        started.append(process)
        return process

    yield start
    for process in started:
        process.end()


@pytest.fixture
def eventually() -> Callable[..., bool]:
    """``eventually(condition)``: True when it comes true within some seconds."""
    return wait_until


@pytest.fixture
def ask() -> Callable[..., bytes]:
    """``ask(node, line)``: what an AT port answers."""
    return ask_at
