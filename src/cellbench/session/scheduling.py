"""The controller's side of a run over workers: slots to workers, crashes to verdicts, Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from cellbench.base.errors import Owner
from cellbench.record.attempt import AttemptEnded, AttemptStarted, Kind
from cellbench.record.verdict import Outcome, Verdict
from cellbench.session.hooks import procedure_id, started_mark
from cellbench.session.interrupt import install_stop
from cellbench.session.run import Run
from cellbench.session.schedule import SlotScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from cellbench.roots.launch import Launched

_PARAMETERS = re.compile(r"\[(.*)\]$")


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

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Begin the journal; take over Ctrl-C."""
        self._session = session
        self.run.open_journal()
        install_stop(self)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Give a worker its slot and its place in the run."""
        slot = self._free.pop(0) if self._free else ""
        self._slot_of[node.gateway.id] = slot
        node.workerinput.update(
            cellbench_rig=str(self.run.rig.path),
            cellbench_slot=slot,
            cellbench_run=self.run.id,
            cellbench_folder=str(self.run.folder),
            cellbench_anchor=self.run.anchor,
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController, error: object | None) -> None:
        """A slot whose worker is gone is free for the next one."""
        slot = self._slot_of.pop(node.gateway.id, "")
        if slot:
            self._free.append(slot)
        if error and error != "keyboard-interrupt":
            self.run.event("worker-lost", slot, f"worker {node.gateway.id} died: {str(error)[:200]}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> SlotScheduling:
        """Our scheduler in place of xdist's."""
        self.scheduler = SlotScheduling(
            workers=len(self.run.slots),
            slot_of=lambda node: self._slot_of.get(node.gateway.id) or None,
            needs_slot=self._needs_slot,
            started=self._started,
            before_first=self._launch,
            on_collected=self._count,
        )
        return self.scheduler

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport, sched: Any) -> None:
        """The test that its worker died in: ERROR framework, never run again."""
        self._crashes += 1
        slot = self._needs_slot(crashitem) or ""
        verdict = Verdict(Outcome.ERROR, Owner.FRAMEWORK, str(report.longrepr))
        report.when = "setup"
        report.cellbench_outcome = verdict.outcome.value  # type: ignore[attr-defined]
        report.cellbench_owner = Owner.FRAMEWORK.value  # type: ignore[attr-defined]
        journal, name = self.run.open_journal(), f"crash-{self._crashes}"
        journal.append(Kind.ATTEMPT_STARTED, AttemptStarted(name, procedure_id(crashitem), slot))
        journal.append(
            Kind.ATTEMPT_ENDED, AttemptEnded(name, procedure_id(crashitem), slot, verdict, 0.0), sync=True
        )

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End a rack that this controller launched, after the workers are gone."""
        if self._launched is not None:
            self._launched.stop()
            self._launched = None

    # -- Ctrl-C ----------------------------------------------------------------------------------

    def stop_workers(self) -> None:
        """Workers abort their test, switch off in their own time, and end."""
        self._dsession().shouldstop = "interrupted"
        self._signal(signal.SIGINT)
        self._dsession().queue.put(("unscheduled", {"node": None, "indices": []}))  # wakes the loop

    def kill_workers(self) -> None:
        """Workers end at once; the guardian switches off."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for node in list(getattr(self._dsession(), "_active_nodes", ())):
            pid = (getattr(node, "workerinfo", None) or {}).get("pid")
            if pid:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue

    def _dsession(self) -> Any:
        return self.run.config.pluginmanager.getplugin("dsession")

    # -- scheduling ------------------------------------------------------------------------------

    def _needs_slot(self, nodeid: str) -> str | None:
        found = _PARAMETERS.search(nodeid)
        if found is None:
            return None
        return next(
            (part for part in (found[1], *found[1].split("-")) if part in self.run.slots),
            next((slot for slot in self.run.slots if slot in found[1]), None),
        )

    def _started(self, node: WorkerController, nodeid: str) -> bool:
        try:
            with open(started_mark(self.run, node.gateway.id), encoding="utf-8") as file:
                return file.read().strip() == nodeid
        except OSError:
            return False

    def _launch(self) -> None:
        if self.run.rig.model.launch is None:
            return
        from cellbench.session.equipment import launch_for

        self._launched = launch_for(self.run)

    def _count(self, tests: int) -> None:
        if self._session is not None:
            self._session.testscollected = tests
