"""Ctrl-C: once is an orderly end with its full time, twice is a hard off.

SIGTERM and SIGHUP (a CI server cancels, a terminal is closed) are taken as a Ctrl-C each. The guardian
switches off what a process leaves on, so the second one only has to end this process.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellbench.session.run import Run

_BY: Mapping[int, str] = {
    signal.SIGINT: "interrupted by Ctrl-C",
    signal.SIGTERM: "interrupted by SIGTERM",
    signal.SIGHUP: "interrupted, its terminal is gone",
}
SWITCHING_OFF = "modules are switched off in order; again (Ctrl-C) cuts the supply hard"
_HARD = "interrupted again: the supply is cut hard, `cellbench runs` tells what was left"
_LATE = "interrupted again: everything is off; the reports are missing, `cellbench report {folder}` does it"


class Interrupts:
    """The signals of one process of a run, from ``install`` to ``restore``.

    ``first`` is called with what interrupted the run; ``second`` before the process ends at once.
    """

    def __init__(self, run: Run, first: Callable[[str], None], second: Callable[[], None]) -> None:
        self._run = run
        self._first = first
        self._second = second
        self._before: dict[int, Any] = {}
        self._stderr = -1

    def install(self) -> None:
        """Take the signals over, but leave a SIGHUP that nohup has put aside.

        A SIGINT may be ignored as well, by a shell that starts this in the background; who sends one
        nevertheless means it.
        """
        # pytest redirects descriptor 2 while a test runs; what is told here is for the person
        self._stderr = os.dup(2)
        worker = self._run.part.value == "worker"
        for number in _BY:
            self._before[number] = signal.getsignal(number)
            if number == signal.SIGHUP and self._before[number] is signal.SIG_IGN:
                continue
            if not worker:
                signal.signal(number, self._taken)
            elif number == signal.SIGINT:
                signal.signal(number, self._taken_by_worker)
            else:
                # its controller decides; not SIG_IGN, which the programs of a procedure would inherit
                signal.signal(number, _nothing)

    def restore(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1

    def _taken(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._let_terminal_go()
        if self._run.interrupted:
            self._second()
            late = _LATE.format(folder=self._run.folder)
            self._tell(f"\ncellbench: {late if self._run.switched_off else _HARD}\n")
            os._exit(2)
        self._run.interrupted = _BY[number]
        if not self._is_drawn():
            self._tell(f"\ncellbench: {_BY[number]}: {SWITCHING_OFF}\n")
        self._first(_BY[number])

    def _taken_by_worker(self, number: int, frame: FrameType | None) -> None:
        if not self._run.interrupted:
            self._run.interrupted = _BY[number]
            self._first(_BY[number])

    def _is_drawn(self) -> bool:
        progress = self._run.config.pluginmanager.getplugin("cellbench-progress")
        return bool(progress is not None and progress.draws)

    def _tell(self, text: str) -> None:
        try:
            os.write(self._stderr, text.encode())
        except OSError:
            return  # nobody is there to read it

    def _let_terminal_go(self) -> None:
        """Writing to a terminal that is gone fails; the run goes on to its end without one."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2, self._stderr, *_descriptors_of(sys.__stdout__, sys.__stderr__)):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Take a signal and go on."""


def _descriptors_of(*files: Any) -> list[int]:
    return [file.fileno() for file in files if file is not None and not file.closed]
