"""The ladder as a state machine: which rung is climbed next. No clock, no input, no output.

    LOOKING --ill--> ASKING --allowed--> ACTING --done--> TESTING --ill--> ASKING ...
    LOOKING, ASKING, TESTING --well--> RECOVERED;  ... --no rung left--> EXHAUSTED
    ASKING, ACTING --forbidden--> STOPPED
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cellbench.base.errors import FrameworkError
from cellbench.catalogue.watchdog import Deed, Level, Rung, Symptom


class State(enum.Enum):
    """Where a recovery stands."""

    LOOKING = "looking for the symptom"
    ASKING = "asking whether the rung may be climbed"
    ACTING = "doing its countermeasure"
    TESTING = "testing whether it helped"
    RECOVERED = "recovered"
    STOPPED = "stopped: no further rung may be climbed"
    EXHAUSTED = "no rung is left"


class Event(enum.Enum):
    """What moves it on."""

    WELL = "no symptom"
    ILL = "a symptom, and a rung for it"
    NO_RUNG = "a symptom, and no rung left"
    ALLOWED = "the rung may be climbed"
    FORBIDDEN = "the rung may not be climbed"
    DONE = "the countermeasure was done, or did not come about"


TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType({
    (State.LOOKING, Event.WELL): State.RECOVERED,
    (State.LOOKING, Event.ILL): State.ASKING,
    (State.LOOKING, Event.NO_RUNG): State.EXHAUSTED,
    (State.ASKING, Event.ALLOWED): State.ACTING,
    (State.ASKING, Event.FORBIDDEN): State.STOPPED,
    (State.ASKING, Event.WELL): State.RECOVERED,  # by itself, while the ladder waited
    (State.ASKING, Event.ILL): State.ASKING,  # something else is wrong by now
    (State.ASKING, Event.NO_RUNG): State.EXHAUSTED,
    (State.ACTING, Event.FORBIDDEN): State.STOPPED,  # the attach budget has no token
    (State.ACTING, Event.DONE): State.TESTING,
    (State.TESTING, Event.WELL): State.RECOVERED,
    (State.TESTING, Event.ILL): State.ASKING,
    (State.TESTING, Event.NO_RUNG): State.EXHAUSTED,
})
OVER = frozenset({State.RECOVERED, State.STOPPED, State.EXHAUSTED})


class Climb:
    """One recovery on a ladder. Each countermeasure is done once at most, also where levels share one."""

    def __init__(self, ladder: Sequence[Rung], without: frozenset[Level]) -> None:
        """``without``: levels that do not apply (the application has no data call, the context is the
        network's own)."""
        self.state = State.LOOKING
        self.rung: Rung | None = None  # the one that is asked for, done or tested
        self._ladder = tuple(ladder)
        self._without = without
        self._done: set[Deed] = set()
        self._depth = -1  # of the last rung
        self._symptom_depth = -1

    def well(self) -> None:
        """Data flows again."""
        self._move(Event.WELL)

    def ill(self, symptom: Symptom) -> None:
        """A symptom was found: ``rung`` is what is to be done next, or nothing is left."""
        self.rung = self._next(symptom)
        self._move(Event.ILL if self.rung is not None else Event.NO_RUNG)

    def allowed(self) -> None:
        """The rung may be climbed."""
        self._move(Event.ALLOWED)

    def forbidden(self) -> None:
        """It may not, and none that is higher either."""
        self._move(Event.FORBIDDEN)

    def done(self) -> None:
        """Its countermeasure is done, or could not be."""
        assert self.rung is not None
        self._done.add(self.rung.deed)
        self._depth = self._ladder.index(self.rung)
        self._move(Event.DONE)

    def _next(self, symptom: Symptom) -> Rung | None:
        """The rung that the symptom is entered by, when it lies deeper than what was tried, or when the last
        countermeasure has brought the module nearer to well; else the next one down."""
        entry = next((place for place, rung in enumerate(self._ladder) if symptom in rung.signs
                      and rung.level not in self._without), None)
        if entry is None:  # a level that does not apply: the one that it leads to
            entry = next((self._place(rung.then) for rung in self._ladder if symptom in rung.signs), 0)
        better = -1 < entry < self._symptom_depth
        self._symptom_depth = entry
        place: int | None = entry if better or entry > self._depth else self._after(self._depth)
        while place is not None and not self._open(self._ladder[place]):
            place = self._after(place)
        return None if place is None else self._ladder[place]

    def _open(self, rung: Rung) -> bool:
        return rung.level not in self._without and rung.deed not in self._done

    def _after(self, place: int) -> int | None:
        then = self._ladder[place].then
        return None if then is None else self._place(then)

    def _place(self, level: Level | None) -> int:
        return next(place for place, rung in enumerate(self._ladder) if rung.level is level)

    def _move(self, event: Event) -> None:
        after = TRANSITIONS.get((self.state, event))
        if after is None:
            raise FrameworkError(f"the watchdog's ladder is {self.state.value}: {event.value} cannot be now")
        self.state = after
