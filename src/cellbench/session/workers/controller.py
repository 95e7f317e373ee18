"""The controller's side of a run over workers: slots to workers, crashes to verdicts, Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import pytest

from cellbench.base.errors import CellbenchError, Owner
from cellbench.record.attempt import AttemptEnded, AttemptStarted, Kind
from cellbench.record.verdict import Outcome, Verdict
from cellbench.session.interrupt import Interrupts
from cellbench.session.marks import Doing, Mark, mark_path, read_mark
from cellbench.session.names import place_in, slots_in, without_slot
from cellbench.session.run import Run, spare_workers
from cellbench.session.saying import mark
from cellbench.session.segments import has_ended
from cellbench.session.workers.pairs import lost_note
from cellbench.session.workers.processes import HangWatch, how_it_ended, signal_worker
from cellbench.session.workers.schedule import Begun, SlotScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from cellbench.roots.launch import Launched

_STARTS = 3  # a slot is lost when so many of its workers died before they were ready
_IDLE_DEATHS = 10  # or so many that were ready and had begun no test: something kills them
_NO_TEST = "start of the worker"  # what a slot's ERROR is called when its tests never became known


class ControllerHooks:
    """Registered in the controller of a distributed run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.scheduler: SlotScheduling | None = None
        self._free = list(run.slots)
        self._slot_of: dict[str, str] = {}
        self._launched: Launched | None = None
        self._session: pytest.Session | None = None
        self._crashes = 0
        self._deaths: Counter[tuple[str, bool]] = Counter()
        self._ends: dict[str, str] = {}
        self._last_slot = ""
        self._signals: Interrupts | None = None
        self._hangs = HangWatch(
            run.folder, run.config.getoption("--worker-timeout"), self._nodes, lambda: self.scheduler
        )

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Begin the journal; take over Ctrl-C."""
        self._session = session
        self.run.open_journal()
        self._signals = Interrupts(self.run, lambda by: self.stop_workers(by), self.kill_workers)
        self._signals.install()
        self._guard_restarts()
        self._hangs.start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Give a worker its slot and its place in the run."""
        slot = self._free.pop(0) if self._free else ""
        self._slot_of[node.gateway.id] = slot
        self._hangs.note_start(node.gateway.id)
        node.workerinput.update(
            cellbench_rig=str(self.run.rig.path),
            cellbench_slot=slot,
            cellbench_run=self.run.id,
            cellbench_folder=str(self.run.folder),
            cellbench_anchor=self.run.anchor,
            cellbench_controller=os.getpid(),
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController, error: object | None) -> None:
        """A slot whose worker is gone is free for the next one."""
        worker = node.gateway.id
        slot = self._last_slot = self._slot_of.pop(worker, self._last_slot)
        if not error or error == "keyboard-interrupt":
            return  # it has run all it had: its slot needs no other worker
        self._deaths[slot, self.scheduler is not None and node in self.scheduler.nodes] += 1
        self._ends[worker] = self._hangs.killed.get(worker) or how_it_ended(node, self.run.folder)
        self.run.event("worker-lost", slot, f"worker {worker} died: {self._ends[worker]}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> SlotScheduling:
        """Our scheduler in place of xdist's."""
        self.scheduler = SlotScheduling(
            slots=self.run.slots,
            workers=len(self.run.slots) + spare_workers(self.run.config),
            slot_of=lambda node: self._slot_of.get(node.gateway.id) or None,
            slots_for=lambda nodeid: slots_in(nodeid, self.run.slots),
            begun=self._begun,
            before_first=self._launch,
            on_collected=self._count,
        )
        return self.scheduler

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport, sched: Any) -> None:
        """The test that its worker died in: ERROR framework, never run again."""
        worker = report.node.gateway.id
        found = self._mark(worker)
        report.longrepr = f"worker {worker} died in this test: {self._ends.get(worker, 'nobody knows why')}"
        attempt = found.attempt if found is not None and found.nodeid == crashitem else ""
        self._blame_framework(crashitem, report, attempt)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End a rack that this controller launched, after the workers are gone."""
        self._hangs.stop()
        if self._launched is not None:
            self._launched.stop()
            self._launched = None

    def pytest_unconfigure(self) -> None:
        """Give the signals back to whoever started this session."""
        self._hangs.stop()
        if self._signals is not None:
            self._signals.restore()

    # -- workers that cannot be had ------------------------------------------------------------

    def _guard_restarts(self) -> None:
        """A worker that dies again and again before it has run anything costs its slot, not the run."""
        session = self._dsession()
        clone = session._clone_node

        def restart(node: WorkerController) -> WorkerController | None:
            slot = self._last_slot
            if self.run.interrupted or (self.scheduler and not self.scheduler.needs_worker(slot)):
                return None
            unready, idle = self._deaths[slot, False], self._deaths[slot, True]
            if unready >= _STARTS or idle >= _IDLE_DEATHS:
                self._lose(slot, f"its worker died {unready + idle} times before it had run a test: "
                                 f"{self._ends.get(node.gateway.id, '')}")
                return None
            self._free[:] = [slot] if slot else []
            try:
                started: WorkerController = clone(node)
            except (EOFError, OSError) as error:
                self._lose(slot, f"its worker cannot be started: {error or type(error).__name__}")
                return None
            return started

        session._clone_node = restart

    def _lose(self, slot: str, why: str) -> None:
        if self.scheduler is None:
            return
        self.run.event("slot-lost" if slot else "spare-worker-lost", slot, why)
        if slot:
            lost_note(self.run.folder, slot).write_text(why, encoding="utf-8")
        lost = f"slot {slot} is lost" if slot else "no worker is left"
        known = not slot or self.scheduler.knows(slot)
        unrun = self.scheduler.lose_worker(slot)
        for nodeid in unrun if known else [f"{_NO_TEST}[{slot}]"]:
            path = nodeid.split("::")[0]
            report = pytest.TestReport(nodeid, (path, None, path), {}, "failed", f"{lost}: {why}", "setup")
            self._blame_framework(nodeid, report)
            self.run.config.hook.pytest_runtest_logreport(report=report)

    def _blame_framework(self, nodeid: str, report: pytest.TestReport, attempt: str = "") -> None:
        self._crashes += 1
        verdict = Verdict(Outcome.ERROR, Owner.FRAMEWORK, str(report.longrepr))
        report.when = "setup"
        mark(report, verdict)
        report.cellbench_lost = True  # type: ignore[attr-defined]
        report.location = (nodeid.split("::")[0], None, nodeid.rpartition("::")[2])
        procedure = without_slot(nodeid, place_in(nodeid, self.run.slots))
        slot, peer = (*slots_in(nodeid, self.run.slots), "", "")[:2]
        if not attempt:
            attempt = f"crash-{self._crashes}"
            self.run.open_journal().append(
                Kind.ATTEMPT_STARTED, AttemptStarted(attempt, procedure, slot, peer=peer)
            )
        self.run.crashed.append(AttemptEnded(attempt, procedure, slot, verdict, 0.0))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """What cannot be collected stops the run before it has begun, as it does without workers."""
        if report.failed and not self.run.config.option.continue_on_collection_errors:
            self._dsession().shouldstop = f"{report.nodeid} cannot be collected"

    # -- Ctrl-C ----------------------------------------------------------------------------------

    def stop_workers(self, by: str) -> None:
        """Workers abort their test, switch off in their own time, and end."""
        session = self._dsession()
        session.shouldstop = by
        self._signal(signal.SIGINT)
        # from a thread of its own: the loop may hold the queue's lock at this very moment
        wake: tuple[str, dict[str, object]] = ("unscheduled", {"node": None, "indices": []})
        threading.Thread(target=session.queue.put, args=(wake,), daemon=True).start()

    def kill_workers(self) -> None:
        """Workers end at once; the guardian switches off."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for node in self._nodes():
            signal_worker(node, number)

    def _nodes(self) -> list[WorkerController]:
        return list(getattr(self._dsession(), "_active_nodes", ()))

    def _dsession(self) -> Any:
        return self.run.config.pluginmanager.getplugin("dsession")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A worker that runs tests, even one that dies in them, is no worker that dies at its start."""
        node = getattr(report, "node", None)
        if node is not None:
            slot = self._slot_of.get(node.gateway.id, self._last_slot)
            self._deaths[slot, False] = self._deaths[slot, True] = 0

    # -- scheduling ------------------------------------------------------------------------------

    def _begun(self, node: WorkerController, nodeid: str) -> Begun:
        """How far a worker that died had come with a test; what its journal says counts for an attempt."""
        found = self._mark(node.gateway.id)
        if found is None or found.nodeid != nodeid or found.doing is Doing.WAITING:
            return Begun.NOT
        if found.doing is Doing.ENDED or (
            found.attempt and has_ended(self.run.segment(node.gateway.id), found.attempt)
        ):
            return Begun.ENDED
        return Begun.RUNNING

    def _mark(self, worker: str) -> Mark | None:
        return read_mark(mark_path(self.run.folder, worker))

    def _launch(self) -> None:
        if self.run.rig.model.launch is None:
            return
        from cellbench.session.equipment import launch_for

        # when it does not come up, the workers read why and each of their tests says so
        with contextlib.suppress(CellbenchError):
            self._launched = launch_for(self.run)

    def _count(self, nodeids: Collection[str]) -> None:
        self.run.expected.clear()
        for nodeid in nodeids:
            place = place_in(nodeid, self.run.slots)
            slot = place.partition("+")[0]
            self.run.expected.setdefault(slot, []).append(without_slot(nodeid, place))
        if self._session is not None:
            self._session.testscollected = len(nodeids)
