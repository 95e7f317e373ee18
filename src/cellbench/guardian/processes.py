"""Processes as the kernel knows them: who died, without polling and without heartbeats."""

from __future__ import annotations

import ctypes
import os
import pwd
import select
import signal
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.errors import FrameworkError

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process that cannot be taken for a later one of the same number.

    ``started`` is its start time in clock ticks since boot (proc(5), stat field 22).
    """

    pid: int
    started: int


def mark_process(pid: int) -> ProcessMark | None:
    """The mark of a running process; None when there is none."""
    started = _start_ticks(pid)
    return None if started is None else ProcessMark(pid, started)


def is_running(mark: ProcessMark) -> bool:
    """True while the marked process lives."""
    return _start_ticks(mark.pid) == mark.started


def open_pidfd(mark: ProcessMark) -> int | None:
    """A descriptor that becomes readable when the marked process ends; None when it has ended.

    The start time is compared after the descriptor is taken, so a reused number is never watched.
    """
    try:
        descriptor = os.pidfd_open(mark.pid)
    except ProcessLookupError:
        return None
    if not is_running(mark):
        os.close(descriptor)
        return None
    return descriptor


def wait_gone(pidfd: int, timeout_s: float) -> bool:
    """True when the process behind a pidfd ends within ``timeout_s`` seconds."""
    return bool(select.select([pidfd], [], [], timeout_s)[0])


def set_parent_death_signal(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send ``number`` to this process when its parent ends.

    Call it first thing in a worker, with the process id of the controller that started it: when the
    controller died before the call, the signal would never come, so this process sends it to itself.
    The kernel means the parent's thread that started this process (prctl(2), PR_SET_PDEATHSIG): a
    controller must start its workers from a thread that lives as long as itself.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise FrameworkError(f"the kernel refused a parent death signal: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def user_name(uid: int | None = None) -> str:
    """The name of a user (default: this process's), or the number where it has none."""
    number = os.getuid() if uid is None else uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _start_ticks(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name, in brackets, may hold blanks and brackets
    return None if fields[0] in "ZX" else int(fields[19])
