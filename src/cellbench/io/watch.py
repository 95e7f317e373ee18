"""Waiting for bytes in one thread without getting in the way of another that reads.

A port's thread sleeps in ``wait`` until bytes arrive. A call that wants the answer for itself takes the
read token and disarms the watch for that time: the thread stays asleep in the kernel, so the call pays for
two short system calls and for no change of threads.
"""

from __future__ import annotations

import os
import select
import threading
from typing import Protocol

from cellbench.io.pipe import HasFileno, Pipe

# EPOLLONESHOT: one wake-up, then quiet until armed again, so that a thread that waits for the read token does
# not spin; it also keeps hang-ups quiet, which plain disarming cannot.
_ARMED = select.EPOLLIN | select.EPOLLONESHOT
_ASLEEP = select.EPOLLONESHOT


class Watch(Protocol):
    """Tells when a pipe has bytes, except while disarmed."""

    slice_s: float
    """How long the woken thread may sit in one read: 0 where ``wait`` says truly that bytes are there."""

    can_doze: bool
    """True when ``nudge`` works."""

    def wait(self) -> bool:
        """Block until bytes may be there and the watch is armed; False when the watch is closed."""
        ...

    def arm(self) -> None:
        """Look again."""
        ...

    def disarm(self) -> None:
        """Look away: whoever holds the read token reads."""
        ...

    def nudge(self) -> None:
        """Make ``wait`` return once although no bytes came."""
        ...

    def close(self) -> None:
        """End every wait."""
        ...

    def release(self) -> None:
        """Give the kernel's objects back, after the waiting thread has ended."""
        ...


class DescriptorWatch:
    """For pipes with a file descriptor: an epoll that is asleep while disarmed."""

    __slots__ = ("_closed", "_epoll", "_fd", "_modify", "_wake", "can_doze", "slice_s")

    def __init__(self, fd: int) -> None:
        self.slice_s = 0.0
        self.can_doze = True
        self._fd = fd
        self._closed = False
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._epoll.register(fd, _ARMED)
        self._modify = self._epoll.modify

    def wait(self) -> bool:
        for fd, _ in self._epoll.poll():
            if fd == self._wake and not self._closed:
                os.eventfd_read(self._wake)
        return not self._closed

    def arm(self) -> None:
        try:
            self._modify(self._fd, _ARMED)
        except (OSError, ValueError):
            return  # the descriptor is gone: the next read says so

    def disarm(self) -> None:
        try:
            self._modify(self._fd, _ASLEEP)
        except (OSError, ValueError):
            return

    def nudge(self) -> None:
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        self._closed = True
        os.eventfd_write(self._wake, 1)

    def release(self) -> None:
        """Give the kernel's objects back, after the waiting thread has ended."""
        self._epoll.close()
        os.close(self._wake)


class SliceWatch:
    """For pipes that cannot be waited for apart from reading: the thread reads in slices of time."""

    __slots__ = ("_armed", "_closed", "can_doze", "slice_s")

    def __init__(self) -> None:
        self.slice_s = 0.02
        self.can_doze = False
        self._closed = False
        self._armed = threading.Event()
        self._armed.set()

    def wait(self) -> bool:
        self._armed.wait()
        return not self._closed

    def arm(self) -> None:
        self._armed.set()

    def disarm(self) -> None:
        if not self._closed:
            self._armed.clear()

    def nudge(self) -> None:
        """Never needed: this watch cannot doze."""

    def close(self) -> None:
        self._closed = True
        self._armed.set()

    def release(self) -> None:
        """Nothing to give back."""


def watch_for(pipe: Pipe) -> Watch:
    """The best watch for an open pipe."""
    if isinstance(pipe, HasFileno):
        return DescriptorWatch(pipe.fileno())
    return SliceWatch()
