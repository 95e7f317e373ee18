"""The hands that interrupt an update: the supply, the USB port, the life of the host, a server, the coverage.

Each does what happens to a product in the field and nothing that a simulation alone could: the same calls
serve a bench with instruments and a virtual rack.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, NotPossible, RigError
from cellbench.base.protocols import FarSide
from cellbench.campaign.places import Place
from cellbench.host.firmware.model import Stage, UpdateEvent
from cellbench.record.interruption import Interruption
from cellbench.rig.slot import Slot

CAUSE = "interruption matrix"
_SETTLE_S = 10.0
_POLL_S = 0.02
SLOW = "slow"  # the state of a server from which downloads are interrupted
_LOST = {"coverage": ("lost", "normal"), "network": ("lost", "found"), "link": ("blocked", "ok")}


class Interrupted(CellbenchError):
    """The update was interrupted and is over for the host; never an error of anybody."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What a slot has to interrupt with: words for what is missing, "" where it is there."""

    supply: str
    usb: str
    server: str
    link: str

    def lacking(self, kind: Interruption) -> str:
        """Why a kind is not possible here; "" when it is."""
        return {Interruption.SUPPLY_CUT: self.supply, Interruption.USB_PULLED: self.usb,
                Interruption.HOST_KILLED: self.supply, Interruption.SERVER_GONE: self.server,
                Interruption.LINK_LOST: self.link}.get(kind, "")


def ways_of(slot: Slot, far: FarSide) -> Ways:
    """What is there to interrupt with."""
    switched = slot.lease is not None and slot.model.power is not None
    on_usb = slot.model.ports.usb is not None
    pulls = slot.model.usb_power is not None or far.can("usb")
    link = next((verb for verb in _LOST if far.can(verb)), "")
    return Ways(
        supply="" if switched else "the bench does not switch the supply of this slot",
        usb="" if on_usb and pulls else "the slot has no USB port" if not on_usb else
            "the power of the slot's USB port cannot be switched: name a hub port under usb_power",
        server="" if far.can("server") else f"no server can be stopped: {far.why_not('server')}",
        link="" if link else f"coverage cannot be taken away: {far.why_not('coverage')}")


@dataclass(slots=True)
class Interrupter:
    """Waits for a place in an update's events, then does its deed, once.

    ``later_s`` is how long a place within the silent minutes waits, ``away_s`` after how long what was taken
    away comes back by itself. ``server`` is the role whose server is stopped. ``last_words`` is called before
    the host dies, ``die`` ends this process. ``whole_s``: how long a download takes whose bytes the module
    may not tell.
    """

    slot: Slot
    far: FarSide
    kind: Interruption
    place: Place
    size: int
    server: str
    later_s: float
    away_s: float
    last_words: Callable[[Stage], None]
    die: Callable[[], None]
    whole_s: float = 0.0
    reached: Stage | None = None
    at: int | None = None
    seen: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _since: float | None = None
    _undo: Callable[[], None] | None = None
    _timer: threading.Timer | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: UpdateEvent) -> None:
        """Take one event; raises Interrupted where the update is over for the host."""
        if self.reached is not None or not self._is_here(event):
            return
        if self.kind in (Interruption.NOTHING, Interruption.WRONG_PACKAGE):
            return
        if self.place.later:
            threading.Event().wait(self.later_s)
        self.reached, self.at = event.stage, event.at
        far = f" {event.at}" if event.at is not None else ""
        when = f"{event.elapsed_s:.1f} s after it began"
        self.seen.append(f"{self.kind.value} at {event.stage.value}{far}, {when}")
        match self.kind:
            case Interruption.SUPPLY_CUT:
                self._cut()
            case Interruption.USB_PULLED:
                self._pull()
            case Interruption.HOST_KILLED:
                self.last_words(event.stage)
                self.die()
            case Interruption.SERVER_GONE:
                self._switch("server", "down", SLOW, name=self.server)
            case Interruption.LINK_LOST:
                verb = next(one for one in _LOST if self.far.can(one))
                self._switch(verb, *_LOST[verb])

    def _is_here(self, event: UpdateEvent) -> bool:
        if self.place.reached(event, self.size):
            return True
        if event.stage is not self.place.stage or event.stage is not Stage.DOWNLOADING:
            return False
        if self._since is None:
            self._since = event.elapsed_s
        return event.at is None and self.place.passed(event.elapsed_s - self._since, self.whole_s)

    def put_back(self) -> None:
        """Make good what was taken away, except the supply."""
        if self._timer is not None:
            self._timer.cancel()
        with self._guard:
            undo, self._undo = self._undo, None
            if undo is not None:
                undo()

    # -- deeds -----------------------------------------------------------------------------------

    def _cut(self) -> None:
        self.slot.power_off(hard=True, cause=CAUSE)
        reading = self.slot.reading()
        if reading.enabled:
            self.faults.append("the supply's output is on after it was cut")
        volts = f", {reading.voltage_v:.2f} V" if reading.voltage_v is not None else ""
        self.seen.append(f"supply read back: {'on' if reading.enabled else 'off'}{volts}")
        raise Interrupted("the supply was cut")

    def _pull(self) -> None:
        self._usb(False)
        self._until_later(self._plug)
        deadline = Deadline.after(_SETTLE_S)
        while self.slot.usb_appears(0.0):
            if deadline.expired:
                self.faults.append("the module is still on USB after its port was switched off")
                break
            threading.Event().wait(_POLL_S)
        self.seen.append("USB pulled")

    def _until_later(self, undo: Callable[[], None]) -> None:
        """It is gone for a while, as in the field; the update goes on without it."""
        self._undo = undo
        self._timer = threading.Timer(self.away_s, self._put_back_by_itself)
        self._timer.daemon = True
        self._timer.start()

    def _put_back_by_itself(self) -> None:
        try:
            self.put_back()
        except CellbenchError as error:
            self.faults.append(f"what was taken away could not be put back: {error}")

    def _plug(self) -> None:
        self._usb(True)
        self.seen.append("USB plugged in again")

    def _usb(self, on: bool) -> None:
        if self.slot.model.usb_power is not None:
            self.slot.usb_power(on)
        else:
            self.far.act("usb", state="plug" if on else "unplug")

    def _switch(self, verb: str, away: str, back: str, **values: str) -> None:
        try:
            self.far.act(verb, state=away, **values)
        except NotPossible:
            raise
        except CellbenchError as error:
            raise RigError(f"the far side could not {verb} {away}: {error}") from error
        self._until_later(lambda: self.far.act(verb, state=back, **values))
        named = " ".join([verb, *values.values(), away])
        self.seen.append(f"far side: {named}")
