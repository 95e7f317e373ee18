"""Our user-space IP stack against the kernel's, over a tun device in the network namespace that this program
is started in (``unshare --net``). Prints one JSON object; says why when the device cannot be had."""

from __future__ import annotations

import fcntl
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address

from cellbench.wire.ip.icmp import IcmpKind
from cellbench.wire.ip.stack import IpStack
from cellbench.wire.ip.tcp import Connection, TcpState

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
OURS, KERNEL = ip_address("10.9.0.2"), ip_address("10.9.0.1")
KERNEL6 = ip_address("fd09::1")
IDENTIFIER = bytes(7) + b"\x02"
SIZE = 300_000
WAIT_S = 60.0


def open_tun() -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", b"tun0", IFF_TUN | IFF_NO_PI))
    for words in ("addr add 10.9.0.1/30 dev tun0", "-6 addr add fd09::1/64 dev tun0 nodad",
                  "link set tun0 up", "link set lo up"):
        subprocess.run(["ip", *words.split()], check=True, capture_output=True, timeout=10)
    return descriptor


class Path:
    """The stack on the device; ``loss`` of packets either way, and of ours each tenth for certain with it."""

    def __init__(self, descriptor: int) -> None:
        self.stack = IpStack(1400)
        self.stack.ipv4 = OURS
        self.loss = 0.0
        self._descriptor = descriptor
        self._chance = random.Random(3)
        self._sent = 0

    def run(self, ready: Callable[[], bool], seconds: float = WAIT_S) -> bool:
        until = time.monotonic() + seconds
        while not ready():
            now = time.monotonic()
            if now > until:
                return False
            for packet in self.stack.outgoing():
                self._sent += 1
                if not self.loss or (self._chance.random() >= self.loss and self._sent % 10):
                    os.write(self._descriptor, packet)
            due = self.stack.deadline
            patience = min(0.05, max(0.0, due - now)) if due is not None else 0.05
            if select.select([self._descriptor], [], [], patience)[0]:
                packet = os.read(self._descriptor, 65_536)
                if self._chance.random() >= self.loss:
                    self.stack.receive(packet, time.monotonic())
            self.stack.tick(time.monotonic())
        return True


def echo_server(family: int, host: str) -> int:
    server = socket.create_server((host, 0), family=family)

    def serve() -> None:
        while True:
            peer, _ = server.accept()
            with peer:
                while data := peer.recv(65_536):
                    peer.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


def through(path: Path, one: Connection, data: bytes) -> tuple[bytes, str]:
    """What comes back of ``data``, and the state after both ends have finished."""
    got, left = bytearray(), data
    path.run(lambda: one.is_established or one.is_over)

    def step() -> bool:
        nonlocal left
        left = left[one.write(left, time.monotonic()):]
        got.extend(one.read(65_536))
        return len(got) >= len(data) or one.is_over

    path.run(step)
    one.finish(time.monotonic())
    path.run(lambda: one.is_over or one.state is TcpState.TIME_WAIT)
    return bytes(got), one.state.name if one.failure is None else one.failure.name


def main() -> dict[str, object]:
    path = Path(open_tun())
    stack, found = path.stack, {}
    chance = random.Random(9)
    port = echo_server(socket.AF_INET, str(KERNEL))
    for name, loss in (("tcp", 0.0), ("tcp_lossy", 0.05)):
        path.loss = loss
        size = SIZE if not loss else SIZE // 5
        data = chance.randbytes(size)
        one = stack.connect(KERNEL, port, time.monotonic())
        got, state = through(path, one, data)
        found[name] = [got == data, state, one.retransmitted]
    path.loss = 0.0
    refused = stack.connect(KERNEL, 9, time.monotonic())
    path.run(lambda: refused.is_over)
    found["refused"] = refused.failure.name if refused.failure else ""

    echoes = [stack.ping(KERNEL, 77, number, b"x" * number * 300, 64, time.monotonic())
              for number in range(5)]
    path.run(lambda: all(echo.answer for echo in echoes), 10.0)
    found["ping"] = [echo.answer is not None and echo.answer.kind is IcmpKind.ECHO_REPLY for echo in echoes]

    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((str(KERNEL), 0))
    udp = stack.udp()
    stack.send_to(udp, b"to the kernel", KERNEL, server.getsockname()[1])
    path.run(lambda: bool(select.select([server], [], [], 0)[0]), 10.0)
    data, address = server.recvfrom(2000)
    server.sendto(data[::-1], address)
    path.run(lambda: bool(udp.inbox), 10.0)
    found["udp"] = [data.decode(), address[1] == udp.port, udp.inbox[0].data.decode()]
    stack.send_to(udp, b"nobody there", KERNEL, 9)
    path.run(lambda: bool(udp.refused), 10.0)
    found["udp_refused"] = list(udp.refused)

    pinger = subprocess.Popen([sys.executable, "-c", _PINGER], stdout=subprocess.PIPE, text=True)
    path.run(lambda: pinger.poll() is not None, 15.0)
    found["pinged_by_kernel"] = pinger.communicate()[0].strip()

    stack.configure_ipv6(IDENTIFIER, time.monotonic())
    assert stack.slaac is not None
    stack.slaac.addresses = (stack.slaac.link_local, ip_address("fd09::2"))  # no router here
    try:
        port6 = echo_server(socket.AF_INET6, str(KERNEL6))
    except OSError as error:
        found["tcp6"] = f"no IPv6: {error}"
    else:
        data = chance.randbytes(20_000)
        got, state = through(path, stack.connect(KERNEL6, port6, time.monotonic()), data)
        found["tcp6"] = [got == data, state]
        six = stack.ping(KERNEL6, 78, 1, b"six", 64, time.monotonic())
        path.run(lambda: six.answer is not None, 10.0)
        found["ping6"] = six.answer is not None
    found["broken"] = stack.broken
    return found


_PINGER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.settimeout(10)
s.sendto(bytes.fromhex("0800e5b11234001a") + b"\\0\\0", ("10.9.0.2", 0))
while True:
    data = s.recv(2000)
    if data[12:16] == bytes((10, 9, 0, 2)):
        print(data[20])
        break
"""

if __name__ == "__main__":
    try:
        print(json.dumps(main()))
    except (PermissionError, FileNotFoundError, subprocess.CalledProcessError) as error:
        print(json.dumps({"not_possible": str(error)}))
