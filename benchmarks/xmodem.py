"""Our Xmodem-1k sender against lrzsz's on the same pseudo-terminal, with lrzsz's receiver on the other side.

Both take turns, and each ratio is taken between neighbours. The receiver waits a second behind EOT, and
programs take their time to start and to end: so each figure is the difference between a long transfer and one
of a single block, both from the sender's start to its end. Sender and receiver have a processor each, as a
host and a module have, so that the figure does not tell where the scheduler puts the two.

lrzsz's receiver flushes its input behind each ACK; a sender that has answered by then, be it ours or
lrzsz's own, loses that block and waits 6 s. That would hide any rate: a system call filter makes its flush do
nothing.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import secrets
import statistics
import struct
import subprocess
import tempfile
import time
import tty
from collections.abc import Callable
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.host.xmodem import Mode, send
from cellbench.io.serial_port import SerialPort

SIZE, LITTLE = 2_097_152, 1024
TURNS = 25
GOAL = 0.95
LIMIT_S = 120.0

Sending = Callable[[int, Path], None]
"""Sends the file ``sent`` of a folder into a pseudo-terminal, given by its descriptor."""

# linux/filter.h, linux/seccomp.h, linux/prctl.h
_IOCTL = {"x86_64": 16, "aarch64": 29}[platform.machine()]
_TCFLSH = 0x540B
_LOAD, _EQUALS, _RETURN = 0x20, 0x15, 0x06
_NUMBER, _SECOND_ARGUMENT = 0, 24  # places in struct seccomp_data
_DO_NOTHING, _ALLOW = 0x00050000, 0x7FFF0000
_PR_SET_SECCOMP, _FILTER, _PR_SET_NO_NEW_PRIVS = 22, 2, 38


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


_STEPS = b"".join(struct.pack("HBBI", *step) for step in (
    (_LOAD, 0, 0, _NUMBER), (_EQUALS, 0, 3, _IOCTL), (_LOAD, 0, 0, _SECOND_ARGUMENT),
    (_EQUALS, 0, 1, _TCFLSH), (_RETURN, 0, 0, _DO_NOTHING), (_RETURN, 0, 0, _ALLOW)))
_PROGRAM = _Program(len(_STEPS) // 8, _STEPS)
_LIBC = ctypes.CDLL(None, use_errno=True)


def apart(processor: int) -> None:
    """In the receiver before it starts: it has that processor, and tcflush does nothing."""
    os.sched_setaffinity(0, {processor})
    if (_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            or _LIBC.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(_PROGRAM))):
        raise OSError(ctypes.get_errno(), "no system call filter here")


def ours(end: int, folder: Path) -> None:
    """Our sender."""
    port = SerialPort(os.ttyname(end))
    port.open()
    sent = send(port, (folder / "sent").read_bytes(), Mode.XMODEM_1K, deadline=Deadline.after(LIMIT_S))
    port.close()
    if sent.repeats or not sent.confirmed:
        raise AssertionError(f"not an undisturbed transfer: {sent}")


def theirs(end: int, folder: Path) -> None:
    """lrzsz's sender."""
    subprocess.run(["sx", "-q", "-X", "-k", "sent"], stdin=end, stdout=end, stderr=subprocess.DEVNULL,
                   cwd=folder, timeout=LIMIT_S, check=True)


def seconds(data: bytes, sending: Sending, processor: int) -> float:
    """One transfer, from the sender's start to its end, to a receiver on that processor."""
    ends = os.openpty()
    for end in ends:
        tty.setraw(end)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sent").write_bytes(data)
        command = ["rx", "-q", "-X", "-c", "came"]
        receiver = subprocess.Popen(command, stdin=ends[0], stdout=ends[0], stderr=subprocess.DEVNULL,
                                    cwd=folder, preexec_fn=lambda: apart(processor))
        try:
            began = time.perf_counter()
            sending(ends[1], folder)
            took = time.perf_counter() - began
            receiver.wait(LIMIT_S)
        finally:
            receiver.kill()
            receiver.wait()
            for end in ends:
                os.close(end)
        if (folder / "came").read_bytes() != data:
            raise AssertionError("not the same bytes")
    return took


def rounds(size: int, turns: int) -> list[tuple[float, float]]:
    """Our rate and lrzsz's in bytes a second, turn by turn."""
    data = secrets.token_bytes(size)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    there = max(allowed)
    try:
        little = [statistics.median(seconds(data[:LITTLE], sending, there) for _ in range(3))
                  for sending in (ours, theirs)]
        pairs = []
        for _ in range(turns):
            mine = seconds(data, ours, there) - little[0]
            its = seconds(data, theirs, there) - little[1]
            pairs.append(((size - LITTLE) / mine, (size - LITTLE) / its))
        return pairs
    finally:
        os.sched_setaffinity(0, allowed)


def main() -> list[dict[str, object]]:
    """The ratio of the rates."""
    pairs = rounds(SIZE, TURNS)
    ratio = statistics.median(mine / its for mine, its in pairs)
    mine, its = (statistics.median(pair[place] for pair in pairs) / 1e6 for place in (0, 1))
    return [{"what": f"Xmodem-1k: our sender's rate against that of lrzsz's, {SIZE / 1e6:.0f} MB to lrzsz's "
                     f"receiver over one unpaced port, median of {TURNS} turns",
             "goal": f">= {GOAL}", "figure": f"{ratio:.2f} ({mine:.1f} MB/s, {its:.1f} MB/s)",
             "met": ratio >= GOAL}]


if __name__ == "__main__":
    for row in main():
        print(json.dumps(row))
