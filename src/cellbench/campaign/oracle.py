"""What a cell proves: the old version or the new one runs, by a documented way, with what the method leaves,
and the unit takes a next update. Everything else is a finding with a name, or an error of somebody else."""

from __future__ import annotations

from dataclasses import dataclass, field

from cellbench.base.errors import CellbenchError, NotPossible, Owner
from cellbench.campaign.cells import Cell
from cellbench.campaign.documented import documented_ways
from cellbench.catalogue.firmware_codes import SUCCESS
from cellbench.catalogue.model import Series
from cellbench.catalogue.preservation import Item
from cellbench.host.firmware.fingerprint import Difference
from cellbench.host.firmware.model import (
    Method,
    Package,
    Recovery,
    RecoveryPath,
    Stage,
    Update,
    UpdateNotApplied,
    UpdateRefused,
)
from cellbench.record.interruption import CellOutcome, Interruption

_PLAIN = {RecoveryPath.OLD_FIRMWARE: CellOutcome.OLD, RecoveryPath.NEW_FIRMWARE: CellOutcome.NEW}


@dataclass(slots=True)
class Seen:
    """What a cell has shown. ``before``: the version; ``reached``: where it was interrupted, None where it
    never was; ``update`` or ``failure``: how the update ended for the host; ``differences`` of the
    fingerprints; ``next_failure``: of the next update, ``next_done`` that it came to pass; ``bench``: what of
    the bench was not as it has to be."""

    cell: Cell
    package: Package
    before: str
    reached: Stage | None = None
    update: Update | None = None
    failure: CellbenchError | None = None
    recovery: Recovery | None = None
    differences: tuple[Difference, ...] = ()
    next_failure: CellbenchError | None = None
    next_done: bool = False
    bench: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Judgement:
    """An outcome, who has to act, and a sentence."""

    outcome: CellOutcome
    owner: Owner | None
    reason: str


def judge(seen: Seen) -> Judgement:
    """The outcome of a cell. A fault of the bench comes first: with it nothing is said of the unit."""
    if seen.bench:
        return Judgement(CellOutcome.ERROR, Owner.RIG, "; ".join(seen.bench))
    for look in (_dead, _started_wrong, _version, _false_success, _lost, _way, _next, _reached):
        found = look(seen)
        if found is not None:
            return found
    return _good(seen)


def _bad(outcome: CellOutcome, reason: str) -> Judgement:
    return Judgement(outcome, Owner.UNIT, reason)


def _dead(seen: Seen) -> Judgement | None:
    if seen.recovery is None:
        failure = seen.failure or seen.next_failure
        owner = failure.owner if failure is not None else Owner.FRAMEWORK
        return Judgement(CellOutcome.ERROR, owner, str(failure or "nothing is known of the unit afterwards"))
    if seen.recovery.path is RecoveryPath.DEAD:
        return _bad(CellOutcome.BRICKED, f"nothing starts after {_where(seen)}: {seen.before} ran before")
    if seen.recovery.path is RecoveryPath.BOOT_MODE and seen.cell.method is not Method.FLASH:
        return _bad(CellOutcome.BRICKED, f"nothing starts after {_where(seen)}; flashed anew in boot mode, "
                                         f"{seen.recovery.version} runs")
    return None


def _started_wrong(seen: Seen) -> Judgement | None:
    """A package that begins from another release was taken."""
    if seen.cell.kind is not Interruption.WRONG_PACKAGE or seen.recovery is None:
        return None
    if seen.update is None and seen.recovery.version == seen.before:
        return None
    told = f", {SUCCESS} was told" if seen.update is not None else ""
    return _bad(CellOutcome.WRONG_START,
                f"a delta that begins from another release than {seen.before} was installed{told}: "
                f"{seen.recovery.version} runs")


def _version(seen: Seen) -> Judgement | None:
    found = seen.recovery.version if seen.recovery is not None else ""
    if found in (seen.before, seen.package.end):
        return None
    return _bad(CellOutcome.WRONG_VERSION,
                f"{found or 'no version'} runs, neither {seen.before} nor {seen.package.end}")


def _false_success(seen: Seen) -> Judgement | None:
    """Success was told and the old firmware runs, in this update or in the next one."""
    for failure, which in ((seen.failure, "the update"), (seen.next_failure, "the next update")):
        if isinstance(failure, UpdateNotApplied) and failure.after == failure.before:
            return _bad(CellOutcome.FALSE_128, f"{which} was told as done and {failure.after} still runs")
    running = seen.recovery.version if seen.recovery is not None else ""
    if seen.update is not None and running == seen.before != seen.package.end:
        return _bad(CellOutcome.FALSE_128, f"the update was told as done and {running} still runs")
    return None


def _lost(seen: Seen) -> Judgement | None:
    """What the method must leave as it was, and is not; what no source of weight decides is evidence."""
    lost = [one for one in seen.differences if one.fails]
    certificates = [one for one in lost if one.item is Item.CERTIFICATES]
    if certificates:
        return _bad(CellOutcome.LOST_CERTIFICATES, _listed(certificates))
    return _bad(CellOutcome.LOST_DATA, _listed(lost)) if lost else None


def _way(seen: Seen) -> Judgement | None:
    if seen.recovery is None or seen.reached is None:
        return None
    ways = documented_ways(Series(seen.cell.series), seen.cell.method, seen.reached,
                           powered=seen.cell.kind not in (Interruption.SUPPLY_CUT, Interruption.HOST_KILLED))
    if seen.recovery.path in ways:
        return None
    documented = " or ".join(sorted(way.value for way in ways))
    return _bad(CellOutcome.UNDOCUMENTED,
                f"it came back by {seen.recovery.path.value} after {_where(seen)}; documented: {documented}")


def _next(seen: Seen) -> Judgement | None:
    failure = seen.next_failure
    if failure is None:
        return None
    if failure.owner is Owner.UNIT:
        return _bad(CellOutcome.NO_UPDATE, f"the next update: {failure}")
    return Judgement(CellOutcome.ERROR, failure.owner, f"the next update: {failure}")


def _reached(seen: Seen) -> Judgement | None:
    """An interruption that never came, an update that failed by itself."""
    kind, failure = seen.cell.kind, seen.failure
    if kind is Interruption.WRONG_PACKAGE:
        if isinstance(failure, UpdateRefused):
            return None
        owner = failure.owner if failure is not None else Owner.FRAMEWORK
        return Judgement(CellOutcome.ERROR, owner, f"the package was neither taken nor refused: {failure}")
    if kind is Interruption.NOTHING:
        if failure is None:
            return None
        if failure.owner is Owner.UNIT:
            return _bad(CellOutcome.NO_UPDATE, str(failure))
        return Judgement(CellOutcome.ERROR, failure.owner, str(failure))
    if seen.reached is not None:
        return None
    if isinstance(failure, NotPossible):
        return Judgement(CellOutcome.NOT_POSSIBLE, None, str(failure))
    why = f"the update ended before: {failure}" if failure is not None else "the update went by it"
    owner = failure.owner if failure is not None else Owner.FRAMEWORK
    return Judgement(CellOutcome.NOT_REACHED, owner, f"{seen.cell.place.words}: {why}")


def _good(seen: Seen) -> Judgement:
    assert seen.recovery is not None  # _dead has looked
    if seen.cell.kind is Interruption.WRONG_PACKAGE:
        return Judgement(CellOutcome.REFUSED, None, str(seen.failure))
    outcome = _PLAIN.get(seen.recovery.path, CellOutcome.RECOVERED)
    return Judgement(outcome, None, f"{seen.recovery.version} runs")


def _where(seen: Seen) -> str:
    stage = seen.reached.value if seen.reached is not None else "the whole update"
    return f"{seen.cell.kind.value} at {stage}"


def _listed(differences: list[Difference]) -> str:
    shown = "; ".join(str(one) for one in differences[:3])
    return f"{shown}; and {len(differences) - 3} more" if len(differences) > 3 else shown
