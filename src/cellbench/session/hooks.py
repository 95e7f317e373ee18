"""What happens around every test of a run: turn, attempt, deadline, verdict; the exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

import pytest

from cellbench.base.errors import Aborted, CellbenchError, Owner
from cellbench.guardian.budget import BudgetExhausted
from cellbench.record.diagnosis import diagnosis_lines
from cellbench.record.verdict import Outcome, Verdict
from cellbench.session.attempts import AttemptBook
from cellbench.session.collecting import peer_of_item, slot_of
from cellbench.session.interrupt import Interrupts
from cellbench.session.marks import Doing
from cellbench.session.opening import open_equipment
from cellbench.session.procedure import Procedure, procedure_of
from cellbench.session.run import Part, Run
from cellbench.session.saying import say, words_of
from cellbench.session.verdicts import EXIT_ABORTED, EXIT_FRAMEWORK, exit_status
from cellbench.session.workers.deadline import GRACE_S, Overdue, ProcedureTimer
from cellbench.session.workers.pairs import SLOT_FIXTURE, lend, may_run, require_pair
from cellbench.session.workers.processes import give_up
from cellbench.session.workers.turns import hangs_on_rig, take_turns, turns_for


class RunHooks:
    """Registered by the plug-in when a rig is asked for, in every process of the run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.book = AttemptBook(run)
        self.verdicts: list[Verdict] = []
        self.problems: list[str] = []
        self.aborting = False
        self.interruptible = False
        self.left_out = False
        self._signals: Interrupts | None = None
        self._begun = False
        self._refused: CellbenchError | None = None
        self._overdue: Overdue | None = None
        self._in_teardown = False
        self._timer = ProcedureTimer(self._deadline_passed)

    # -- one test --------------------------------------------------------------------------------

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Workers follow their controller into death and take SIGINT as an abort."""
        run = self.run
        if run.part is Part.WORKER:
            from cellbench.guardian.processes import set_parent_death_signal

            set_parent_death_signal(session.config.workerinput["cellbench_controller"])  # type: ignore[attr-defined]
        if session.config.option.collectonly:
            return
        if run.part is not Part.CONTROLLER:
            self._signals = Interrupts(run, lambda by: self.abort(session, by), _nothing_more)
            self._signals.install()

    def pytest_report_header(self) -> list[str]:
        """Which rig this is, and which runs were cut before."""
        model, slots = self.run.rig.model, []
        for name in self.run.slots:
            slot = model.slots[name]
            slots.append(f"{name} {slot.variant or slot.series.value}")
        found = f"rig: {model.rig}, {model.evidence.value}, {self.run.rig.path}"
        return [found, f"slots: {', '.join(slots)}", *(f"note: {cut.text}" for cut in self.run.cut)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Leave word of the test that begins, before anything of it runs; an attempt has done so."""
        if self.book.current is None:
            self.book.note(Doing.RUNNING, nodeid, limit_s=self._limit(None))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """An attempt around every procedure; it is on disk before the next test begins."""
        self._begun = True
        marked, worker = procedure_of(item), self.run.part is Part.WORKER
        self.left_out = worker and not self.aborting and self._only_lends(item)
        plain = marked is None and SLOT_FIXTURE not in getattr(item, "fixturenames", ())
        if self.aborting or self.left_out or plain:
            done = yield
        else:
            with contextlib.ExitStack() as held:
                refused = self._wait_for_turns(item, marked, held) if slot_of(item) else None
                done = yield from self._attempt(item, marked, refused)
        self.book.note(Doing.ENDED, item.nodeid)  # not so when pytest broke: this worker dies of it
        return done

    def _only_lends(self, item: pytest.Item) -> bool:
        """True for a procedure on two slots that this worker does not run: its slot is the second one, which
        is given back here; or the second one was not given back, because the session ends early."""
        slot, peer = slot_of(item), peer_of_item(item)
        if slot and slot not in self.run.own_slots:
            lend(self.run, item.nodeid, slot, peer)
            return True
        return bool(peer) and not may_run(self.run, item.nodeid, peer)

    def _wait_for_turns(
        self, item: pytest.Item, marked: Procedure | None, held: contextlib.ExitStack
    ) -> CellbenchError | None:
        """Take what the procedure shares with other slots; the error that its setup is to raise."""
        limit_s = self._limit(None) * len(self.run.slots)
        owner = f"slot {slot_of(item)} ({marked.title if marked else item.name})"
        try:
            model = open_equipment(self.run).rig.model if hangs_on_rig(marked) else self.run.rig.model
            turns = turns_for(model, slot_of(item), marked)
            if turns and self.run.part is Part.WORKER:
                self.book.note(Doing.WAITING, item.nodeid, limit_s=limit_s)
                held.enter_context(take_turns(self.run.folder, turns, owner, limit_s))
        except CellbenchError as error:
            return error
        return None

    def _attempt(
        self, item: pytest.Item, marked: Procedure | None, refused: CellbenchError | None
    ) -> Generator[None, object, object]:
        limit_s = self._limit(marked)
        attempt = self.book.begin(item, marked, limit_s)
        self._refused, self._overdue = refused, None
        self._timer.start(0.0 if self.run.config.option.usepdb else limit_s)
        try:
            return (yield)
        except KeyboardInterrupt:
            attempt.add(Verdict(Outcome.ABORTED, Owner.OPERATOR, "interrupted"))
            raise
        except Exception as error:  # pytest itself broke: what was judged so far is not all of it
            attempt.add(Verdict(Outcome.ABORTED, None, f"cut by {type(error).__name__}: {error}"))
            raise
        finally:
            self._timer.stop()
            self.book.end(attempt)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """What the rig or the far side cannot do makes a procedure NOT_POSSIBLE before it begins."""
        self._begin_phase()
        if self._refused is not None:
            raise self._refused
        marked, slot = procedure_of(item), slot_of(item)
        if marked is None or not slot:
            return
        if marked.needs:
            open_equipment(self.run).require(slot, marked.needs)
        if marked.slots == 2 or peer_of_item(item):
            require_pair(self.run, slot, peer_of_item(item), marked)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """Ctrl-C cuts a call short, as it does a setup; a teardown is left its time."""
        self._begin_phase()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        """A worker gives the second slot back to its own worker when everything else is torn down."""
        self._in_teardown = True
        try:
            yield
        finally:
            peer = peer_of_item(item)
            if peer and self.run.part is Part.WORKER and self.run.equipment is not None:
                self.run.equipment.give_back(peer, cause=f"procedure on {slot_of(item)} and {peer} has ended")
            self._in_teardown = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judge the phase and say so in the report."""
        report = yield
        attempt = self.book.current
        if attempt is None:
            return report
        error = call.excinfo.value if call.excinfo is not None else None
        verdict = attempt.judge(error, call.when or "setup")
        if isinstance(error, BudgetExhausted):
            # more attaches than the operator of the network bears: the run ends here, with the reason
            item.session.shouldstop = str(error)
        if verdict.outcome is not Outcome.PASS:
            found = self.book.diagnose(attempt, verdict)
            say(report, verdict, item, call)
            report.sections += [("state of the module", "\n".join(diagnosis_lines(one))) for one in found]
        return report

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """ERROR is an error inside a test body, too; NOT_* is counted apart."""
        name = getattr(report, "cellbench_outcome", None)
        drawn = self.run.config.pluginmanager.hasplugin("cellbench-progress")
        if name is None:
            return ("passed" if report.when == "call" else "", "", "") if drawn and report.passed else None
        category, letter, word = words_of(name, getattr(report, "cellbench_owner", ""))
        return category, "" if drawn else letter, word

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count verdicts where the whole run is seen."""
        if self.run.part is Part.WORKER:
            return
        name = getattr(report, "cellbench_outcome", None)
        if name is not None:
            owner = getattr(report, "cellbench_owner", "")
            self.verdicts.append(Verdict(Outcome(name), Owner(owner) if owner else None))
        elif report.failed:
            self.verdicts.append(Verdict(Outcome.FAIL, Owner.UNIT))

    # -- the end ---------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Switch off, close the books, set the exit status."""
        if self.run.equipment is not None:
            try:
                self.run.equipment.close()
            except CellbenchError as error:
                self.problems.append(f"switching off at the end of the run: {error}")
                self.verdicts.append(Verdict(Outcome.ERROR, error.owner))
        self.run.switched_off = True
        if self.run.part is Part.WORKER:
            self.run.end(int(exitstatus), "worker finished")
            return
        status = self._status(int(exitstatus))
        session.exitstatus = status
        if self.run.journal is None:
            return
        why = self.run.interrupted or str(session.shouldstop or session.shouldfail or "completed")
        self.run.end(status, why)
        try:
            self._documents(session)
        except CellbenchError as error:
            self.problems.append(f"the documents could not be written: {error}")
            session.exitstatus = status or EXIT_FRAMEWORK

    def pytest_unconfigure(self) -> None:
        """Give the signals back to whoever started this session."""
        if self._signals is not None:
            self._signals.restore()

    def _status(self, pytests: int) -> int:
        if self.run.interrupted:
            return EXIT_ABORTED
        if pytests in (3, 4, 5):
            return pytests
        # under xdist, -x ends with pytest's 2 as a Ctrl-C does
        return exit_status(self.verdicts) or pytests

    def _documents(self, session: pytest.Session) -> None:
        asked = session.config.getoption("--reports")
        if asked == "none":
            return
        from cellbench.record.run import read_run
        from cellbench.store.store import Store

        record = read_run(self.run.folder)
        if not record.attempts:
            return
        with Store.open(self.run.folder.parent / "store.sqlite") as store:
            store.load(record)
        from cellbench.report.write import write_reports

        formats = tuple(asked.split(",")) if asked else None
        self.run.documents += write_reports(self.run.folder, formats)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What was decided, and where the run left its documents."""
        for problem in self.problems:
            terminalreporter.write_line(f"cellbench: {problem}", red=True)
        if self.run.part is Part.WORKER or not self.run.folder.is_dir():
            return
        from cellbench.session.summary import write_summary

        write_summary(terminalreporter, self.run)

    # -- interruption ----------------------------------------------------------------------------

    def abort(self, session: pytest.Session, by: str) -> None:
        """Stop after the running test, whose attempt ends as ABORTED."""
        self.aborting = True
        session.shouldstop = by
        if self.interruptible:
            self.interruptible = False
            raise Aborted(by)

    def _begin_phase(self) -> None:
        """From here to the end of the phase Ctrl-C raises; pytest's own plug-ins are in it already, so that
        their teardowns find what they need."""
        self.interruptible = True
        if self.aborting:
            raise Aborted(self.run.interrupted)
        if self._overdue is not None:
            raise self._overdue

    # -- deadlines -------------------------------------------------------------------------------

    def _limit(self, marked: Procedure | None) -> float:
        """A procedure's deadline in seconds, 0 for none."""
        if marked is not None and marked.timeout_s is not None:
            return marked.timeout_s
        return float(self.run.config.getoption("--procedure-timeout"))

    def _deadline_passed(self, limit_s: float) -> None:
        """Stop the phase that runs, or the next one; a teardown is left its time once."""
        first = self._overdue is None
        if self._overdue is None:
            self._overdue = Overdue(f"the procedure did not end within its deadline of {limit_s:g} s")
            self.book.extend(GRACE_S)
        if self.interruptible or (self._in_teardown and not first):
            raise self._overdue

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """A worker that cannot go on dies: that costs its slot a test, where pytest would end the run."""
        if self.run.part is Part.WORKER and self._begun:
            give_up(self.run, f"{excinfo.typename}: {excinfo.value}", str(excrepr))


class StopGate:
    """After an interruption no further test begins, not even one that a worker holds already; and nothing
    is raised outside a phase."""

    def __init__(self, around: RunHooks) -> None:
        self._around = around

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Take a test out of pytest's hands without running it. What the test before left standing for it
        (its file's fixtures) is torn down as this one's teardown would have done."""
        if self._around.left_out:
            item.session._setupstate.teardown_exact(nextitem)
        return True if self._around.aborting or self._around.left_out else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        """Close the phase."""
        try:
            return (yield)
        finally:
            self._around.interruptible = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, None, None]:
        """Close the phase."""
        try:
            return (yield)
        finally:
            self._around.interruptible = False


def _nothing_more() -> None:
    """A single process has no others to end."""
