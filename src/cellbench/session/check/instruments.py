"""The instruments: each is opened by the guardian and asked who it is; nothing is set or switched."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from cellbench.base.errors import CellbenchError
from cellbench.guardian.client import GuardianClient
from cellbench.guardian.errors import EquipmentHeld
from cellbench.guardian.plan import EquipmentPlan
from cellbench.instruments.kinds import InstrumentClass, find_kind
from cellbench.io.usb import UsbDevice, list_devices
from cellbench.rig.build import equipment_plan
from cellbench.rig.check import all_secrets
from cellbench.rig.secrets import resolve_secret
from cellbench.session.check.model import Look, Scene, Trouble
from cellbench.session.check.ports import look_at_node
from cellbench.session.check.rights import missing_right

_AT_ONCE = 8
_USB_RESOURCE = re.compile(r"^USB\d*::(?P<vid>[^:]+)::(?P<pid>[^:]+)::(?P<serial>[^:]+)", re.IGNORECASE)


def look_at_secrets(scene: Scene) -> Iterator[Look]:
    """Secrets that the file refers to and that are not there."""
    for place, secret in all_secrets(scene.rig.model):
        try:
            resolve_secret(secret, scene.rig.path, scene.rig.where(*place))
        except CellbenchError as error:
            yield Look("secret", ".".join(map(str, place)), (scene.raised(place, error),))


def look_at_instruments(scene: Scene, guardian: GuardianClient) -> list[Look]:
    """Reach every instrument that the guardian opens, several at a time; afterwards compare what they say
    with the file."""
    model = scene.rig.model.instruments
    names = tuple(name for name in model if find_kind(model[name].kind).serves is not InstrumentClass.FLASHER)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        troubles = dict(zip(names, pool.map(lambda name: _reach(scene, guardian, name), names), strict=True))
    for name, more in _compare(scene).items():
        troubles[name] += more
    return [Look(name, scene.identities.get(name) or "not reached", tuple(troubles[name])) for name in names]


def _reach(scene: Scene, guardian: GuardianClient, name: str) -> list[Trouble]:
    before = _before_opening(scene, name)
    if before:
        return before
    try:
        plan = equipment_plan(scene.rig, [name])
    except CellbenchError:
        return []  # a secret is not there, which has been told
    try:
        scene.identities[name] = guardian.enrol(plan)[name]
    except EquipmentHeld as error:
        return [scene.raised(("instruments", name), error)]
    except CellbenchError as error:
        found = _without_expectation(plan, guardian, name)
        if found is None:
            return [scene.raised(_address(scene, name), error)]
        scene.identities[name] = found
    return []


def _without_expectation(plan: EquipmentPlan, guardian: GuardianClient, name: str) -> str | None:
    """What an instrument says it is when nothing is expected; None when it cannot be reached that way."""
    stated = plan.instruments[name]
    if "identity" not in stated.settings:
        return None
    settings = {key: value for key, value in stated.settings.items() if key != "identity"}
    try:
        return guardian.enrol(EquipmentPlan(plan.rig, {name: replace(stated, settings=settings)}))[name]
    except CellbenchError:
        return None


def _compare(scene: Scene) -> Mapping[str, list[Trouble]]:
    """Instruments that are not what the file says, and such as could be exchanged unseen."""
    found: dict[str, list[Trouble]] = {}
    expected = {name: _stated(scene, name, "identity") for name in scene.identities}
    models = Counter(_model(identity) for identity in scene.identities.values())
    for name, identity in scene.identities.items():
        wanted, place = expected[name], ("instruments", name, "identity")
        if wanted and not identity.startswith(wanted):
            other = next(
                (one for one, what in expected.items() if one != name and what and identity.startswith(what)),
                None,
            )
            remedy = (
                f"{name} and {other} are exchanged: exchange their resources in the file, or their cables"
                if other
                else "correct the address or the identity"
            )
            found.setdefault(name, []).append(
                scene.error(place, f"{name} says it is {identity!r}, the file expects {wanted!r}", remedy)
            )
        elif not wanted and _can_state_identity(scene, name) and models[_model(identity)] > 1:
            found.setdefault(name, []).append(
                scene.warning(
                    ("instruments", name),
                    f"several supplies are {_model(identity)}, and nothing tells them apart",
                    f'add identity: "{identity}" so that exchanged cables are noticed',
                )
            )
    return found


def _model(identity: str) -> str:
    """Maker and model of an *IDN? answer (IEEE 488.2, 10.14)."""
    return ",".join(part.strip() for part in identity.split(",")[:2])


def _can_state_identity(scene: Scene, name: str) -> bool:
    return "identity" in type(scene.rig.model.instruments[name]).model_fields


def _stated(scene: Scene, name: str, key: str) -> str:
    return str(getattr(scene.rig.model.instruments[name], key, None) or "")


def _address(scene: Scene, name: str) -> tuple[str, ...]:
    """The setting that says where an instrument is."""
    fields = type(scene.rig.model.instruments[name]).model_fields
    leaf = next(
        (key for key in ("resource", "host", "device", "url", "chip", "location") if key in fields), None
    )
    return ("instruments", name, leaf) if leaf else ("instruments", name)


def _before_opening(scene: Scene, name: str) -> list[Trouble]:
    """What can be said of a local device without opening it."""
    place = _address(scene, name)
    address = _stated(scene, name, place[-1]) if len(place) > 2 else ""
    local = re.sub(r"^ASRL(/[^:]+)::INSTR$", r"\1", address)
    if local.startswith("/") and place[-1] != "chip":
        return [
            trouble
            for trouble in look_at_node(scene, place, Path(local))
            if "cellbench.guardian" not in trouble.sentence
        ]  # who opens it tells of its lock
    match = _USB_RESOURCE.match(address)
    return _usbtmc(scene, place, match) if match is not None else []


def _usbtmc(scene: Scene, place: tuple[str, ...], match: re.Match[str]) -> list[Trouble]:
    """A test and measurement device on USB: plugged in, and may this user open it."""
    try:
        wanted = (int(match["vid"], 0), int(match["pid"], 0))
    except ValueError:
        return []
    there = [one for one in list_devices(scene.host.sysfs, scene.dev) if (one.vid, one.pid) == wanted]
    fitting = next((one for one in there if one.serial == match["serial"]), None)
    if fitting is None:
        others = ", ".join(one.serial for one in there)
        return [
            scene.error(
                place,
                f"no USB device {wanted[0]:04x}:{wanted[1]:04x} with serial number {match['serial']}",
                f"there is {others}: correct the serial number" if others else "plug it in and switch it on",
            )
        ]
    node = _usb_node(scene, fitting)
    missing = missing_right(node, fitting, "usb") if node.exists() else None
    return [scene.error(place, *missing)] if missing is not None else []


def _usb_node(scene: Scene, one: UsbDevice) -> Path:
    home = scene.host.sysfs / "bus/usb/devices" / one.location
    try:
        bus = int((home / "busnum").read_text())
    except (OSError, ValueError):
        return Path("/nonexistent")
    return Path(f"/dev/bus/usb/{bus:03d}/{one.devnum:03d}")
