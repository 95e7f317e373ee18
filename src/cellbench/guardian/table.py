"""Which instruments are open, under whose lock, and for whom."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from cellbench.base.clock import SYSTEM_CLOCK
from cellbench.base.errors import RigError
from cellbench.guardian import safety
from cellbench.guardian.equipment import Instrument
from cellbench.guardian.keys import equipment_key
from cellbench.guardian.locks import Lock, Owner, Use, read_account
from cellbench.guardian.log import GuardianLog
from cellbench.guardian.plan import EquipmentPlan, InstrumentPlan
from cellbench.guardian.prompts import PromptBook
from cellbench.instruments.kinds import InstrumentKind, find_kind

_ACCOUNT_S = 5.0


class EquipmentTable:
    """Opens each piece of equipment once, whatever rig files call it; closes it after its last user."""

    def __init__(self, locks: Path, me: Owner, log: GuardianLog, prompts: PromptBook) -> None:
        self._locks = locks
        self._me = me
        self._log = log
        self._prompts = prompts
        self._open: dict[str, Instrument] = {}
        self._opening: dict[str, asyncio.Lock] = {}

    @property
    def lock_directory(self) -> Path:
        """Where locks are kept."""
        return self._locks

    @property
    def owner(self) -> Owner:
        """This guardian, as it signs its locks; since when is now."""
        return replace(self._me, since_utc_ns=SYSTEM_CLOCK.utc_ns())

    def instruments(self) -> tuple[Instrument, ...]:
        """All that are open."""
        return tuple(self._open.values())

    async def use_all(
        self, plan: EquipmentPlan, user: object, *, recovering: bool = False
    ) -> dict[str, Instrument]:
        """Open all instruments of a plan, side by side; raises the first that fails after all have ended."""
        names = tuple(plan.instruments)
        found = await asyncio.gather(
            *(self.use(name, plan.instruments[name], user, recovering=recovering) for name in names),
            return_exceptions=True,
        )
        for result in found:
            if isinstance(result, BaseException):
                raise result
        return {
            name: result for name, result in zip(names, found, strict=True) if isinstance(result, Instrument)
        }

    async def use(
        self, name: str, plan: InstrumentPlan, user: object, *, recovering: bool = False
    ) -> Instrument:
        """One instrument, opened, locked and identified, kept open for ``user``.

        What a dead holder of another runtime directory left on there is switched off first;
        ``recovering``: the caller does that.
        """
        key, kind = await asyncio.to_thread(_look_up, name, plan)
        async with self._opening.setdefault(key, asyncio.Lock()):
            instrument = self._open.get(key)
            if instrument is not None:
                instrument.users.add(user)
                return instrument
            owner = self.owner
            lock = Lock.take(self._locks, key, f"instrument {name}", owner)
            instrument = Instrument(key, name, plan, kind, lock, owner, self._prompts)
            try:
                await instrument.reach()
                if lock.before is not None and not recovering:
                    await self._settle_account(instrument, lock.before)
            except BaseException:
                instrument.close(keep_account=lock.before is not None and bool(lock.before.uses))
                raise
            instrument.users.add(user)
            self._open[key] = instrument
            if not recovering:
                instrument.sign("", ())
            return instrument

    def account_of(self, key: str) -> Owner | None:
        """What stands in the lock of a piece of equipment, whoever wrote it."""
        return read_account(self._locks, key)

    async def keys(self, plan: EquipmentPlan) -> dict[str, str]:
        """Instrument name → equipment key; opens nothing."""
        return {
            name: (await asyncio.to_thread(_look_up, name, entry))[0]
            for name, entry in plan.instruments.items()
        }

    def leave(self, user: object, *, unsafe: bool = False) -> None:
        """``user`` needs nothing any more; ``unsafe``: keep word of what could not be switched off."""
        for key, instrument in tuple(self._open.items()):
            instrument.users.discard(user)
            if not instrument.users:
                del self._open[key]
                instrument.close(keep_account=unsafe)

    def account(self, uses: Mapping[str, Iterable[tuple[str, Use]]]) -> None:
        """Write into the locks what runs have on: equipment key → (run, use)."""
        for key, instrument in self._open.items():
            found = tuple(uses.get(key, ()))
            runs = ", ".join(dict.fromkeys(run for run, _ in found))
            instrument.sign(runs, tuple(use for _, use in found))

    async def _settle_account(self, instrument: Instrument, before: Owner) -> None:
        """Switch off what a dead holder's account names, when it is still the same instrument."""
        if not before.uses or before.identity != instrument.identity:
            return
        steps = [safety.output_off(instrument, channel) for use in before.uses for channel in use.outputs]
        steps += [
            safety.contact(instrument, pin, closed, f"contact {instrument.name}:{pin} released")
            for use in before.uses
            for pin, closed in use.contacts
        ]
        loop = asyncio.get_running_loop()
        outcome = await safety.make_safe(
            [steps], give_up_s=_ACCOUNT_S, complain=self._log.write, began=loop.time()
        )
        done = ", ".join((*outcome.actions, *outcome.failures))
        self._log.write(
            f"instrument {instrument.name} was left by a holder that died ({before.describe()}): {done}"
        )
        if not outcome.safe:
            raise RigError(
                f"instrument {instrument.name} was left on by {before.describe()} and cannot be made safe: "
                f"{outcome.failures[0]}",
                remedy="switch it off by hand",
            )


def _look_up(name: str, plan: InstrumentPlan) -> tuple[str, InstrumentKind]:
    try:
        kind = find_kind(plan.kind)  # may import a driver: off the loop
    except RigError as error:
        # a run has looked its kinds up before it asks, so this guardian belongs to another installation
        raise RigError(
            f"instrument {name}: the guardian that runs here (process {os.getpid()}) was started by the "
            f"installation in {sys.prefix}, which lacks {plan.kind}: {error.message}",
            remedy=f"end the runs of that installation, or install in it what declares {plan.kind}",
        ) from error
    try:
        return equipment_key(kind, plan.settings), kind
    except (KeyError, TypeError, ValueError) as error:
        raise RigError(f"instrument {name}: its settings do not say where it is ({error!r})") from error
