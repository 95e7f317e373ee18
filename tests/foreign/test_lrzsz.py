"""lrzsz's sender and receiver against ours over pseudo-terminals, on clean lines and on damaged ones.

"1 % of the bytes damaged" comes in hits: of each 6,400 bytes that a direction carries, 64 in a row are
inverted at a place that a seed chooses, and of the replies (one byte each) one of 25, or of 5. Single bytes
at that rate would leave one 1k block in 30,000 whole, which no Xmodem survives.

lrzsz's receiver waits 5 s for a damaged line to clear: the transfers run side by side. It may flush its last
ACK away when it ends, so that our sender is not always told.
"""

from __future__ import annotations

import os
import random
import select
import shutil
import subprocess
import threading
import tty
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cellbench.base.clock import Deadline
from cellbench.host.xmodem import CHECKSUM_ONLY, Check, Mode, ReceiverSettings, SenderSettings, receive, send
from cellbench.io.serial_port import SerialPort

LIMIT_S = 120.0
STRETCH, HIT = 6400, 64
SIZE = 5_900


@dataclass(frozen=True, slots=True)
class Case:
    """A transfer: lrzsz's program with its options, our mode, what guards the blocks."""

    program: str
    options: tuple[str, ...]
    mode: Mode
    check: Check
    damaged: bool

    @property
    def name(self) -> str:
        """For the test's id."""
        words = (self.program, *self.options, "with", self.mode.value, "damaged" if self.damaged else "clean")
        return " ".join(words)


KINDS = (
    ("rx", (), Mode.XMODEM, Check.CHECKSUM),
    ("rx", ("-c",), Mode.XMODEM, Check.CRC),
    ("rx", ("-c",), Mode.XMODEM_1K, Check.CRC),
    ("sx", (), Mode.XMODEM, Check.CHECKSUM),
    ("sx", (), Mode.XMODEM, Check.CRC),
    ("sx", ("-k",), Mode.XMODEM_1K, Check.CRC),
)
CASES = [Case(*kind, damaged) for kind in KINDS for damaged in (False, True)]
CASES.append(Case("rx", (), Mode.XMODEM_1K, Check.CHECKSUM, False))


class Damage:
    """Damages what passes one direction, by its place in the stream."""

    def __init__(self, seed: int, stretch: int, hit: int) -> None:
        self._random = random.Random(seed)
        self._stretch = stretch
        self._hit = hit
        self._at = 0
        self._starts: list[int] = []
        self.hits = 0

    def __call__(self, data: bytes) -> bytes:
        """The bytes as they come out."""
        out = bytearray(data)
        for place in range(len(out)):
            stretch, offset = divmod(self._at + place, self._stretch)
            while len(self._starts) <= stretch:
                self._starts.append(self._random.randrange(self._stretch - self._hit))
            if self._starts[stretch] <= offset < self._starts[stretch] + self._hit:
                out[place] ^= 0xFF
                self.hits += 1
        self._at += len(data)
        return bytes(out)


class Line:
    """Two pseudo-terminals and what passes between them: ours (``path``) and the foreign program's
    (``end``)."""

    def __init__(self, forth: Damage | None, back: Damage | None) -> None:
        self._ours, self._held = os.openpty()
        self._theirs, self.end = os.openpty()
        for descriptor in (self._held, self.end):
            tty.setraw(descriptor)
        self.path = os.ttyname(self._held)
        self._stop, self._stopped = os.pipe()
        self._damage = {self._ours: forth, self._theirs: back}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        other = {self._ours: self._theirs, self._theirs: self._ours}
        while True:
            ready, _, _ = select.select([*other, self._stop], [], [])
            if self._stop in ready:
                return
            for descriptor in ready:
                data = os.read(descriptor, 4096)
                damage = self._damage[descriptor]
                os.write(other[descriptor], damage(data) if damage is not None else data)

    def close(self) -> None:
        """Both terminals hang up."""
        os.write(self._stopped, b".")
        self._thread.join()
        for descriptor in (self._ours, self._held, self._theirs, self.end, self._stop, self._stopped):
            os.close(descriptor)


@contextmanager
def foreign(case: Case, folder: Path, line: Line) -> Iterator[subprocess.Popen[bytes]]:
    """The program of lrzsz on its end of the line."""
    command = [case.program, "-q", "-X", *case.options, "file"]
    process = subprocess.Popen(command, stdin=line.end, stdout=line.end, stderr=subprocess.DEVNULL,
                               cwd=folder, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def padded(data: bytes, came: bytes) -> bool:
    """Whether the same bytes came, filled up with SUB to a whole number of blocks."""
    return len(came) - len(data) < 1024 and len(came) % 128 == 0 and came == data.ljust(len(came), b"\x1a")


def trial(case: Case, folder: Path) -> str:
    """Transfer once; what is wrong, or "". """
    seed = CASES.index(case)
    folder.mkdir()
    data = random.Random(seed).randbytes(SIZE)
    few = case.mode is Mode.XMODEM_1K
    blocks, replies = Damage(seed, STRETCH, HIT), Damage(seed, 5 if few else 25, 1)
    ours_sends = case.program == "rx"
    line = Line(*((blocks, replies) if ours_sends else (replies, blocks)) if case.damaged else (None, None))
    port = SerialPort(line.path)
    port.open()
    try:
        if not ours_sends:
            (folder / "file").write_bytes(data)
        with foreign(case, folder, line) as process:
            if ours_sends:
                found = sending(case, port, data)
                process.wait(LIMIT_S)
                came = (folder / "file").read_bytes()
            else:
                found, came = receiving(case, port)
        if not padded(data, came):
            found = f"{found} {len(came)} bytes came, not those {len(data)}"
        if case.damaged and not (blocks.hits >= HIT and replies.hits):
            found = f"{found} the line was hardly damaged ({blocks.hits} and {replies.hits} bytes)"
        return found
    finally:
        port.close()
        line.close()


def sending(case: Case, port: SerialPort, data: bytes) -> str:
    """Our sender; what is wrong with its report."""
    seen: list[int] = []
    sent = send(port, data, case.mode, deadline=Deadline.after(LIMIT_S), settings=SenderSettings(eot_s=2.0),
                progress=lambda progress: seen.append(progress.done))
    right = (sent.check is case.check and sent.size == len(data) and seen == sorted(seen) and
             seen[-1] == len(data) and (sent.repeats > 0 or not case.damaged))
    return "" if right else f"{sent} {seen}"


def receiving(case: Case, port: SerialPort) -> tuple[str, bytes]:
    """Our receiver; what is wrong with its report, and what came."""
    windows = CHECKSUM_ONLY if case.check is Check.CHECKSUM else ReceiverSettings().windows
    settings = ReceiverSettings(windows=windows, block_s=1.5)
    got = receive(port, deadline=Deadline.after(LIMIT_S), settings=settings)
    right = got.check is case.check and (got.repeats > 0) is case.damaged
    return "" if right else f"{got.check} {got.repeats} repeats", got.data


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What was wrong with each case."""
    for program in ("rx", "sx"):
        if shutil.which(program) is None:
            pytest.fail("the foreign peer lrzsz is not installed")
    folder = tmp_path_factory.mktemp("lrzsz")
    with ThreadPoolExecutor(len(CASES)) as pool:
        wrong = pool.map(trial, CASES, [folder / str(place) for place in range(len(CASES))])
        return {case.name + case.check.name: one for case, one in zip(CASES, wrong, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.check.value}")
def test_lrzsz(case: Case, found: dict[str, str]) -> None:
    assert found[case.name + case.check.name] == ""
