"""Modules that are on already: who they are, and whether the ports lead to the slots that the file says.

Four queries (AT, ATI, +CGSN, +CPIN?) on each port of a module that is on and that nobody holds. A module that
is off, or of which nobody can tell, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cellbench.base.errors import CellbenchError
from cellbench.catalogue.modules import profile_by_identity, profile_for
from cellbench.host.channel import Channel
from cellbench.host.transcript import Transcript
from cellbench.rig.slot_ports import SlotPorts
from cellbench.session.check.model import Look, Scene, Trouble

_SYNC_S = 3.0
_ANSWER_S = 10.0
_NO_SIM = frozenset({"10", "SIM not inserted"})  # 3GPP TS 27.007 9.2.1


@dataclass(slots=True)
class Met:
    """What the ports of one slot answered: IMEI by role, and what else the module said."""

    slot: str
    imei: dict[str, str] = field(default_factory=dict)
    model: str = ""
    sim: str = ""
    silent: dict[str, str] = field(default_factory=dict)


def look_at_modules(scene: Scene, skip: frozenset[str]) -> Iterator[Look]:
    """Ask the modules that are on, unless a port of theirs is in ``skip`` (by ``slot: role``)."""
    met = [
        _meet(scene, slot, skip)
        for slot in scene.rig.model.slots
        if scene.is_on(slot) is True and slot not in scene.busy
    ]
    for one in met:
        told = ", ".join(
            word
            for word in (
                one.model,
                f"IMEI {next(iter(one.imei.values()))}" if one.imei else "",
                one.sim and f"SIM {one.sim}",
            )
            if word
        )
        troubles = [
            *_silence(scene, one),
            *_exchanged(scene, one, met),
            *_stated(scene, one),
            *_product(scene, one),
            *_sim(scene, one),
        ]
        yield Look(f"{one.slot}: module", told or "no answer", tuple(troubles))


def _meet(scene: Scene, slot: str, skip: frozenset[str]) -> Met:
    model = scene.rig.model.slots[slot]
    profile = profile_for(model.series, model.variant)
    ports = SlotPorts(slot, model, profile, scene.rig.model.usb, Transcript(), _SYNC_S)
    found = Met(slot)
    try:
        for role in _roles(ports):
            kind = "usb" if role.startswith("at") else role
            if f"{slot}: {kind}" in skip:
                continue
            try:
                _ask(ports.channel(role), role, found)
            except CellbenchError as error:
                found.silent[role] = error.message
    finally:
        ports.close()
    return found


def _roles(ports: SlotPorts) -> tuple[str, ...]:
    """The main UART and the first AT port on USB; the others say nothing more."""
    try:
        roles = ports.roles()
    except CellbenchError:
        roles = ("uart",) if ports.model.ports.uart is not None else ()
    return tuple(role for role in roles if role in ("uart", "at0"))


def _ask(channel: Channel, role: str, found: Met) -> None:
    channel.sync(_SYNC_S)
    found.imei[role] = channel.send("AT+CGSN", timeout_s=_ANSWER_S).text.strip().strip('"')
    if not found.model:
        info = channel.send("ATI", timeout_s=_ANSWER_S, check=False).info
        found.model = next((line.strip() for line in info if line.strip()), "")
    if not found.sim:
        answer = channel.send("AT+CPIN?", timeout_s=_ANSWER_S, check=False)
        found.sim = answer.text.partition(":")[2].strip() if answer.final.success else _refusal(answer.final)


def _refusal(final: object) -> str:
    return str(getattr(final, "text", final)).partition(":")[2].strip() or "ERROR"


def _silence(scene: Scene, one: Met) -> Iterator[Trouble]:
    for role, why in one.silent.items():
        kind = "usb" if role.startswith("at") else role
        remedy = (
            "compare rate_bit_s with +IPR, TXD and RXD with the wiring; "
            f"`cellbench rig interlock {scene.rig.path}` tells whether it is another slot's"
            if kind != "usb"
            else "unplug and plug its USB, or switch the module off and on"
        )
        yield scene.error(
            ("slots", one.slot, "ports", kind),
            f"the module of slot {one.slot} is on and does not answer on {role}: {why}",
            remedy,
        )


def _exchanged(scene: Scene, one: Met, met: list[Met]) -> Iterator[Trouble]:
    """A UART and a USB port of one slot that lead to different modules."""
    uart, usb = one.imei.get("uart"), one.imei.get("at0")
    if uart is None or usb is None or uart == usb:
        return
    other = next(
        (another.slot for another in met if another is not one and uart in another.imei.values()), None
    )
    yield scene.error(
        ("slots", one.slot, "ports", "uart"),
        f"the UART of slot {one.slot} leads to IMEI {uart}, its USB to IMEI {usb}",
        f"the UARTs (or the USB cables) of {one.slot} and {other} are exchanged: exchange their ports.uart"
        if other
        else "the UART is that of a module in no slot: correct ports.uart",
    )


def _stated(scene: Scene, one: Met) -> Iterator[Trouble]:
    """A module with another IMEI than the file states."""
    stated = scene.rig.model.slots[one.slot].imei
    for role, imei in one.imei.items():
        if stated is not None and imei != stated:
            yield scene.error(
                ("slots", one.slot, "imei"),
                f"the module of slot {one.slot} tells IMEI {imei} on {role}, the file says {stated}",
                "put the right unit in, or correct imei",
            )


def _product(scene: Scene, one: Met) -> Iterator[Trouble]:
    if not one.model:
        return
    slot = scene.rig.model.slots[one.slot]
    try:
        profile = profile_by_identity(one.model)
    except CellbenchError as error:
        yield scene.raised(("slots", one.slot, "series"), error)
        return
    if profile.series is not slot.series:
        yield scene.error(
            ("slots", one.slot, "series"),
            f"the module says it is {one.model}, the slot says {slot.series.value}",
            "correct the series, or exchange the modules",
        )
    elif slot.variant is not None and profile.variant != slot.variant:
        yield scene.error(
            ("slots", one.slot, "variant"),
            f"the module says it is {one.model}, the slot says {slot.variant}",
            f"write variant: {profile.variant}, or leave variant away",
        )


def _sim(scene: Scene, one: Met) -> Iterator[Trouble]:
    place = ("slots", one.slot, "sim")
    if one.sim in ("", "READY"):
        return
    if one.sim in _NO_SIM or one.sim == "ERROR":
        yield scene.error(
            place,
            f"the module of slot {one.slot} finds no SIM (+CPIN? answers {one.sim})",
            "put the SIM in, contacts down, and look at the holder's wires",
        )
    elif one.sim.startswith("SIM PIN"):
        sim = scene.rig.model.slots[one.slot].sim
        if sim is None or sim.pin is None:
            yield scene.error(
                place,
                f"the SIM of slot {one.slot} asks for its PIN, and the file names none",
                "write sim: {pin: {env: NAME}}, or take the PIN off the SIM",
            )
    elif one.sim.startswith("SIM PUK"):
        yield scene.error(
            place,
            f"the SIM of slot {one.slot} is blocked and asks for its PUK",
            "unblock it in a telephone, then correct sim.pin",
        )
    else:
        yield scene.warning(
            place,
            f"the SIM of slot {one.slot} is not ready: {one.sim}",
            "wait some seconds, then check again",
        )
