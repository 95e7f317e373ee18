"""Installation of the package that is stored in the module: +UFWINSTALL (LENA-R8 guide 11.2.2, Table 52)."""

from __future__ import annotations

import contextlib
import time

from cellbench.base.clock import Deadline
from cellbench.host.firmware.course import Course, Ending
from cellbench.host.firmware.model import Stage
from cellbench.io.pipe import PortLost
from cellbench.wire.firmware.events import Accepted, Refused
from cellbench.wire.firmware.transitions import UpdateState

__all__ = ["command", "install"]

_WRITE_S = 5.0
_OLD_RATE_S = 0.25  # how long an answer at the old rate is waited for: a refusal comes at once
_SLICE_S = 0.02


def command(name: str, port: int, rate: int, tail: str) -> str:
    """``AT+UFWINSTALL=1,115200,,1``."""
    return f"AT{name}={port},{rate}{tail}"


def install(course: Course, line: str, rate: int, answer_max_s: float) -> Ending:
    """Send the command (``line``) and follow the installation; ``rate`` in bit/s is the new one.

    Raises what keeps a vanished port away, and what the course's report raises.
    """
    begin(course, line, rate, answer_max_s)
    return course.follow()


def begin(course: Course, line: str, rate: int, answer_max_s: float) -> None:
    """Send a command that begins an update, wait for its answer at the old rate, change to the new one.

    The answer is OK, a prompt or nothing; a refusal comes at the old rate and changes nothing.
    """
    course.machine.commanded()
    course.tell(Stage.COMMANDED)
    course.line.write(line.encode("ascii") + b"\r", Deadline.after(_WRITE_S))
    changes = course.line.rate != rate
    until = time.monotonic() + (_OLD_RATE_S if changes else answer_max_s)
    with contextlib.suppress(PortLost):  # it restarts already
        while time.monotonic() < until and course.machine.state is UpdateState.COMMANDED:
            heard = course.hear(_SLICE_S)
            if any(isinstance(one, Accepted | Refused) for one in heard) or course.machine.unreadable:
                break  # the second is the new rate already
        if changes and course.machine.state is not UpdateState.REFUSED:
            course.set_rate(rate)
