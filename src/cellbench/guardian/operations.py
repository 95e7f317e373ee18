"""What a lease may ask for: each a coroutine over its slot's instruments."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, cast

from cellbench.base.errors import FrameworkError, NotPossible, RigError
from cellbench.guardian import output
from cellbench.guardian.equipment import JOB_S, Instrument
from cellbench.guardian.gate import MAX_HOLD_S, Gate
from cellbench.guardian.leases import SlotLease
from cellbench.guardian.log import GuardianLog
from cellbench.guardian.plan import DrivenLinePlan, OutputPlan
from cellbench.instruments.line.model import Contacts, PulsesByHand

Args = Mapping[str, object]
Result = dict[str, object]

_OnOutput = Callable[..., Awaitable[Any]]
"""output.on_output for one output."""

_MAX_SECONDS = 600.0
_MAX_RATE_HZ = 500_000.0
_FETCH_S = 0.1
_SWITCHING = frozenset({"power_on", "inrush", "drive", "pulse", "set_voltage", "power_off"})


class Operations:
    """The operations of leases, by name."""

    def __init__(self, gate: Gate, log: GuardianLog) -> None:
        self._gate = gate
        self._log = log
        self._table: Mapping[str, Callable[[SlotLease, Args], Awaitable[Result]]] = {
            "power_on": self._power_on,
            "power_off": self._power_off,
            "set_voltage": self._set_voltage,
            "reading": self._reading,
            "drive": self._drive,
            "pulse": self._pulse,
            "sense": self._sense,
            "inrush": self._inrush,
            "record_current": self._record_current,
            "attenuate": self._attenuate,
            "hold": self._hold,
            "unhold": self._unhold,
        }

    def knows(self, op: str) -> bool:
        """True for an operation of a lease."""
        return op in self._table

    async def run(self, lease: SlotLease, op: str, args: Args) -> Result:
        """One operation; those that switch follow each other, readings go in between."""
        lease.must_live()
        work = self._table[op]
        if op not in _SWITCHING:
            return await work(lease, args)
        if op == "power_off" and args.get(
            "hard"
        ):  # overtakes what is under way, and waits for nobody's measurement
            for other, task in lease.tasks.values():
                if other in _SWITCHING and task is not asyncio.current_task():
                    task.cancel()
            async with lease.switching:
                return await work(lease, args)
        async with lease.switching, self._gate.passing(lease):
            lease.must_live()
            return await work(lease, args)

    # -- supply --------------------------------------------------------------------------------

    async def _power_on(self, lease: SlotLease, args: Args) -> Result:
        plan, on = _output(lease)
        lease.on = True
        await self._release_lines(lease)
        state = await _abortable(
            lambda gone: on(
                lambda handle: output.switch_on(handle, plan, gone), timeout_s=JOB_S + plan.settle_s
            )
        )
        self._say_on(lease, state)
        return state.to_json()

    async def _inrush(self, lease: SlotLease, args: Args) -> Result:
        plan, on = _output(lease)
        seconds = _seconds(args)
        lease.on = True
        await self._release_lines(lease)
        await on(lambda handle: output.prepare_inrush(handle, plan))
        await on(lambda handle: output.enable(handle, plan))
        samples = await _sample(on, plan, seconds)
        state = await _abortable(
            lambda gone: on(
                lambda handle: output.confirm_on(handle, plan, gone), timeout_s=JOB_S + plan.settle_s
            )
        )
        self._say_on(lease, state)
        return {"samples": samples}

    async def _power_off(self, lease: SlotLease, args: Args) -> Result:
        plan, on = _output(lease)
        tripped = await on(lambda handle: output.trip_of(handle, plan.channel), urgent=True)
        await on(lambda handle: output.switch_off(handle, plan.channel), urgent=True)
        lease.on = False
        await self._release_lines(lease)
        how = "hard" if args.get("hard") else "orderly"
        trip = f" (its {tripped} protection had tripped)" if tripped else ""
        self._log.write(
            f"slot {lease.slot.name}: off, {how}, by run {lease.held.run}: {args.get('cause')}{trip}"
        )
        return {}

    async def _set_voltage(self, lease: SlotLease, args: Args) -> Result:
        plan, on = _output(lease)
        volts = _number(args, "volts")
        plan.check_voltage(volts)
        await on(lambda handle: handle.output(plan.channel).set_voltage_v(volts))
        return {}

    async def _reading(self, lease: SlotLease, args: Args) -> Result:
        plan, on = _output(lease)
        state: output.OutputState = await on(lambda handle: output.read_output(handle, plan))
        return state.to_json()

    async def _record_current(self, lease: SlotLease, args: Args) -> Result:
        plan, on = _output(lease)
        if "rate_hz" in args:
            return await _log_current(on, plan, _seconds(args), _number(args, "rate_hz"))
        every_s = _number(args, "every_s") if "every_s" in args else 0.0
        return {"samples": await _sample(on, plan, _seconds(args), every_s)}

    # -- lines ---------------------------------------------------------------------------------

    async def _drive(self, lease: SlotLease, args: Args) -> Result:
        line, board = _driven(lease, args)
        await board.on_contacts(_contact(line, bool(args["asserted"])))
        return {}

    async def _pulse(self, lease: SlotLease, args: Args) -> Result:
        """The released state is restored however the pulse ends; times are bounds seen from here."""
        line, board = _driven(lease, args)
        seconds = _seconds(args)
        clock = asyncio.get_running_loop().time
        if board.by_hand:
            return await _pulse_by_hand(board, line, seconds)
        before = clock()
        try:
            await board.on_contacts(_contact(line, True))
            asserted = clock()
            while (left := asserted + seconds - clock()) > 0:
                await asyncio.sleep(left)
            releasing = clock()
        finally:
            await asyncio.shield(board.on_contacts(_contact(line, False), urgent=True))
        return {"shortest_s": releasing - asserted, "longest_s": clock() - before}

    async def _sense(self, lease: SlotLease, args: Args) -> Result:
        name = str(args["line"])
        read = lease.slot.read.get(name)
        if read is not None:
            level = await lease.instruments[read.board].on_board(lambda board: board.read(read.input))
            return {"asserted": level is read.high_when_asserted}
        line, board = _driven(lease, args)
        closed = await board.on_contacts(lambda handle: handle.is_closed(line.pin))
        return {"asserted": closed is line.closed_when_asserted}

    async def _release_lines(self, lease: SlotLease) -> None:
        for name in lease.slot.releases():
            line = lease.slot.driven[name]
            await lease.instruments[line.board].on_contacts(_contact(line, False), urgent=True)

    # -- coverage ------------------------------------------------------------------------------

    async def _attenuate(self, lease: SlotLease, args: Args) -> Result:
        name, channel, decibel = str(args["instrument"]), cast(int, args["channel"]), _number(args, "decibel")
        found = lease.instruments.get(name)
        if found is None:
            raise NotPossible(f"slot {lease.slot.name} leases no attenuator {name}",
                              remedy="name it under far_side in the rig file")
        await found.on_attenuator(lambda handle: handle.set_attenuation_db(channel, decibel))
        self._log.write(f"slot {lease.slot.name}: {name} channel {channel} at {decibel:g} dB")
        return {}

    # -- stillness -----------------------------------------------------------------------------

    async def _hold(self, lease: SlotLease, args: Args) -> Result:
        seconds = _number(args, "at_most_s")
        if not 0 < seconds <= MAX_HOLD_S:
            raise FrameworkError(
                f"a slot may hold the others still for at most {MAX_HOLD_S:g} s, not {seconds:g} s"
            )
        await self._gate.hold(lease, seconds)
        return {}

    async def _unhold(self, lease: SlotLease, args: Args) -> Result:
        self._gate.let_go(lease)
        return {}

    def _say_on(self, lease: SlotLease, state: output.OutputState) -> None:
        current = "" if state.current_a is None else f", {state.current_a:.3f} A"
        volts = "" if state.voltage_v is None else f", {state.voltage_v:.3f} V"
        self._log.write(f"slot {lease.slot.name}: on by run {lease.held.run}{volts}{current}")


async def _abortable(start: Callable[[threading.Event], Awaitable[output.OutputState]]) -> output.OutputState:
    """A job on an instrument's thread that is told when nobody waits for it any more."""
    gone = threading.Event()
    try:
        return await start(gone)
    finally:
        gone.set()


async def _sample(on: _OnOutput, plan: OutputPlan, seconds: float,
                  every_s: float = 0.0) -> list[tuple[float, float]]:
    """Currents for some seconds, each a job of its own so that others get their turn; at least one, and no
    sooner than ``every_s`` after the one before."""
    clock = asyncio.get_running_loop().time
    began = clock()
    samples: list[tuple[float, float]] = []
    while not samples or clock() - began < seconds:
        asked = clock()
        amperes = await on(lambda handle: handle.output(plan.channel).measure_current_a())
        samples.append((round(clock() - began, 6), amperes))
        pause = min(asked + every_s, began + seconds) - clock()
        if every_s and pause > 0:
            await asyncio.sleep(pause)
    return samples


async def _pulse_by_hand(board: Instrument, line: DrivenLinePlan, seconds: float) -> Result:
    """A person works the contact: that it was done is known, and by when."""
    clock = asyncio.get_running_loop().time
    before = clock()

    def press(handle: Contacts) -> None:
        if not isinstance(handle, PulsesByHand):
            raise FrameworkError(f"instrument {board.name} is worked by hand and knows no pulse")
        handle.pulse(line.pin, seconds, line.closed_when_asserted)

    await board.on_board(press)
    return {"shortest_s": 0.0, "longest_s": clock() - before}


async def _log_current(on: _OnOutput, plan: OutputPlan, seconds: float, rate_hz: float) -> Result:
    """The supply's own fast log, fetched bit by bit so that others, and a power-off, get their turn."""
    if not 0 < rate_hz <= _MAX_RATE_HZ:
        raise FrameworkError(f"{rate_hz:g} Hz is not between 0 and {_MAX_RATE_HZ:g} Hz")
    true_hz = await on(lambda handle: handle.output(plan.channel).start_current_log_hz(rate_hz))
    wanted = max(1, round(seconds * true_hz))
    clock = asyncio.get_running_loop().time
    until = clock() + 2 * seconds + JOB_S
    amperes: list[float] = []
    try:
        while len(amperes) < wanted and clock() < until:
            amperes += await on(lambda handle: handle.output(plan.channel).read_current_log())
            if len(amperes) < wanted:
                await asyncio.sleep(_FETCH_S)
    finally:
        await asyncio.shield(on(lambda handle: handle.output(plan.channel).stop_current_log()))
    if len(amperes) < wanted:
        raise RigError(f"output {plan.supply}:{plan.channel} logged {len(amperes)} of {wanted} samples",
                       remedy="check that this model has the fast log, and a lower rate")
    return {"samples": [(round(n / true_hz, 6), value) for n, value in enumerate(amperes[:wanted])]}


def _contact(line: DrivenLinePlan, asserted: bool) -> Callable[[Contacts], None]:
    closed = asserted is line.closed_when_asserted
    return lambda board: board.drive(line.pin, closed)


def _output(lease: SlotLease) -> tuple[OutputPlan, _OnOutput]:
    plan = lease.slot.output
    if plan is None:
        raise NotPossible(
            f"slot {lease.slot.name} has no supply that the bench can switch",
            remedy="name one under power in the rig file",
        )
    return plan, partial(output.on_output, lease.instruments[plan.supply], plan)


def _driven(lease: SlotLease, args: Args) -> tuple[DrivenLinePlan, Instrument]:
    name = str(args["line"])
    line = lease.slot.driven.get(name)
    if line is None:
        raise NotPossible(
            f"slot {lease.slot.name} has no line {name}", remedy="wire it and name it under lines"
        )
    return line, lease.instruments[line.board]


def _seconds(args: Args) -> float:
    seconds = _number(args, "seconds")
    if not 0 <= seconds <= _MAX_SECONDS:
        raise FrameworkError(f"{seconds:g} s is not between 0 and {_MAX_SECONDS:g} s")
    return seconds


def _number(args: Args, name: str) -> float:
    value = cast(float, args[name])
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise FrameworkError(f"{name} is {value!r}, not a number")
    return float(value)
