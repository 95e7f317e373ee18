"""Live progress of a run: slot, procedure, step, time left.

One line tells of each procedure that ended. On a terminal, status lines at its foot tell what each slot
is at; elsewhere the line itself says how far the run is.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from cellbench.session.board import Above, Board
from cellbench.session.history import durations
from cellbench.session.interrupt import SWITCHING_OFF
from cellbench.session.names import parameters_of, place_in, slot_in, spoken, without_slot
from cellbench.session.run import Run
from cellbench.session.watch import JournalWatch

_REFRESH_S = 0.25
_PLAIN_COLUMNS = 120
_MOST_SLOTS = 12
_HOST_EVERY = 100
_WORD = 15  # of "ERROR framework"


@dataclass(slots=True)
class _Running:
    """A test under way."""

    slot: str
    since: float
    word: str = "PASS"
    reason: str = ""


class Progress:
    """Registered where the whole run is seen."""

    def __init__(self, run: Run, wish: str) -> None:
        self._run = run
        self._wish = wish
        self._terminal: Any = None
        self._board: Board | None = None
        self._watch = JournalWatch(run.folder)
        self._running: dict[str, _Running] = {}
        self._words: Counter[str] = Counter()
        self._done: set[tuple[str, str]] = set()
        self._known: Mapping[tuple[str, str], float] | None = None
        self._spent: dict[str, float] = defaultdict(float)
        self._said: dict[str, str] = {}
        self._collected = False
        self._stop = threading.Event()
        self._paused = False
        self._drawer: threading.Thread | None = None
        self._width = max((len(slot) for slot in run.slots), default=4)

    # -- pytest's events -------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Find the terminal; draw on it when somebody looks at it."""
        self._session = session
        self._terminal = terminal = session.config.pluginmanager.getplugin("terminalreporter")
        if terminal is None:
            return
        terminal.showfspath = False
        terminal._show_progress_info = False
        if self._wish == "auto" and self._is_watched(terminal, session.config):
            self._board = Board(os.dup(terminal._tw._file.fileno()))
            terminal._tw._file = Above(self._board, terminal._tw._file)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins; with the first one there is something to draw."""
        if self._board is not None and self._drawer is None:
            self._drawer = threading.Thread(target=self._redraw, name="progress", daemon=True)
            self._drawer.start()
        self._running[nodeid] = _Running(slot_in(nodeid, self._run.slots), time.monotonic())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the worst word of a test."""
        running = self._running.get(report.nodeid)
        if running is None:
            running = _Running(slot_in(report.nodeid, self._run.slots), time.monotonic())
        outcome = getattr(report, "cellbench_outcome", "FAIL" if report.failed else "")
        if outcome:
            owner = getattr(report, "cellbench_owner", "") if outcome == "ERROR" else ""
            running.word = f"{outcome} {owner}".rstrip().replace("_", " ")
            running.reason = getattr(report, "cellbench_reason", "")
        elif report.skipped and not running.slot:
            running.word = "skipped"
        if getattr(report, "cellbench_lost", False):
            self._ended(report.nodeid, running)  # no worker is left to say that it has ended

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Say what became of a test."""
        running = self._running.pop(nodeid, None)
        if running is not None:
            self._ended(nodeid, running)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self) -> Generator[None, None, None]:
        """Everything is switched off and written: leave the terminal to pytest."""
        self._end()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Leave the terminal as it was, whatever happens."""
        try:
            return (yield)
        finally:
            self._end()

    # -- inside ----------------------------------------------------------------------------------

    @staticmethod
    def _is_watched(terminal: Any, config: pytest.Config) -> bool:
        return (
            terminal.isatty
            and os.environ.get("TERM", "dumb") != "dumb"
            and config.getoption("capture") != "no"  # what tests print would be drawn over
        )

    def _ended(self, nodeid: str, running: _Running) -> None:
        self._running.pop(nodeid, None)
        slot, took = running.slot, time.monotonic() - running.since
        self._done.add((self._procedure(nodeid), slot))
        self._spent[slot] += took
        self._words[running.word] += 1
        if self._terminal is None:
            return
        if slot or running.word not in ("PASS", "skipped"):
            self._say(nodeid, running, took)
        elif self._board is None and len(self._done) % _HOST_EVERY == 0:
            self._terminal.write_line(self._left())
            self._terminal.flush()

    def _say(self, nodeid: str, running: _Running, took: float) -> None:
        word, terminal = running.word, self._terminal
        columns = _PLAIN_COLUMNS if self._board is None else terminal._tw.fullwidth
        behind = f" {took:6.1f} s" + (f"  {self._left()}" if self._board is None else "")
        room = max(20, columns - 1 - self._width - _WORD - 4 - len(f" {took:6.1f} s") - (
            34 if self._board is None else 0))
        title = _clipped(self._title(nodeid, running.slot), room)
        colour = {"PASS": "green", "FAIL": "red", "ERROR": "red"}.get(word.split(" ")[0], "yellow")
        terminal.write(f"{running.slot or 'host':<{self._width}}  ")
        terminal.write(f"{word:<{_WORD}}", **{colour: True})
        terminal.write_line(f"  {title:<{room}}{behind}".rstrip())
        if running.reason and self._said.get(running.slot) != running.reason:
            self._said[running.slot] = running.reason
            told = running.reason
            if self._board is not None:
                told = _clipped(told, max(40, columns - self._width - 3))
            terminal.write_line(f"{'':<{self._width}}  {told}")
        terminal.flush()
        self._draw()

    def _procedure(self, nodeid: str) -> str:
        return without_slot(nodeid, place_in(nodeid, self._run.slots))

    def _title(self, nodeid: str, slot: str) -> str:
        procedure = self._procedure(nodeid)
        if procedure not in self._watch.titles:
            self._watch.look()
        title = self._watch.titles.get(procedure)
        if title is None:
            title = spoken(nodeid) if slot else procedure
        parameters = parameters_of(procedure)
        return f"{title} [{parameters}]" if parameters else title

    def _left(self) -> str:
        total, done = self._session.testscollected, len(self._done)
        if not done or not total:
            return ""
        if done >= total:
            return f"{done} of {total}"
        return f"{done} of {total}, about {_duration(self._seconds_left())} left"

    def _seconds_left(self) -> float:
        """By what each took last time, else by this run's mean; the slot with most to do decides."""
        if self._known is None:
            self._known = durations(self._run.folder.parent, self._run.folder)
        overall = sum(self._spent.values()) / max(1, len(self._done))
        times: dict[str, float] = {}
        for slot, names in list(self._run.expected.items()):
            done = [name for name in list(names) if (name, slot) in self._done]
            usual = self._spent[slot] / len(done) if done else overall
            left = (name for name in list(names) if (name, slot) not in self._done)
            times[slot] = sum(self._known.get((name, slot), usual) for name in left)
        host = times.pop("", 0.0)
        workers = max(1, len(times))
        return max(0.0, *times.values(), (sum(times.values()) + host) / workers)

    # -- the foot of the terminal ----------------------------------------------------------------

    def _redraw(self) -> None:
        while not self._stop.wait(_REFRESH_S):
            self._draw()

    def _draw(self) -> None:
        if self._board is not None and not self._paused:
            self._watch.look()
            self._board.show([*self._slot_lines(), self._foot()])

    def _slot_lines(self) -> list[str]:
        running = {one.slot: (nodeid, one) for nodeid, one in list(self._running.items())}
        lines = []
        for slot in self._run.slots[:_MOST_SLOTS]:
            at = self._idle(slot)
            if slot in running:
                nodeid, one = running[slot]
                step = self._watch.step(slot)
                at = (f"{self._title(nodeid, slot)}{f' > {step}' if step else ''}, "
                      f"{_duration(time.monotonic() - one.since)}")
            lines.append(f"  {slot:<{self._width}}  {at}")
        more = len(self._run.slots) - _MOST_SLOTS
        return [*lines, f"  and {more} slots more"] if more > 0 else lines

    def _idle(self, slot: str) -> str:
        expected = self._run.expected.get(slot, ())
        if expected and all((name, slot) in self._done for name in list(expected)):
            return "done"
        return "stopped" if self._run.interrupted else "waiting"

    def _foot(self) -> str:
        if self._run.interrupted:
            return f"  {self._run.interrupted}: {SWITCHING_OFF}"
        worst = ", ".join(f"{count} {word}" for word, count in sorted(self._words.items()))
        return "  " + "; ".join(part for part in (self._left() or "starting", worst) if part)

    def _end(self) -> None:
        self._stop.set()
        if self._drawer is not None:
            self._drawer.join()
            self._drawer = None
        if self._board is not None:
            self._board.clear()
            self._terminal._tw._file = self._terminal._tw._file.file
            self._board = None

    def pause(self) -> None:
        """Take the status lines away: somebody is asked a question where they stand."""
        self._paused = True
        if self._board is not None:
            self._board.clear()

    def resume(self) -> None:
        """Draw again."""
        self._paused = False
        self._draw()

    @property
    def draws(self) -> bool:
        """True while status lines are drawn on a terminal."""
        return self._board is not None


def _clipped(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
