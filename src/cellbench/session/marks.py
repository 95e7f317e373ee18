"""What a worker is at, in a file beside its journal: the controller must know it when the worker has died or
does not go on, and a worker in that state answers nobody.

The file's first line counts; it is written at once, in place, before anything of a test runs.
"""

from __future__ import annotations

import enum
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path


class Doing(enum.Enum):
    """What a worker does with a test. WAITING: for its turn, nothing of the test has run."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a worker is at; ``attempt`` is "" for a test that is no procedure.

    ``at_s`` and ``until_s`` are on the host's monotonic clock: since when, and until when at most; 0 for no
    limit.
    """

    doing: Doing
    nodeid: str
    attempt: str
    at_s: float
    until_s: float


class MarkFile:
    """A worker's own mark."""

    __slots__ = ("_descriptor", "_last")

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644)
        self._last: Mark | None = None

    def set(self, doing: Doing, nodeid: str, attempt: str = "", limit_s: float = 0.0) -> None:
        """Say what begins now, and for how long at most (0: for ever)."""
        now = time.monotonic()
        self._write(Mark(doing, nodeid, attempt, now, now + limit_s if limit_s else 0.0))

    def extend(self, seconds: float) -> None:
        """Give what goes on so many seconds from now."""
        if self._last is not None:
            last = self._last
            self._write(Mark(last.doing, last.nodeid, last.attempt, last.at_s, time.monotonic() + seconds))

    def _write(self, mark: Mark) -> None:
        self._last = mark
        values = [mark.doing.value, mark.nodeid, mark.attempt, mark.at_s, mark.until_s]
        os.pwrite(self._descriptor, json.dumps(values).encode() + b"\n", 0)


def mark_path(folder: Path, worker: str) -> Path:
    """Where a worker of a run leaves its mark."""
    return folder / f"now-{worker}"


def read_mark(path: Path) -> Mark | None:
    """A worker's mark; None when it has begun nothing."""
    try:
        with path.open("rb") as file:
            doing, nodeid, attempt, at_s, until_s = json.loads(file.readline())
        return Mark(Doing(doing), nodeid, attempt, at_s, until_s)
    except (OSError, ValueError):
        return None
