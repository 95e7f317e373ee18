"""A scheduler for pytest-xdist: one worker for each slot, tests without a slot for whoever is free,
spare workers (without a slot) included.

A slot never changes its worker; a test that killed its worker is never sent again; a worker that dies
costs its slot one ERROR, and a new worker of the same slot goes on with the rest.

xdist's workers keep their last item until they know the next one (they need it for fixture teardown),
so every worker is fed the current and the next item, and told to shut down when nothing is left.

That is also how a procedure on two slots waits for both: both workers collect it, and hold it, each as its
last item. When both hold it they are idle: the second one is let go first, which gives its slot back
(:mod:`cellbench.session.workers.pairs`), then the first one, which runs it on both; the second one holds its
next item until then. Such procedures come last, and every worker takes its own in the same order, so that two
never wait for each other.
"""

from __future__ import annotations

import enum
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cellbench.session.workers.slotless import SlotlessTests, file_of

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

log = logging.getLogger(__name__)

_FEED = 2  # current and next


class Begun(enum.Enum):
    """How far a dead worker had come with a test."""

    NOT = "not"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(slots=True)
class _Worker:
    """What one worker collected and what it was sent. ``since_s``: when it was last let go on, None while
    there is nothing that it could do. ``file``: where its last test without a slot stands."""

    slot: str | None
    index_of: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    pending: deque[str] = field(default_factory=deque)
    collected: bool = False
    shut: bool = False
    since_s: float | None = None
    file: str = ""


@dataclass(slots=True)
class _Pair:
    """A procedure on two slots that has not ended. ``taken``: slots whose workers were sent it; ``lent``: the
    second slot is free for the first one's worker, or lost."""

    first: str
    second: str
    taken: set[str] = field(default_factory=set)
    lent: bool = False


class SlotScheduling:
    """xdist's Scheduling protocol, keyed by slot.

    ``slot_of`` maps a worker to its slot; ``slots_for`` tells which slots a test needs: none, one or two;
    ``begun`` tells how far a worker that died had come with a test; ``before_first`` runs once, before the
    first test that needs a slot is sent.
    """

    def __init__(
        self,
        *,
        slots: Collection[str],
        workers: int,
        slot_of: Callable[[WorkerController], str | None],
        slots_for: Callable[[str], tuple[str, ...]],
        begun: Callable[[WorkerController, str], Begun],
        before_first: Callable[[], None],
        on_collected: Callable[[Collection[str]], None],
    ) -> None:
        self._slots = slots
        self._expected = workers
        self._slot_of = slot_of
        self._slots_for = slots_for
        self._begun = begun
        self._before_first = before_first
        self._on_collected = on_collected
        self._workers: dict[WorkerController, _Worker] = {}
        self._slot_queue: dict[str, deque[str]] = {}
        self._shared = SlotlessTests()
        self._pairs: dict[str, _Pair] = {}
        self._known: set[str] = set()
        self._told: set[str] = set()  # slots whose tests are known
        self._any_told = False
        self._prepared = False
        self._lost: set[str] = set()
        self._lost_workers = 0

    # -- what xdist asks -------------------------------------------------------------------------

    @property
    def nodes(self) -> list[WorkerController]:
        """Workers that are alive, in the order they came."""
        return list(self._workers)

    @property
    def collection_is_completed(self) -> bool:
        """True as soon as any worker has collected: workers do not wait for each other."""
        return any(worker.collected for worker in self._workers.values())

    @property
    def tests_finished(self) -> bool:
        """True when nothing is queued and nothing is running."""
        if not all(slot in self._told or slot in self._lost for slot in self._slots):
            return False
        return (self._any_told or self._lost_workers >= self._expected) and not self.has_pending

    @property
    def has_pending(self) -> bool:
        """True while a test is queued or running on a worker."""
        queued = self._shared or self._pairs or any(self._slot_queue.values())
        return bool(queued) or any(worker.pending for worker in self._workers.values())

    def add_node(self, node: WorkerController) -> None:
        """A worker is ready to collect."""
        self._workers[node] = _Worker(slot=self._slot_of(node))

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """A worker has collected: its slot's tests and those without a slot."""
        worker = self._workers[node]
        worker.ids = list(collection)
        worker.index_of = {nodeid: index for index, nodeid in enumerate(collection)}
        worker.collected = self._any_told = True
        if worker.slot is not None:
            self._told.add(worker.slot)
        for nodeid in collection:
            if nodeid not in self._known:
                self._known.add(nodeid)
                self._enqueue(nodeid)
        self._on_collected(self._known)

    def schedule(self) -> None:
        """Feed every worker that has collected."""
        if not self._prepared and (self._pairs or any(self._slot_queue.values())):
            self._prepared = True
            self._before_first()
        self._feed_all()

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """A worker has finished one test, or has lent its slot for one."""
        worker = self._workers[node]
        nodeid = worker.ids[item_index]
        worker.pending.remove(nodeid)
        worker.since_s = time.monotonic() if len(worker.pending) >= _FEED or worker.shut else None
        pair = self._pairs.get(nodeid)
        if pair is None:
            self._feed(node)
            return
        if worker.slot == pair.second:
            pair.lent = True
        else:
            del self._pairs[nodeid]
        self._feed_all()

    def mark_test_pending(self, item: str) -> None:
        """xdist offers to run a crashed test again: never done here, it may be lethal in an update."""

    def remove_pending_tests_from_node(self, node: WorkerController, indices: Sequence[int]) -> None:
        """Only stealing schedulers need this; a slot never changes its worker."""

    def remove_node(self, node: WorkerController) -> str | None:
        """A worker is gone: give back what it had not begun; name the test that it died in."""
        worker = self._workers.pop(node)
        crashed: str | None = None
        if worker.pending:
            how_far = self._begun(node, worker.pending[0])
            if how_far is not Begun.NOT:
                nodeid = worker.pending.popleft()
                self._pairs.pop(nodeid, None)
                crashed = nodeid if how_far is Begun.RUNNING else None
        for nodeid in reversed(worker.pending):
            self._give_back(nodeid, worker)
        self._feed_all()
        return crashed

    # -- ours ------------------------------------------------------------------------------------

    def needs_worker(self, slot: str) -> bool:
        """True while a slot ("" for a spare worker) has tests, or nobody knows which."""
        others = any(worker.collected and not worker.shut for worker in self._workers.values())
        if self._shared and not others:
            return True
        if not slot:
            return not self._any_told
        return slot not in self._told or bool(self._slot_queue.get(slot)) or self._open_pair(slot) is not None

    def knows(self, slot: str) -> bool:
        """True once a worker of a slot has told the slot's tests."""
        return slot in self._told

    def lose_worker(self, slot: str) -> list[str]:
        """A worker cannot be started again (``slot`` "": a spare one): the tests that will not run.

        Procedures that needed it as their second slot are still sent to the first one's worker, which tells
        why they are not possible.
        """
        self._lost_workers += 1
        unrun = list(self._slot_queue.pop(slot, ()))
        if slot:
            self._lost.add(slot)
        for nodeid, pair in list(self._pairs.items()):
            if pair.first == slot:
                del self._pairs[nodeid]
                unrun.append(nodeid)
            elif pair.second == slot:
                pair.lent = True
        if all(worker.shut for worker in self._workers.values()):
            unrun += self._shared.drain()
        self._feed_all()
        return unrun

    def waiting_since(self, node: WorkerController) -> float | None:
        """Since when (the host's monotonic clock, seconds) a worker that has collected could go on with
        what it holds; None while it has nothing to do."""
        worker = self._workers.get(node)
        return worker.since_s if worker is not None else None

    def has_collected(self, node: WorkerController) -> bool:
        """True once a worker has told its tests."""
        worker = self._workers.get(node)
        return worker is not None and worker.collected

    # -- inside ----------------------------------------------------------------------------------

    def _enqueue(self, nodeid: str) -> None:
        slots = self._slots_for(nodeid)
        if len(slots) > 1:
            self._pairs[nodeid] = _Pair(slots[0], slots[1], lent=slots[1] in self._lost)
        elif slots:
            self._slot_queue.setdefault(slots[0], deque()).append(nodeid)
        else:
            self._shared.add(nodeid)

    def _give_back(self, nodeid: str, worker: _Worker) -> None:
        pair = self._pairs.get(nodeid)
        if pair is not None and worker.slot is not None:
            pair.taken.discard(worker.slot)
            return
        slots = self._slots_for(nodeid)
        if len(slots) > 1:
            return  # its own part in a procedure that has ended meanwhile
        if slots:
            self._slot_queue.setdefault(slots[0], deque()).appendleft(nodeid)
        else:
            self._shared.give_back(nodeid)

    def _feed_all(self) -> None:
        for node in list(self._workers):
            self._feed(node)

    def _feed(self, node: WorkerController) -> None:
        worker = self._workers.get(node)
        if worker is None or not worker.collected or worker.shut:
            return
        while len(worker.pending) < _FEED:
            if worker.pending and not self._may_begin(worker, worker.pending[0]):
                self._call_partner(worker)
                return
            nodeid = self._next_for(worker)
            if nodeid is None:
                break
            worker.pending.append(nodeid)
            self._send(node, worker.index_of[nodeid])
            if len(worker.pending) == _FEED:
                worker.since_s = time.monotonic()
        if len(worker.pending) < _FEED and self._nothing_left_for(worker):
            worker.shut = True
            worker.since_s = time.monotonic()
            node.shutdown()

    def _may_begin(self, worker: _Worker, nodeid: str) -> bool:
        """False while a worker must hold the item that it has: its slot is lent, or a partner not ready."""
        if any(pair.lent and pair.second == worker.slot and other != nodeid
               for other, pair in self._pairs.items()):
            return False
        pair = self._pairs.get(nodeid)
        if pair is None:
            return True
        if worker.slot == pair.first:
            return pair.lent
        return pair.lent or self._holds(pair.first, nodeid)

    def _holds(self, slot: str, nodeid: str) -> bool:
        """True when a slot's worker has come to an item and holds it."""
        return any(worker.slot == slot and worker.pending and worker.pending[0] == nodeid
                   for worker in self._workers.values())

    def _call_partner(self, worker: _Worker) -> None:
        """A first worker has come to its procedure: the second one may be waiting for just that."""
        nodeid = worker.pending[0]
        pair = self._pairs.get(nodeid)
        if pair is None or worker.slot != pair.first or pair.lent:
            return
        for node, other in list(self._workers.items()):
            if other.slot == pair.second and other.pending and other.pending[0] == nodeid:
                self._feed(node)

    def _next_for(self, worker: _Worker) -> str | None:
        own = self._slot_queue.get(worker.slot) if worker.slot is not None else None
        if own:
            return own.popleft()
        held = {other.file for other in self._workers.values() if other is not worker and not other.shut}
        nodeid = self._shared.take(worker.file, held, worker.index_of)
        if nodeid is not None:
            worker.file = file_of(nodeid)
            return nodeid
        if worker.slot is None:
            return None
        pair = self._open_pair(worker.slot)
        if pair is None or pair not in worker.index_of:
            return None
        self._pairs[pair].taken.add(worker.slot)
        return pair

    def _open_pair(self, slot: str | None) -> str | None:
        """The next procedure on two slots in which a slot's worker has not been asked to take its part."""
        for nodeid, pair in self._pairs.items():
            if slot in (pair.first, pair.second) and slot not in pair.taken and not (
                slot == pair.second and pair.lent
            ):
                return nodeid
        return None

    def _nothing_left_for(self, worker: _Worker) -> bool:
        own = self._slot_queue.get(worker.slot) if worker.slot is not None else None
        return not own and self._open_pair(worker.slot) is None

    @staticmethod
    def _send(node: WorkerController, index: int) -> None:
        try:
            node.send_runtest_some([index])
        except OSError:
            # the worker has just died; its death event follows and gives the test back
            log.debug("worker %s is gone, its death event follows", node.gateway.id)
