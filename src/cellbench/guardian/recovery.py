"""What a guardian that died left on, and what could not be made safe: until it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from cellbench.base.clock import SYSTEM_CLOCK
from cellbench.base.errors import CellbenchError, RigError
from cellbench.guardian import safety
from cellbench.guardian.equipment import Instrument
from cellbench.guardian.errors import EquipmentHeld
from cellbench.guardian.log import GuardianLog
from cellbench.guardian.plan import InstrumentPlan, SlotPlan
from cellbench.guardian.state import Held, with_secrets
from cellbench.guardian.table import EquipmentTable

GIVE_UP_S = 30.0
_REOPEN_S = 0.3
_SETTLE_S = 3.0
_FORGET_NS = 24 * 3_600_000_000_000


class Leftovers:
    """Slots that are leased to nobody and perhaps on."""

    def __init__(self, table: EquipmentTable, log: GuardianLog) -> None:
        self._table = table
        self._log = log
        self._held: list[Held] = []

    @property
    def held(self) -> tuple[Held, ...]:
        """All of them."""
        return tuple(self._held)

    def take(self, found: tuple[Held, ...]) -> tuple[Held, ...]:
        """Take over what a state file names, but for what nobody could make safe for a day; the rest."""
        oldest = SYSTEM_CLOCK.utc_ns() - _FORGET_NS
        for held in found:
            if 0 < held.failed_utc_ns < oldest:
                self._log.write(
                    f"slot {held.slot.name} of run {held.run} was not made safe for a day; forgotten"
                )
            else:
                self._held.append(held)
        return self.held

    def failed(self, held: Held, utc_ns: int) -> None:
        """A slot could not be made safe."""
        if held in self._held:
            self._held.remove(held)
        self._held.append(replace(held, failed_utc_ns=held.failed_utc_ns or utc_ns))

    def done(self, held: Held) -> None:
        """A slot is safe."""
        self._held.remove(held)

    async def recover(self, held: Held, user: object) -> safety.Outcome:
        """Open again what a dead guardian had open, and make it safe, each instrument by itself."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        found = await asyncio.gather(
            *(self._recover_at(held, name, user, began) for name in held.equipment.instruments)
        )
        return safety.Outcome(
            tuple(action for part in found for action in part.actions),
            tuple(failure for part in found for failure in part.failures),
            loop.time() - began,
        )

    async def settle(
        self, slot: SlotPlan, claims: tuple[str, ...], instruments: Mapping[str, Instrument]
    ) -> None:
        """Make a slot safe before it is leased again when that could not be done after its last run."""
        left = [(held, claims_of(held.slot, await self._table.keys(held.equipment))) for held in self._held]
        met = [held for held, others in left if set(others) & set(claims)]
        if not met:
            return
        outcome = await safety.make_safe(
            safety.steps_for(slot, instruments),
            give_up_s=_SETTLE_S,
            complain=self._log.write,
            began=asyncio.get_running_loop().time(),
        )
        if not outcome.safe:
            raise RigError(
                f"slot {slot.name} was left on by run {met[0].run}: {outcome.failures[0]}",
                remedy="switch it off by hand",
            )
        for held, others in left:
            if set(others) <= set(claims):
                self._held.remove(held)
                self._log.write(f"slot {held.slot.name}: safe now, after run {held.run}")

    async def _recover_at(self, held: Held, name: str, user: object, began: float) -> safety.Outcome:
        try:
            plan = with_secrets(name, held.equipment.instruments[name])
            instrument = await self._reopen(held, name, plan, user, began)
        except CellbenchError as error:
            if await self._seen_to(held, name):
                return safety.Outcome((f"{name} was seen to by another guardian",), (), 0.0)
            return safety.Outcome((), (str(error),), 0.0)
        if held.identities.get(name, instrument.identity) != instrument.identity:
            return safety.Outcome((), (f"instrument {name} is another one now: {instrument.identity}",), 0.0)
        return await safety.make_safe(
            safety.steps_for(held.slot, {name: instrument}),
            give_up_s=GIVE_UP_S,
            began=began,
            complain=lambda text: self._log.write(f"slot {held.slot.name}: {text}"),
        )

    async def _seen_to(self, held: Held, name: str) -> bool:
        """True when the lock's account does not name this slot any more: somebody else made it safe."""
        keys = await self._table.keys(held.equipment.only(frozenset({name})))
        account = self._table.account_of(keys[name])
        return account is None or all(use.slot != held.slot.name for use in account.uses)

    async def _reopen(
        self, held: Held, name: str, plan: InstrumentPlan, user: object, began: float
    ) -> Instrument:
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await self._table.use(name, plan, user, recovering=True)
            except EquipmentHeld:
                raise  # whoever has it now has read in the lock what was left on
            except RigError:
                if loop.time() - began > GIVE_UP_S or await self._seen_to(held, name):
                    raise
            await asyncio.sleep(_REOPEN_S)


def claims_of(slot: SlotPlan, keys: Mapping[str, str]) -> tuple[str, ...]:
    """What only one lease may have at a time, by equipment keys and not by names of a rig file."""
    found = []
    if slot.output is not None:
        what = "output" if slot.output.closed_when_on is None else "contact"
        found.append(f"{what}\0{keys[slot.output.supply]}\0{slot.output.channel}")
    found += [f"contact\0{keys[line.board]}\0{line.pin}" for line in slot.driven.values()]
    found += [f"port\0{port}\0" for port in slot.ports]
    return tuple(found)
