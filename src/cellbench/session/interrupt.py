"""Ctrl-C: once is an orderly end with its full time, twice is a hard off.

The guardian switches off what a process leaves on, so the second one only has to end this process.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cellbench.session.hooks import RunHooks
    from cellbench.session.scheduling import ControllerHooks

_HARD = "\ncellbench: interrupted twice: the supply is cut hard, this run ends here\n"
_SOFT = "\ncellbench: interrupted: switching off in order (again to cut hard)\n"


def install_abort(hooks: RunHooks, session: pytest.Session) -> None:
    """In a process that runs tests: the first SIGINT aborts the running test.

    A worker ignores later ones (its controller decides); a single process cuts hard.
    """
    worker = hooks.run.part.value == "worker"

    def on_sigint(signum: int, frame: FrameType | None) -> None:
        if hooks.aborting:
            if not worker:
                _cut(_HARD)
            return
        if not worker:
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, _SOFT.encode())
        hooks.abort(session)

    signal.signal(signal.SIGINT, on_sigint)


def install_stop(hooks: ControllerHooks) -> None:
    """In the controller: the first SIGINT stops every worker and waits; the second cuts hard."""
    pressed = False

    def on_sigint(signum: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            hooks.kill_workers()
            _cut(_HARD)
        pressed = True
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, _SOFT.encode())
        hooks.stop_workers()

    signal.signal(signal.SIGINT, on_sigint)


def _cut(message: str) -> None:
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, message.encode())
    os._exit(2)
