"""What is done at one supply output, in one go, on the thread of its instrument."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible, RigError
from cellbench.guardian.equipment import JOB_S, Instrument
from cellbench.guardian.errors import LeaseEnded, OutputNotReached, SupplyTripped
from cellbench.guardian.plan import OutputPlan
from cellbench.instruments.line.model import LineBoard
from cellbench.instruments.supply.model import Supply
from cellbench.instruments.supply.relay import RelayOutput, RelaySupply

T = TypeVar("T")

_POLL_S = 0.01
_AT_LIMIT = 0.95  # of the limit: a supply that holds the current at its limit shows it within 5 %


@dataclass(frozen=True, slots=True)
class OutputState:
    """An output as read back: volt, ampere (None: not measurable), on, protection that tripped."""

    voltage_v: float | None
    current_a: float | None
    enabled: bool
    tripped: str | None

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        return {
            "voltage_v": self.voltage_v,
            "current_a": self.current_a,
            "enabled": self.enabled,
            "tripped": self.tripped,
        }


async def on_output(
    instrument: Instrument,
    plan: OutputPlan,
    work: Callable[[Supply], T],
    *,
    urgent: bool = False,
    timeout_s: float = JOB_S,
) -> T:
    """Do something with the supply of an output, on its instrument's thread: a supply, or the board whose
    contact stands for one."""
    closed_when_on = plan.closed_when_on
    if closed_when_on is None:
        return await instrument.on_supply(work, urgent=urgent, timeout_s=timeout_s)
    return await instrument.on_board(
        lambda board: work(_Contact(instrument.name, board, plan.channel, closed_when_on)),
        urgent=urgent,
        timeout_s=timeout_s,
    )


def read_output(supply: Supply, plan: OutputPlan) -> OutputState:
    """The output as it is now."""
    output = supply.output(plan.channel)
    return OutputState(
        _measured(output.measure_voltage_v), _measured(output.measure_current_a), output.is_enabled(),
        output.tripped(),
    )


def prepare(supply: Supply, plan: OutputPlan) -> None:
    """Set what the output is to have, off; a trip of an earlier use is cleared."""
    output = supply.output(plan.channel)
    if output.tripped() is not None:
        output.clear_trip()
    if plan.closed_when_on is not None:
        return  # a contact: its source is set by hand
    output.set_voltage_v(plan.voltage_v)
    output.set_current_limit_a(plan.current_limit_a)
    if plan.over_voltage_v is not None:
        output.set_over_voltage_v(plan.over_voltage_v)
    if plan.over_current_a is not None:
        output.set_over_current_a(plan.over_current_a)


def switch_on(supply: Supply, plan: OutputPlan, given_up: threading.Event) -> OutputState:
    """Set, switch on, read back; off again when the output does not get there."""
    prepare(supply, plan)
    if given_up.is_set():
        raise LeaseEnded("the lease ended while the output was set")
    enable(supply, plan)
    return confirm_on(supply, plan, given_up)


def prepare_inrush(supply: Supply, plan: OutputPlan) -> None:
    """As prepare; NotPossible, before anything is on, when the supply cannot measure current."""
    prepare(supply, plan)
    supply.output(plan.channel).measure_current_a()


def enable(supply: Supply, plan: OutputPlan) -> None:
    """Switch on; a protection that trips at once is reported as what it is."""
    output = supply.output(plan.channel)
    try:
        output.enable(True)
    except RigError as error:
        try:
            tripped = output.tripped()
            output.enable(False)
        except RigError:
            raise error from None  # the supply does not answer: what it said first counts
        if tripped is not None:
            raise _why(plan, OutputState(0.0, None, False, tripped)) from error
        raise


def confirm_on(supply: Supply, plan: OutputPlan, given_up: threading.Event) -> OutputState:
    """Wait until the measured voltage is what was set; else off again, and the reason as an error."""
    deadline = Deadline.after(plan.settle_s)
    while True:
        state = read_output(supply, plan)
        if (
            state.enabled
            and state.tripped is None
            and (state.voltage_v is None or abs(state.voltage_v - plan.voltage_v) <= plan.tolerance_v)
        ):
            return state
        if state.tripped is not None or deadline.expired or given_up.is_set():
            supply.output(plan.channel).enable(False)
            raise _why(plan, state)
        given_up.wait(_POLL_S)


def switch_off(supply: Supply, channel: int) -> None:
    """Off, read back by the driver; a tripped output is off already, its trip stays for the reader."""
    output = supply.output(channel)
    if output.is_enabled():
        output.enable(False)


def trip_of(supply: Supply, channel: int) -> str | None:
    """Which protection has tripped, for a log line."""
    return supply.output(channel).tripped()


class _Contact(RelaySupply):
    """One contact whose channel is its pin, as the guardian's plans count."""

    __slots__ = ()

    def __init__(self, name: str, board: LineBoard, pin: int, closed_when_on: bool) -> None:
        super().__init__(name, board, (pin,), closed_when_on=closed_when_on)

    def output(self, channel: int) -> RelayOutput:
        """The contact."""
        return super().output(1)


def _measured(measure: Callable[[], float]) -> float | None:
    try:
        return measure()
    except NotPossible:
        return None


def _why(plan: OutputPlan, state: OutputState) -> SupplyTripped | OutputNotReached:
    where = f"output {plan.supply}:{plan.channel}"
    set_to = f"{plan.voltage_v:g} V, limit {plan.current_limit_a:g} A"
    if state.tripped is not None:
        return SupplyTripped(
            f"{where} ({set_to}): the supply's {state.tripped} protection tripped; it is off",
            remedy="look for a short in the slot or its module",
        )
    if state.enabled and state.current_a is not None and state.current_a >= _AT_LIMIT * plan.current_limit_a:
        return SupplyTripped(
            f"{where} ({set_to}): the current limit holds the output at {state.voltage_v or 0.0:.3g} V with "
            f"{state.current_a:.3g} A; switched off",
            remedy="look for a short in the slot or its module",
        )
    if not state.enabled:
        return OutputNotReached(
            f"{where} ({set_to}) went off by itself", remedy="look at the supply's front panel"
        )
    return OutputNotReached(
        f"{where} ({set_to}) reads back {state.voltage_v or 0.0:.4g} V after {plan.settle_s:g} s; "
        "switched off",
        remedy="check the supply's range and its sense wires",
    )
