"""Goes through the cells: every slot at once, each with a process of its own that may die.

A slot's process holds its lease, so that its death is what a host's death is: the guardian makes the slot
safe, and another process finishes the cell.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Protocol

from cellbench.base.errors import CellbenchError, Owner
from cellbench.campaign.cell import Begun, Runner
from cellbench.campaign.cells import Cell
from cellbench.campaign.ledger import Ledger
from cellbench.host.firmware.model import Method
from cellbench.record.interruption import CellOutcome, CellRecord, Interruption

_END_S = 20.0
_LOOK_S = 0.5
_MOST_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Order:
    """What a slot's process is told: a cell, and what is known of it when its first host has died."""

    cell: Cell
    begun: Begun | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a slot's process tells: how the cell ended, what its unit runs now, why it starts no more."""

    record: CellRecord
    version: str
    dead: str


class Process(Protocol):
    """What is needed of multiprocessing's process."""

    @property
    def exitcode(self) -> int | None: ...
    def is_alive(self) -> bool: ...
    def kill(self) -> None: ...
    def join(self, timeout: float | None = None) -> None: ...


@dataclass(slots=True)
class Hand:
    """A slot's process, and the way to it."""

    process: Process
    connection: Connection

    def end(self, *, at_once: bool = False) -> None:
        """Have it give its slot back; kill it when it does not, or ``at_once``."""
        try:
            if at_once:
                self.process.kill()
            else:
                self.connection.send(None)
        except OSError:
            pass  # it has ended
        self.process.join(_END_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join(_END_S)
        self.connection.close()


def serve(connection: Connection, runner: Callable[[Callable[[Begun], None]], Runner]) -> None:
    """What a slot's process does: cells as they are ordered, until None. ``runner`` opens the slot at the
    first order; it is given where last words go."""
    here: Runner | None = None
    while (order := connection.recv()) is not None:
        if here is None:
            try:
                here = runner(connection.send)
            except CellbenchError as error:
                record = CellRecord(order.cell.id, CellOutcome.ERROR, owner=error.owner,
                                    reason=f"the slot cannot be had: {error}")
                connection.send(Done(record, "", ""))
                continue
        record = here.run(order.cell) if order.begun is None else here.go_on(order.begun)
        here.ground.ended(record)
        connection.send(Done(record, here.version, here.dead))


@dataclass(slots=True)
class Crew:
    """All slots of a matrix at work. A cell that an error of somebody else kept from an answer is tried once
    more, on another slot where there is one; a slot with three such cells in a row does no more. ``start``
    starts a slot's process; ``limit_s`` is the longest that a cell may take before its process is ended;
    ``tell`` is called with every record as it comes."""

    ledger: Ledger
    cells: Sequence[Cell]
    slots: Mapping[str, str]  # name: series
    start: Callable[[str], Hand]
    tell: Callable[[CellRecord], None]
    limit_s: float
    home: Mapping[str, str] = field(default_factory=dict)  # series: version that the servers' packages fit
    stopped: threading.Event = field(default_factory=threading.Event)
    _pending: list[Cell] = field(default_factory=list)
    _running: dict[str, Cell] = field(default_factory=dict)
    _tried: dict[str, str] = field(default_factory=dict)  # cell: slot on which it was tried in vain
    _failures: dict[str, int] = field(default_factory=dict)  # slot: errors in a row
    _left: dict[str, str] = field(default_factory=dict)  # slot: why it does no more
    _sour: set[str] = field(default_factory=set)  # slots whose bench is out of order
    _hands: dict[str, Hand] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _trouble: list[BaseException] = field(default_factory=list)

    def run(self) -> None:
        """Every cell that is not settled, then the reasons of those that were not run. Raises the first error
        of the ledger; after Ctrl-C the cells under way are cut."""
        self._pending = [cell for cell in self.cells
                         if not cell.why_not and not self.ledger.settled(cell.id)]
        threads = [threading.Thread(target=self._work, args=(slot,), name=f"cells-{slot}")
                   for slot in self.slots]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(_LOOK_S)
        finally:
            self._stop()
            for thread in threads:
                thread.join()
        if self._trouble:
            raise self._trouble[0]
        self._leave_rest()

    def _stop(self) -> None:
        with self._changed:
            if self.stopped.is_set() or not self._running:
                return
            self.stopped.set()
            for hand in self._hands.values():
                hand.process.kill()
            self._changed.notify_all()

    def _work(self, slot: str) -> None:
        version = ""
        try:
            while (cell := self._take(slot, version)) is not None:
                self.ledger.begin(cell.id, slot)
                done = self._one(slot, cell)
                if self.stopped.is_set():
                    return
                version = done.version
                self.ledger.end(done.record)
                self.tell(done.record)
                self._release(slot, cell, done)
        except BaseException as error:
            self._trouble.append(error)
        finally:
            with self._changed:
                self._running.pop(slot, None)
                hand = self._hands.pop(slot, None)
                self._changed.notify_all()
            if hand is not None:
                hand.end(at_once=self.stopped.is_set())

    # -- one cell ----------------------------------------------------------------------------------

    def _one(self, slot: str, cell: Cell) -> Done:
        began, begun = time.monotonic(), None
        spare = self.start(slot) if cell.kind is Interruption.HOST_KILLED else None
        try:
            while True:
                answer = self._ask(slot, Order(cell, begun), began)
                if isinstance(answer, Done):
                    return answer
                if begun is not None or not isinstance(answer, Begun):
                    return self._lost(slot, cell, answer, began)
                begun = answer
                self._end_hand(slot, at_once=True)
                with self._changed:
                    self._hands[slot], spare = spare or self.start(slot), None
        finally:
            if spare is not None:
                spare.end()

    def _ask(self, slot: str, order: Order, began: float) -> Done | Begun | str:
        """The process's answer; its last words; or how it ended without any."""
        with self._changed:
            if slot not in self._hands:
                self._hands[slot] = self.start(slot)
            hand = self._hands[slot]
        begun: Begun | None = None
        try:
            hand.connection.send(order)
            while True:
                if not hand.connection.poll(max(0.0, began + self.limit_s - time.monotonic())):
                    hand.process.kill()
                    return f"it took longer than {self.limit_s:g} s and was ended"
                answer = hand.connection.recv()
                if not isinstance(answer, Begun):
                    return answer  # type: ignore[no-any-return]
                begun = answer
        except (EOFError, OSError):
            hand.process.join(_END_S)
        return begun if begun is not None else f"its process ended with {hand.process.exitcode}"

    def _lost(self, slot: str, cell: Cell, answer: object, began: float) -> Done:
        self._end_hand(slot, at_once=True)
        why = answer if isinstance(answer, str) else "its process died a second time"
        record = CellRecord(cell.id, CellOutcome.ERROR, slot, Owner.FRAMEWORK, f"the cell was lost: {why}",
                            seconds=time.monotonic() - began)
        return Done(record, "", "")

    def _end_hand(self, slot: str, *, at_once: bool = False) -> None:
        with self._changed:
            hand = self._hands.pop(slot, None)
        if hand is not None:
            hand.end(at_once=at_once)

    # -- which cell next -----------------------------------------------------------------------------

    def _take(self, slot: str, version: str) -> Cell | None:
        """The next cell of a slot; waits while all that are left would disturb what others do, and while a
        cell of another slot may come back to be tried here."""
        with self._changed:
            while not self.stopped.is_set() and slot not in self._left:
                mine = [cell for cell in self._pending if cell.series == self.slots[slot]
                        and (self._tried.get(cell.id) != slot or not self._others(slot))]
                free = [cell for cell in mine if not self._disturbs(cell)]
                if free:
                    chosen = min(free, key=lambda cell: self._order(cell, version))
                    self._pending.remove(chosen)
                    self._running[slot] = chosen
                    return chosen
                if not mine and not any(other in self._running for other in self._others(slot)):
                    return None
                self._changed.wait(_LOOK_S)
            return None

    def _others(self, slot: str) -> list[str]:
        """Slots of the same series that are at work."""
        return [other for other, series in self.slots.items() if series == self.slots[slot]
                and other != slot and other not in self._left]

    def _order(self, cell: Cell, version: str) -> tuple[bool, bool, int]:
        """Cells that begin with what runs now first; then those that must be alone with something, so that
        they are not all left for the end; then as planned."""
        away = cell.over_network and version not in ("", self.home.get(cell.series, version))
        alone = cell.method is Method.FLASH or cell.kind is Interruption.SERVER_GONE
        return away, not alone, self._pending.index(cell)

    def _disturbs(self, cell: Cell) -> bool:
        """True when this cell stops a server that another uses now, or uses one that another stops; and while
        another module is flashed: the tool could take one for the other in boot mode."""
        users = [other for other in self._running.values() if other.method is cell.method]
        if cell.method is Method.FLASH:
            return bool(users)
        if not cell.over_network:
            return False
        if cell.kind is Interruption.SERVER_GONE:
            return bool(users)
        return any(other.kind is Interruption.SERVER_GONE for other in users)

    def _release(self, slot: str, cell: Cell, done: Done) -> None:
        failed = not done.record.outcome.settled and done.record.outcome is not CellOutcome.NOT_POSSIBLE
        if failed:
            self._end_hand(slot)  # another process opens everything anew
        with self._changed:
            self._running.pop(slot, None)
            self._failures[slot] = self._failures.get(slot, 0) + 1 if failed else 0
            if failed and cell.id not in self._tried:
                self._tried[cell.id] = slot
                self._pending.append(cell)
            if done.dead:
                self._left[slot] = f"its unit starts no more since {done.record.cell}"
            elif self._failures[slot] >= _MOST_FAILURES:
                self._left[slot] = f"{_MOST_FAILURES} errors in a row, the last: {done.record.reason}"
                self._sour.add(slot)
            self._changed.notify_all()

    def _leave_rest(self) -> None:
        """Cells that no slot was left for."""
        for cell in self._pending:
            gone = {slot: why for slot, why in self._left.items() if self.slots[slot] == cell.series}
            told = "; ".join(f"{slot}: {why}" for slot, why in gone.items()) or "none of the series"
            owner = Owner.RIG if self._sour & gone.keys() else None
            why = f"no slot is left: {told}"
            self.ledger.end(CellRecord(cell.id, CellOutcome.NOT_RUN, owner=owner, reason=why))
