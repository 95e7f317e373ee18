"""A foreign program's hand: the Linux kernel's own 27.010 multiplexer (n_gsm) as responder, inside a guest.

``n_gsm_responder.py DEVICE N1 CHANNELS`` answers AT on the bare line until +CMUX comes, gives the line to the
kernel, answers AT on every channel, and AT on the bare line again when the multiplexer has been closed down.
``ATD`` begins data mode on a channel: every byte comes back, until DTR (RTC of the MSC) goes off.
``ATD*99`` has pppd take the channel, with an echo server and a page behind it (see pppd_server.py).
``AT+CTS=n`` and ``AT+DSR=n`` have the kernel show another MSC. The kernel makes and reads every frame.
Prints one line ``name=value`` for each thing seen; 0 when it came to the end.
"""

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import threading
import time

from n_gsm import CONFIG, GETCONF, GETFIRST, LIMIT_S, N_GSM0710, N_TTY, SETCONF, Line
from pppd_server import BASE, echo, page
from pppd_server import serve as serve_port

BITS = {"DSR": termios.TIOCM_DTR, "CTS": termios.TIOCM_RTS}
"""The outputs by which the far end's inputs are driven; this kernel lets nobody drive RI and DCD."""
PIECE = 2048


def say(name: str, value: object) -> None:
    print(f"{name}={value}", flush=True)


def lines_of(fd: int) -> int:
    return struct.unpack("I", fcntl.ioctl(fd, termios.TIOCMGET, bytes(4)))[0]


class Answering:
    """AT or data on one terminal."""

    def __init__(self, line: Line, device: str) -> None:
        self.line = line
        self.device = device
        self.dialled = False
        self.pppd = None
        self.data = False
        self.gone = False
        self.heard = b""
        self.waiting = b""  # what could not be written yet
        self.bytes = 0

    def pump(self) -> None:
        """Take what has come, give what is due."""
        if self.pppd is not None:
            if self.pppd.poll() is None:
                return
            say("pppd", self.pppd.returncode)
            self.pppd = None
            self.waiting += b"\r\nNO CARRIER\r\n"
        if self.dialled and not self.waiting:
            self.dialled = False
            command = ["pppd", self.device, "115200", *BASE, "noauth", "logfile", "/mnt/ppp"]
            self.pppd = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            return
        if len(self.waiting) < PIECE:
            try:
                got = os.read(self.line.fd, PIECE)
            except BlockingIOError:
                got = None
            except OSError:
                got = b""
            if got == b"":  # hung up
                self.gone = True
                return
            self.take(got or b"")
        if self.data and not lines_of(self.line.fd) & termios.TIOCM_DSR:
            self.data = False
            self.waiting += b"\r\nOK\r\n"
        if self.waiting:
            self.waiting = self.waiting[self.line.write(self.waiting):]

    def take(self, got: bytes) -> None:
        if self.data:
            self.bytes += len(got)
            self.waiting += got
            return
        self.heard += got
        while b"\r" in self.heard:
            command, _, self.heard = self.heard.partition(b"\r")
            self.answer(command.strip().upper().decode("latin-1"))

    def answer(self, command: str) -> None:
        if command == "ATD":
            self.data = True
            self.waiting += b"\r\nCONNECT\r\n"
        elif command.startswith("ATD*99"):
            self.dialled = True
            self.waiting += b"\r\nCONNECT\r\n"
        elif command.startswith("AT+") and command[3:-2] in BITS:
            request = termios.TIOCMBIS if command.endswith("1") else termios.TIOCMBIC
            fcntl.ioctl(self.line.fd, request, struct.pack("I", BITS[command[3:-2]]))
            self.waiting += b"\r\nOK\r\n"
        else:
            self.waiting += b"\r\nOK\r\n" if command.startswith("AT") else b"\r\nERROR\r\n"


def until_cmux(line: Line) -> None:
    """Plain AT up to +CMUX."""
    heard, end = b"", time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        line.read(0.1)
        heard, line.heard = heard + line.heard, b""
        while b"\r" in heard:
            command, _, heard = heard.partition(b"\r")
            line.write(b"\r\nOK\r\n")
            if command.startswith(b"AT+CMUX="):
                say("cmux", command.decode())
                return
    raise SystemExit("no +CMUX came")


def attach(line: Line, n1: int) -> int:
    """Give the line to the kernel as responder; the number of its first channel device."""
    fcntl.ioctl(line.fd, termios.TIOCSETD, struct.pack("i", N_GSM0710))
    values = list(CONFIG.unpack(fcntl.ioctl(line.fd, GETCONF, bytes(CONFIG.size))))
    values[1], values[2] = 0, 0  # encapsulation: basic option; not the initiator
    values[3], values[4], values[6] = 60, 5, 2  # it waits N2 times T2 for the answer to each MSC of its own
    values[7] = values[8] = n1
    fcntl.ioctl(line.fd, SETCONF, CONFIG.pack(*values))
    return struct.unpack("I", fcntl.ioctl(line.fd, GETFIRST, bytes(4)))[0]


def serve(channels: list[Answering]) -> None:
    """All channels until the host has closed the multiplexer down."""
    end = time.monotonic() + 3 * LIMIT_S
    while time.monotonic() < end and not all(one.gone for one in channels):
        fds = {one.line.fd: one for one in channels if not one.gone and one.pppd is None}
        stuck = [fd for fd, one in fds.items() if one.waiting]
        select.select(list(fds), stuck, [], 0.05)
        for one in channels:
            if not one.gone:
                one.pump()


def main() -> int:
    device, n1, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    line = Line(device)
    until_cmux(line)
    time.sleep(0.05)  # the OK goes out
    first = attach(line, n1)
    threading.Thread(target=serve_port, args=(7, echo), daemon=True).start()
    threading.Thread(target=serve_port, args=(80, page), daemon=True).start()
    devices = [f"/dev/gsmtty{first + number}" for number in range(count)]
    channels = [Answering(Line(name), name) for name in devices]
    say("open", count)
    serve(channels)
    say("bytes", "|".join(str(one.bytes) for one in channels))
    for one in channels:
        one.line.close()
    while not os.path.exists("/mnt/plain"):  # the kernel does not tell when the control channel is closed
        time.sleep(0.02)
    fcntl.ioctl(line.fd, termios.TIOCSETD, struct.pack("i", N_TTY))
    bare = Answering(line, device)
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end and not os.path.exists("/mnt/done"):
        line.read(0.05)
        bare.take(line.heard)
        line.heard = b""
        bare.waiting = bare.waiting[line.write(bare.waiting):] if bare.waiting else b""
    say("bare", "yes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
