"""Files and direct links over a virtual USB port, against the same bytes copied over a bare pseudo-terminal.

The rack is a process of its own; the host's whole stack (channel, transcript on) moves 1 MB of random bytes.
The bare copy has a process on the other side of a pseudo-terminal that takes or gives the same bytes in the
same pieces, with a write/read loop that does nothing else. Both take turns, and each ratio is taken between
neighbours. What the module's rules add is no cost of ours: the pauses between commands (20 ms) and after each
prompt (50 ms) are added to the bare copy, the guard time of +++ (2 s) is left out.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import select
import statistics
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from cellbench.catalogue.model import Series
from cellbench.host.files import PIECE, Files

SCRIPT = Path(__file__).resolve().parents[1] / "tests" / "acceptance" / "transfers.py"
SIZE = 1_048_576
TURNS = 7
GOAL_FILE, GOAL_LINK = 1.5, 5.0

PEER = r"""
import os
import sys

descriptor, size, way = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
data = os.urandom(size)
while os.read(descriptor, 1):
    if way == "takes":
        left = size
        while left:
            left -= len(os.read(descriptor, min(65536, left)))
        os.write(descriptor, b"!")
    else:
        sent = 0
        while sent < size:
            sent += os.write(descriptor, data[sent:sent + 65536])
"""


def transfers() -> ModuleType:
    """The bar's own rack and clients."""
    spec = importlib.util.spec_from_file_location("cellbench_transfers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # its dataclasses look themselves up there
    spec.loader.exec_module(script)
    return script


@contextmanager
def bare(way: str) -> Iterator[Callable[[], float]]:
    """Seconds of one bare copy of SIZE bytes, to a process that ``takes`` or from one that ``gives``."""
    master, slave = os.openpty()
    for descriptor in (master, slave):
        tty.setraw(descriptor)
    command = [sys.executable, "-S", "-c", PEER, str(master), str(SIZE), way]
    peer = subprocess.Popen(command, pass_fds=[master])
    os.set_blocking(slave, False)
    data = secrets.token_bytes(SIZE)

    def copy() -> float:
        began = time.perf_counter()
        os.write(slave, b"?")
        if way == "takes":
            write_all(slave, data)
            read_all(slave, 1)
        else:
            read_all(slave, SIZE)
        return time.perf_counter() - began

    try:
        yield copy
    finally:
        peer.kill()
        peer.wait()
        os.close(master)
        os.close(slave)


def write_all(descriptor: int, data: bytes) -> None:
    """Write, waiting for room."""
    rest = memoryview(data)
    ready = select.poll()
    ready.register(descriptor, select.POLLOUT)
    while rest:
        ready.poll()
        try:
            rest = rest[os.write(descriptor, rest):]
        except BlockingIOError:
            continue


def read_all(descriptor: int, size: int) -> None:
    """Read so many bytes."""
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    while size:
        ready.poll()
        try:
            size -= len(os.read(descriptor, 65536))
        except BlockingIOError:
            continue


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def turns(ours: Callable[[], float], theirs: Callable[[], float]) -> list[tuple[float, float]]:
    """Seconds of both, turn by turn; the first one warms up."""
    return [(ours(), theirs()) for _ in range(TURNS + 1)][1:]


def row(what: str, goal: float, pairs: list[tuple[float, float]], pauses_s: float = 0.0) -> dict[str, object]:
    """One line of the result; ``pauses_s`` are those that the module's rules add to a bare copy."""
    ratio = statistics.median(ours / (theirs + pauses_s) for ours, theirs in pairs)
    rate = SIZE / 1e6 / statistics.median(ours for ours, _ in pairs)
    rules = f" and {pauses_s:.2f} s of pauses between commands" if pauses_s else ""
    return {"what": f"1 MB {what} over virtual USB against a bare copy over a pseudo-terminal{rules}",
            "goal": f"<= {goal}", "figure": f"{ratio:.2f} ({rate:.1f} MB/s)", "met": ratio <= goal}


def main() -> list[dict[str, object]]:
    """+UDWNFILE, +URDBLOCK, and direct links of FTP both ways."""
    script = transfers()
    series, data = Series.LARA_R6, secrets.token_bytes(SIZE - 1) + b"."
    with script.modules((series,)) as found, bare("takes") as takes, bare("gives") as gives:
        channel = found[series]
        files, pieces, serial = Files(channel), SIZE // PIECE, channel.profile.serial
        gap_s, prompt_s = serial.between_commands_s.value, serial.after_prompt_s.value

        asked_s = (pieces + 1) * gap_s  # the pause before each command

        def written() -> float:
            return timed(lambda: files.put("big", data, check=False))

        def read() -> float:
            return timed(lambda: files.get("big"))

        rows = [row("written by +UDWNFILE", GOAL_FILE, turns(written, takes), asked_s + pieces * prompt_s),
                row("read by +URDBLOCK", GOAL_FILE, turns(read, gives), asked_s)]
        with script.logged_in(channel) as ftp:
            def stored() -> float:
                with ftp.open_put("big") as link:
                    return timed(lambda: link.write(data, 60.0))

            def retrieved() -> float:
                with ftp.open_get("big") as link:
                    return timed(lambda: link.receive(SIZE, 60.0))

            rows += [row("put by direct link (without its +++)", GOAL_LINK, turns(stored, takes)),
                     row("got by direct link (without its +++)", GOAL_LINK, turns(retrieved, gives))]
    return rows


if __name__ == "__main__":
    for line in main():
        print(line)
