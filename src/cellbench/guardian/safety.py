"""Making a slot safe: its supply off and its lines released, side by side, until it is done or hopeless."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError
from cellbench.guardian.equipment import Instrument, Session
from cellbench.guardian.errors import InstrumentSilent
from cellbench.guardian.output import switch_off
from cellbench.guardian.plan import OutputPlan, SlotPlan
from cellbench.instruments.kinds import InstrumentClass

_SILENT_S = 1.2  # a hung connection is given up after this; with a driver's 2 s it is off within 3 s
_HUB_SILENT_S = 6.0  # a program is run twice, and looks at every device on the bus
_BLIND_S = 5.0
_PAUSES_S = (0.1, 0.3, 1.0, 2.0)
_OLD_SESSION_S = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to make safe at one instrument."""

    instrument: Instrument
    what: str
    work: Callable[[], Awaitable[None]]
    blindly: Callable[[], Awaitable[bool]] | None = None
    """What can still be done when ``work`` fails because of what the instrument answers."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, what could not be done, and the seconds until the last read-back agreed."""

    actions: tuple[str, ...]
    failures: tuple[str, ...]
    took_s: float

    @property
    def safe(self) -> bool:
        """True when nothing is left on."""
        return not self.failures


def steps_for(slot: SlotPlan, instruments: Mapping[str, Instrument]) -> tuple[tuple[Step, ...], ...]:
    """What makes a slot safe: one sequence per instrument, all to be run side by side.

    Instruments that are missing from ``instruments`` are left out.
    """
    sequences: dict[str, list[Step]] = {}
    if slot.output is not None and slot.output.supply in instruments:
        supply = instruments[slot.output.supply]
        sequences[slot.output.supply] = [_off(supply, slot.output)]
    for name in slot.releases():
        line = slot.driven[name]
        if line.board not in instruments:
            continue
        if instruments[line.board].by_hand:
            continue  # what a person holds nobody else can let go
        step = contact(instruments[line.board], line.pin, not line.closed_when_asserted, f"{name} released")
        sequences.setdefault(line.board, []).append(step)
    return tuple(tuple(steps) for steps in sequences.values())


def _off(supply: Instrument, plan: OutputPlan) -> Step:
    if plan.closed_when_on is None:
        return output_off(supply, plan.channel)
    return contact(supply, plan.channel, not plan.closed_when_on, f"output {supply.name}:{plan.channel} off")


def output_off(supply: Instrument, channel: int) -> Step:
    """Switch one output off."""

    async def work() -> None:
        await supply.on_supply(lambda handle: switch_off(handle, channel), urgent=True, timeout_s=_SILENT_S)

    async def blindly() -> bool:
        return await supply.blind_off(channel, timeout_s=_BLIND_S)

    return Step(supply, f"output {supply.name}:{channel} off", work, blindly)


def contact(board: Instrument, pin: int, closed: bool, what: str) -> Step:
    """Put one contact into its released state."""

    async def work() -> None:
        silent_s = _HUB_SILENT_S if board.serves is InstrumentClass.HUB else _SILENT_S
        await board.on_contacts(lambda handle: handle.drive(pin, closed), urgent=True, timeout_s=silent_s)

    return Step(board, what, work)


async def make_safe(
    sequences: Sequence[Sequence[Step]], *, give_up_s: float, complain: Callable[[str], None], began: float
) -> Outcome:
    """Run all sequences side by side, each step until it works or ``give_up_s`` seconds have passed.

    ``complain`` is told of the first failure of each step; ``began`` is the event loop's time at which
    the need arose.
    """
    deadline = Deadline.after(give_up_s)
    run = partial(_run, deadline=deadline, complain=complain)
    found = await asyncio.gather(*(run(steps) for steps in sequences))
    at = max((ended for *_, ended in found), default=asyncio.get_running_loop().time())
    return Outcome(
        tuple(action for actions, _, _ in found for action in actions),
        tuple(failure for _, failures, _ in found for failure in failures),
        at - began,
    )


async def _run(
    steps: Sequence[Step], *, deadline: Deadline, complain: Callable[[str], None]
) -> tuple[list[str], list[str], float]:
    actions: list[str] = []
    failures: list[str] = []
    abandoned: list[Session] = []
    for step in steps:
        failure = await _insist(step, deadline, complain, abandoned)
        if failure is None:
            actions.append(step.what)
        else:
            failures.append(f"not {step.what}: {failure}")
    ended = asyncio.get_running_loop().time()
    if abandoned:  # what hung there may have been a command to switch on: look again when it is gone
        await asyncio.gather(*(asyncio.to_thread(old.finished.wait, _OLD_SESSION_S) for old in abandoned))
        for step in steps:
            await _insist(step, deadline, complain, [])
    return actions, failures, ended


async def _insist(
    step: Step, deadline: Deadline, complain: Callable[[str], None], abandoned: list[Session]
) -> str | None:
    """Try until it works; None, or why it did not."""
    tried = 0
    while True:
        try:
            await step.work()
        except CellbenchError as error:
            if isinstance(error, InstrumentSilent):
                abandoned.append(step.instrument.abandon())
            if tried == 0:
                complain(f"not yet {step.what}: {error}")
                await _blindly(step, complain)
            if deadline.expired:
                return str(error)
            await asyncio.sleep(_PAUSES_S[min(tried, len(_PAUSES_S) - 1)])
            tried += 1
        else:
            return None


async def _blindly(step: Step, complain: Callable[[str], None]) -> None:
    """Off by command alone; the step is not done before a read-back agrees."""
    if step.blindly is None:
        return
    try:
        if await step.blindly():
            complain(f"{step.what}: told so without an answer")
    except CellbenchError as error:
        complain(f"{step.what}: not even without an answer: {error}")
