"""Procedures on two slots: which slots go together, and how one worker gets both.

Every slot that a procedure applies to is in the first place once; at its side is the next slot of the rig
file, in a circle, that is of the series asked for, one that can what is needed before one that cannot.
A procedure on one slot whose far side is the module of another goes with that slot in the same way.

Over workers the second slot's worker gives its slot back first, and leaves a note in the run's folder for
which test; the first slot's worker leases both. A slot that was lost has a note, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cellbench.base.errors import CellbenchError, NotPossible
from cellbench.guardian.errors import EquipmentHeld
from cellbench.rig.capabilities import Capability, capabilities
from cellbench.rig.schema import AttenuatorFarSide, RigFile, SecondSlotFarSide, ServicesFarSide
from cellbench.session.names import pair_of
from cellbench.session.opening import open_equipment
from cellbench.session.procedure import Procedure

if TYPE_CHECKING:
    from cellbench.session.run import Run

SLOT_FIXTURE = "slot_name"
PEER_FIXTURE = "peer_name"
ACTS_BY_PARTNER = frozenset({"far-side:call", "far-side:sms"})


def peer_of(model: RigFile, slots: Sequence[str], first: str, marked: Procedure) -> str:
    """The slot at the side of ``first``, "" when no other one fits."""
    at = slots.index(first)
    around = [*slots[at + 1 :], *slots[:at]]
    fitting = [name for name in around
               if not marked.peer_series or model.slots[name].series.value in marked.peer_series]
    return next((name for name in fitting if _can(model, name, marked.peer_needs)), next(iter(fitting), ""))


def parametrize_pairs(metafunc: pytest.Metafunc, run: Run, marked: Procedure, firsts: Sequence[str]) -> None:
    """Give a procedure its pairs; a worker gets those that its slot has a part in."""
    for name in (SLOT_FIXTURE, PEER_FIXTURE):
        if name not in metafunc.fixturenames:
            raise pytest.Collector.CollectError(
                f"{metafunc.definition.nodeid} is on two slots and uses one; take a fixture of the first "
                "(dut_at, slot ...) and of the second (peer_at, peer_slot ...)"
            )
    own = set(run.own_slots)
    pairs = [(first, peer_of(run.rig.model, run.slots, first, marked)) for first in firsts]
    kept = [pair for pair in pairs if own & set(pair)]
    metafunc.parametrize(
        (SLOT_FIXTURE, PEER_FIXTURE),
        kept,
        ids=[pair_of(*pair) if pair[1] else pair[0] for pair in kept],
        scope="function",
    )


def partner_of(model: RigFile, slots: Sequence[str], slot: str, marked: Procedure | None) -> str:
    """The slot whose module acts as the far side of ``slot`` in a procedure, "" when none does."""
    needed = set(marked.needs) & ACTS_BY_PARTNER if marked is not None else set()
    for far in model.far_sides_of(slot) if needed else ():
        if isinstance(far, SecondSlotFarSide):
            return far.slot if far.slot in slots else ""
        if not isinstance(far, AttenuatorFarSide | ServicesFarSide):
            return ""  # what stands before it acts in its place
    return ""


def parametrize_partners(metafunc: pytest.Metafunc, run: Run, partners: Mapping[str, str]) -> None:
    """Give a procedure its slots, each with the one that acts for it, so that one worker has both."""
    own = set(run.own_slots)
    kept = [pair for pair in partners.items() if own & set(pair)]
    if PEER_FIXTURE not in metafunc.fixturenames:
        metafunc.fixturenames.append(PEER_FIXTURE)
    metafunc.parametrize(
        (SLOT_FIXTURE, PEER_FIXTURE),
        kept,
        ids=[pair_of(*pair) if pair[1] else pair[0] for pair in kept],
        scope="function",
    )


def require_pair(run: Run, slot: str, peer: str, marked: Procedure) -> None:
    """Lease both slots; NotPossible when there is no second one, it is lost, held, or lacks something."""
    if not peer:
        kind = f" of series {' or '.join(marked.peer_series)}" if marked.peer_series else ""
        raise NotPossible(
            f"the procedure needs a second slot{kind} beside {slot}; this run has "
            f"{', '.join(run.slots)}", remedy="run it on a rig, or with --slot, of two that fit"
        )
    why = lost_reason(run.folder, peer)
    if why:
        raise NotPossible(f"the second slot {peer} was lost: {why}")
    equipment = open_equipment(run)
    if marked.peer_needs:
        equipment.require(peer, marked.peer_needs)
    equipment.bench.slot(slot)
    equipment.borrowed = peer
    try:
        equipment.bench.slot(peer)
    except EquipmentHeld as error:
        raise NotPossible(f"the second slot {peer} is not free: {error.message}",
                          remedy=error.remedy) from error


def lend(run: Run, nodeid: str, first: str, second: str) -> None:
    """In the second slot's worker: switch the slot off, give it back, say for which test."""
    equipment = run.equipment
    if equipment is not None:
        try:
            equipment.give_back(second, cause=f"lent to slot {first}")
        except CellbenchError as error:  # the guardian has made it safe; the first worker will see
            run.event("slot-lent", second, f"to slot {first}, not in order: {error}")
    note = _lent_note(run.folder, second)
    scratch = note.with_name(note.name + ".new")
    scratch.write_text(nodeid, encoding="utf-8")
    scratch.replace(note)


def may_run(run: Run, nodeid: str, second: str) -> bool:
    """In the first slot's worker: False when the second slot was neither lent for this test nor lost: the
    session ends early, and the test with it."""
    if not second or lost_reason(run.folder, second):
        return True
    return _read(_lent_note(run.folder, second)) == nodeid


def lost_note(folder: Path, slot: str) -> Path:
    """Where the controller says that a slot was lost, and why."""
    return folder / f"lost-{slot}"


def lost_reason(folder: Path, slot: str) -> str:
    """Why a slot was lost, "" while it was not."""
    return _read(lost_note(folder, slot))


def _lent_note(folder: Path, slot: str) -> Path:
    return folder / f"lent-{slot}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _can(model: RigFile, slot: str, needs: Sequence[str]) -> bool:
    own = capabilities(model, slot)
    return all(name.startswith("far-side:") or Capability(name) in own for name in needs)
