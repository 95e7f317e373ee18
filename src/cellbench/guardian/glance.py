"""A look at a slot that nobody has leased: output and lines are read, nothing is switched, driven or kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from cellbench.base.errors import CellbenchError
from cellbench.guardian import output
from cellbench.guardian.equipment import Instrument
from cellbench.guardian.errors import from_wire, to_wire
from cellbench.guardian.output import OutputState
from cellbench.guardian.plan import SlotPlan


@dataclass(frozen=True, slots=True)
class Glance:
    """What was seen of one slot.

    ``output`` is None where the slot has no supply or the supply did not tell; ``asserted`` has the lines
    that could be read, driven ones by their contact. ``errors``: what could not be read, by ``output`` or
    the line's name.
    """

    output: OutputState | None
    asserted: Mapping[str, bool]
    errors: Mapping[str, CellbenchError]

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Glance:
        """From the guardian's reply."""
        state = cast("dict[str, object] | None", data["output"])
        errors = cast(Mapping[str, Mapping[str, object]], data["errors"])
        return cls(
            None if state is None else OutputState(**state),  # type: ignore[arg-type]
            cast(Mapping[str, bool], data["asserted"]),
            {part: from_wire(error) for part, error in errors.items()},
        )


async def glance(slot: SlotPlan, instruments: Mapping[str, Instrument]) -> dict[str, object]:
    """Read a slot's output and lines; what fails is told beside what does not."""
    errors: dict[str, dict[str, str]] = {}
    state: dict[str, object] | None = None
    plan = slot.output
    if plan is not None:
        try:
            found = await output.on_output(
                instruments[plan.supply], plan, lambda handle: output.read_output(handle, plan)
            )
            state = found.to_json()
        except CellbenchError as error:
            errors["output"] = to_wire(error)
    names = (*slot.read, *slot.driven)
    told = await asyncio.gather(*(_line(slot, name, instruments) for name in names), return_exceptions=True)
    asserted: dict[str, bool] = {}
    for name, result in zip(names, told, strict=True):
        if isinstance(result, CellbenchError):
            errors[name] = to_wire(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            asserted[name] = result
    return {"output": state, "asserted": asserted, "errors": errors}


async def _line(slot: SlotPlan, name: str, instruments: Mapping[str, Instrument]) -> bool:
    read = slot.read.get(name)
    if read is not None:
        level = await instruments[read.board].on_board(lambda board: board.read(read.input))
        return level is read.high_when_asserted
    driven = slot.driven[name]
    closed = await instruments[driven.board].on_contacts(lambda board: board.is_closed(driven.pin))
    return closed is driven.closed_when_asserted
