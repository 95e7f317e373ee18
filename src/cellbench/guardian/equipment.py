"""The instruments that a guardian has open: one thread and one lock each.

Drivers block, so each instrument has a thread with a queue, urgent jobs first: an instrument that hangs
holds up nobody but itself. One that does not come back is abandoned: a new thread opens it anew, and the
old one gives its connection up as soon as it returns.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar, cast

from cellbench.base.errors import CellbenchError, FrameworkError, OperatorError, RigError
from cellbench.base.protocols import AsksPeople
from cellbench.guardian.errors import InstrumentSilent, OutputNotReached, SupplyTripped
from cellbench.guardian.locks import Lock, Owner, Use
from cellbench.guardian.plan import InstrumentPlan
from cellbench.guardian.prompts import InstrumentPrompter, PromptBook
from cellbench.instruments.analyser.model import Analyser
from cellbench.instruments.attenuator.model import Attenuator
from cellbench.instruments.kinds import InstrumentClass, InstrumentKind
from cellbench.instruments.line.model import Contacts, LineBoard
from cellbench.instruments.open import (
    open_analyser,
    open_attenuator,
    open_hub,
    open_lines,
    open_supply,
)
from cellbench.instruments.supply.model import Supply

T = TypeVar("T")
Handle = Supply | Contacts | Attenuator | Analyser

JOB_S = 10.0  # longest wait of a run for one job at an instrument
_URGENT, _NORMAL, _LAST = 0, 1, 2


@dataclass(order=True, slots=True)
class _Job:
    priority: int
    number: int
    work: Callable[[Handle], Any] | None = field(compare=False)
    future: Future[Any] = field(compare=False)
    alone: Callable[[], Any] | None = field(compare=False, default=None)
    """In place of ``work``: done with the connection closed."""


class Session:
    """One connection to an instrument and the thread that alone uses it."""

    __slots__ = ("_handle", "_jobs", "_numbers", "_open", "_thread", "abandoned", "finished")

    def __init__(self, name: str, opener: Callable[[], Handle]) -> None:
        self._open = opener
        self._handle: Handle | None = None
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self.abandoned = threading.Event()
        self.finished = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Handle], T], *, urgent: bool) -> Future[T]:
        """Queue a job."""
        future: Future[T] = Future()
        self._jobs.put(_Job(_URGENT if urgent else _NORMAL, next(self._numbers), work, future))
        return future

    def submit_alone(self, work: Callable[[], T]) -> Future[T]:
        """Queue an urgent job that is done while this session has no connection."""
        future: Future[T] = Future()
        self._jobs.put(_Job(_URGENT, next(self._numbers), None, future, work))
        return future

    def stop(self) -> None:
        """Close the connection after what is queued, and end the thread."""
        self._jobs.put(_Job(_LAST, next(self._numbers), None, Future()))

    def _run(self) -> None:
        try:
            while not self.abandoned.is_set():
                job = self._jobs.get()
                if job.alone is not None:
                    self._close()
                    if job.future.set_running_or_notify_cancel():
                        self._do(job, job.alone)
                    continue
                if job.work is None:
                    return
                if job.future.set_running_or_notify_cancel():
                    self._do(job, partial(self._with_handle, job.work))
        finally:
            self._close()
            self._refuse_rest()
            self.finished.set()

    def _with_handle(self, work: Callable[[Handle], Any]) -> Any:
        if self._handle is None:
            self._handle = self._open()
        return work(self._handle)

    def _do(self, job: _Job, work: Callable[[], Any]) -> None:
        try:
            job.future.set_result(work())
        except (SupplyTripped, OutputNotReached, OperatorError) as error:
            job.future.set_exception(error)
        except RigError as error:
            self._close()  # whatever it was, the next job begins with a fresh dialogue
            job.future.set_exception(error)
        except BaseException as error:
            job.future.set_exception(error)

    def _close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            try:
                handle.close()
            except CellbenchError:
                return  # it is given up anyway

    def _refuse_rest(self) -> None:
        while not self._jobs.empty():
            job = self._jobs.get()
            if (job.work or job.alone) is not None and job.future.set_running_or_notify_cancel():
                job.future.set_exception(InstrumentSilent("the connection to the instrument was given up"))


class Instrument:
    """One piece of equipment, open and locked; ``users`` are the connections and leases that need it."""

    __slots__ = (
        "_blind_off", "_patience_s", "_plan", "_prompter", "_serves", "_session",
        "identity", "key", "lock", "name", "owner", "users",
    )

    def __init__(
        self,
        key: str,
        name: str,
        plan: InstrumentPlan,
        kind: InstrumentKind,
        lock: Lock,
        owner: Owner,
        prompts: PromptBook,
    ) -> None:
        self.key = key
        self.name = name
        self.lock = lock
        self.owner = owner
        self.identity = ""
        self.users: set[object] = set()
        self._plan = plan
        self._serves = kind.serves
        self._blind_off = kind.blind_off
        # who works it by hand is given the time of one answer besides
        self._patience_s = kind.answer_within_s(plan.settings) if kind.answer_within_s is not None else 0.0
        self._prompter = InstrumentPrompter(prompts, asyncio.get_running_loop())
        self._session = Session(name, self._open)

    @property
    def by_hand(self) -> bool:
        """True when a person works it: nothing can be made safe there without one."""
        return self._patience_s > 0

    @property
    def serves(self) -> InstrumentClass:
        """What it is to a rig."""
        return self._serves

    async def reach(self, timeout_s: float = JOB_S) -> str:
        """Open it when it is not; its identification."""
        self.identity = await self._job(lambda handle: handle.identity(), urgent=False, timeout_s=timeout_s)
        return self.identity

    async def on_supply(
        self, work: Callable[[Supply], T], *, urgent: bool = False, timeout_s: float = JOB_S
    ) -> T:
        """Do something with a supply, on its thread; InstrumentSilent when it takes longer."""
        self._must_be(InstrumentClass.SUPPLY)
        return await self._job(
            cast(Callable[[Handle], T], work), urgent=urgent, timeout_s=timeout_s
        )

    async def on_board(
        self, work: Callable[[LineBoard], T], *, urgent: bool = False, timeout_s: float = JOB_S
    ) -> T:
        """Do something with a board of lines; as on_supply."""
        self._must_be(InstrumentClass.LINE)
        return await self._job(
            cast(Callable[[Handle], T], work), urgent=urgent, timeout_s=timeout_s
        )

    async def on_contacts(
        self, work: Callable[[Contacts], T], *, urgent: bool = False, timeout_s: float = JOB_S
    ) -> T:
        """Do something with the contacts of a board of lines or the ports of a hub; as on_supply."""
        self._must_be(InstrumentClass.LINE, InstrumentClass.HUB)
        return await self._job(
            cast(Callable[[Handle], T], work), urgent=urgent, timeout_s=timeout_s
        )

    async def on_analyser(self, work: Callable[[Analyser], T], *, timeout_s: float = JOB_S) -> T:
        """Do something with an analyser or power meter; as on_supply."""
        self._must_be(InstrumentClass.ANALYSER)
        return await self._job(cast(Callable[[Handle], T], work), urgent=False, timeout_s=timeout_s)

    async def on_attenuator(self, work: Callable[[Attenuator], T], *, timeout_s: float = JOB_S) -> T:
        """Do something with an attenuator; as on_supply."""
        self._must_be(InstrumentClass.ATTENUATOR)
        return await self._job(cast(Callable[[Handle], T], work), urgent=False, timeout_s=timeout_s)

    async def blind_off(self, channel: int, *, timeout_s: float) -> bool:
        """Tell a supply that does not answer to switch a channel off; False where its kind cannot.

        Nothing is read back: what is not known to be off stays so. RigError when it cannot be reached.
        """
        act = self._blind_off
        if act is None:
            return False
        settings = self._settings()
        job = self._session.submit_alone(lambda: act(self.name, settings, channel))
        try:
            await asyncio.wait_for(asyncio.wrap_future(job), timeout_s)
        except TimeoutError:
            raise InstrumentSilent(f"instrument {self.name} takes no connection") from None
        return True

    def abandon(self) -> Session:
        """Leave a hung connection to itself and start with a new one; the old session."""
        old = self._session
        old.abandoned.set()
        old.stop()
        self._session = Session(self.name, self._open)
        return old

    def sign(self, runs: str, uses: tuple[Use, ...]) -> None:
        """Write into the lock for which runs it is open and what they may have on."""
        owner = replace(self.owner, run=runs, identity=self.identity, uses=uses)
        if owner != self.owner:
            self.lock.write(owner)
            self.owner = owner

    def close(self, *, keep_account: bool = False) -> None:
        """Close the connection and give the lock back; outputs and lines stay as they are."""
        self._session.stop()
        self.lock.release(keep_account=keep_account)

    def _settings(self) -> dict[str, object]:
        return {key: value for key, value in self._plan.settings.items() if key != "kind"}

    def _open(self) -> Handle:
        settings = self._settings()
        if self._serves is InstrumentClass.SUPPLY:
            return open_supply(self._plan.kind, settings, name=self.name)
        if self._serves is InstrumentClass.HUB:
            return open_hub(self._plan.kind, settings, name=self.name)
        if self._serves is InstrumentClass.ATTENUATOR:
            return open_attenuator(self._plan.kind, settings, name=self.name)
        if self._serves is InstrumentClass.ANALYSER:
            return open_analyser(self._plan.kind, settings, name=self.name)
        board = open_lines(self._plan.kind, settings, name=self.name)
        if isinstance(board, AsksPeople):
            board.meet(self._prompter)
        return board

    async def _job(self, work: Callable[[Handle], T], *, urgent: bool, timeout_s: float) -> T:
        job = self._session.submit(work, urgent=urgent)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(job), timeout_s + self._patience_s)
        except TimeoutError:
            raise InstrumentSilent(
                f"instrument {self.name} has not answered for {timeout_s:g} s",
                remedy="check that it is switched on and its cable",
            ) from None
        except (CellbenchError, asyncio.CancelledError):
            raise
        except Exception as error:  # a driver of somebody else may fail in any way; it is still the rig's
            raise FrameworkError(f"the driver of instrument {self.name} failed: {error!r}") from error
        finally:
            if job.running():
                self._prompter.withdraw()

    def _must_be(self, *serves: InstrumentClass) -> None:
        if self._serves not in serves:
            raise RigError(f"instrument {self.name} ({self._plan.kind}) is no {serves[0].value}")
