"""A USB serial port as a pseudo-terminal: live while the module enumerates it, deaf while nobody has it open.

Opening and closing of the slave end are events of inotify; they are only a hint to look: the truth is
POLLHUP on the master, which the kernel shows while no slave is open. So nothing is polled, and two opens
that inotify merged into one event do no harm.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
import select
import struct
import termios
from collections.abc import Callable
from typing import Protocol

MAX_HELD = 1024 * 1024
"""Bytes kept for a host that has the port open and does not read."""

_IN_OPEN, _IN_CLOSE_WRITE, _IN_CLOSE_NOWRITE = 0x20, 0x08, 0x10
_OVERFLOW = -1  # events were lost: inotify(7), IN_Q_OVERFLOW
_EVENT = struct.Struct("iIII")
_POLL_S = 0.05
_PACKET_DATA = b"\0"
_EXTPROC = 0x10000  # Linux, asm-generic/termbits.h


class Watch(Protocol):
    """Tells when a device node may have been opened or closed."""

    def add(self, path: str, look: Callable[[], None]) -> int:
        """Call ``look`` after each opening or closing of ``path``; a token for ``remove``."""
        ...

    def remove(self, token: int) -> None:
        """Stop it."""
        ...

    def close(self) -> None:
        """Stop all."""
        ...


class InotifyWatch:
    """All ports of a rack on one inotify descriptor."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._loop = loop
        self._looks: dict[int, Callable[[], None]] = {}
        self._fd = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        loop.add_reader(self._fd, self._ready)

    def add(self, path: str, look: Callable[[], None]) -> int:
        """Watch one device node."""
        mask = _IN_OPEN | _IN_CLOSE_WRITE | _IN_CLOSE_NOWRITE
        token = int(self._libc.inotify_add_watch(self._fd, os.fsencode(path), mask))
        if token < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", path)
        self._looks[token] = look
        return token

    def remove(self, token: int) -> None:
        """Forget one node; it may be gone already."""
        self._looks.pop(token, None)
        self._libc.inotify_rm_watch(self._fd, token)

    def close(self) -> None:
        """Close the descriptor."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._looks.clear()

    def _ready(self) -> None:
        try:
            events = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        tokens: dict[int, None] = {}
        while events:
            token, _, _, length = _EVENT.unpack_from(events)
            tokens[token] = None
            events = events[_EVENT.size + length:]
        if _OVERFLOW in tokens:
            tokens = dict.fromkeys(self._looks)
        for token in tokens:
            look = self._looks.get(token)
            if look is not None:
                look()


class PollingWatch:
    """Looks at every port 20 times a second, where the kernel gives no inotify."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._looks: dict[int, Callable[[], None]] = {}
        self._next = 0
        self._timer = loop.call_later(_POLL_S, self._tick)

    def add(self, path: str, look: Callable[[], None]) -> int:
        """Look at one node from now on."""
        self._next += 1
        self._looks[self._next] = look
        return self._next

    def remove(self, token: int) -> None:
        """Forget one node."""
        self._looks.pop(token, None)

    def close(self) -> None:
        """Stop the timer."""
        self._timer.cancel()

    def _tick(self) -> None:
        for look in tuple(self._looks.values()):
            look()
        self._timer = self._loop.call_later(_POLL_S, self._tick)


def make_watch(loop: asyncio.AbstractEventLoop) -> Watch:
    """inotify, or polling where there is none."""
    try:
        return InotifyWatch(loop)
    except (OSError, AttributeError):
        return PollingWatch(loop)


class PtyPort:
    """One pseudo-terminal; ``path`` is its slave node."""

    def __init__(self, loop: asyncio.AbstractEventLoop, watch: Watch, *, on_data: Callable[[bytes], None],
                 on_open: Callable[[bool], None], on_set: Callable[[], None] | None = None) -> None:
        """``on_set`` is called when the host has changed the terminal's settings."""
        self._loop = loop
        self._watch = watch
        self._on_data = on_data
        self._on_open = on_open
        self._on_set = on_set
        self._held = bytearray()
        self.is_open = False
        self._closed = False
        self._master, slave = os.openpty()
        try:
            os.set_blocking(self._master, False)
            _make_raw(slave)
            if on_set is not None:
                _tell_settings(self._master, slave)
            self.path = os.ttyname(slave)
            self._token = watch.add(self.path, self._look)
        finally:
            os.close(slave)  # from here on POLLHUP tells whether a host has it open
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLIN)

    def write(self, data: bytes) -> None:
        """Bytes to the host; lost while no host has the port open."""
        if not self.is_open or self._closed:
            return
        if self._held:
            if len(self._held) < MAX_HELD:
                self._held += data
            return
        self._held += data
        self._flush()

    @property
    def master(self) -> int:
        """The descriptor of this end, for the terminal's settings."""
        return self._master

    def close(self) -> None:
        """The module is unplugged: the host's end reads end of file and gets EIO on writing."""
        if self._closed:
            return
        self._closed = True
        self._watch.remove(self._token)
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        if self.is_open:
            self.is_open = False
            self._on_open(False)

    def _flush(self) -> None:
        """Write what is held; what does not fit waits for room."""
        try:
            sent = os.write(self._master, self._held)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._held.clear()
            sent = 0
        del self._held[:sent]
        if self._held:
            self._loop.add_writer(self._master, self._flush)
        else:
            self._loop.remove_writer(self._master)

    def _look(self) -> None:
        """Bring ``is_open`` in line with the kernel's view."""
        if self._closed:
            return
        flags = self._flags()
        if self._on_set is not None and flags & select.POLLHUP:
            while self._read():  # control bytes alone are no host: flushing leaves some, too
                pass
        elif flags & select.POLLIN:
            # Also when the host has closed again: what it wrote before still counts.
            self._opened()
            if not flags & select.POLLHUP:
                return  # the reader takes it
            while self._read():
                pass
        if not flags & select.POLLHUP:
            self._opened()
        elif self._flags() & select.POLLHUP:  # else a host has come meanwhile
            self._host_closed()

    def _flags(self) -> int:
        ready = self._poll.poll(0)
        return ready[0][1] if ready else 0

    def _readable(self) -> None:
        if not self._read() and not self._closed:
            self._look()

    def _read(self) -> bool:
        """Take one piece from the host; False when nothing is left."""
        try:
            data = os.read(self._master, 65536)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._host_closed()
            return False
        if self._on_set is not None:  # a control byte goes before what is read (ioctl_tty(2), TIOCPKT)
            if data[:1] != _PACKET_DATA:
                self._on_set()
                return not self._closed
            data = data[1:]
        if data:
            self._opened()
            self._on_data(data)
        return bool(data) and not self._closed

    def _opened(self) -> None:
        if not self.is_open:
            self.is_open = True
            self._loop.add_reader(self._master, self._readable)
            self._on_open(True)

    def _host_closed(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        self._held.clear()
        self._forget_unread()
        self._on_open(False)

    def _forget_unread(self) -> None:
        """Drop what the host left unread, as closing a serial port does: a pty would keep it for the next."""
        try:
            slave = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            termios.tcflush(slave, termios.TCIFLUSH)
        finally:
            os.close(slave)


def _make_raw(fd: int) -> None:
    """No echo, no line discipline, 8N1: what a host finds before it sets anything itself."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, cc = termios.tcgetattr(fd)
    iflag &= ~(termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR
               | termios.IGNCR | termios.ICRNL | termios.IXON | termios.IXOFF)
    oflag &= ~termios.OPOST
    lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    cflag = cflag & ~(termios.CSIZE | termios.PARENB) | termios.CS8 | termios.CREAD | termios.CLOCAL
    cc[termios.VMIN], cc[termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, [iflag, oflag, cflag, lflag, ispeed, ospeed, cc])


def _tell_settings(master: int, slave: int) -> None:
    """Reading from the master tells of new settings from now on: packet mode, and EXTPROC at the slave."""
    settings = termios.tcgetattr(slave)
    settings[3] |= _EXTPROC
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    fcntl.ioctl(master, termios.TIOCPKT, struct.pack("i", 1))
