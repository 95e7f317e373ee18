"""Settings that are legal and still doubtful: what validation cannot refuse, a person should hear of."""

from __future__ import annotations

from collections.abc import Iterator

from cellbench.catalogue.modules import profile_for
from cellbench.session.check.model import Look, Scene, Trouble

_OVER_V = 0.5  # a protection this far above the module's range protects nothing


def look_at_settings(scene: Scene) -> Iterator[Look]:
    """One look for everything doubtful; none when nothing is."""
    troubles = (*_sims(scene), *_over_voltage(scene), *_networks(scene), *_limits(scene))
    if troubles:
        yield Look("settings", f"{len(troubles)} doubtful", troubles)


def _sims(scene: Scene) -> Iterator[Trouble]:
    """One SIM in two slots; slots without a SIM."""
    seen: dict[str, str] = {}
    for name, slot in scene.rig.model.slots.items():
        if slot.sim is None:
            yield scene.warning(
                ("slots", name),
                f"slot {name} names no SIM: its attaches are counted by the slot's name, not by the card's",
                "write sim: {ref: NAME}, the same name wherever this card goes",
            )
            continue
        other = seen.setdefault(slot.sim.ref, name)
        if other != name:
            yield scene.error(
                ("slots", name, "sim", "ref"),
                f"SIM {slot.sim.ref} is in slot {other} too",
                "a card is in one slot: give each its own name",
            )


def _over_voltage(scene: Scene) -> Iterator[Trouble]:
    """A protection that leaves the module unprotected."""
    for name, slot in scene.rig.model.slots.items():
        if slot.power is None or slot.power.over_voltage_v is None:
            continue
        most = profile_for(slot.series, slot.variant).power.vcc_extended_v.value[1]
        if slot.power.over_voltage_v > most + _OVER_V:
            yield scene.error(
                ("slots", name, "power", "over_voltage_v"),
                f"it trips at {slot.power.over_voltage_v:g} V, the module's range ends at {most:g} V",
                f"write over_voltage_v: {min(slot.power.voltage_v + 0.5, most):g}",
            )


def _networks(scene: Scene) -> Iterator[Trouble]:
    """Slots that have no network to register on."""
    for name in scene.rig.model.slots:
        if scene.rig.model.network_of(name) is None:
            yield scene.warning(
                ("slots", name),
                f"slot {name} has no network: procedures that go online end as rig errors",
                "write network: {apn: ...}, for the rig or the slot",
            )


def _limits(scene: Scene) -> Iterator[Trouble]:
    """Slots whose product has no limits."""
    for name, slot in scene.rig.model.slots.items():
        if scene.rig.limits_of(name) is None and scene.rig.model.limits:
            yield scene.warning(
                ("limits",),
                f"no limits file fits slot {name} ({slot.variant or slot.series.value})",
                f"write limits: {{{slot.series.value}: limits/{slot.series.value.lower()}.yaml}}",
            )
