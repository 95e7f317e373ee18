"""ser2net between a client and the UART of a virtual slot: bytes, rates and control lines pass.

Runs where ser2net (4.3 or newer, Debian's package) is installed. The modem's own lines are left to pyserial's
direct connection: in about half of its starts ser2net 4.3.11 passes no modem state on to a pyserial client,
whatever the server behind it notifies.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial

from cellbench.base.clock import Deadline
from cellbench.base.errors import RigError
from cellbench.io.rfc2217 import Rfc2217Port
from cellbench.virtual.control.client import request

# in CI no foreign peer may be missing: there it fails instead
pytestmark = pytest.mark.skipif(shutil.which("ser2net") is None and not os.environ.get("CI"),
                                reason="ser2net is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """The rack's directory and the port at which ser2net offers the slot's UART."""
    command = [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "dut=LARA-R6", "--powered"]
    rack = subprocess.Popen([*command, "--dir", str(tmp_path / "rack")], stdout=subprocess.PIPE)
    assert rack.stdout is not None
    uart = json.loads(rack.stdout.readline())["slots"][0]["uart"].rpartition(":")[2]
    port = free_port()
    (tmp_path / "ser2net.yaml").write_text(
        f"connection: &uart\n  accepter: telnet(rfc2217),tcp,127.0.0.1,{port}\n"
        f"  connector: telnet(rfc2217),tcp,127.0.0.1,{uart}\n")
    peer = subprocess.Popen(["ser2net", "-d", "-l", "-c", str(tmp_path / "ser2net.yaml")],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield tmp_path / "rack", port
    for process in (peer, rack):
        process.kill()
        process.communicate()


def connect(port: int) -> serial.SerialBase:
    """ser2net's own start takes a moment."""
    end = time.monotonic() + 10
    while True:
        try:
            return serial.serial_for_url(f"rfc2217://127.0.0.1:{port}", 115200, timeout=3)
        except serial.SerialException:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def levels(directory: Path) -> dict[str, str]:
    text = str(request(directory, "report", {"what": "lines"})["text"])
    return dict(line.split("=") for line in text.splitlines())


def answer(port: serial.SerialBase, line: bytes) -> bytes:
    port.write(line + b"\r")
    return bytes(port.read_until(b"\r\nOK\r\n"))


def test_commands_rates_and_lines_through_ser2net(slot: tuple[Path, int]) -> None:
    directory, number = slot
    with connect(number) as port:
        assert answer(port, b"AT").endswith(b"\r\nOK\r\n")
        assert answer(port, b"AT+IPR=460800").endswith(b"\r\nOK\r\n")
        port.baudrate = 460800
        time.sleep(0.2)  # the module's own rule after +IPR
        assert answer(port, b"AT").endswith(b"\r\nOK\r\n")
        assert levels(directory)["uart_rate"] == "460800"
        port.dtr = False
        assert until(lambda: levels(directory)["dtr"] == "off")
        port.rts = False
        assert until(lambda: levels(directory)["rts"] == "off")
        port.dtr = port.rts = True
        assert until(lambda: levels(directory)["dtr"] == levels(directory)["rts"] == "on")


def test_the_own_client_through_ser2net(slot: tuple[Path, int]) -> None:
    """A terminal server of another make between the framework's client end and the UART."""
    directory, number = slot
    port = Rfc2217Port("127.0.0.1", number)

    def ready() -> bool:
        with contextlib.suppress(RigError):
            port.open()
            return True
        return False

    assert until(ready)
    try:
        assert b"\r\nOK\r\n" in own_answer(port, b"AT")
        assert b"\r\nOK\r\n" in own_answer(port, b"AT+IPR=230400")
        port.set_rate(230400)
        # the module reads at the new rate some time after its OK: a client repeats AT until it is heard
        assert until(lambda: b"\r\nOK\r\n" in own_answer(port, b"AT", 0.5))
        assert levels(directory)["uart_rate"] == "230400"
        for line in ("dtr", "rts"):
            port.set_output(line, False)
            assert until(lambda line=line: levels(directory)[line] == "off")  # type: ignore[misc]
            port.set_output(line, True)
            assert until(lambda line=line: levels(directory)[line] == "on")  # type: ignore[misc]
    finally:
        port.close()


def own_answer(port: Rfc2217Port, line: bytes, seconds: float = 10.0) -> bytes:
    deadline = Deadline.after(seconds)
    port.write(line + b"\r", deadline)
    heard = b""
    while b"\r\nOK\r\n" not in heard and not deadline.expired:
        heard += port.read(4096, deadline.remaining)
    return heard
