"""The host's PPP under foreign eyes: Debian's pppd and the kernel's PPP and TCP/IP as the far end of the
user-space one, and pppd as the host's own end against the virtual module. Each runs in a kernel in a
process."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.channel import Channel
from cellbench.host.ppp import PppLink
from cellbench.host.ppp_model import EndKind, PppAuth, PppAuthRefused, PppDial
from cellbench.host.transcript import Transcript
from cellbench.io.serial_port import SerialPort

PEERS = Path(__file__).resolve().parent / "peers"
MODULES = ("crc-ccitt", "slhc", "ppp_generic", "ppp_async")
MEMORY_MB = 192
FAR = "10.64.0.1"
ROUNDS = ("require-chap", "require-pap mru 1000", "require-pap", "noauth maxconnect 2")
SERVER = r"""
busybox mount -t tmpfs etc /etc/ppp
umask 77
echo 'someone * "of-no-importance" *' >/etc/ppp/chap-secrets
cp /etc/ppp/chap-secrets /etc/ppp/pap-secrets
: >/etc/ppp/options
busybox stty -F /dev/ttyS0 raw -echo
"$PYTHON" -S -E {program} /dev/ttyS0 {rounds}
"""
DRIVER = """
"$PYTHON" {program} /dev/ttyS0 LARA-R6 2 >/mnt/said
"""


class Modem:
    """A line that takes AT commands and, from ATD on, carries bytes between the host and the guest's pppd."""

    def __init__(self) -> None:
        self._ends = [os.openpty(), os.openpty()]
        for _, slave in self._ends:
            tty.setraw(slave)
        (self._guest, guest), (self._host, host) = self._ends
        self.guest_line, self.host_line = os.ttyname(guest), os.ttyname(host)
        self.connected = threading.Event()
        self._stopping = False
        self._line = b""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def hang_up(self) -> None:
        """The carrier is gone: the module's own words."""
        self.connected.clear()
        os.write(self._host, b"\r\nNO CARRIER\r\n")

    def close(self) -> None:
        self._stopping = True
        self._thread.join()
        for pair in self._ends:
            for descriptor in pair:
                os.close(descriptor)

    def _work(self) -> None:
        while not self._stopping:
            ready, _, _ = select.select([self._guest, self._host], [], [], 0.05)
            if self._guest in ready:
                data = os.read(self._guest, 65_536)
                if self.connected.is_set():
                    self._give(self._host, data)
            if self._host in ready:
                data = os.read(self._host, 65_536)
                if self.connected.is_set():
                    self._give(self._guest, data)
                else:
                    self._command(data)

    def _command(self, data: bytes) -> None:
        self._line += data
        while b"\r" in self._line:
            line, _, self._line = self._line.partition(b"\r")
            dials = line.startswith(b"ATD")
            self._give(self._host, line + (b"\r\r\nCONNECT\r\n" if dials else b"\r\r\nOK\r\n"))
            if dials:
                self.connected.set()

    @staticmethod
    def _give(descriptor: int, data: bytes) -> None:
        while data:
            data = data[os.write(descriptor, data):]


@pytest.fixture(scope="module")
def kernel() -> Any:
    if shutil.which("pppd", path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.fail("the foreign peer pppd is not installed (Debian's package ppp)")
    return sys.modules["cellbench_foreign_uml"].Guest


@pytest.fixture
def server(kernel: Any, tmp_path: Path) -> Iterator[tuple[Modem, Any, Channel]]:
    """A guest with pppd behind a modem, and a channel to it."""
    modem = Modem()
    script = SERVER.format(program=PEERS / "pppd_server.py", rounds=" ".join(f"'{one}'" for one in ROUNDS))
    one = kernel(tmp_path / "server", script, serial=modem.guest_line, modules=MODULES, memory_mb=MEMORY_MB)
    transcript = Transcript()
    channel = Channel(SerialPort(modem.host_line), profile_for(Series.LARA_R6), trace=transcript,
                      name="uart", gap_s=0)
    channel.start()
    yield modem, one, channel
    channel.stop()
    one.end()
    modem.close()


def test_pppd_is_the_far_end(server: tuple[Modem, Any, Channel]) -> None:
    """CHAP, PAP, refused credentials, the far end's own hang-up; ICMP, UDP, TCP and HTTP with the kernel."""
    modem, guest, channel = server
    chap = PppDial(1, "someone", "of-no-importance", auth=(PppAuth.CHAP,))
    guest.tell("0.go")
    with PppLink(channel, chap) as link:
        assert (link.address, link.peer, link.dns) == ("10.64.0.2", FAR, ("10.64.0.53", "10.64.0.54"))
        assert link.asked_for is PppAuth.CHAP
        assert link.fetch(f"http://{FAR}/").body == b"p" * 5000
        assert [ping.answered for ping in link.ping(FAR, 3, size=1000)] == [True] * 3
        data = bytes(range(256)) * 400
        with link.tcp(FAR, 7) as connection:
            giving = threading.Thread(target=connection.send, args=(data,))
            giving.start()
            assert connection.recv_exactly(len(data), 60.0) == data
            giving.join()
        with link.udp() as port:
            port.send_to(b"to the kernel", FAR, 7)
            assert port.recv_from().data == b"to the kernel"
        assert link.echo() < 10.0
        assert link.damaged == 0
        with carrier(modem, guest, 0):
            assert link.hang_up().text == "NO CARRIER"
    assert link.end is not None
    assert link.end.kind is EndKind.HUNG_UP
    guest.tell("1.go")
    with PppLink(channel, PppDial(1, "someone", "of-no-importance", auth=(PppAuth.PAP,))) as link:
        assert link.asked_for is PppAuth.PAP
        assert link.mru == 1000
        assert link.fetch(f"http://{FAR}/").body == b"p" * 5000
        assert link.ping(FAR, size=972)[0].answered
        with carrier(modem, guest, 1):
            link.hang_up()
    guest.tell("2.go")
    with carrier(modem, guest, 2), pytest.raises(PppAuthRefused):
        PppLink(channel, PppDial(1, "someone", "a mistake", auth=(PppAuth.PAP,))).open()
    guest.tell("3.go")
    with carrier(modem, guest, 3), PppLink(channel, PppDial(1)) as link:
        assert link.asked_for is None
        assert link.await_end(60.0).kind is EndKind.TERMINATED
    assert channel.send("AT").ok
    assert guest.ended(60) == 0, guest.log()


@contextmanager
def carrier(modem: Modem, guest: Any, number: int) -> Iterator[None]:
    """The modem says NO CARRIER as soon as the round's pppd has left."""
    left = guest.file(f"{number}.done").exists
    watching = threading.Thread(target=lambda: (guest.until(left, 60), modem.hang_up()))
    watching.start()
    try:
        yield
    finally:
        watching.join()


def test_pppd_is_the_hosts_end(kernel: Any, tmp_path: Path) -> None:
    """Our driver of pppd: namespaces, secrets and the way back to commands, against the virtual module."""
    command = [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "r6=LARA-R6", "--powered",
               "--uart", "pty", "--dir", str(tmp_path / "rack")]
    rack = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert rack.stdout is not None
    try:
        line = str(Path(json.loads(rack.stdout.readline())["slots"][0]["uart"]).resolve())
        script = DRIVER.format(program=PEERS / "pppd_driver.py")
        guest = kernel(tmp_path / "driver", script, serial=line, modules=MODULES, memory_mb=MEMORY_MB)
        try:
            assert guest.ended(120) == 0, guest.log()
            said = json.loads(guest.file("said").read_text())
        finally:
            guest.end()
    finally:
        rack.terminate()
        rack.wait(30)
        rack.stdout.close()
    assert said["lacks"] == ""
    assert said["dns"] == ["10.80.0.53", "10.80.0.54"]
    assert said["address"] != said["peer"]
    assert said["ping"] == 0
    assert said["page"][0] == 0, said["page"]
    assert said["untouched"], "the routes outside have changed"
    assert not said["secret_in_log"]
    assert not said["secret_in_trace"]
    assert said["after"] == "OK"
    assert said["wrong_cid"] == "NoCarrier"
