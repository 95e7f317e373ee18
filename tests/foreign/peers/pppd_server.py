"""A foreign far end for the host's PPP: pppd as the server on a serial line, with echo and a page behind it.

``pppd_server.py DEVICE ROUND...``: each round is pppd's options for one call; waits for /mnt/NUMBER.go before
it and leaves pppd's status in /mnt/NUMBER.done. Run inside a guest, where /etc/ppp is writable.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

BASE = ("nodetach", "local", "nocrtscts", "silent", "10.64.0.1:10.64.0.2", "ms-dns", "10.64.0.53", "ms-dns",
        "10.64.0.54", "noipv6", "debug")
PAGE = b"HTTP/1.0 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"p" * 5000
WAIT_S = 120.0


def echo(peer: socket.socket) -> None:
    with peer:
        while data := peer.recv(65_536):
            peer.sendall(data)


def page(peer: socket.socket) -> None:
    with peer:
        peer.recv(4096)
        peer.sendall(PAGE)


def serve(port: int, handler) -> None:  # type: ignore[no-untyped-def]
    server = socket.create_server(("", port))
    while True:
        peer, _ = server.accept()
        threading.Thread(target=handler, args=(peer,), daemon=True).start()


def udp_echo(port: int) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", port))
    while True:
        data, address = server.recvfrom(4096)
        server.sendto(data, address)


def main() -> int:
    device, *rounds = sys.argv[1:]
    for target, arguments in ((serve, (7, echo)), (serve, (80, page)), (udp_echo, (7,))):
        threading.Thread(target=target, args=arguments, daemon=True).start()
    for number, options in enumerate(rounds):
        until = time.monotonic() + WAIT_S
        while not Path(f"/mnt/{number}.go").exists() and time.monotonic() < until:
            time.sleep(0.02)
        log = Path(f"/mnt/{number}.log")
        done = subprocess.run(["pppd", device, "115200", *BASE, *options.split(), "logfile", str(log)],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT_S, check=False)
        Path(f"/mnt/{number}.new").write_text(str(done.returncode))
        Path(f"/mnt/{number}.new").rename(f"/mnt/{number}.done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
