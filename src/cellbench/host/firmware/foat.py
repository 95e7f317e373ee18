"""Update over AT: +UFWUPD, then the package by Xmodem on the same port (LENA-R8 guide 11.1.1, Table 48).

Update mode sends C three times and then NAK ten times; who begins on a C guards the blocks by CRC, who begins
on a NAK by the checksum, which knows blocks of 128 bytes alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from cellbench.base.clock import Deadline
from cellbench.host.firmware.course import Course, Ending
from cellbench.host.firmware.install import begin
from cellbench.host.firmware.model import Stage
from cellbench.host.xmodem import (
    Check,
    Mode,
    Progress,
    SenderSettings,
    Sent,
    XmodemError,
    predicted_s,
    send,
)
from cellbench.io.pipe import PortLost
from cellbench.wire.firmware.events import Call
from cellbench.wire.firmware.transitions import UpdateState

__all__ = ["Waits", "offer", "start", "transfer"]

_SLICE_S = 0.05
_SLOWER = 4.0  # than predicted, for repeated blocks
_SPARE_S = 120.0
_AFTERMATH_S = 30.0  # how long a module that ended a transfer may take to say why
_CAN = b"\x18"
_CALL_OF = {Check.CRC: Call.CRC, Check.CHECKSUM: Call.CHECKSUM}


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds: ``answer_s`` from the command to update mode, ``window_s`` in which it waits."""

    answer_s: float
    window_s: float


def start(course: Course, line: str, rate: int, waits: Waits, check: Check | None = None) -> Ending | None:
    """Send the command (``line``), change to ``rate`` (bit/s), wait until update mode asks for a block: on
    any call, or on the one that ``check`` wants. None when it does; else how it ended before.

    Raises what keeps a vanished port away, and what the course's report raises.
    """
    begin(course, line, rate, waits.answer_s)
    return await_call(course, waits, check)


def await_call(course: Course, waits: Waits, check: Check | None = None) -> Ending | None:
    """The second half of ``start``, for update mode that has begun by itself. A module that answers AT in
    place of calling never began: STARTED."""
    doubt = time.monotonic() + waits.answer_s
    until = doubt + waits.window_s
    while True:
        wanted = [call for _, call in course.calls if check is None or call is _CALL_OF[check]]
        if wanted:
            return None
        ending = course.ended()
        if ending is not None:
            return ending
        now = time.monotonic()
        if now > until:
            return Ending.SILENT
        try:
            if now > doubt and not course.calls:
                doubt = now + waits.answer_s
                course.ask()
            course.hear(_SLICE_S)
        except PortLost:
            course.come_back()


def transfer(course: Course, data: bytes, mode: Mode) -> Sent:
    """Send the package to update mode that has called. Raises XmodemError, PortLost, and what the course's
    report raises, after which update mode has been told (CAN)."""
    blocks = 0

    def progress(now: Progress) -> None:
        nonlocal blocks
        blocks += 1
        course.tell(Stage.RECEIVING, blocks, now.left_s)

    wanted = predicted_s(len(data), Mode.XMODEM, course.line.rate, check=Check.CHECKSUM)
    deadline = Deadline.after(_SLOWER * wanted + _SPARE_S)
    course.line.put_back(bytes((course.calls[-1][1].value,)))  # of calls that wait the last one counts
    course.machine.sending()
    sent = send(course.line, data, mode, deadline=deadline, progress=progress, settings=SenderSettings())
    course.machine.sent()
    course.hand(sent.rest)
    return sent


def offer(course: Course, data: bytes, mode: Mode) -> tuple[Ending, Sent | None]:
    """Transfer the package and follow what becomes of it. A module that ends the transfer says why; raises
    XmodemError when it does not, else as ``transfer``."""
    try:
        sent = transfer(course, data, mode)
    except XmodemError:
        ending = _aftermath(course)
        if ending is None:
            raise
        return ending, None
    return course.follow(), sent


def _aftermath(course: Course) -> Ending | None:
    until = time.monotonic() + _AFTERMATH_S
    course.machine.aborted()
    course.hand(course.line.recent.rpartition(_CAN)[2])  # the transfer stopped reading at the second CAN
    while time.monotonic() < until:
        ending = course.ended()
        if ending is not None:
            return ending
        try:
            course.hear(_SLICE_S)
        except PortLost:
            course.come_back()
    return None


UPDATE_MODE = frozenset({UpdateState.WAITING, UpdateState.RECEIVING})
"""States in which a package can be sent."""
