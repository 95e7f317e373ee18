"""One cell from its first step to its judgement, on the unit of one slot.

The unit is put on, asked for its version, marked; the update runs and is interrupted; the unit is brought
back; what it is then is compared with what it was; and it takes a next update. When the host is to die, what
is known so far goes to another process before, which finishes the cell.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from cellbench.base.errors import CellbenchError, NotPossible, Owner, UnitError
from cellbench.base.protocols import FarSide
from cellbench.campaign.cells import Cell
from cellbench.campaign.hands import CAUSE, SLOW, Interrupted, Interrupter, ways_of
from cellbench.campaign.marks import look, plant
from cellbench.campaign.oracle import Judgement, Seen, judge
from cellbench.campaign.served import ROLES, Served, find_served
from cellbench.campaign.shelf import Shelf
from cellbench.host.firmware.download import PackageStore
from cellbench.host.firmware.fingerprint import Change, Fingerprint, compare
from cellbench.host.firmware.model import (
    Method,
    Package,
    Recovery,
    RecoveryPath,
    Stage,
    Update,
    UpdateNotApplied,
)
from cellbench.record.interruption import CellOutcome, CellRecord, Interruption
from cellbench.rig.destructive import own_unit
from cellbench.rig.dut import Dut
from cellbench.rig.services import ServiceMap
from cellbench.rig.slot import PowerState, Slot
from cellbench.rig.updating import Updater

_MOST_DIFFERENCES = 6


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of a bench: ``later`` into the silent minutes, ``away`` how long a port, server or network is
    gone at most."""

    later_s: float = 30.0
    away_s: float = 60.0


FAST = Pace(later_s=0.05, away_s=3.0)
"""For modules whose own durations are a fiftieth."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a cell when its host dies. ``monotonic_s`` is when it began."""

    cell: Cell
    package: Package
    before: str
    fingerprint: Fingerprint
    monotonic_s: float
    reached: Stage | None = None
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """What the cells of a slot stand on. ``shelf`` has the packages for its module; ``last_words`` takes a
    cell whose host is about to die, ``ended`` is told each record in the process of the slot."""

    slot: Slot
    far: FarSide
    services: ServiceMap
    apn: str | None
    shelf: Shelf
    pace: Pace
    last_words: Callable[[Begun], None]
    ended: Callable[[CellRecord], None]


@dataclass(slots=True)
class Runner:
    """Runs cells on one slot, one after the other. ``version`` is what its unit ran last, "" while unknown;
    ``dead`` says since when it does not start, "" while it does."""

    ground: Ground
    version: str = ""
    dead: str = ""
    _served: dict[Method, Served] = field(default_factory=dict)

    def run(self, cell: Cell) -> CellRecord:
        """A cell from the beginning; errors become its outcome."""
        began = time.monotonic()
        lacking = ways_of(self.ground.slot, self.ground.far).lacking(cell.kind)
        if lacking:
            return self._record(cell, Judgement(CellOutcome.NOT_POSSIBLE, None, lacking), began)
        try:
            begun = self._prepared(cell, began)
        except NotPossible as error:
            return self._record(cell, Judgement(CellOutcome.NOT_POSSIBLE, None, str(error)), began)
        except CellbenchError as error:
            return self._unprepared(cell, error, began)
        return self._finish(begun, *self._interrupt(begun))

    def go_on(self, begun: Begun) -> CellRecord:
        """A cell whose host was killed, in the process after it."""
        slot, seen = self.ground.slot, Seen(begun.cell, begun.package, begun.before, begun.reached)
        evidence = list(begun.seen)
        enabled = slot.reading().enabled if slot.model.power is not None else False
        if enabled:
            seen.bench.append("the supply is on although the host that held the slot has died")
        evidence.append("the host was killed (SIGKILL); the guardian switched the supply off")
        return self._finish(begun, seen, evidence)

    # -- before ------------------------------------------------------------------------------------

    def _prepared(self, cell: Cell, began: float) -> Begun:
        """Ready for the update; a unit that something left in the middle of another is brought back first."""
        try:
            return self._prepare(cell, began)
        except UnitError as error:
            if bench_faults(self.ground.slot) or (back := self._revive(error)) is None:
                raise
            begun = self._prepare(cell, began)
            return replace(begun, seen=(f"before: {error}; brought back by {back.path.value}",))

    def _prepare(self, cell: Cell, began: float) -> Begun:
        dut = self._dut()
        self.version = dut.identify(sim=False).firmware
        shelf = self.ground.shelf
        served = self._find_served(cell) if cell.over_network else None
        if served is not None:
            self._lead_to(dut, served.package.start or self.version)
        elif shelf.fitting(cell, self.version) is None:
            self._lead_to(dut, shelf.first_start(self.version))
        package = served.package if served is not None else shelf.must(cell, self.version)
        plant(dut)
        return Begun(cell, package, self.version, look(dut), began)

    def _dut(self) -> Dut:
        slot = self.ground.slot
        if slot.state is not PowerState.ON or not slot.is_powered():
            slot.power_on()
        dut = Dut(slot, slot.channel(slot.roles()[0]))
        dut.settle()
        return dut

    def _lead_to(self, dut: Dut, version: str) -> None:
        """One delta that leads to a version, where it is not what runs."""
        if self.version != version:
            self.version = Updater(dut).foat(self.ground.shelf.leading(self.version, version)).after

    def _find_served(self, cell: Cell) -> Served:
        if self.ground.far.can("server"):  # a transfer that is over at once cannot be interrupted
            self.ground.far.act("server", name=ROLES[cell.method], state=SLOW)
        if cell.method not in self._served:
            self._served[cell.method] = find_served(self.ground.services, cell.method, cell.series,
                                                    self.ground.shelf.packages)
        return self._served[cell.method]

    # -- the update --------------------------------------------------------------------------------

    def _interrupt(self, begun: Begun) -> tuple[Seen, list[str]]:
        cell, seen = begun.cell, Seen(begun.cell, begun.package, begun.before)
        hands: Interrupter

        def last_words(stage: Stage) -> None:
            self.ground.last_words(replace(begun, reached=stage, seen=(*begun.seen, *hands.seen)))

        evidence = list(begun.seen)
        hands = Interrupter(
            self.ground.slot, self.ground.far, cell.kind, cell.place, begun.package.size,
            ROLES.get(cell.method, ""), self.ground.pace.later_s, self.ground.pace.away_s, last_words, _die,
            whole_s=self._served[cell.method].seconds if cell.over_network else 0.0)
        try:
            seen.update = self._update(begun, hands)
        except Interrupted:
            pass
        except CellbenchError as error:
            seen.failure = error
            hands.seen.append(f"the update ended for the host: {error}")
        finally:
            try:
                hands.put_back()
            except CellbenchError as error:
                hands.faults.append(f"what was taken away could not be put back: {error}")
        seen.reached = hands.reached
        seen.bench += hands.faults
        return seen, evidence + hands.seen

    def _update(self, begun: Begun, hands: Interrupter) -> Update:
        cell, package = begun.cell, begun.package
        dut = self._dut()
        own_unit(dut.slot, dut)
        port = self._port(cell)
        updater = Updater(dut, report=hands)
        match cell.method:
            case Method.FOAT:
                return updater.foat(package, port=port)
            case Method.FLASH:
                return updater.flash(package)
            case Method.FTP | Method.HTTP | Method.SERIAL:
                self._download(begun, self._over(dut, port), hands)
                return updater.install(package, method=cell.method, port=port)

    def _over(self, dut: Dut, port: str | None) -> Dut:
        if port is None:
            return dut
        other = dut.over(dut.port(port))
        other.send("AT+CMEE=2")  # a setting of each port
        return other

    def _download(self, begun: Begun, dut: Dut, hands: Interrupter) -> None:
        cell, package = begun.cell, begun.package
        store = PackageStore(dut.at, hands)
        if cell.method is Method.SERIAL:
            store.by_serial(package)
            return
        dut.register()
        dut.activate(apn=self.ground.apn)
        served = self._find_served(cell)
        if cell.method is Method.FTP:
            store.by_ftp(package, served.ftp(), served.path)
        else:
            store.by_http(package, served.http(), served.path)

    def _port(self, cell: Cell) -> str | None:
        """USB where USB is to be pulled; else the main port."""
        on_usb = cell.kind is Interruption.USB_PULLED and cell.method is not Method.FLASH
        return "at0" if on_usb else None

    # -- afterwards --------------------------------------------------------------------------------

    def _finish(self, begun: Begun, seen: Seen, evidence: list[str]) -> CellRecord:
        try:
            self._bring_back(begun, seen, evidence)
            if self._alive(seen):
                self._look_again(begun, seen, evidence)
                self._next_update(seen, evidence)
        except CellbenchError as error:
            evidence.append(f"afterwards: {error}")
            if seen.recovery is None:
                seen.failure = error
            elif seen.next_failure is None:
                seen.next_failure = error
        judgement = judge(seen)
        if judgement.outcome is CellOutcome.BRICKED:
            judgement = self._bench_or_brick(judgement, evidence)
        return self._record(begun.cell, judgement, begun.monotonic_s, begun, seen, evidence)

    def _bring_back(self, begun: Begun, seen: Seen, evidence: list[str]) -> None:
        slot = self.ground.slot
        dut = Dut(slot, slot.channel(slot.roles()[0]))
        seen.recovery = self._heard_twice(Updater(dut).recover(begun.package), begun, evidence)
        self.version = seen.recovery.version
        evidence.append(f"way back: {seen.recovery.path.value}, {seen.recovery.version or 'no version'}, "
                        f"{seen.recovery.seconds:.1f} s")

    def _heard_twice(self, found: Recovery, begun: Begun, evidence: list[str]) -> Recovery:
        """A version that is neither the old nor the new one is asked for once more before it is a finding: a
        late answer to another command may stand in its place."""
        if not found.version or found.version in (begun.before, begun.package.end):
            return found
        again = self._dut().identify(sim=False).firmware
        evidence.append(f"told as version: {found.version}; asked once more: {again}")
        plain = RecoveryPath.NEW_FIRMWARE if again == begun.package.end else RecoveryPath.OLD_FIRMWARE
        by_itself = found.path in (RecoveryPath.OLD_FIRMWARE, RecoveryPath.NEW_FIRMWARE)
        return replace(found, version=again, path=plain if by_itself else found.path)

    def _alive(self, seen: Seen) -> bool:
        return seen.recovery is not None and bool(seen.recovery.version)

    def _look_again(self, begun: Begun, seen: Seen, evidence: list[str]) -> None:
        dut = self._dut()
        after = look(dut)
        seen.differences = compare(begun.fingerprint, after, begun.cell.method, profile=dut.profile)
        changed = [str(one) for one in seen.differences if one.change in (Change.CHANGED, Change.LOST)]
        evidence += changed[:_MOST_DIFFERENCES]
        if len(changed) > _MOST_DIFFERENCES:
            evidence.append(f"and {len(changed) - _MOST_DIFFERENCES} more differences")

    def _next_update(self, seen: Seen, evidence: list[str]) -> None:
        package = self.ground.shelf.next_delta(self.version)
        if package is None:
            evidence.append(f"no next update: no delta begins from {self.version}")
            return
        try:
            done = Updater(self._dut()).foat(package)
        except CellbenchError as error:
            evidence.append(f"next update: {error}")
            if not self._applied_after_all(error, package, evidence):
                seen.next_failure = error
                self._set_right()
                return
            seen.next_done = True
            return
        self.version, seen.next_done = done.after, True
        evidence.append(f"next update: {done.before} to {done.after}, {done.seconds:.1f} s")

    def _applied_after_all(self, error: CellbenchError, package: Package, evidence: list[str]) -> bool:
        """A version that was misheard is no finding: the module is asked once more."""
        if not isinstance(error, UpdateNotApplied):
            return False
        try:
            self.version = self._dut().identify(sim=False).firmware
        except CellbenchError:
            return False
        evidence.append(f"asked once more: {self.version} runs")
        return self.version == package.end

    def _set_right(self) -> None:
        """After a next update that failed: whatever runs, the next cell asks."""
        slot = self.ground.slot
        slot.power_off(hard=True, cause=CAUSE)
        self.version = ""

    # -- words -------------------------------------------------------------------------------------

    def _bench_or_brick(self, judgement: Judgement, evidence: list[str]) -> Judgement:
        """A unit is dead only where the bench is not: its supply gives what it should."""
        slot = self.ground.slot
        wrong = bench_faults(slot)
        if wrong:
            return Judgement(CellOutcome.ERROR, Owner.RIG, "; ".join(wrong))
        evidence.append("the bench is in order: the supply gives its voltage and nothing has tripped")
        if not self.version and not self._flashed_anew(evidence):
            self.dead = judgement.reason
        return judgement

    def _flashed_anew(self, evidence: list[str]) -> bool:
        """Put a unit back that nothing else starts, for the cells to come; what it was found to be stays."""
        package = self.ground.shelf.image()
        slot = self.ground.slot
        if package is None or slot.flasher is None:
            return False
        try:
            self.version = Updater(Dut(slot, slot.channel(slot.roles()[0]))).flash(package).after
        except CellbenchError as error:
            evidence.append(f"flashing does not bring it back either: {error}")
            slot.power_off(hard=True, cause=CAUSE)
            return False
        evidence.append(f"flashed anew for the cells to come: {self.version}")
        return True

    def _unprepared(self, cell: Cell, error: CellbenchError, began: float) -> CellRecord:
        """Nothing was done to the unit yet: what keeps it from answering is looked at, and is no finding."""
        wrong = bench_faults(self.ground.slot)
        owner = Owner.RIG if wrong else error.owner
        self.ground.slot.close_channels()  # a port that broke is opened anew
        words = "; ".join([f"before the cell: {error}", *wrong])
        return self._record(cell, Judgement(CellOutcome.ERROR, owner, words), began)

    def _revive(self, error: CellbenchError) -> Recovery | None:
        """Bring a unit back that a cut matrix, or the last cell, has left in the middle of something."""
        slot = self.ground.slot
        for package in self._candidates():
            try:
                slot.power_off(hard=True, cause=CAUSE)
                found = Updater(Dut(slot, slot.channel(slot.roles()[0]))).recover(package)
            except CellbenchError:
                continue
            if found.version:
                self.version = found.version
                return found
        self.dead = str(error)
        return None

    def _candidates(self) -> Sequence[Package | None]:
        return [*self.ground.shelf.deltas, None]

    def _record(self, cell: Cell, judgement: Judgement, began: float, begun: Begun | None = None,
                seen: Seen | None = None, evidence: Sequence[str] = ()) -> CellRecord:
        recovery = seen.recovery if seen is not None else None
        way = recovery.path.value if recovery and recovery.path is not RecoveryPath.DEAD else ""
        by_itself = judgement.outcome in (CellOutcome.OLD, CellOutcome.NEW, CellOutcome.REFUSED)
        return CellRecord(
            cell=cell.id, outcome=judgement.outcome, slot=self.ground.slot.name, owner=judgement.owner,
            reason=judgement.reason, recovery="" if by_itself else way,
            before=begun.before if begun else "", after=recovery.version if recovery else "",
            wanted=begun.package.end if begun else "",
            place_seen=seen.reached.value if seen and seen.reached else "", evidence=tuple(evidence),
            seconds=time.monotonic() - began, recovery_s=recovery.seconds if recovery else None)


def bench_faults(slot: Slot) -> list[str]:
    """What of a slot's own bench is not as it has to be while its module is on."""
    if slot.lease is None or slot.model.power is None:
        return []
    try:
        reading = slot.reading()
    except CellbenchError as error:
        return [f"the supply cannot be read: {error}"]
    if reading.tripped:
        return [f"the supply's {reading.tripped} protection has tripped"]
    wanted = slot.model.power.voltage_v
    if reading.enabled and reading.voltage_v is not None and wanted and reading.voltage_v < 0.9 * wanted:
        return [f"the supply gives {reading.voltage_v:.2f} V in place of {wanted:g} V"]
    return []


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
