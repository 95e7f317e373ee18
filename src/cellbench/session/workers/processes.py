"""The workers' processes as their controller sees them: how one ended, and one that does not go on.

A worker stops a procedure at its deadline by itself. What cannot be stopped so (C code that never returns,
a process that was stopped, a disk that does not answer) is seen here from its mark, and killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cellbench.session.marks import Doing, Mark, mark_path, read_mark

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from cellbench.session.run import Run
    from cellbench.session.workers.schedule import SlotScheduling

_LOOK_S = 0.5
_REAP_S = 2.0
_GAVE_UP = 70  # sysexits' internal software error
_SHARE, _LEAST_S, _MOST_S = 0.1, 2.0, 30.0  # how late a worker may be that stops its procedure itself


def process_of(node: WorkerController) -> subprocess.Popen[bytes] | None:
    """A worker's process; execnet tells it nowhere else."""
    return getattr(getattr(node.gateway, "_io", None), "popen", None)


def signal_worker(node: WorkerController, number: signal.Signals) -> None:
    """Send a worker a signal, if it lives."""
    process = process_of(node)
    if process is not None and process.poll() is None:
        os.kill(process.pid, number)


def died_path(folder: Path, worker: str) -> Path:
    """Where a worker that gives up writes why."""
    return folder / f"died-{worker}"


def give_up(run: Run, why: str, text: str) -> NoReturn:
    """In a worker that cannot go on: say why, and die at once; the guardian makes its slot safe."""
    with contextlib.suppress(OSError):
        died_path(run.folder, run.worker).write_text(f"it could not go on: {why[:300]}", encoding="utf-8")
        os.write(2, f"\ncellbench: worker {run.worker} cannot go on:\n{text}\n".encode())
    os._exit(_GAVE_UP)


def how_it_ended(node: WorkerController, folder: Path) -> str:
    """A few words on the death of a worker."""
    try:
        return died_path(folder, node.gateway.id).read_text(encoding="utf-8")
    except OSError:
        pass
    process = process_of(node)
    try:
        status = process.wait(_REAP_S) if process is not None else None
    except subprocess.TimeoutExpired:
        status = None
    if status is None:
        return "its connection was lost"
    if status == -signal.SIGKILL:
        return "killed by SIGKILL, which the kernel sends, too, when memory runs out"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"its process ended with {status}"


@dataclass(slots=True)
class HangWatch:
    """Kills workers that do not go on; ``killed`` tells why, by worker.

    ``limit_s`` is how long a worker may take to start and collect, to go from one test to the next, and to
    end.
    """

    folder: Path
    limit_s: float
    nodes: Callable[[], Iterable[WorkerController]]
    scheduler: Callable[[], SlotScheduling | None]
    killed: dict[str, str] = field(default_factory=dict)
    _started: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Look on from now on."""
        self._thread = threading.Thread(target=self._watch, name="hang-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no longer."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def note_start(self, worker: str) -> None:
        """A worker's process has been started."""
        self._started[worker] = time.monotonic()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_S):
            for node in list(self.nodes()):
                worker = node.gateway.id
                why = self._overdue(node, time.monotonic()) if worker not in self.killed else ""
                if why:
                    self.killed[worker] = why
                    signal_worker(node, signal.SIGKILL)

    def _overdue(self, node: WorkerController, now: float) -> str:
        """What a worker has not done in time, "" while it is within it."""
        scheduler, worker = self.scheduler(), node.gateway.id
        if scheduler is None or not scheduler.has_collected(node):
            late = self.limit_s and now > self._started.get(worker, now) + self.limit_s
            return f"killed: it had not collected its tests after {self.limit_s:g} s" if late else ""
        mark = read_mark(mark_path(self.folder, worker))
        if mark is not None and mark.doing is not Doing.ENDED:
            return _too_long(mark, now)
        since = scheduler.waiting_since(node)
        if since is None or not self.limit_s:
            return ""
        if now <= max(since, mark.at_s if mark else 0.0) + self.limit_s:
            return ""
        return f"killed: it hung between two tests for {self.limit_s:g} s"


def _too_long(mark: Mark, now: float) -> str:
    if not mark.until_s:
        return ""
    allowed = mark.until_s - mark.at_s
    if now <= mark.until_s + min(_MOST_S, max(_LEAST_S, _SHARE * allowed)):
        return ""
    return f"killed: it hung, and did not stop its procedure at the deadline of {allowed:.3g} s"
