"""What the control room can do to the card in a slot, and what it can ask of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.base.errors import OperatorError
from cellbench.virtual.control.verbs import Answer, ControlRefusal, Verb, only, want
from cellbench.virtual.device.config import world_card
from cellbench.virtual.device.sim import Sim, state_of
from cellbench.virtual.uicc.build import profile_named
from cellbench.virtual.uicc.profile import CardProfile

if TYPE_CHECKING:
    from cellbench.virtual.rack import Rack, VirtualSlot

Values = Mapping[str, str]
_KEYS = ("state", "imsi", "profile", "card")


def _of(slot: VirtualSlot | None) -> Sim:
    if slot is None:
        raise ControlRefusal("this verb needs --slot")
    return slot.module.sim


async def _sim(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    only(values, *_KEYS)
    if len(values) != 1:
        raise ControlRefusal(f"one key at a time: {', '.join(_KEYS)}")
    sim = _of(slot)
    if "state" in values:
        if want(values, "state", "in", "out") == "in":
            sim.insert()
        else:
            sim.remove()
    elif "card" in values:
        card = _card(rack, slot, values["card"])
        sim.remove()
        sim.insert(card)
    elif "imsi" in values:
        _swap(sim, values["imsi"])
    else:
        _enable(sim, values["profile"])
    return None


def _card(rack: Rack, slot: VirtualSlot | None, name: str) -> CardProfile:
    """The slot's own card, the world's first, or that of a profile file."""
    if name == "own" and slot is not None:
        return slot.module.config.sim.profile
    if name == "world":
        return world_card(rack.world.raw["sim"], "R8")  # type: ignore[arg-type]
    try:
        return profile_named(name)
    except OperatorError as error:
        raise ControlRefusal(str(error)) from None


def _swap(sim: Sim, imsi: str) -> None:
    if imsi == "next":
        known = (sim.profile.imsi, *sim.profile.imsis)
        if len(known) == 1:
            raise ControlRefusal("this card has one IMSI; name another, or put in a card with imsis")
        place = known.index(sim.imsi) if sim.imsi in known else -1
        imsi = known[(place + 1) % len(known)]
    if not re.fullmatch(r"[0-9]{6,15}", imsi):
        raise ControlRefusal("imsi is 6 to 15 digits, or next")
    sim.swap_imsi(imsi)


def _enable(sim: Sim, iccid: str) -> None:
    known = [one.iccid for one in (sim.profile, *sim.profile.profiles)]
    if iccid == "next":
        iccid = known[(known.index(sim.iccid) + 1) % len(known)]
    if iccid not in known or len(known) == 1:
        raise ControlRefusal(f"profile is next, or one of {', '.join(known)}"
                             + ("" if len(known) > 1 else "; this card is no eUICC (no profiles)"))
    sim.enable_profile(iccid)


async def _report(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "what")
    sim = _of(slot)
    return {"state": "in" if sim.present else "out", "status": sim.status.name.lower(), "imsi": sim.imsi,
            "iccid": sim.iccid, "asks": sim.pin_state.value, **state_of(sim.card)}


VERBS: Mapping[str, Verb] = MappingProxyType({
    "sim": Verb("state=in|out: the card is there, or taken out; imsi=N|next: a multi-IMSI card takes another "
                "identity; profile=ICCID|next: an eUICC enables another profile; "
                "card=own|world|NAME|FILE: another card is put in: the slot's own as new, the world's first, "
                "one that comes with the package, or that of a profile file", True, _sim),
})
REPORTS: Mapping[str, Verb] = MappingProxyType({
    "sim": Verb("the card: identities, what it asks for, tries left, channels, challenges answered", True,
                _report),
})
