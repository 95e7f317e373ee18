"""The slots as the bench reads them: who has them, what their supply and lines say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from cellbench.base.errors import CellbenchError, NotPossible, Owner
from cellbench.guardian import paths
from cellbench.guardian.client import GuardianClient
from cellbench.guardian.glance import Glance
from cellbench.guardian.keys import equipment_key
from cellbench.guardian.locks import holder_of
from cellbench.guardian.plan import USB_POWER
from cellbench.instruments.kinds import find_kind
from cellbench.rig.build import equipment_plan, slot_plan
from cellbench.session.check.model import Look, Scene, Trouble

_AWAY_V = 0.2  # an output that is on and this far from what the file says was set by somebody else


def note_leases(scene: Scene, guardian: GuardianClient) -> None:
    """Which slots are in use, by the locks of their ports: names of slots are another rig file's as well."""
    leases = cast("list[Mapping[str, object]]", guardian.state()["leases"])
    by_run = {
        str(lease["run"]): f"run {lease['run']} (user {lease['user']}, pid {lease['worker_pid']}), since "
        f"{lease['since']}"
        for lease in leases
    }
    directory = paths.lock_dir()
    for name in scene.rig.model.slots:
        for port in slot_plan(scene.rig, name).ports:
            held, account = holder_of(directory, f"port:{port}")
            if held and account is not None:
                holder = by_run.get(account.run, account.describe())
                scene.busy[name] = f"{holder}, by its port {port}"
                break


def look_at_slot(scene: Scene, guardian: GuardianClient, slot: str) -> Look:
    """Read a slot's output and lines; nothing is switched."""
    place = ("slots", slot)
    if slot in scene.busy:
        return Look(
            slot,
            "in use",
            (
                scene.warning(
                    place, f"slot {slot} is held by {scene.busy[slot]}", "wait until it is given back"
                ),
            ),
        )
    plan = slot_plan(scene.rig, slot)
    if not plan.instruments():
        return Look(slot, "no supply and no lines: power procedures are NOT_POSSIBLE")
    if not plan.instruments() <= set(scene.identities):
        return Look(slot, "not read: an instrument of it is not reached")
    guardian.enrol(equipment_plan(scene.rig, plan.instruments()))
    try:
        glance = guardian.look(plan)
    except CellbenchError as error:
        return Look(slot, "not read", (scene.raised(place, error),))
    scene.glances[slot] = glance
    return Look(slot, _told(glance), tuple(_troubles(scene, slot, glance)))


def look_at_leftovers(scene: Scene) -> Iterator[Look]:
    """Equipment that a dead holder left on."""
    directory = paths.lock_dir()
    for name in scene.rig.model.instruments:
        key = _key(scene, name)
        held, account = holder_of(directory, key)
        if not held and account is not None and account.uses:
            slots = ", ".join(use.slot for use in account.uses)
            yield Look(
                f"{name}: lock",
                f"left by {account.describe()}",
                (
                    scene.warning(
                        ("instruments", name),
                        f"{account.describe()} died and may have left on what slot {slots} uses",
                        "the next run, or this check, switches it off when it opens the instrument",
                    ),
                ),
            )


def _key(scene: Scene, name: str) -> str:
    settings = scene.rig.model.instruments[name]
    return equipment_key(find_kind(settings.kind), settings.model_dump(mode="json", exclude={"kind"}))


def _told(glance: Glance) -> str:
    words = []
    if glance.output is not None:
        current = "" if glance.output.current_a is None else f", {glance.output.current_a:.3f} A"
        volts = "" if glance.output.voltage_v is None else f", {glance.output.voltage_v:.2f} V"
        words.append(f"supply {'on' if glance.output.enabled else 'off'}{volts}{current}")
    words += [
        f"{line} {'asserted' if on else 'released'}"
        for line, on in sorted(glance.asserted.items())
        if on or line == "v_int"
    ]
    return "; ".join(words) or "read"


def _troubles(scene: Scene, slot: str, glance: Glance) -> Iterator[Trouble]:
    place = ("slots", slot)
    for part, error in glance.errors.items():
        if isinstance(error, NotPossible):
            continue  # a board that does not read back what it drives
        leaf = {"output": ("power", "channel"), USB_POWER: (USB_POWER,)}.get(part, ("lines", part))
        if error.owner is Owner.RIG or error.remedy:
            yield scene.raised((*place, *leaf), error)
    model, output = scene.rig.model.slots[slot], glance.output
    if output is not None and output.tripped is not None:
        yield scene.error(
            (*place, "power"),
            f"the supply's {output.tripped} protection has tripped",
            "look for a short in the slot or its module; the next power-on clears it",
        )
    if (
        output is not None
        and output.enabled
        and model.power is not None
        and output.tripped is None
        and output.voltage_v is not None
        and (abs(output.voltage_v - model.power.voltage_v) > _AWAY_V)
    ):
        yield scene.warning(
            (*place, "power", "voltage_v"),
            f"the output is on with {output.voltage_v:.2f} V, the file says {model.power.voltage_v:g} V",
            "somebody set it by hand: switch it off there",
        )
    if output is not None and not output.enabled and glance.asserted.get("v_int"):
        yield scene.error(
            (*place, "lines", "v_int"),
            f"V_INT of slot {slot} says that the module is on, and its supply output is off",
            "the input is another slot's, active is the wrong way round, or something else feeds "
            f"the module: `cellbench rig interlock {scene.rig.path}` tells",
        )
    for line in model.lines.driven():
        if glance.asserted.get(line) and (output is None or not output.enabled) and line != "vusb_det":
            yield scene.warning(
                (*place, "lines", line),
                f"{line} is asserted although no run holds slot {slot}",
                "is inverted right, and the contact not stuck? a run releases it first of all",
            )
