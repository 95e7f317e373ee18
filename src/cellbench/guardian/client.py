"""A run's way to the guardian: connect, enrol the rig's equipment, lease slots.

Every method may raise what guardian.errors declares, and nothing else. Waiting calls may be cut short by
an exception from a signal handler (Ctrl-C): the guardian then gives up what was asked for, the lease
stays, and the next call works.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cellbench.base.errors import CellbenchError, FrameworkError, NotPossible
from cellbench.guardian import paths
from cellbench.guardian.connection import Connection
from cellbench.guardian.errors import GuardianLost, LeaseEnded
from cellbench.guardian.glance import Glance
from cellbench.guardian.incident import Incident
from cellbench.guardian.plan import EquipmentPlan, SlotPlan
from cellbench.guardian.processes import mark_process
from cellbench.guardian.prompts import Prompt
from cellbench.guardian.start import connect_or_start
from cellbench.instruments.analyser.model import Peak
from cellbench.instruments.kinds import find_kind

log = logging.getLogger(__name__)

_RADIO_S = 90.0  # a sweep may be slow
_REPLY_S = 60.0  # the guardian gives up on an instrument long before that


@dataclass(frozen=True, slots=True)
class Reading:
    """A supply output as read back: volt, ampere, switched on, protection that tripped."""

    voltage_v: float | None  # None: nothing measures it
    current_a: float | None
    enabled: bool
    tripped: str | None

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Reading:
        """From the guardian's reply."""
        return cls(
            cast("float | None", data["voltage_v"]),
            cast("float | None", data["current_a"]),
            bool(data["enabled"]),
            cast("str | None", data["tripped"]),
        )


@dataclass(frozen=True, slots=True)
class Pulse:
    """A pulse as timed in the guardian: asserted for at least ``shortest_s``, at most ``longest_s``."""

    shortest_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Sample:
    """A current in ampere, ``at_s`` seconds after the recording began."""

    at_s: float
    current_a: float


class Lease:
    """One slot's equipment, for this run alone, until it is closed or its run ends.

    When it ends for any reason the guardian releases the lines and switches the supply off. When the
    guardian's process dies, its successor (started at once) does so, every call raises GuardianLost, and
    the next power_on or power_off takes the lease anew.
    """

    __slots__ = (
        "_client", "_closed", "_connection", "_controller_pid", "_lock", "_patience_s", "_run", "plan",
    )

    def __init__(self, client: GuardianClient, plan: SlotPlan, run: str, controller_pid: int) -> None:
        self.plan = plan
        self._client = client
        self._run = run
        self._controller_pid = controller_pid
        self._lock = threading.Lock()
        self._closed = False
        self._patience_s = _patience_s(plan, client.equipment)
        self._connection = self._take()

    @property
    def slot(self) -> str:
        """The slot's name."""
        return self.plan.name

    def power_on(self) -> Reading:
        """Release the driven lines, set voltage and current limit, switch on, read back: one request.

        Returns when the measured voltage is within the plan's tolerance. Raises SupplyTripped when a
        protection or the current limit acts (the output is then off), OutputNotReached when the voltage
        does not come.
        """
        return Reading.from_json(self._ask("power_on", renew=True))

    def power_off(self, *, hard: bool, cause: str) -> None:
        """Switch the output off, read back, release the driven lines.

        ``hard`` says that the module was not switched off before, and is written down as such; ``cause``
        goes to the guardian's log. After a guardian's death this asks its successor, which has switched off
        already.
        """
        self._ask("power_off", renew=True, hard=hard, cause=cause)

    def set_voltage_v(self, volts: float) -> None:
        """Set the output's voltage within the plan's caps, on or off; the next power_on sets the plan's."""
        self._ask("set_voltage", volts=volts)

    def reading(self) -> Reading:
        """The output as it is now."""
        return Reading.from_json(self._ask("reading"))

    def drive(self, line: str, asserted: bool) -> None:
        """Assert or release a driven line; returns when the board's read-back agreed."""
        self._ask("drive", line=line, asserted=asserted)

    def pulse(self, line: str, seconds: float) -> Pulse:
        """Assert a driven line for at least ``seconds``, timed in the guardian, then release it."""
        found = self._ask("pulse", seconds, line=line, seconds=seconds)
        return Pulse(cast(float, found["shortest_s"]), cast(float, found["longest_s"]))

    def sense(self, line: str) -> bool:
        """True while a line is asserted: a read line by its level, a driven line by its contact."""
        return bool(self._ask("sense", line=line)["asserted"])

    def record_inrush(self, seconds: float) -> tuple[float, ...]:
        """power_on with the current, in ampere, sampled from then on as fast as the supply answers."""
        return tuple(sample.current_a for sample in self._samples("inrush", seconds, renew=True))

    def record_current(
        self, seconds: float, rate_hz: float | None = None, *, every_s: float = 0.0
    ) -> tuple[Sample, ...]:
        """The current sampled for ``seconds``, as fast as the supply answers, at most once in ``every_s``.

        With ``rate_hz`` by the supply's own fast log, at that rate or the nearest that it has; NotPossible
        where it has none.
        """
        if rate_hz is None:
            return self._samples("record_current", seconds, every_s=every_s)
        return self._samples("record_current", seconds, rate_hz=rate_hz)

    def attenuate(self, instrument: str, channel: int, decibel: float) -> None:
        """Set an attenuator that the slot's plan names; returns when its read-back agreed."""
        self._ask("attenuate", instrument=instrument, channel=channel, decibel=decibel)

    @contextmanager
    def hold_still(self, at_most_s: float) -> Iterator[None]:
        """Keep all other slots of this guardian from switching lines and supplies meanwhile.

        For measurements that a neighbour's switching would disturb. What others ask for waits; making a
        dead run's slot safe never waits, nor does a hard power_off. Ends by itself after ``at_most_s``
        seconds, 30 at most.
        """
        self._ask("hold", at_most_s=at_most_s)
        try:
            yield
        finally:
            self._ask("unhold")

    def powered_beside(self) -> frozenset[str]:
        """The other slots whose modules may be on now, whoever leases them from this guardian."""
        leases = cast("list[Mapping[str, object]]", self._client.state()["leases"])
        return frozenset(str(one["slot"]) for one in leases if one.get("powered")) - {self.slot}

    def close(self) -> None:
        """Give the slot back: lines released, supply off, read back. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._connection.request("release", {}, _REPLY_S)
        except (GuardianLost, LeaseEnded):
            return  # it has ended already, and was made safe by whoever ended it
        finally:
            self._connection.close()
            self._client.forget(self)

    def _samples(
        self, op: str, seconds: float, *, renew: bool = False, **more: object
    ) -> tuple[Sample, ...]:
        found = self._ask(op, 2 * seconds, renew=renew, seconds=seconds, **more)
        return tuple(Sample(at, amperes) for at, amperes in cast(list[tuple[float, float]], found["samples"]))

    def _ask(
        self, op: str, lasts_s: float = 0.0, *, renew: bool = False, **args: object
    ) -> Mapping[str, object]:
        if self._closed:
            raise LeaseEnded(f"the lease of slot {self.slot} was given back")
        if renew:
            with self._lock:
                if self._connection.hung_up:
                    self._connection.close()
                    self._connection = self._take()
        return self._connection.request(op, args, lasts_s + _REPLY_S + self._patience_s)

    def _take(self) -> Connection:
        connection = self._client.new_connection(f"slot {self.slot}")
        controller = mark_process(self._controller_pid)
        try:
            connection.request(
                "lease",
                {
                    "slot": self.plan.to_json(),
                    "equipment": self._client.equipment.only(self.plan.instruments()).to_json(),
                    "run": self._run,
                    "controller": [controller.pid, controller.started]
                    if controller
                    else [self._controller_pid, 0],
                },
                _REPLY_S,
            )
        except BaseException:
            connection.close()
            raise
        return connection


class GuardianClient:
    """One process's connection to the guardian of its user. Not for use after a fork."""

    __slots__ = ("_closing", "_control", "_leases", "_lock", "_pid", "_plan", "_runtime_dir")

    def __init__(self, runtime_dir: Path) -> None:
        self._runtime_dir = runtime_dir
        self._plan: EquipmentPlan | None = None
        self._leases: list[Lease] = []
        self._lock = threading.Lock()
        self._closing = False
        self._pid = os.getpid()
        self._control = connect_or_start(runtime_dir, "control", self._control_lost)

    @classmethod
    def connect(cls, runtime_dir: Path | None = None) -> GuardianClient:
        """Reach the guardian of ``runtime_dir`` (default: CELLBENCH_RUNTIME_DIR, else this user's); start one
        when none runs. GuardianLost with the end of its log when it does not come up."""
        return cls(paths.runtime_dir(runtime_dir))

    @property
    def runtime_dir(self) -> Path:
        """The guardian's directory: its log is guardian.log there."""
        return self._runtime_dir

    @property
    def guardian_pid(self) -> int:
        """The guardian's process id."""
        return self._control.guardian_pid

    @property
    def equipment(self) -> EquipmentPlan:
        """What was enrolled last; FrameworkError before."""
        if self._plan is None:
            raise FrameworkError("enrol the rig's equipment before leasing a slot")
        return self._plan

    def enrol(self, plan: EquipmentPlan) -> Mapping[str, str]:
        """Have the guardian open and lock the instruments of ``plan``; name → identification.

        Twice changes nothing. They stay open while this client is connected or a lease uses them.
        RigError of the first that cannot be opened; EquipmentHeld names who holds it and since when.
        """
        found = self._request("enrol", {"equipment": plan.to_json()})
        self._plan = plan
        return cast(Mapping[str, str], found["identities"])

    def peak(self, instrument: str, frequency_hz: float, span_hz: float) -> Peak:
        """One sweep of an enrolled analyser, and the highest signal in it; NotPossible for a power meter."""
        found = self._radio(instrument, frequency_hz=frequency_hz, span_hz=span_hz)
        return Peak(cast(float, found["frequency_hz"]), cast(float, found["power_dbm"]))

    def power_dbm(self, instrument: str, frequency_hz: float) -> float:
        """One measurement of an enrolled power meter or analyser at a frequency, in dBm."""
        return cast(float, self._radio(instrument, frequency_hz=frequency_hz)["power_dbm"])

    def _radio(self, instrument: str, **args: object) -> Mapping[str, object]:
        plan = self.equipment.only(frozenset({instrument}))
        if not plan.instruments:
            raise NotPossible(f"no instrument {instrument} is enrolled", remedy="name it under instruments")
        return self._request("radio", {"equipment": plan.to_json(), **args}, _RADIO_S)

    def lease(self, slot: SlotPlan, *, run: str, controller_pid: int) -> Lease:
        """Take a slot for ``run`` until the lease is closed, this process ends, or the controller does.

        Leaves the slot's state as it is. EquipmentHeld names the holder and since when.
        """
        self._same_process()
        lease = Lease(self, slot, run, controller_pid)
        with self._lock:
            self._leases.append(lease)
        return lease

    def look(self, slot: SlotPlan) -> Glance:
        """Read a slot's output and lines without a lease; nothing is switched, nothing made safe after."""
        needed = self.equipment.only(slot.instruments())
        return Glance.from_json(
            self._request("look", {"slot": slot.to_json(), "equipment": needed.to_json()})
        )

    def state(self) -> Mapping[str, object]:
        """What the guardian has: ``instruments``, ``leases``, ``unsafe`` (slots that it cannot make safe)."""
        return self._request("state", {})

    def last_incidents(self, since_utc_ns: int = 0) -> tuple[Incident, ...]:
        """Slots that were made safe because their run died, oldest first."""
        found = cast(
            list[Mapping[str, object]],
            self._request("incidents", {"since_utc_ns": since_utc_ns})["incidents"],
        )
        return tuple(Incident.from_json(entry) for entry in found)

    def ask(self, question: str, *, about: str, answers: tuple[str, ...], within_s: float) -> str:
        """Ask a person (base.protocols.Prompter); a wait that is cut short withdraws the question."""
        args = {"question": question, "about": about, "answers": list(answers), "within_s": within_s}
        return str(self._request("ask", args, within_s)["answer"])

    def prompts(self, seen: int = -1, within_s: float = 0.0) -> tuple[int, tuple[Prompt, ...]]:
        """The open questions and the version of their list; waits, ``within_s`` seconds at most, for another
        version than ``seen``."""
        found = self._request("prompts", {"seen": seen, "within_s": within_s}, within_s)
        entries = cast(list[Mapping[str, object]], found["prompts"])
        return cast(int, found["version"]), tuple(Prompt.from_json(entry) for entry in entries)

    def answer(self, number: int, text: str) -> str:
        """Answer a question; what was taken. OperatorError when it is not open or takes other answers."""
        return str(self._request("answer", {"number": number, "text": text})["answer"])

    def close(self) -> None:
        """Close every lease, then the connection."""
        self._closing = True
        for lease in tuple(self._leases):
            lease.close()
        self._control.close()

    def __enter__(self) -> GuardianClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def new_connection(self, purpose: str) -> Connection:
        """A further connection to the same guardian (for Lease)."""
        self._same_process()
        return connect_or_start(self._runtime_dir, purpose, None)

    def forget(self, lease: Lease) -> None:
        """A lease was given back (for Lease)."""
        with self._lock:
            if lease in self._leases:
                self._leases.remove(lease)

    def _request(self, op: str, args: Mapping[str, object], lasts_s: float = 0.0) -> Mapping[str, object]:
        self._same_process()
        with self._lock:
            if self._control.hung_up:
                self._renew()
        return self._control.request(op, args, lasts_s + _REPLY_S)

    def _same_process(self) -> None:
        if os.getpid() != self._pid:
            raise FrameworkError("a guardian's client was used by a child of the process that made it")

    def _control_lost(self) -> None:
        """The guardian died: start its successor at once, which makes safe what is on."""
        with self._lock:
            if self._closing or not self._leases or not self._control.hung_up:
                return
            try:
                self._renew()
            except CellbenchError as error:
                log.error("the guardian died and no other came up: %s", error)

    def _renew(self) -> None:
        old = self._control
        self._control = connect_or_start(self._runtime_dir, "control", self._control_lost)
        old.close()


def _patience_s(plan: SlotPlan, equipment: EquipmentPlan) -> float:
    """How much longer one request may take because people work lines of the slot: an answer for each."""
    found = 0.0
    for line in plan.driven.values():
        board = equipment.instruments.get(line.board)
        answer_within_s = find_kind(board.kind).answer_within_s if board is not None else None
        if board is not None and answer_within_s is not None:
            found += answer_within_s(board.settings)
    return found
