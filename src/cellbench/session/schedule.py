"""A scheduler for pytest-xdist: one worker for each slot, tests without a slot for whoever is free,
spare workers (without a slot) included.

A slot never changes its worker; a test that killed its worker is never sent again; a worker that dies
costs its slot one ERROR, and a new worker of the same slot goes on with the rest.

xdist's workers keep their last item until they know the next one (they need it for fixture teardown),
so every worker is fed the current and the next item, and told to shut down when nothing is left.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

log = logging.getLogger(__name__)

_FEED = 2  # current and next


@dataclass(slots=True)
class _Worker:
    """What one worker collected and what it was sent."""

    slot: str | None
    index_of: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    pending: deque[str] = field(default_factory=deque)
    collected: bool = False
    shut: bool = False


class SlotScheduling:
    """xdist's Scheduling protocol, keyed by slot.

    ``slot_of`` maps a worker to its slot; ``started`` answers whether a worker had begun a test
    (a synced mark), which tells a test that killed its worker from one that was only queued;
    ``before_first`` runs once, before the first test that needs a slot is sent.
    """

    def __init__(
        self,
        *,
        workers: int,
        slot_of: Callable[[WorkerController], str | None],
        needs_slot: Callable[[str], str | None],
        started: Callable[[WorkerController, str], bool],
        before_first: Callable[[], None],
        on_collected: Callable[[Collection[str]], None],
    ) -> None:
        self._expected = workers
        self._slot_of = slot_of
        self._needs_slot = needs_slot
        self._started = started
        self._before_first = before_first
        self._on_collected = on_collected
        self._workers: dict[WorkerController, _Worker] = {}
        self._slot_queue: dict[str, deque[str]] = {}
        self._shared: deque[str] = deque()
        self._known: set[str] = set()
        self._prepared = False
        self._lost: set[str] = set()
        self._lost_workers = 0
        self._finished = 0

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
        collected = sum(worker.collected for worker in self._workers.values())
        if collected + self._finished + self._lost_workers < self._expected:
            return False
        return not self.has_pending

    @property
    def has_pending(self) -> bool:
        """True while a test is queued or running on a worker."""
        queued = self._shared or any(
            queue for slot, queue in self._slot_queue.items() if slot not in self._lost
        )
        return bool(queued) or any(worker.pending for worker in self._workers.values())

    def add_node(self, node: WorkerController) -> None:
        """A worker is ready to collect."""
        self._workers[node] = _Worker(slot=self._slot_of(node))

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """A worker has collected: its slot's tests and those without a slot."""
        worker = self._workers[node]
        worker.ids = list(collection)
        worker.index_of = {nodeid: index for index, nodeid in enumerate(collection)}
        worker.collected = True
        for nodeid in collection:
            if nodeid in self._known:
                continue
            self._known.add(nodeid)
            slot = self._needs_slot(nodeid)
            if slot is None:
                self._shared.append(nodeid)
            else:
                self._slot_queue.setdefault(slot, deque()).append(nodeid)
        self._on_collected(self._known)

    def schedule(self) -> None:
        """Feed every worker that has collected."""
        if not self._prepared and any(self._slot_queue.values()):
            self._prepared = True
            self._before_first()
        for node in list(self._workers):
            self._feed(node)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """A worker has finished one test."""
        worker = self._workers[node]
        worker.pending.remove(worker.ids[item_index])
        self._feed(node)

    def mark_test_pending(self, item: str) -> None:
        """xdist offers to run a crashed test again: never done here, it may be lethal in an update."""

    def remove_pending_tests_from_node(self, node: WorkerController, indices: Sequence[int]) -> None:
        """Only stealing schedulers need this; a slot never changes its worker."""

    def remove_node(self, node: WorkerController) -> str | None:
        """A worker is gone: give back what it had not begun; name the test that it died in."""
        worker = self._workers.pop(node)
        if worker.shut and not worker.pending:
            self._finished += 1
        crashed: str | None = None
        if worker.pending and self._started(node, worker.pending[0]):
            crashed = worker.pending.popleft()
        for nodeid in reversed(worker.pending):
            slot = self._needs_slot(nodeid)
            target = self._shared if slot is None else self._slot_queue.setdefault(slot, deque())
            target.appendleft(nodeid)
        for other in list(self._workers):
            self._feed(other)
        return crashed

    # -- ours ------------------------------------------------------------------------------------

    def lose_worker(self, slot: str) -> list[str]:
        """A worker cannot be started again (``slot`` "": a spare one): the tests that will not run."""
        self._lost_workers += 1
        unrun = list(self._slot_queue.pop(slot, ()))
        if slot:
            self._lost.add(slot)
        if all(worker.shut for worker in self._workers.values()):
            unrun += self._shared
            self._shared.clear()
        return unrun

    def _feed(self, node: WorkerController) -> None:
        worker = self._workers[node]
        if not worker.collected or worker.shut:
            return
        while len(worker.pending) < _FEED:
            nodeid = self._next_for(worker)
            if nodeid is None:
                break
            worker.pending.append(nodeid)
            self._send(node, worker.index_of[nodeid])
        if len(worker.pending) < _FEED and self._nothing_left_for(worker):
            worker.shut = True
            node.shutdown()

    def _next_for(self, worker: _Worker) -> str | None:
        own = self._slot_queue.get(worker.slot) if worker.slot is not None else None
        if own:
            return own.popleft()
        for position, nodeid in enumerate(self._shared):
            if nodeid in worker.index_of:
                del self._shared[position]
                return nodeid
        return None

    def _nothing_left_for(self, worker: _Worker) -> bool:
        own = self._slot_queue.get(worker.slot) if worker.slot is not None else None
        return not own and not any(nodeid in worker.index_of for nodeid in self._shared)

    @staticmethod
    def _send(node: WorkerController, index: int) -> None:
        try:
            node.send_runtest_some([index])
        except OSError:
            # the worker has just died; its death event follows and gives the test back
            log.debug("worker %s is gone, its death event follows", node.gateway.id)
