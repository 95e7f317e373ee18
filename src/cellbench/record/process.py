"""Which process wrote a journal, and whether it still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from cellbench.record.header import ProcessEntry

_PROC = Path("/proc")


def this_process() -> ProcessEntry:
    """The identity of the calling process; zeros and "" where the system does not tell."""
    return ProcessEntry(socket.gethostname(), os.getpid(), _start_time(os.getpid()) or 0, _boot_id())


def is_alive(process: ProcessEntry) -> bool | None:
    """True or False for a process of this host; None for one of another host (nobody can tell)."""
    if process.host != socket.gethostname():
        return None
    if process.boot != _boot_id():
        return False
    return _start_time(process.pid) == (process.started or None)


def _start_time(pid: int) -> int | None:
    """The kernel's start time of a process in clock ticks (proc(5), stat field 22), None when gone."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name, in brackets, may hold blanks
    if fields[0] in "ZX":
        return None
    return int(fields[19])


def _boot_id() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
