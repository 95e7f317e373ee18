"""A foreign program's hand: the Linux kernel's own 27.010 multiplexer (n_gsm) as initiator, inside a guest.

``n_gsm.py DEVICE N1 ECHO_ADDRESS BYTES [APN]`` enters the mode by AT commands, gives the line to the kernel,
speaks AT on two channels, sends BYTES to an echo server on one of them and leaves. The kernel makes and reads
every frame.
Prints one line ``name=value`` for each thing seen; 0 when it came to the end.
"""

import contextlib
import fcntl
import os
import random
import select
import struct
import sys
import termios
import time
import tty

N_TTY, N_GSM0710 = 0, 21
CONFIG = struct.Struct("11I8I")  # struct gsm_config of linux/gsmmux.h
GETCONF = 0x80000000 | CONFIG.size << 16 | ord("G") << 8
SETCONF = 0x40000000 | CONFIG.size << 16 | ord("G") << 8 | 1
GETFIRST = 0x80000000 | 4 << 16 | ord("G") << 8 | 4
LIMIT_S = 60.0
QUIET_S = 0.2
NETWORK = ("+CTZ", "+CREG: ", "+CGREG: ", "+CEREG: ", "+CGEV: ", "+CIEV: ", "+UU")
CLOSE_DOWN = bytes.fromhex("f9 03 ef 05 c3 01 f2 f9")
WINDOW = 2048
QUESTIONS = 8


class Line:
    """A terminal that speaks AT."""

    def __init__(self, device: str) -> None:
        end = time.monotonic() + LIMIT_S
        while True:  # a blocking open waits for DCD
            try:
                self.fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        while True:  # refused until the channel is established
            try:
                tty.setraw(self.fd)
                settings = termios.tcgetattr(self.fd)
                settings[2] |= termios.CLOCAL  # else the end of data mode, DCD off, hangs up
                termios.tcsetattr(self.fd, termios.TCSANOW, settings)
                break
            except termios.error:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.heard = b""

    def read(self, seconds: float) -> None:
        if select.select([self.fd], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                self.heard += os.read(self.fd, 65536)

    def write(self, data: bytes) -> int:
        try:
            return os.write(self.fd, data)
        except (BlockingIOError, OSError):
            return 0

    def until(self, *texts: bytes, seconds: float = LIMIT_S) -> bytes:
        """Everything up to one of the texts; what comes behind stays."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for text in texts:
                place = self.heard.find(text)
                if place >= 0:
                    found, self.heard = self.heard[:place + len(text)], self.heard[place + len(text):]
                    return found
            self.read(0.1)
        raise SystemExit(f"no {texts!r}, but {self.heard!r}")

    def ask(self, command: str, seconds: float = LIMIT_S) -> str:
        self.send(command)
        return self.until(b"\r\nOK\r\n", b"ERROR\r\n", seconds=seconds).decode("latin-1")

    def send(self, command: str) -> None:
        data, end = command.encode() + b"\r", time.monotonic() + LIMIT_S
        while data:
            if time.monotonic() > end:
                raise SystemExit(f"{command} cannot be written")
            sent = self.write(data)
            data = data[sent:]
            if not sent:
                time.sleep(0.02)

    def wake(self) -> None:
        """Until it answers: the first AT may only measure the rate, a channel may not be open yet."""
        for _ in range(100):
            self.heard = b""
            self.write(b"AT\r")
            before = b"?"
            while before != self.heard:  # until nothing more comes
                before = self.heard
                self.read(QUIET_S)
            if self.heard.endswith(b"\r\nOK\r\n"):
                break
        self.heard = b""
        self.ask("ATE0")

    def lines(self) -> str:
        flags = struct.unpack("I", fcntl.ioctl(self.fd, termios.TIOCMGET, bytes(4)))[0]
        names = {"CTS": termios.TIOCM_CTS, "DSR": termios.TIOCM_DSR, "DCD": termios.TIOCM_CAR,
                 "RI": termios.TIOCM_RI}
        return "|".join(name for name, bit in names.items() if flags & bit)

    def show(self, name: str) -> None:
        """Wait for a line."""
        end = time.monotonic() + LIMIT_S
        while name not in self.lines() and time.monotonic() < end:
            time.sleep(0.01)

    def close(self) -> None:
        os.close(self.fd)


def say(name: str, value: object) -> None:
    print(f"{sys.argv[1]} {name}={value}", flush=True)


def words(answer: str) -> str:
    """The lines of an answer, those of the network left out."""
    return "|".join(line for line in answer.split("\r\n") if line and not line.startswith(NETWORK))


def attach(line: Line, n1: int) -> int:
    """Give the line to the kernel; the number of its first channel device."""
    fcntl.ioctl(line.fd, termios.TIOCSETD, struct.pack("i", N_GSM0710))
    values = list(CONFIG.unpack(fcntl.ioctl(line.fd, GETCONF, bytes(CONFIG.size))))
    values[1], values[2] = 0, 1  # encapsulation: basic option; initiator
    # T2 50 ms: this kernel waits for the answer to its MSC where it should read it, N2 times T2;
    # T1 600 ms: what it forgot to send goes out after ten times T1
    values[3], values[4], values[6] = 60, 5, 5
    values[7] = values[8] = n1  # mru, mtu
    fcntl.ioctl(line.fd, SETCONF, CONFIG.pack(*values))
    return struct.unpack("I", fcntl.ioctl(line.fd, GETFIRST, bytes(4)))[0]


def registered(line: Line) -> None:
    """Until the network has the module."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if set(line.ask("AT+CEREG?").replace("\r", ",").split(",")) & {"1", "5"}:
            return
        time.sleep(0.1)


def echo(one: Line, other: Line, address: str, count: int, apn: str) -> None:
    """Data there and back on one channel, commands on the other between the pieces."""
    registered(one)
    if apn:
        one.ask(f'AT+CGDCONT=1,"IP","{apn}"')
    one.ask("AT+CGACT=1,1")
    say("socket", words(one.ask("AT+USOCR=6")))
    say("connect", words(one.ask(f'AT+USOCO=0,"{address}",7')))
    one.send("AT+USODL=0")
    say("data", words(one.until(b"CONNECT\r\n").decode()))
    one.show("DCD")
    say("data-lines", one.lines())
    data = random.Random(7).randbytes(count)
    sent = asked = 0
    other.heard, end = b"", time.monotonic() + LIMIT_S
    while len(one.heard) < count and time.monotonic() < end:
        # this kernel stands still when a channel's reader does: no more on the way than its buffer takes
        room = min(count - sent, WINDOW - (sent - len(one.heard)))
        if room > 0:
            sent += one.write(data[sent:sent + room])
        if len(one.heard) >= asked * count // QUESTIONS:
            asked += 1
            other.send("AT+CGMI")
        one.read(0.05)
        other.read(0)
    while other.heard.count(b"OK\r\n") < asked and time.monotonic() < end:
        other.read(0.05)
    say("echoed", one.heard == data)
    say("bytes", len(one.heard))
    say("answers", other.heard.count(b"\r\nu-blox\r\n\r\nOK\r\n") == asked and asked)
    other.heard = b""
    one.heard = b""
    time.sleep(2.2)  # the guard time of the guides
    one.write(b"+++")
    say("escaped", words((one.until(b"DISCONNECT\r\n") + one.until(b"OK\r\n")).decode()))
    say("closed", words(one.ask("AT+USOCL=0")))


def main() -> int:
    device, n1, address, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    line = Line(device)
    line.wake()
    say("cmux", words(line.ask(f"AT+CMUX=0,0,,{n1}")))
    time.sleep(0.3)  # before SABM (LARA-R6: 200 ms)
    first = attach(line, n1)
    one = Line(f"/dev/gsmtty{first}")
    one.wake()
    two = Line(f"/dev/gsmtty{first + 1}")
    two.wake()
    one.send("AT+COPS=?")
    say("while-scanning", words(two.ask("AT+CGMI")))
    say("scan", words(one.until(b"\r\nOK\r\n").decode()).startswith("+COPS:"))
    say("lines", one.lines())
    echo(one, two, address, count, "".join(sys.argv[5:]))
    for channel in (one, two):
        channel.close()
    time.sleep(0.3)  # its DISC go out
    fcntl.ioctl(line.fd, termios.TIOCSETD, struct.pack("i", N_TTY))
    line.heard = b""
    line.write(CLOSE_DOWN)  # this kernel says nothing when its line is taken away
    say("close-down", line.until(b"\x93\xf9").hex(" "))
    time.sleep(0.3)  # before AT (LARA-R6: 200 ms)
    line.wake()
    say("bare", words(line.ask("AT+CGMI")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
