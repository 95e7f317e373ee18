"""The line below a multiplexer's channels: a machine over the UART's own link.

Whoever waits on a channel reads the UART and feeds the machine, which hands the channels what is theirs; as
long as nobody waits, the UART's thread does. Nobody who reads ever writes: what the machine has to say on
its own (answers, repeats) is sent by one thread, which also keeps its timers. So a far side that takes
nothing cannot keep the host from reading.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from cellbench.base.clock import SYSTEM_CLOCK, Clock, Deadline
from cellbench.base.errors import CellbenchError, UnitError
from cellbench.host.link import Link
from cellbench.host.mux_port import MuxPort
from cellbench.io.pipe import PortLost
from cellbench.wire.cmux.control import MessageType, Signals
from cellbench.wire.cmux.decoder import Outside
from cellbench.wire.cmux.events import (
    Answered,
    Closed,
    ClosedDown,
    Event,
    NotSupported,
    Opened,
    Received,
    Refused,
    Silent,
    Unanswered,
)
from cellbench.wire.cmux.frame import FLAG
from cellbench.wire.cmux.machine import Multiplexer

_NEWS_KEPT = 200
_CONTROL_WRITE_S = 5.0
_MARGIN_S = 1.0  # the machine's own timers end every wait; this is for a host that is slow
_IDLE_S = 1.0
_BATCH = 2048  # bytes that one channel sends before another has its turn
OUTCOMES = (Opened, Refused, Closed, Silent)


class MuxRefused(UnitError):
    """The module answered DM to the SABM of a channel."""


class MuxSilent(UnitError):
    """The module did not answer a frame of the multiplexer, all repeats included."""


class MuxEnded(UnitError, PortLost):
    """The module left multiplexer mode, or closed a channel."""


class MuxLine:
    """One multiplexer on one UART; ``outside`` gets bytes that belong to no frame, in the reading thread.
    ``waking_flags`` go before the first frame after a second of silence."""

    def __init__(self, link: Link, machine: Multiplexer, outside: Callable[[bytes], None],
                 clock: Clock = SYSTEM_CLOCK, *, waking_flags: int = 0) -> None:
        self.machine = machine
        self.ports: dict[int, MuxPort] = {}
        self._link = link
        self._outside = outside
        self._clock = clock
        self._monotonic = time.monotonic if clock is SYSTEM_CLOCK else clock.monotonic
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._sleeps_until = 0.0
        self._sent_at = 0.0
        self._waking_flags = waking_flags
        self._running = True
        self._failed: PortLost | None = None
        self._outcomes: dict[int, Event] = {}
        self._answers: deque[Answered | NotSupported | Unanswered] = deque(maxlen=_NEWS_KEPT)
        self._keeper = threading.Thread(target=self._keep, name=f"mux {link.name}", daemon=True)
        self._keeper.start()

    # -- for the UART's channel --------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Bytes from the UART."""
        with self._lock:
            self._spread(self.machine.receive(data, self._monotonic()))
            self._attend()

    def lost(self, error: PortLost) -> None:
        """The UART vanished: so did every channel."""
        with self._lock:
            self._failed = error
            self.end(error)

    def end(self, error: PortLost, *, quietly: bool = False) -> None:
        """Every channel is gone."""
        with self._lock:
            self.machine.up = False
            for port in self.ports.values():
                port.end(error, quietly=quietly)

    def stop(self) -> None:
        """End the thread; the UART is somebody else's again."""
        with self._wake:
            self._running = False
            self._wake.notify_all()
        if self._keeper is not threading.current_thread():
            self._keeper.join()

    # -- for the multiplexer's user ----------------------------------------------------------------------

    def port(self, dlci: int) -> MuxPort:
        """The port of a DLC, made at the first call."""
        with self._lock:
            if dlci not in self.ports:
                n1 = self.machine.settings.n1
                batch = max(1, _BATCH // n1) * n1
                self.ports[dlci] = MuxPort(self, dlci, f"{self._link.name}.{dlci}", batch)
            return self.ports[dlci]

    def establish(self, dlci: int) -> None:
        """Set a DLC up. Raises MuxRefused, MuxSilent, PortLost."""
        with self._lock:
            self._outcomes.pop(dlci, None)
            self.machine.establish(dlci, self._monotonic())
        outcome = self._outcome_of(dlci, f"SABM of channel {dlci}")
        if isinstance(outcome, Refused):
            raise MuxRefused(f"{self._link.name}: the module refuses channel {dlci} (DM to SABM)")

    def release(self, dlci: int) -> None:
        """Release a DLC. Raises MuxSilent, PortLost."""
        with self._lock:
            if not self.machine.up or not self.machine.connected(dlci):
                return
            self._outcomes.pop(dlci, None)
            for event in self.machine.release(dlci, self._monotonic()):
                self._outcomes[dlci] = event
        self._outcome_of(dlci, f"DISC of channel {dlci}")

    def ask(self, kind: MessageType, body: bytes = b"") -> Answered | NotSupported:
        """Send a message of the control channel and wait for its answer. Raises MuxSilent, PortLost."""
        with self._lock:
            mark = self._answers[-1] if self._answers else None
            self.machine.command(kind, body, self._monotonic())
        return self._answer_to(kind, body, mark)

    def show(self, dlci: int, signals: Signals, *, wait: bool) -> None:
        """Tell the module our signals of a channel (MSC). Raises MuxSilent, PortLost."""
        with self._lock:
            if not self.machine.up:
                return
            mark = self._answers[-1] if self._answers else None
            self.machine.set_signals(dlci, signals, self._monotonic())
            self._attend()
        if wait:
            self._answer_to(MessageType.MSC, signals.encode(dlci), mark)

    def send(self, dlci: int, data: bytes, deadline: Deadline) -> None:
        """Information of a channel. Raises PortLost, PortStuck."""
        with self._lock:
            if not self.machine.connected(dlci):
                raise MuxEnded(f"{self._link.name}: channel {dlci} is not open")
            self.machine.send(dlci, data)
        self._flush(deadline)

    def pump(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Read, or let another one read, until ``ready()`` or the time is over. Raises PortLost."""
        return self._link.wait(ready, self._monotonic() + timeout_s)

    def ours(self, dlci: int) -> Signals:
        """Our signals of a channel."""
        return self.machine.own_signals(dlci)

    def theirs(self, dlci: int) -> Signals:
        """The module's."""
        return self.machine.signals(dlci)

    def accepts(self, dlci: int) -> bool:
        """True while the module takes information on a channel."""
        return not self.machine.held(dlci)

    # -- waiting -----------------------------------------------------------------------------------------

    def _outcome_of(self, dlci: int, what: str) -> Event:
        settings = self.machine.settings
        self._send_now()
        self._link.wait(lambda: dlci in self._outcomes or not self.machine.up,
                        self._monotonic() + settings.t1_s * (settings.n2 + 1) + _MARGIN_S)
        outcome = self._outcomes.get(dlci)
        if outcome is None and self._failed is not None:
            raise self._failed
        if outcome is None or isinstance(outcome, Silent):
            raise MuxSilent(f"{self._link.name}: no answer to the {what}",
                            remedy="the module may have left multiplexer mode: recover()")
        return outcome

    def _answer_to(self, kind: MessageType, body: bytes, mark: object) -> Answered | NotSupported:
        settings = self.machine.settings
        about = body[:1] if kind is MessageType.MSC else b""

        def heard() -> Answered | NotSupported | Unanswered | None:
            for one in reversed(tuple(self._answers)):
                if one is mark:
                    return None
                if one.kind == kind and (isinstance(one, NotSupported) or one.body[:len(about)] == about):
                    return one
            return None

        self._send_now()
        self._link.wait(lambda: heard() is not None or not self.machine.up,
                        self._monotonic() + settings.t2_s * (settings.n2 + 1) + _MARGIN_S)
        found = heard()
        if found is None and self._failed is not None:
            raise self._failed
        if found is None or isinstance(found, Unanswered):
            raise MuxSilent(f"{self._link.name}: no answer to {kind.name} on the control channel",
                            remedy="the module may have left multiplexer mode: recover()")
        return found

    # -- inside ------------------------------------------------------------------------------------------

    def _spread(self, events: list[Event]) -> None:
        for event in events:
            if type(event) is Received:
                port = self.ports.get(event.dlci)
                if port is not None and port.deliver(event.data):
                    ours = self.machine.own_signals(event.dlci)
                    self.machine.set_signals(event.dlci, _held(ours), self._monotonic())
            elif isinstance(event, Outside):
                self._outside(event.data)
            elif isinstance(event, OUTCOMES):
                self._outcomes[event.dlci] = event
                if isinstance(event, Closed) and event.dlci in self.ports:
                    self.ports[event.dlci].end(MuxEnded(
                        f"{self._link.name}: channel {event.dlci} was closed"))
            elif isinstance(event, Answered | NotSupported | Unanswered):
                self._answers.append(event)
            elif isinstance(event, ClosedDown):
                self.end(MuxEnded(f"{self._link.name}: the multiplexer was closed down"))

    def _send_now(self) -> None:
        self._flush(Deadline.after(_CONTROL_WRITE_S, self._clock))
        with self._lock:
            self._attend()

    def _flush(self, deadline: Deadline) -> None:
        with self._writing:
            with self._lock:
                wire = self.machine.outgoing()
            if wire:
                now = self._monotonic()
                if now - self._sent_at > _IDLE_S:
                    wire = FLAG * self._waking_flags + wire
                self._sent_at = now
                self._link.current().write(wire, deadline)

    def _attend(self) -> None:
        """Wake the keeper if it has anything to do before it would wake by itself."""
        due = self.machine.due
        if self.machine.has_outgoing or (due is not None and due < self._sleeps_until):
            self._wake.notify()

    def _keep(self) -> None:
        while True:
            with self._wake:
                while self._running and not self.machine.has_outgoing:
                    now, due = self._monotonic(), self.machine.due
                    if due is not None and due <= now:
                        self._spread(self.machine.tick(now))
                        self._link.tell()
                        continue
                    self._sleeps_until = now + 3600.0 if due is None else due
                    self._wake.wait(self._sleeps_until - now)
                    self._sleeps_until = 0.0
                if not self._running:
                    return
            try:
                self._send_now()
            except CellbenchError:
                # The UART is gone or takes nothing: whoever uses a channel meets it himself.
                with self._wake:
                    if self._running:
                        self._wake.wait(0.05)


def _held(signals: Signals) -> Signals:
    return Signals(True, signals.rtc, signals.rtr, signals.ic, signals.dv)
