"""Live progress of a run: slot, procedure, step, time left.

On a terminal a status line is drawn over; elsewhere one plain line tells of each procedure that ended.
Everything is written through pytest's own terminal writer, so that two programs never draw at once.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cellbench.session.run import Run

_REFRESH_S = 0.25
_TAIL = 4096


@dataclass(slots=True)
class _Running:
    """A procedure under way on a slot."""

    title: str
    since: float


class Progress:
    """Registered where the whole run is seen."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._terminal: Any = None
        self._running: dict[str, _Running] = {}
        self._titles: dict[str, str] = {}
        self._done = 0
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._live = False
        self._total = 0

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Find the terminal."""
        self._session = session
        self._terminal = session.config.pluginmanager.getplugin("terminalreporter")
        self._live = bool(self._terminal) and self._terminal.isatty
        if self._live:
            threading.Thread(target=self._redraw, name="progress", daemon=True).start()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Titles of what was collected here."""
        from cellbench.session.procedure import procedure_of

        for item in session.items:
            marked = procedure_of(item)
            if marked is not None:
                self._titles[item.nodeid] = marked.title

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        if not self._running and not self._done:
            self._began = time.monotonic()
        self._running[nodeid] = _Running(self._title(nodeid), time.monotonic())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the worst word of a test; say it when the test is over."""
        running = self._running.get(report.nodeid)
        name = getattr(report, "cellbench_outcome", "FAIL" if report.failed else "")
        if running is not None and name:
            running.title = f"{running.title}\0{name} {getattr(report, 'cellbench_owner', '')}".rstrip()
        if report.when == "setup" and report.failed and not hasattr(report, "node"):
            return
        if report.when == "teardown" or (
            hasattr(report, "cellbench_outcome") and "crashed while" in str(report.longrepr)
        ):
            self._ended(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Stop drawing."""
        self._stop.set()
        if self._live:
            with self._lock:
                self._terminal.rewrite("", erase=True)

    # -- inside ----------------------------------------------------------------------------------

    def _ended(self, nodeid: str) -> None:
        running = self._running.pop(nodeid, None)
        if running is None or self._terminal is None:
            return
        self._done += 1
        title, _, word = running.title.partition("\0")
        slot = _slot(nodeid)
        if not slot:
            return
        took = time.monotonic() - running.since
        word = word or "PASS"
        line = f"{slot:<12} {word:<16} {title:<58.58} {took:6.1f} s  {self._left()}"
        with self._lock:
            if self._live:
                self._terminal.rewrite("", erase=True)
            self._terminal.write_line(
                line,
                green=word == "PASS",
                red=word.startswith(("FAIL", "ERROR")),
                yellow=word.startswith("NOT"),
            )

    def _left(self) -> str:
        total = getattr(self._session, "testscollected", 0)
        if not self._done or not total:
            return ""
        left = (time.monotonic() - self._began) / self._done * max(0, total - self._done)
        return (
            f"{self._done} of {total}, about {_duration(left)} left"
            if total > self._done
            else f"{self._done} of {total}"
        )

    def _redraw(self) -> None:
        while not self._stop.wait(_REFRESH_S):
            parts = [
                f"{_slot(nodeid) or 'host'}: {running.title.partition(chr(0))[0]}"
                for nodeid, running in list(self._running.items())
            ]
            step = self._step()
            width = getattr(self._terminal, "_tw", None)
            columns = width.fullwidth - 1 if width is not None else 79
            text = " | ".join(parts) + (f" > {step}" if step else "") + f"  {self._left()}"
            with self._lock:
                if not self._stop.is_set():
                    self._terminal.rewrite(text[:columns], erase=True)

    def _step(self) -> str:
        for path in sorted(self._run.folder.glob("journal*.jsonl"), key=_modified, reverse=True)[:1]:
            for line in reversed(_tail(path)):
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if record.get("kind") == "step" and record["data"].get("duration_s") is None:
                    return str(record["data"].get("name", ""))
        return ""

    def _title(self, nodeid: str) -> str:
        if nodeid in self._titles:
            return self._titles[nodeid]
        return nodeid.rpartition("::")[2].partition("[")[0].removeprefix("test_").replace("_", " ")


def _slot(nodeid: str) -> str:
    return nodeid.rpartition("[")[2].rstrip("]") if nodeid.endswith("]") and "[" in nodeid else ""


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _tail(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().split(b"\n")
    except OSError:
        return []


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
