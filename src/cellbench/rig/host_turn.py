"""Turns at what all users of a host share for a while: a flock that is waited for, with its holder's name.

The kernel ends a dead holder's flock. Kept beside the guardian's locks, in the one directory for all users.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import dataclass, field

from cellbench.base.clock import Deadline
from cellbench.base.errors import RigError
from cellbench.guardian.locks import file_name, open_shared
from cellbench.guardian.paths import lock_dir
from cellbench.guardian.processes import user_name

_POLL_S = 0.05


@dataclass(slots=True)
class HostTurn:
    """One thing that one process of a host has at a time; ``what`` names it in a message."""

    key: str
    what: str
    wait_s: float
    _descriptor: int = field(default=-1, repr=False)

    def enter(self, who: str) -> None:
        """Have it, waiting ``wait_s`` seconds at most; harmless when this object has it already.

        RigError that names who has it.
        """
        if self._descriptor >= 0:
            return
        descriptor = open_shared(lock_dir() / file_name(self.key, ".turn"))
        try:
            self._await(descriptor, Deadline.after(self.wait_s))
            note = f"{who} (user {user_name()}, pid {os.getpid()})".encode()
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, note, 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def leave(self) -> None:
        """Give it back; harmless for what is not held."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                # said, not left to the close: a program being started just now still has a copy of it
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _await(self, descriptor: int, deadline: Deadline) -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if deadline.expired:
                    holder = os.pread(descriptor, 400, 0).decode("utf-8", "replace") or "somebody"
                    raise RigError(f"{self.what} was not free within {self.wait_s:g} s: {holder} has it",
                                   remedy="wait until it is given back") from None
            time.sleep(_POLL_S)
