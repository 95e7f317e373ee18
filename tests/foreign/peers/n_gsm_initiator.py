"""A foreign program's hand: the Linux kernel's own 27.010 multiplexer (n_gsm) as initiator, inside a guest.

``n_gsm_initiator.py DEVICE N1 BYTES`` enters the mode by AT commands, gives the line to the kernel, speaks AT
on one channel, sends BYTES on another that must come back, and closes down. Prints ``DEVICE name=value`` for
each thing seen; 0 when it came to the end.
"""

import fcntl
import random
import struct
import sys
import termios
import time

from n_gsm import CLOSE_DOWN, LIMIT_S, N_TTY, WINDOW, Line, attach, say, words


def main() -> int:
    device, n1, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    line = Line(device)
    line.wake()
    say("cmux", words(line.ask(f"AT+CMUX=0,0,,{n1}")))
    first = attach(line, n1)
    one, two = Line(f"/dev/gsmtty{first}"), Line(f"/dev/gsmtty{first + 1}")
    one.wake()
    one.show("CTS")
    say("lines", one.lines())
    data, sent, end = random.Random(3).randbytes(count), 0, time.monotonic() + LIMIT_S
    while len(two.heard) < count and time.monotonic() < end:
        room = min(count - sent, WINDOW - (sent - len(two.heard)))
        if room > 0:
            sent += two.write(data[sent:sent + room])
        two.read(0.05)
        one.read(0)
    say("echoed", two.heard == data)
    say("at", words(one.ask("AT")))
    for channel in (one, two):
        channel.close()
    time.sleep(0.3)  # its DISC go out
    fcntl.ioctl(line.fd, termios.TIOCSETD, struct.pack("i", N_TTY))
    line.heard = b""
    line.write(CLOSE_DOWN)  # this kernel says nothing when its line is taken away
    say("close-down", line.until(b"\x93\xf9").hex(" "))
    line.wake()
    say("bare", words(line.ask("AT")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
