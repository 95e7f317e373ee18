"""The deadline of a procedure, kept by the process that runs it.

A timer's signal raises in the procedure, whatever it waits for; a teardown that follows gets ``GRACE_S``.
C code that never returns to Python is not reached so: a worker is then killed by its controller
(:mod:`cellbench.session.workers.processes`); a run without workers waits on.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from cellbench.base.errors import FrameworkError

GRACE_S = 60.0
_AGAIN_S = 0.01
_WHOLE = ("record/writer.py",)  # a record is written whole or not at all


class Overdue(FrameworkError):
    """A procedure did not end within its deadline."""


class ProcedureTimer:
    """The timer of one process. ``passed`` is called at the deadline, and every ``GRACE_S`` until the timer
    is stopped; what it raises is raised in the procedure."""

    def __init__(self, passed: Callable[[float], None]) -> None:
        self._passed = passed
        self._limit_s = 0.0
        self._before: Any = None

    def start(self, limit_s: float) -> None:
        """Begin; 0, a debugger, or a thread other than the main one: no deadline."""
        if not limit_s or sys.gettrace() is not None:
            return
        if threading.current_thread() is not threading.main_thread():
            return
        self._limit_s = limit_s
        self._before = signal.signal(signal.SIGALRM, self._rings)
        signal.setitimer(signal.ITIMER_REAL, limit_s)

    def stop(self) -> None:
        """End; nothing is raised from here on."""
        if self._limit_s:
            self._limit_s = 0.0
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self._before)

    def _rings(self, number: int, frame: FrameType | None) -> None:
        if not self._limit_s:
            return
        if _is_in_one_piece(frame):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
            return
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)
        self._passed(self._limit_s)


def _is_in_one_piece(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.endswith(_WHOLE):
            return True
        frame = frame.f_back
    return False
