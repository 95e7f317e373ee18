"""A serial device node (USB, UART or PTY), read and written on its descriptor."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import struct
import termios
from collections.abc import Mapping
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible, RigError
from cellbench.io.frame import Frame, Parity
from cellbench.io.pipe import PortLost, PortMissing, PortStuck

_RATES: Mapping[int, int] = {
    1200: termios.B1200, 2400: termios.B2400, 4800: termios.B4800, 9600: termios.B9600, 19200: termios.B19200,
    38400: termios.B38400, 57600: termios.B57600, 115200: termios.B115200, 230400: termios.B230400,
    460800: termios.B460800, 921600: termios.B921600, 3000000: termios.B3000000,
}
_SIZES = {5: termios.CS5, 6: termios.CS6, 7: termios.CS7, 8: termios.CS8}
_PARITIES = {Parity.NONE: 0, Parity.EVEN: termios.PARENB, Parity.ODD: termios.PARENB | termios.PARODD}
_OUTPUTS = {"dtr": termios.TIOCM_DTR, "rts": termios.TIOCM_RTS}
_INPUTS = {"cts": termios.TIOCM_CTS, "dsr": termios.TIOCM_DSR, "dcd": termios.TIOCM_CAR,
           "ri": termios.TIOCM_RNG}
_GONE = frozenset({errno.EIO, errno.ENXIO, errno.ENODEV, errno.EBADF, errno.ENOENT, errno.EPIPE})
# linux/termios.h: struct termios2, for rates that have no B constant
_TCGETS2, _TCSETS2, _BOTHER = 0x802C542A, 0x402C542B, 0o010000
_TERMIOS2 = struct.Struct("=4IB19s2I")


# A read on the second, blocking descriptor returns after this long without bytes (VTIME counts 0.1 s).
_BLOCK_S = 0.5
_VTIME = 5


class SerialPort:
    """One device node. After PortLost, ``open`` may be called again: the node may have come back.

    The node is open twice. Writing, polling and the lines use a descriptor that never blocks; longer reads
    use one that blocks in the driver for at most 0.5 s, which saves two passes through the driver's poll for
    each answer.
    """

    __slots__ = ("_fd", "_path", "_poll", "_rate", "_reading", "flow_control", "name")

    def __init__(self, path: str | Path, *, rate: int = 115200, flow_control: bool = False) -> None:
        """``rate`` in bit/s; ``flow_control``: the driver handles RTS and CTS itself."""
        self.name = str(path)
        self._path = str(path)
        self._rate = rate
        self.flow_control = flow_control
        self._fd = -1
        self._reading = -1
        self._poll = select.poll()

    def fileno(self) -> int:
        """The descriptor, or -1 while closed."""
        return self._fd

    @property
    def rate(self) -> int:
        """The bit rate set, in bit/s."""
        return self._rate

    def open(self) -> None:
        """Open the node raw, 8N1. Raises PortMissing naming the nodes that exist beside it; RigError when
        another program has it or it is no terminal."""
        self.close()
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise self._cannot_open(error) from error
        try:
            self._make_raw(fd)
            self._reading = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except termios.error as error:
            os.close(fd)
            raise RigError(f"{self._path} is not a serial port ({error.args[-1]})") from error
        except OSError as error:
            os.close(fd)
            raise self._cannot_open(error) from error
        self._fd = fd
        self._poll.register(fd, select.POLLIN)
        if self._rate not in _RATES:
            self._set_odd_rate(self._rate)

    def close(self) -> None:
        """Close the node; no error when it is gone already."""
        if self._fd >= 0:
            self._poll.unregister(self._fd)
            for descriptor in (self._reading, self._fd):
                with contextlib.suppress(OSError):
                    os.close(descriptor)
            self._fd = self._reading = -1

    def read(self, limit: int, timeout_s: float) -> bytes:
        """See Pipe.read."""
        try:
            while timeout_s >= _BLOCK_S:
                data = os.read(self._reading, limit)
                if data:
                    return data
                # Nothing for half a second, or the end of a port that hung up.
                timeout_s = 0.0 if self._poll.poll(0) else timeout_s - _BLOCK_S
            # Rounded up: a time-out of 0.4 ms must not become a busy loop.
            if timeout_s > 0 and not self._poll.poll(timeout_s * 1000 + 0.999):
                return b""
            data = os.read(self._fd, limit)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lost(error) from error
        if not data:
            raise PortLost(f"{self.name}: the port hung up")
        return data

    def write(self, data: bytes, deadline: Deadline) -> None:
        """See Pipe.write."""
        try:
            written = os.write(self._fd, data)
        except BlockingIOError:
            written = 0
        except OSError as error:
            raise self._lost(error) from error
        if written < len(data):
            self._write_rest(memoryview(data)[written:], deadline)

    def _write_rest(self, rest: memoryview, deadline: Deadline) -> None:
        """What the driver's buffer did not take at once (flow control, long payloads)."""
        ready = select.poll()
        ready.register(self._fd, select.POLLOUT)
        while rest:
            if not ready.poll(deadline.remaining * 1000 + 0.999) or deadline.expired:
                raise PortStuck(f"{self.name}: {len(rest)} bytes were not taken in time (flow control held?)")
            try:
                rest = rest[os.write(self._fd, rest):]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._lost(error) from error

    def set_rate(self, bit_s: int) -> None:
        """See LinePort.set_rate; on a PTY the rate is only noted."""
        self._rate = bit_s
        if self._fd < 0:
            return
        if bit_s not in _RATES:
            self._set_odd_rate(bit_s)
            return
        try:
            # What was written before must leave at the old rate.
            attributes = termios.tcgetattr(self._fd)
            attributes[4] = attributes[5] = _RATES[bit_s]
            termios.tcsetattr(self._fd, termios.TCSADRAIN, attributes)
        except termios.error as error:
            raise self._lost(OSError(*error.args)) from error

    def set_frame(self, frame: Frame) -> None:
        """See FramedPort.set_frame; what was written before leaves in the old format."""
        try:
            attributes = termios.tcgetattr(self._fd)
            kept = attributes[2] & ~(termios.CSIZE | termios.PARENB | termios.PARODD | termios.CSTOPB)
            attributes[2] = (kept | _SIZES[frame.data_bits] | _PARITIES[frame.parity]
                             | (termios.CSTOPB if frame.stop_bits == 2 else 0))
            termios.tcsetattr(self._fd, termios.TCSADRAIN, attributes)
        except termios.error as error:
            raise self._lost(OSError(*error.args)) from error

    def set_output(self, line: str, on: bool) -> None:
        """See LinePort.set_output."""
        mask = struct.pack("I", _OUTPUTS[line])
        self._lines(termios.TIOCMBIS if on else termios.TIOCMBIC, mask, line.upper())

    def read_inputs(self) -> Mapping[str, bool]:
        """See LinePort.read_inputs."""
        answer = self._lines(termios.TIOCMGET, b"\0\0\0\0", "lines")
        bits = struct.unpack("I", answer)[0]
        return {name: bool(bits & mask) for name, mask in _INPUTS.items()}

    def _lines(self, request: int, argument: bytes, what: str) -> bytes:
        try:
            return fcntl.ioctl(self._fd, request, argument)
        except OSError as error:
            if error.errno in (errno.ENOTTY, errno.EINVAL):
                raise NotPossible(f"{self.name} has no control lines, so {what} cannot be used",
                                  remedy="use the UART, or a port with lines") from error
            raise self._lost(error) from error

    def _make_raw(self, fd: int) -> None:
        attributes = termios.tcgetattr(fd)
        attributes[0] = attributes[1] = attributes[3] = 0
        attributes[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
        if self.flow_control:
            attributes[2] |= termios.CRTSCTS
        attributes[4] = attributes[5] = _RATES.get(self._rate, termios.B115200)
        attributes[6][termios.VMIN] = 0
        attributes[6][termios.VTIME] = _VTIME
        termios.tcsetattr(fd, termios.TCSANOW, attributes)

    def _set_odd_rate(self, bit_s: int) -> None:
        """A rate without a constant of its own (14400, 28800 ...), by struct termios2."""
        try:
            raw = fcntl.ioctl(self._fd, _TCGETS2, bytes(_TERMIOS2.size))
            iflag, oflag, cflag, lflag, line, chars, _, _ = _TERMIOS2.unpack(raw)
            cflag = cflag & ~0o010017 | _BOTHER
            fcntl.ioctl(self._fd, _TCSETS2, _TERMIOS2.pack(iflag, oflag, cflag, lflag, line, chars, bit_s,
            bit_s))
        except OSError as error:
            raise NotPossible(f"{self.name} cannot do {bit_s} bit/s ({error.strerror})") from error

    def _lost(self, error: OSError) -> RigError:
        if self._fd < 0 or error.errno in _GONE:
            return PortLost(f"{self.name}: the port is gone ({error.strerror or error})")
        return RigError(f"{self.name}: {error.strerror or error}")

    def _cannot_open(self, error: OSError) -> RigError:
        if error.errno in (errno.EACCES, errno.EPERM):
            return RigError(f"{self.name}: no permission to open the port",
                            remedy="add the user to the group that owns it (often dialout)")
        if error.errno == errno.EBUSY:
            return RigError(f"{self.name}: another program has the port open")
        return PortMissing(f"{self.name}: no such port; {_neighbours(Path(self._path))}")


def _neighbours(path: Path) -> str:
    """The serial ports that do exist, near the one asked for."""
    known = {path.parent, Path("/dev"), Path("/dev/serial/by-id")}
    places = sorted(known, key=lambda place: place != path.parent)
    found: list[str] = []
    for place in places:
        if place.is_dir():
            nodes = sorted(place.iterdir())
            found += [str(node) for node in nodes if _serial_name(node, place == path.parent)]
    return f"there are: {', '.join(found[:20])}" if found else "there is no serial port at all"


def _serial_name(node: Path, asked: bool) -> bool:
    if node.name.startswith(("ttyUSB", "ttyACM", "ttyAMA", "usb-", "at")):
        return True
    return asked and node.parent != Path("/dev") and node.is_symlink()
