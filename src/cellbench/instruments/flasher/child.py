"""A program run to its end, or ended with all that it started, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import RigError

_READ = 65_536
_GRACE_S = 2.0  # from SIGTERM to SIGKILL


class TimedOut(Exception):
    """The program had not ended in time; it has been ended."""


def run_child(command: Sequence[str], take: Callable[[bytes], None], timeout_s: float, *,
              began: Callable[[], None] | None = None) -> int:
    """Run a program; its exit status, negative for the signal that ended it.

    ``take`` gets what it writes to standard output and standard error, as it comes. It has no standard input
    and a process group of its own: a Ctrl-C is the caller's, and when anything is raised here (by ``take``,
    ``began`` too) the whole group is ended, SIGTERM first, SIGKILL after 2 s at most. What it leaves running
    when it ends by itself is ended as well; so is everything when this process is killed (keeper.py). Raises
    TimedOut, RigError when it cannot be started.
    """
    deadline = Deadline.after(timeout_s)
    with _started(command) as process:
        if began is not None:
            began()
        _follow(process, take, deadline)
        _end_group(process, signal.SIGKILL)  # before its leader is reaped: until then the number is its own
        return process.wait()


@contextlib.contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The keeper with the program below it; the pipe to the keeper ends with this process."""
    theirs, ours = os.pipe2(os.O_CLOEXEC)
    keeper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py")), str(theirs)]
    try:
        process = subprocess.Popen([*keeper, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, start_new_session=True, pass_fds=(theirs,))
    except OSError as error:
        os.close(ours)
        raise RigError(f"{command[0]} cannot be run: {error.strerror or error}",
                       remedy="see what this host has run out of") from error
    finally:
        os.close(theirs)
    try:
        yield process
    finally:
        if process.returncode is None:
            _end(process)
        os.close(ours)
        assert process.stdout is not None
        process.stdout.close()


def _follow(process: subprocess.Popen[bytes], take: Callable[[bytes], None], deadline: Deadline) -> None:
    """Pass on what it writes until it ends; a child of its own that keeps the pipe open is not waited for."""
    assert process.stdout is not None
    out = process.stdout.fileno()
    os.set_blocking(out, False)
    pidfd = os.pidfd_open(process.pid)
    try:
        watched = [out, pidfd]
        while True:
            ready, _, _ = select.select(watched, [], [], deadline.remaining)
            if not ready:
                raise TimedOut
            data = _read(out) if out in watched else b""
            if data:
                take(data)
            elif data is not None and out in watched:
                watched.remove(out)  # it has closed its output and may go on
            if not data and pidfd in ready:
                return
    finally:
        os.close(pidfd)


def _read(descriptor: int) -> bytes | None:
    """What is there; None when nothing is, b"" when the other end is closed."""
    try:
        return os.read(descriptor, _READ)
    except BlockingIOError:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    _end_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        _wait_unreaped(process, _GRACE_S)
    _end_group(process, signal.SIGKILL)
    process.wait()


def _wait_unreaped(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for the leader to end and leave it a zombie, so that the group's number cannot be another's."""
    pidfd = os.pidfd_open(process.pid)
    try:
        select.select([pidfd], [], [], seconds)
    finally:
        os.close(pidfd)


def _end_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
