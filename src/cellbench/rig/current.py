"""The supply current while a procedure goes on: sampled beside it, cut into the states that it names."""

from __future__ import annotations

import bisect
import itertools
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cellbench.base.errors import CellbenchError, NotPossible, UnitError
from cellbench.record.series import SETTLE_S, mean_over
from cellbench.rig.slot import Slot

SLICE_S = 0.08
"""Samples are fetched in slices: what watches sees them this late, and other requests get their turn."""
EVERY_S = 0.004
"""Not sooner than this after one sample comes the next: a wake-up of some ten milliseconds is seen, and the
supply has time for others."""
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class StateCurrent:
    """One state: its stretch in seconds, and mean, peak and least current in ampere, its beginning left out.

    ``samples`` is 0 and the figures are 0 for a state too short to be seen.
    """

    name: str
    began_s: float
    ended_s: float
    mean_a: float
    peak_a: float
    least_a: float
    samples: int

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.ended_s - self.began_s


@dataclass(frozen=True, slots=True)
class CurrentProfile:
    """Supply current over time, in ampere over seconds; ``marks`` tell from when on which state was."""

    times: tuple[float, ...]
    amperes: tuple[float, ...]
    marks: tuple[tuple[float, str], ...] = ()

    def between(self, began_s: float, ended_s: float) -> tuple[float, ...]:
        """The samples of a stretch, its end left out."""
        return tuple(value for at, value in zip(self.times, self.amperes, strict=True)
                     if began_s <= at < ended_s)

    def mean_a(self, began_s: float, ended_s: float) -> float:
        """The mean over a stretch, each sample weighted by the time until the next; 0 without samples."""
        return mean_over(self.times, self.amperes, began_s, ended_s) or 0.0

    def states(self, settle_s: float = SETTLE_S) -> tuple[StateCurrent, ...]:
        """Every state that was marked, in order; the same name may come again."""
        end = self.times[-1] if self.times else 0.0
        found = []
        for (began, name), (ended, _) in itertools.pairwise((*self.marks, (end, ""))):
            if not name:
                continue
            begin = min(began + settle_s, ended)
            values = self.between(begin, ended)
            found.append(StateCurrent(name, began, ended, self.mean_a(begin, ended),
                                      max(values, default=0.0), min(values, default=0.0), len(values)))
        return tuple(found)

    def state(self, name: str, settle_s: float = SETTLE_S) -> StateCurrent:
        """The longest stretch of a state. UnitError when nothing was sampled in it."""
        found = max((one for one in self.states(settle_s) if one.name == name),
                    key=lambda one: one.seconds, default=None)
        if found is None or not found.samples:
            raise UnitError(f"the supply gave no sample while the module was {name}")
        return found

    def falls_below(self, level_a: float, about_s: float) -> float:
        """When the current fell below a level, in seconds: forward from a time at which it had not, back from
        one at which it had."""
        place = min(bisect.bisect_left(self.times, about_s), len(self.times) - 1)
        while place + 1 < len(self.times) and self.amperes[place] >= level_a:
            place += 1
        while place > 0 and self.amperes[place - 1] < level_a:
            place -= 1
        return self.times[place] if self.times else 0.0

    def wake_ups(self, began_s: float, ended_s: float, above_a: float) -> tuple[float, ...]:
        """When the current rose above a level in a stretch, in seconds."""
        rises = []
        high = True  # what is high at the beginning rose before it
        for at, value in zip(self.times, self.amperes, strict=True):
            if began_s <= at < ended_s:
                if value > above_a and not high:
                    rises.append(at)
                high = value > above_a
        return tuple(rises)


class CurrentWatch:
    """Samples the supply current of a slot inside a ``with`` block, beside whatever is done there.

    As fast as the supply answers, 250 times a second at most, or with ``rate_hz`` by its own fast log.
    Entering raises NotPossible without a supply that measures current. Times are seconds since the block
    began.
    """

    def __init__(self, slot: Slot, rate_hz: float | None = None) -> None:
        self._slot = slot
        self._rate_hz = rate_hz
        self._began = time.monotonic()
        self._times: list[float] = []
        self._amperes: list[float] = []
        self._marks: list[tuple[float, str]] = []
        self._grown = threading.Condition()
        self._stop = False
        self._failure: CellbenchError | None = None
        self._thread = threading.Thread(target=self._run, name=f"current-{slot.name}", daemon=True)

    def __enter__(self) -> CurrentWatch:
        if not self._slot.sample_current(0.01, self._rate_hz):
            raise NotPossible(f"the supply of slot {self._slot.name} measures no current")
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join()

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def mark(self, state: str) -> float:
        """From now on the module is in this state; seconds since the beginning."""
        at = self.now_s
        self._marks.append((at, state))
        return at

    def mark_at(self, at_s: float, state: str) -> None:
        """The module was in this state from that time on; marks after it are no longer true."""
        self._marks = [mark for mark in self._marks if mark[0] < at_s]
        self._marks.append((at_s, state))

    def profile(self) -> CurrentProfile:
        """What was sampled so far. Raises what ended the sampling."""
        with self._grown:
            if self._failure is not None:
                raise self._failure
            return CurrentProfile(tuple(self._times), tuple(self._amperes), tuple(self._marks))

    def hold(self, seconds: float) -> float:
        """Let a state last until samples of ``seconds`` from now are there; seconds since the beginning
        then. Raises what ended the sampling."""
        until = self.now_s + seconds
        self._wait(lambda: bool(self._times) and self._times[-1] >= until, seconds + _PATIENCE_S)
        return self.now_s

    def mean_of(self, seconds: float) -> float:
        """Let a state last as ``hold`` does; its mean in ampere, the beginning left out."""
        began = self.now_s
        self.hold(seconds)
        return self.profile().mean_a(began + min(SETTLE_S, seconds / 2), math.inf)

    def wait_mean(self, window_s: float, *, below_a: float = math.inf, above_a: float = -math.inf,
                  at_most_s: float) -> float | None:
        """Wait until the mean over the last ``window_s`` seconds lies below or above a level; the beginning
        of that window in seconds, None when it does not come in ``at_most_s``. Only what is sampled from now
        on counts. Raises what ended the sampling."""
        since = self.now_s
        found: list[float] = []

        def reached() -> bool:
            begin = self._times[-1] - window_s if self._times else 0.0
            if begin < since:
                return False
            place = bisect.bisect_left(self._times, begin)
            window = CurrentProfile(tuple(self._times[place:]), tuple(self._amperes[place:]))
            found.append(begin)
            return above_a < window.mean_a(begin, math.inf) < below_a

        return found[-1] if self._wait(reached, at_most_s) else None

    def _wait(self, ready: Callable[[], bool], at_most_s: float) -> bool:
        until = time.monotonic() + at_most_s
        with self._grown:
            while not ready():
                if self._failure is not None:
                    raise self._failure
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._grown.wait(left)
            return True

    def _run(self) -> None:
        """The sampling thread."""
        while not self._stop:
            began = self.now_s
            try:
                samples = self._slot.sample_current(SLICE_S, self._rate_hz, EVERY_S)
            except CellbenchError as error:
                with self._grown:
                    self._failure = error
                    self._grown.notify_all()
                return
            with self._grown:
                last = self._times[-1] if self._times else 0.0
                for sample in samples:
                    last = max(last, began + sample.at_s)
                    self._times.append(last)
                    self._amperes.append(sample.current_a)
                self._grown.notify_all()
