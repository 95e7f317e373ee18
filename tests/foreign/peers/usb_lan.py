"""The kernel's network stack and busybox's DHCP client over the USB network function of a virtual module, in
the network namespace that this program is started in (``unshare --net``); argument: a directory. Prints one
JSON object."""

from __future__ import annotations

import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import serial

ECHO, PINGED = ("195.34.89.241", 7), "8.8.8.8"
SIZE = 100_000
WAIT_S = 30.0
LEASE = """#!/bin/sh
if [ "$1" = bound ]; then
    ip addr flush dev $interface
    ip addr add $ip/$mask dev $interface
    ip route add default via $router dev $interface
    echo "$dns" > "$(dirname $0)/resolvers"
fi
"""


def program(*words: str, seconds: float = 20.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)


class Module:
    """The rack's one module by its first AT port on USB."""

    def __init__(self, directory: Path) -> None:
        self.node = directory / "r8" / "usb" / "at0"

    def at(self, line: str) -> str:
        with serial.Serial(str(self.node), timeout=0.1) as port:
            port.write(line.encode() + b"\r")
            heard, until = b"", time.monotonic() + WAIT_S
            while b"\r\nOK\r\n" not in heard and b"ERROR" not in heard and time.monotonic() < until:
                heard += port.read(500)
        return heard.decode()

    def reboot(self) -> None:
        before = os.readlink(self.node)
        with serial.Serial(str(self.node)) as port:
            port.write(b"AT+CFUN=16\r")
        until = time.monotonic() + WAIT_S
        while (not self.node.is_symlink() or os.readlink(self.node) == before) and time.monotonic() < until:
            time.sleep(0.02)
        while "OK" not in self.answer() and time.monotonic() < until:
            time.sleep(0.05)

    def answer(self) -> str:
        try:
            return self.at("AT")
        except (OSError, serial.SerialException):
            return ""


def traffic() -> dict[str, object]:
    """What goes through the interface by the kernel's own stack."""
    payload = random.Random(5).randbytes(SIZE)
    back = bytearray()
    with socket.create_connection(ECHO, WAIT_S) as link:
        for place in range(0, SIZE, 5000):
            link.sendall(payload[place:place + 5000])
            while len(back) < place + 5000:
                back += link.recv(65_536)
    pinged = program("busybox", "ping", "-c", "2", "-W", "5", PINGED)
    return {"tcp": bytes(back) == payload, "ping": " 0% packet loss" in pinged.stdout}


def one_mode(module: Module, script: Path, nat: int) -> dict[str, object]:
    """Bridge (0) or router (255)."""
    module.at('AT+SYSNV=1,"usbmode",5')
    module.at(f'AT+SYSNV=1,"nat_cfg",{nat}')
    module.reboot()
    module.at('AT+CGDCONT=1,"IP","internet.wind.biz"')
    until = time.monotonic() + WAIT_S
    while "OK" not in module.at("AT+CGACT=1,1") and time.monotonic() < until:
        time.sleep(0.1)
    granted = re.search(r'\+CGPADDR: 1,"([^"]+)"', module.at("AT+CGPADDR=1"))
    program("ip", "link", "set", "usb0", "up")
    client = program("busybox", "udhcpc", "-i", "usb0", "-q", "-n", "-t", "8", "-T", "1", "-s", str(script))
    held = re.search(r"lease of ([0-9.]+) obtained from ([0-9.]+)", client.stderr + client.stdout)
    found: dict[str, object] = {
        "granted": granted[1] if granted else "", "held": held[1] if held else client.stderr,
        "router": held[2] if held else "", "resolvers": (script.parent / "resolvers").read_text().split()}
    return found | traffic()


def main() -> int:
    directory = Path(sys.argv[1])
    program("ip", "link", "set", "lo", "up")
    script = directory / "lease"
    script.write_text(LEASE)
    script.chmod(0o755)
    rack = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "r8=LENA-R8", "--dir",
         str(directory / "rack"), "--powered", "--usb-net", "tap", "--end-with", str(os.getpid())],
        stdout=subprocess.PIPE, text=True)
    try:
        assert rack.stdout is not None
        json.loads(rack.stdout.readline())
        module = Module(directory / "rack")
        found = {"bridge": one_mode(module, script, 0), "router": one_mode(module, script, 255)}
    finally:
        rack.terminate()
        rack.wait(20)
    left = program("ip", "-br", "link", "show", "usb0")
    print(json.dumps(found | {"left": left.returncode == 0}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
