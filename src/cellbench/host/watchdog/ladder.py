"""The full-stack watchdog: finds the symptom, climbs the ladder rung by rung, tests each, and stops where a
further reset would only trouble the network.

    dog = Watchdog(hands, SocketFlow(lambda: hands.at, "195.34.89.241", 7), ladder_for(series), cid=1, ...)
    if not dog.works():
        dog.recover().check()
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cellbench.base.errors import CellbenchError, NetworkError, NotPossible, OperatorError, ServiceError
from cellbench.catalogue.watchdog import (
    ACTIVATION_REFUSALS,
    BUSY_NETWORK,
    REFUSALS,
    RESETS,
    Deed,
    Level,
    Rung,
    Symptom,
)
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import Probe
from cellbench.host.errors import AtError
from cellbench.host.watchdog import signs
from cellbench.host.watchdog.machine import OVER, Climb, State
from cellbench.host.watchdog.model import (
    Flow,
    Hands,
    NotRecovered,
    PermanentRefusal,
    Recovery,
    Report,
    Step,
    UpdateUnderWay,
    Waits,
)

_POLL_S = 0.2
LOST = signs.LOST
_FREE_TRIES = 3  # registrations that may fail before the ladder begins to wait
_ACTIVATIONS = 5  # a fast refusal just after the registration means busy
_OUT_OF_SERVICE = frozenset({Symptom.NOT_REGISTERED, Symptom.NO_CELL})


@dataclass(slots=True)
class _Course:
    """One recovery under way; ``symptom`` is the last one found."""

    climb: Climb
    began: float
    symptom: Symptom | None = None
    steps: list[Step] = field(default_factory=list)
    refused_activation: bool = False
    restarted: bool = False
    impossible: NotPossible | None = None  # a countermeasure that this bench cannot do
    error: CellbenchError | None = None

    def forbid(self, error: CellbenchError) -> None:
        """Stop, for this reason."""
        self.error = error
        self.climb.forbidden()


class Watchdog:
    """A ladder for one application on one module. It may be used again and again: registrations that failed
    are remembered, and from the third on each further one is waited for longer."""

    def __init__(self, hands: Hands, flow: Flow, ladder: Sequence[Rung], *, cid: int, initial_cid: int,
                 waits: Waits | None = None, service: Probe | None = None, report: Report | None = None,
                 after_start: Callable[[Channel], None] | None = None) -> None:
        """``cid``: the context of the application; ``initial_cid``: the one that the network opens by itself;
        ``service``: asks the far end directly, "" when it is well; ``report`` hears of each step as it
        ends; ``after_start`` tells a module that has started what a start makes it forget."""
        self.hands = hands
        self.flow = flow
        self.cid = cid
        self.initial_cid = initial_cid
        self.waits = waits or Waits()
        self.failed_registrations = 0
        self._ladder = tuple(ladder)
        self._service = service
        self._report = report
        self._after_start = after_start

    # -- looking -------------------------------------------------------------------------------------------

    def works(self) -> bool:
        """Whether the application's data flows now; asks AT first, for a write to a silent module takes long
        to fail."""
        return signs.answers(self.hands.at, self.waits.answer_s) and self._flows()

    def _flows(self) -> bool:
        return self.flow.works(self.waits.notice_s)

    def look(self) -> Symptom | None:
        """The symptom, the deepest first; None when data flows."""
        if not signs.answers(self.hands.at, self.waits.answer_s):
            return Symptom.NO_ANSWER
        if self._flows():
            return None
        return self._below() or Symptom.NO_DATA

    def _below(self) -> Symptom | None:
        """What is wrong below the data."""
        at = self.hands.at
        if not signs.answers(at, self.waits.answer_s):
            return Symptom.NO_ANSWER
        try:
            if signs.registration(at) not in signs.REGISTERED:
                return Symptom.NOT_REGISTERED if signs.hears_cell(at) else Symptom.NO_CELL
            if signs.on_lte(at) and not signs.address(at, self.initial_cid):
                return Symptom.NO_BEARER
            return None if signs.address(at, self.cid) else Symptom.NO_ADDRESS
        except LOST:
            return Symptom.NO_ANSWER

    # -- recovering ----------------------------------------------------------------------------------------

    def recover(self) -> Recovery:
        """Climb until data flows, no rung is left, or nothing more may be done; ``error`` of the result says
        whose failure it is then. Raises only what ``report`` and ``after_start`` raise."""
        without = frozenset({Level.SOCKET, Level.DIAL_UP} - {self.flow.level})
        if self.cid == self.initial_cid:
            without |= {Level.CONTEXT}
        course = _Course(Climb(self._ladder, without), time.monotonic())
        symptom = self.look()
        if symptom in _OUT_OF_SERVICE and self._returns(self.waits.grace_s):
            symptom = self._bring_up()
        self._found(course, symptom)
        first = symptom
        while course.climb.state not in OVER:
            self._climb(course)
        if course.climb.state is State.RECOVERED:
            self.failed_registrations = 0
        elif course.climb.state is State.EXHAUSTED:
            course.error = self._exhausted(course)
        return Recovery(first, tuple(course.steps), time.monotonic() - course.began, course.error)

    def _found(self, course: _Course, symptom: Symptom | None) -> None:
        """Tell the machine what was found. Data that is missing for want of a far end is not climbed for."""
        course.symptom = symptom
        if symptom is None:
            course.climb.well()
            return
        course.climb.ill(symptom)
        if course.climb.state is not State.ASKING or symptom is not Symptom.NO_DATA or self._service is None:
            return
        seen = self._service()
        if seen:
            course.forbid(ServiceError(f"the far end does not answer: {seen}",
                                       remedy="no countermeasure at the module helps against that"))

    def _climb(self, course: _Course) -> None:
        """Ask, act, test: one rung."""
        climb, rung = course.climb, course.climb.rung
        assert rung is not None
        asked = time.monotonic()
        last = self._last_refusal(course, rung)
        error = self._permanent(course, last)
        if error is None:
            if self._came_back(course, rung, last):
                return
            error = self._update_mode(rung)
        if error is not None:
            course.forbid(error)
            return
        climb.allowed()
        began, symptom = time.monotonic(), course.symptom
        assert symptom is not None
        try:
            note = self._act(course, rung)
        except OperatorError as refused:  # the budget's
            course.forbid(refused)
            return
        climb.done()
        after = self._test(rung)
        if rung.deed in RESETS and after in _OUT_OF_SERVICE:
            self.failed_registrations += 1
        step = Step(rung.level, rung.deed, symptom, after is None, began - course.began,
                    time.monotonic() - began, began - asked, note)
        course.steps.append(step)
        if self._report is not None:
            self._report(step)
        self._found(course, after)

    # -- may it be climbed ---------------------------------------------------------------------------------

    def _last_refusal(self, course: _Course, rung: Rung) -> signs.Refusal | None:
        """What the network last said, read before each reset; None where nothing can be read."""
        if rung.deed not in RESETS or course.symptom is Symptom.NO_ANSWER:
            return None
        try:
            return signs.refusal(self.hands.at)
        except LOST:
            return None

    @staticmethod
    def _permanent(course: _Course, last: signs.Refusal | None) -> CellbenchError | None:
        """The cause that no reset cures."""
        if last is None:
            return None
        cause, known = last.reject_cause, REFUSALS
        if cause is None and course.refused_activation:
            cause, known = last.activation_cause, ACTIVATION_REFUSALS
        if cause is None or cause not in known:
            return None
        what = known[cause]
        return PermanentRefusal(f"the network refuses with cause {cause}, {what.text} ({last}): no reset "
                                f"cures that", cause, remedy=what.remedy)

    def _came_back(self, course: _Course, rung: Rung, last: signs.Refusal | None) -> bool:
        """Wait where the network or a start wants time; True when the module came back meanwhile, and what is
        wrong now, if anything, was found."""
        if rung.deed not in RESETS:
            return False
        back = False
        if rung.deed is Deed.SWITCH_OFF and course.restarted:
            back = (course.symptom is Symptom.NO_ANSWER
                    and signs.answers(self.hands.at, self.waits.restore_s)
                    and self._returns(self.waits.registration_s))
        wait = 0.0 if back else self._back_off(last)
        if wait and course.symptom is Symptom.NO_ANSWER:
            time.sleep(wait)
        elif wait:
            back = self._returns(wait, even_if_registered=course.symptom in _OUT_OF_SERVICE)
        if back:
            self._found(course, self._bring_up())
        return back

    def _back_off(self, last: signs.Refusal | None) -> float:
        """Seconds to wait before the next registration."""
        over = self.failed_registrations - _FREE_TRIES
        steps = self.waits.back_off_s
        if over >= 0:
            return steps[min(over, len(steps) - 1)]
        busy = last is not None and last.reject_cause in BUSY_NETWORK
        return steps[0] if busy else 0.0

    def _update_mode(self, rung: Rung) -> CellbenchError | None:
        """Why the power must not be touched."""
        if rung.deed is not Deed.SWITCH_OFF:
            return None
        seen = self.hands.update_signs(self.waits.listen_s)
        if not seen:
            return None
        return UpdateUnderWay(f"the module's power must not be touched: {seen}",
                              remedy="let the update end, or recover it (docs/updating.md)")

    # -- countermeasures -----------------------------------------------------------------------------------

    def _act(self, course: _Course, rung: Rung) -> str:
        """The countermeasure; what went wrong with it, "" for nothing. Raises OperatorError when the budget
        forbids it."""
        try:
            self._do(course, rung)
        except OperatorError:
            raise
        except AtError as error:
            course.refused_activation |= rung.deed is Deed.REACTIVATE
            return error.message
        except CellbenchError as error:
            if isinstance(error, NotPossible):
                course.impossible = error
            return error.message
        return ""

    def _do(self, course: _Course, rung: Rung) -> None:
        if rung.deed in (Deed.REOPEN, Deed.REDIAL):
            self.flow.open()
            return
        self.flow.drop(silent=course.symptom is Symptom.NO_ANSWER)
        if rung.deed is Deed.REACTIVATE:
            off, on = (line.format(cid=self.cid) for line in rung.lines)
            self.hands.at.send(off, check=False)
            self._activate(on)
            return
        if rung.deed is Deed.REATTACH:
            self.hands.reattach(rung.lines)
            return
        course.restarted = True
        if rung.deed is Deed.REBOOT:
            self.hands.reboot(rung.lines[0])
        else:
            self.hands.switch_off()
        if self._after_start is not None:
            self._after_start(self.hands.at)

    def _activate(self, line: str) -> None:
        for _ in range(_ACTIVATIONS - 1):
            if self.hands.at.send(line, check=False).final.success:
                return
            time.sleep(_POLL_S)
        self.hands.at.send(line)

    # -- tests ---------------------------------------------------------------------------------------------

    def _test(self, rung: Rung) -> Symptom | None:
        """What is wrong after a countermeasure, each thing given its time; None when data flows."""
        if rung.deed in (Deed.REOPEN, Deed.REDIAL):
            if self.flow.works(self.waits.data_s):
                return None
            return self._below() or Symptom.NO_DATA
        if not signs.answers(self.hands.at, self.waits.answer_s):
            return Symptom.NO_ANSWER
        if rung.deed in RESETS and not self._returns(self.waits.registration_s):
            return self._below() or Symptom.NOT_REGISTERED
        return self._bring_up()

    def _bring_up(self) -> Symptom | None:
        """From a registration to data; what is wrong, None when data flows."""
        at = self.hands.at
        try:
            if not self._in_time(lambda: not signs.on_lte(at) or bool(signs.address(at, self.initial_cid))):
                return self._below() or Symptom.NO_BEARER
            if not signs.is_active(at, self.cid):
                self._activate(f"AT+CGACT=1,{self.cid}")
            if not self._in_time(lambda: bool(signs.address(at, self.cid))):
                return self._below() or Symptom.NO_ADDRESS
        except LOST:
            return Symptom.NO_ANSWER
        except AtError:
            return self._below() or Symptom.NO_ADDRESS
        try:
            if not self._flows():
                self.flow.open()
        except CellbenchError:
            return self._below() or Symptom.NO_DATA
        return None if self.flow.works(self.waits.data_s) else self._below() or Symptom.NO_DATA

    def _in_time(self, there: Callable[[], bool]) -> bool:
        until = time.monotonic() + self.waits.address_s
        while not there():
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL_S)
        return True

    def _returns(self, timeout_s: float, *, even_if_registered: bool = True) -> bool:
        """Whether the module is registered within ``timeout_s`` seconds; with ``even_if_registered`` False
        the time is waited for whole."""
        until = time.monotonic() + timeout_s
        try:
            while not (even_if_registered and signs.registration(self.hands.at) in signs.REGISTERED):
                if time.monotonic() >= until:
                    return False
                time.sleep(_POLL_S)
        except (*LOST, AtError):
            return False
        return True

    # -- verdict -------------------------------------------------------------------------------------------

    def _exhausted(self, course: _Course) -> CellbenchError:
        """Whose failure it is when no rung helped."""
        if course.impossible is not None:
            return course.impossible
        tried = ", ".join(step.deed.value for step in course.steps) or "nothing"
        what = f"{course.symptom.value if course.symptom else ''}, after {tried}"
        if course.symptom in (*_OUT_OF_SERVICE, Symptom.NO_BEARER, Symptom.NO_ADDRESS):
            return NetworkError(f"no countermeasure brought the module back: {what}",
                                remedy="look at antenna, coverage, SIM and +CEER")
        return NotRecovered(f"no countermeasure brought the module back: {what}",
                            remedy="its transcript shows what each of them did")
