"""Who has which slot: granting, watching, ending."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cellbench.base.clock import SYSTEM_CLOCK
from cellbench.base.errors import CellbenchError, RigError
from cellbench.guardian import safety
from cellbench.guardian.equipment import Instrument
from cellbench.guardian.errors import EquipmentHeld, LeaseEnded
from cellbench.guardian.incident import Cause, Incident
from cellbench.guardian.locks import Lock, Use
from cellbench.guardian.log import GuardianLog, utc_text
from cellbench.guardian.plan import EquipmentPlan, SlotPlan
from cellbench.guardian.processes import ProcessMark, open_pidfd
from cellbench.guardian.recovery import GIVE_UP_S, Leftovers, claims_of
from cellbench.guardian.state import Held, StateFile
from cellbench.guardian.table import EquipmentTable

_FREED_S = 8.0  # a new lease waits this long for the slot of a dead run to be made safe
_NAME_CAUSE_S = 0.1  # a dying process hangs up before its pidfd tells

_FATES: Mapping[Cause, str] = {
    Cause.CONNECTION_LOST: "hung up",
    Cause.WORKER_DIED: "died",
    Cause.CONTROLLER_DIED: "died",
    Cause.GUARDIAN_DIED: "lost its guardian",
    Cause.GUARDIAN_STOPPED: "lost its guardian",
}


@dataclass(eq=False, slots=True)
class SlotLease:
    """One granted lease."""

    held: Held
    claims: tuple[str, ...]
    instruments: dict[str, Instrument] = field(default_factory=dict)
    ports: list[Lock] = field(default_factory=list)
    tasks: dict[int, tuple[str, asyncio.Task[None]]] = field(default_factory=dict)
    switching: asyncio.Lock = field(default_factory=asyncio.Lock)
    given_up: threading.Event = field(default_factory=threading.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    watched: list[tuple[int, Cause]] = field(default_factory=list)
    dead: set[Cause] = field(default_factory=set)
    on: bool = False  # its output was switched on and not off since

    @property
    def powered(self) -> bool:
        """Whether its module may be on: always where nothing switches its supply."""
        return self.on or self.slot.output is None

    @property
    def slot(self) -> SlotPlan:
        """What it is a lease of."""
        return self.held.slot

    def must_live(self) -> None:
        """LeaseEnded when it is over."""
        if self.given_up.is_set():
            raise LeaseEnded(f"the lease of slot {self.slot.name} has ended")

    def describe(self) -> str:
        """Its holder, for a message."""
        held = self.held
        return f"user {held.user}, pid {held.worker_pid}, run {held.run}, since {utc_text(held.since_utc_ns)}"


class LeaseBook:
    """All leases of one guardian."""

    def __init__(
        self,
        table: EquipmentTable,
        state: StateFile,
        log: GuardianLog,
        *,
        on_end: Callable[[SlotLease, Cause], None],
    ) -> None:
        self._table = table
        self._state = state
        self._log = log
        self._on_end = on_end
        self._claims: dict[str, SlotLease] = {}
        self._leases: list[SlotLease] = []
        self._leftovers = Leftovers(table, log)
        self._ending: set[asyncio.Task[None]] = set()
        self._recovering: dict[asyncio.Task[None], Held] = {}

    @property
    def leases(self) -> tuple[SlotLease, ...]:
        """All that are not yet ended and safe."""
        return tuple(self._leases)

    @property
    def unsafe(self) -> tuple[Held, ...]:
        """Slots that could not be made safe."""
        return self._leftovers.held

    async def grant(
        self,
        slot: SlotPlan,
        equipment: EquipmentPlan,
        *,
        run: str,
        user: str,
        worker: ProcessMark,
        controller: ProcessMark,
    ) -> SlotLease:
        """Take a slot; EquipmentHeld names who has it or a part of it."""
        missing = slot.instruments() - set(equipment.instruments)
        if missing:
            raise RigError(
                f"slot {slot.name} uses {', '.join(sorted(missing))}, which the rig does not enrol"
            )
        held = Held(slot, equipment, run, user, worker.pid, controller.pid, SYSTEM_CLOCK.utc_ns())
        lease = SlotLease(held, claims_of(slot, await self._table.keys(equipment)))
        try:
            await self._reserve(lease)
            lease.instruments = await self._table.use_all(equipment, lease)
            self._lock_ports(lease)
            lease.held = replace(
                held, identities={name: item.identity for name, item in lease.instruments.items()}
            )
            await self._leftovers.settle(slot, lease.claims, lease.instruments)
            self._leases.append(lease)
            self._save()
            self._watch(lease, worker, Cause.WORKER_DIED)
            self._watch(lease, controller, Cause.CONTROLLER_DIED)
        except BaseException:
            self._forget(lease, unsafe=False)
            raise
        self._log.write(
            f"slot {slot.name}: leased to run {run} (user {user}, pid {worker.pid}, "
            f"controller {controller.pid})"
        )
        return lease

    def end(self, lease: SlotLease, cause: Cause) -> None:
        """Begin to end a lease; its ``ended`` is set once the slot is safe or given up on."""
        if lease.given_up.is_set():
            return
        lease.given_up.set()
        task = asyncio.create_task(self._end(lease, cause))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def recover(self, timeout_s: float) -> None:
        """Make safe what a guardian before this one left on; goes on by itself after ``timeout_s`` seconds.

        What could not be made safe before is tried again without anybody waiting for it.
        """
        for held in self._leftovers.take(self._state.load()):
            task = asyncio.create_task(self._recover(held))
            self._recovering[task] = held
            task.add_done_callback(self._recovering.pop)
        fresh = [task for task, held in self._recovering.items() if held.failed_utc_ns == 0]
        if fresh:
            await asyncio.wait(fresh, timeout=timeout_s)

    async def end_all(self, cause: Cause, timeout_s: float) -> None:
        """End every lease and wait until the slots are safe, at most ``timeout_s`` seconds."""
        for task in tuple(self._recovering):
            task.cancel()  # the state file keeps them for a successor
        for lease in self.leases:
            self.end(lease, cause)
        if self._ending:
            await asyncio.wait(self._ending, timeout=timeout_s)

    def busy(self) -> bool:
        """True while slots are leased or being made safe."""
        return bool(self._leases or self._ending or self._recovering)

    # -- inside --------------------------------------------------------------------------------

    async def _reserve(self, lease: SlotLease) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _FREED_S
        while (holder := self._holder(lease)) is not None:
            claim, other = holder
            if not other.given_up.is_set() or loop.time() >= until:
                state = "is being made safe after" if other.given_up.is_set() else "is held by"
                raise EquipmentHeld(
                    f"slot {lease.slot.name} ({claim}) {state} {other.describe()} as slot {other.slot.name}",
                    remedy="wait until it is given back",
                )
            try:
                await asyncio.wait_for(other.ended.wait(), until - loop.time())
            except TimeoutError:
                continue
        self._claims.update(dict.fromkeys(lease.claims, lease))

    def _holder(self, lease: SlotLease) -> tuple[str, SlotLease] | None:
        for claim in lease.claims:
            if claim in self._claims:
                return _words(claim), self._claims[claim]
        return None

    def _lock_ports(self, lease: SlotLease) -> None:
        for port in lease.slot.ports:
            owner = self._table.owner
            lease.ports.append(
                Lock.take(
                    self._table.lock_directory,
                    f"port:{port}",
                    f"port {port} of slot {lease.slot.name}",
                    replace(owner, run=lease.held.run),
                )
            )

    def _watch(self, lease: SlotLease, process: ProcessMark, cause: Cause) -> None:
        descriptor = open_pidfd(process)
        if descriptor is None:
            raise LeaseEnded(f"process {process.pid} of run {lease.held.run} has ended already")
        lease.watched.append((descriptor, cause))
        asyncio.get_running_loop().add_reader(descriptor, self._died, lease, cause)

    def _died(self, lease: SlotLease, cause: Cause) -> None:
        lease.dead.add(cause)
        self.end(lease, cause)

    async def _end(self, lease: SlotLease, cause: Cause) -> None:
        loop = asyncio.get_running_loop()
        began, utc_ns = loop.time(), SYSTEM_CLOCK.utc_ns()
        for _, task in lease.tasks.values():
            task.cancel()
        making = asyncio.ensure_future(
            safety.make_safe(
                safety.steps_for(lease.slot, lease.instruments),
                give_up_s=GIVE_UP_S,
                began=began,
                complain=lambda text: self._log.write(f"slot {lease.slot.name}: {text}"),
            )
        )
        if cause not in (Cause.RELEASED, Cause.GUARDIAN_STOPPED):
            await asyncio.sleep(_NAME_CAUSE_S)
        for known in (Cause.CONTROLLER_DIED, Cause.WORKER_DIED):
            if known in lease.dead:
                cause = known
                break
        self._on_end(lease, cause)
        outcome = await making
        if not outcome.safe:
            self._leftovers.failed(lease.held, utc_ns)
        self._report(lease.held, cause, utc_ns, outcome)
        self._forget(lease, unsafe=not outcome.safe)

    def _report(self, held: Held, cause: Cause, utc_ns: int, outcome: safety.Outcome) -> None:
        done = ", ".join((*outcome.actions, *outcome.failures)) or "nothing to switch"
        safe = "safe" if outcome.safe else "NOT SAFE"
        if cause is Cause.RELEASED:
            self._log.write(
                f"slot {held.slot.name}: given back by run {held.run}, {safe} after "
                f"{outcome.took_s:.3f} s: {done}"
            )
            if outcome.safe:
                return
        else:
            self._log.write(
                f"slot {held.slot.name}: run {held.run} {_FATES[cause]} ({cause.value}; user {held.user}, "
                f"pid {held.worker_pid}, controller {held.controller_pid}), {safe} after "
                f"{outcome.took_s:.3f} s: {done}"
            )
        self._log.incident(
            Incident(
                run=held.run,
                slot=held.slot.name,
                cause=cause,
                user=held.user,
                worker_pid=held.worker_pid,
                controller_pid=held.controller_pid,
                utc_ns=utc_ns,
                safe=outcome.safe,
                safe_after_s=outcome.took_s if outcome.safe else None,
                actions=(*outcome.actions, *outcome.failures),
            )
        )

    def _forget(self, lease: SlotLease, *, unsafe: bool) -> None:
        for descriptor, _ in lease.watched:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)
        lease.watched.clear()
        for claim in lease.claims:
            if self._claims.get(claim) is lease:
                del self._claims[claim]
        for lock in lease.ports:
            lock.release()
        if lease in self._leases:
            self._leases.remove(lease)
            self._save_or_say()
        self._table.leave(lease, unsafe=unsafe)
        lease.given_up.set()
        lease.ended.set()

    def _save(self) -> None:
        self._state.save((*self._leftovers.held, *(lease.held for lease in self._leases)))
        uses: dict[str, list[tuple[str, Use]]] = {}
        for lease in self._leases:
            for key, use in _uses(lease):
                uses.setdefault(key, []).append((lease.held.run, use))
        self._table.account(uses)

    def _save_or_say(self) -> None:
        """As _save, where a full disk must not keep a slot from being freed."""
        try:
            self._save()
        except OSError as error:
            self._log.write(f"the state file cannot be written: {error}")

    async def _recover(self, held: Held) -> None:
        utc_ns = SYSTEM_CLOCK.utc_ns()
        self._log.write(f"slot {held.slot.name}: the guardian of run {held.run} died; making it safe")
        lease = SlotLease(held, ())
        lease.given_up.set()  # nobody's: whoever wants the slot waits until it is safe
        try:
            lease.claims = claims_of(held.slot, await self._table.keys(held.equipment))
            self._claims.update(dict.fromkeys(lease.claims, lease))
            outcome = await self._leftovers.recover(held, lease)
        except CellbenchError as error:  # its driver is not installed any more
            outcome = safety.Outcome((), (str(error),), 0.0)
        if outcome.safe:
            self._leftovers.done(held)
        else:
            self._leftovers.failed(held, utc_ns)
        self._save_or_say()
        if outcome.safe or held.failed_utc_ns == 0:
            self._report(held, Cause.GUARDIAN_DIED, utc_ns, outcome)
        self._forget(lease, unsafe=not outcome.safe)


def _words(claim: str) -> str:
    return " ".join(claim.split("\0")).strip()


def _uses(lease: SlotLease) -> list[tuple[str, Use]]:
    """Equipment key → what this lease may have on there."""
    slot = lease.slot
    found = []
    for name, instrument in lease.instruments.items():
        feeds = slot.output if slot.output is not None and slot.output.supply == name else None
        outputs = (feeds.channel,) if feeds is not None and feeds.closed_when_on is None else ()
        contacts = tuple(
            (line.pin, not line.closed_when_asserted) for line in slot.driven.values() if line.board == name
        )
        if feeds is not None and feeds.closed_when_on is not None:
            contacts = ((feeds.channel, not feeds.closed_when_on), *contacts)
        found.append((instrument.key, Use(slot.name, outputs, contacts)))
    return found
