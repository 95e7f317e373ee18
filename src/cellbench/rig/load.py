"""Load a rig file: everything that is wrong with it, at once, before anything is touched."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, Field, create_model

from cellbench.base.errors import CellbenchError, FileErrors, Finding, RigError
from cellbench.instruments.kinds import BUILT_IN, InstrumentKind, find_kind, known_kinds
from cellbench.instruments.settings import Secret
from cellbench.rig.check import cross_check, file_beside
from cellbench.rig.firmware import FirmwareCatalogue, looks_like_firmware, read_firmware
from cellbench.rig.gaps import without_gaps
from cellbench.rig.guides import looks_like_guide, read_guide
from cellbench.rig.limits import ProductLimits, looks_like_limits, read_limits
from cellbench.rig.overlays import absolute
from cellbench.rig.schema import (
    FarSide,
    Name,
    NoFarSide,
    OneFarSide,
    RigFile,
    SeveralFarSides,
    Sim,
    Slot,
    VirtualFarSide,
)
from cellbench.rig.schema_service import Service
from cellbench.rig.strict import check
from cellbench.rig.yamlpos import Document, KeyPath, read_document


@dataclass(frozen=True, slots=True)
class LoadedRig:
    """A rig file without mistakes.

    ``limits`` are the limits of each slot that has some. ``sha256`` is of the file's bytes. ``firmware`` is
    the catalogue of images and deltas that it names.
    """

    path: Path
    model: RigFile
    sha256: str
    limits: Mapping[str, ProductLimits]
    document: Document = field(repr=False, compare=False)
    firmware: FirmwareCatalogue | None = field(default=None, repr=False)

    def where(self, *path: str | int) -> str:
        """``file:line: path`` of a place in the file, for errors that show only later."""
        if path in self.document.marks:
            return str(self.document.finding(path, "")).removesuffix(": ")
        return f"{self.document.file}:{self.document.line(path)}"

    def limits_of(self, slot: str) -> ProductLimits | None:
        """The limits of a slot's product."""
        return self.limits.get(slot)


def load_rig(path: Path) -> LoadedRig:
    """Load a rig file; FileErrors with every mistake. Opens no equipment and reaches no address."""
    rig, findings = _read(Path(path))
    if rig is None:
        raise FileErrors(findings)
    return rig


def validate_file(path: Path) -> tuple[Finding, ...]:
    """All mistakes of a rig, limits, firmware or guide file, in the order of their lines."""
    path = Path(path)
    document = read_document(path)
    if looks_like_limits(document):
        return read_limits(path)[1]
    if looks_like_firmware(document):
        return read_firmware(path)[1]
    if looks_like_guide(document):
        return read_guide(path)[1]
    return _read(path, document)[1]


def _read(path: Path, document: Document | None = None) -> tuple[LoadedRig | None, tuple[Finding, ...]]:
    document = without_gaps(document or read_document(path))
    kinds, findings = _kinds_in(document)
    model, mistakes = check(document, rig_model(kinds))
    findings += mistakes
    limits: dict[str, ProductLimits] = {}
    firmware: FirmwareCatalogue | None = None
    if model is not None:
        findings += cross_check(document, model, path)
        by_file: dict[Path, ProductLimits] = {}
        for place, name in _limits_named(model):
            found, mistakes = _limits_at(document, place, path, name)
            findings += mistakes
            if found is not None:
                by_file[file_beside(path, name)] = found
        limits = _limits_of_slots(model, path, by_file)
        findings += _limits_fit(document, model, limits)
        firmware, mistakes = _firmware_at(document, model, path)
        findings += mistakes
    ordered = tuple(sorted(set(findings), key=lambda finding: (finding.file != document.file, finding.file,
                                                               finding.line, finding.path, finding.message)))
    if ordered or model is None:
        return None, ordered
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return LoadedRig(path.absolute(), model, digest, limits, document, firmware), ()


@functools.cache
def rig_model(kinds: tuple[str, ...]) -> type[RigFile]:
    """The rig file's model with the settings models of these instrument kinds."""
    branches = []
    for name in kinds:
        kind = find_kind(name)
        literal: Any = Literal[name]
        branches.append(create_model(_class_name(name), __base__=kind.settings, __doc__=kind.settings.__doc__,
                                     kind=(literal, Field(description=f"`{name}`."))))
    union: Any = Annotated[Union[tuple(branches)], Field(discriminator="kind")]  # noqa: UP007
    standing = RigFile.model_fields["instruments"]
    return create_model("RigFile", __base__=RigFile, __doc__=RigFile.__doc__, instruments=(
        dict[Name, union], Field(default_factory=dict, description=standing.description)))


def kind_of(model: RigFile, instrument: str) -> InstrumentKind:
    """The driver of one of the rig's instruments."""
    return find_kind(model.instruments[instrument].kind)


def _class_name(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.replace(".", "-").split("-"))


def _kinds_in(document: Document) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The house's own kinds with those that the file names, and kinds whose package is broken."""
    wanted, findings = set(BUILT_IN), []
    named = document.data.get("instruments") if document.data else None
    for name, settings in named.items() if isinstance(named, dict) else ():
        kind = settings.get("kind") if isinstance(settings, dict) else None
        if not isinstance(kind, str) or kind in wanted or kind not in known_kinds():
            continue
        try:
            wanted.add(find_kind(kind).kind)
        except CellbenchError as error:
            findings.append(document.finding(("instruments", name, "kind"), error.message, error.remedy))
    return tuple(sorted(wanted)), tuple(findings)


def _limits_named(model: RigFile) -> Iterator[tuple[KeyPath, str]]:
    """Every place that names a limits file, and the name."""
    for product, name in model.limits.items():
        yield ("limits", product), name
    for slot, settings in model.slots.items():
        if settings.limits is not None:
            yield ("slots", slot, "limits"), settings.limits


def _limits_at(document: Document, place: KeyPath, rig: Path,
               name: str) -> tuple[ProductLimits | None, tuple[Finding, ...]]:
    file = file_beside(rig, name)
    if not file.is_file():
        return None, (document.finding(place, f"there is no limits file {name}",
                                       f"put it at {file}, or correct the name"),)
    return read_limits(file)


def _firmware_at(document: Document, model: RigFile,
                 rig: Path) -> tuple[FirmwareCatalogue | None, tuple[Finding, ...]]:
    if model.firmware is None:
        return None, ()
    file = file_beside(rig, model.firmware)
    if not file.is_file():
        return None, (document.finding(("firmware",), f"there is no firmware catalogue {model.firmware}",
                                       f"put it at {file}, or correct the name"),)
    return read_firmware(file)


def _keys_of(slot: Slot) -> tuple[str, ...]:
    """The products that a slot's module is, the most specific first."""
    return tuple(key for key in (slot.ordering_code, slot.variant, slot.series.value) if key is not None)


def _limits_of_slots(model: RigFile, rig: Path,
                     by_file: Mapping[Path, ProductLimits]) -> dict[str, ProductLimits]:
    found: dict[str, ProductLimits] = {}
    for name, slot in model.slots.items():
        of_product = (model.limits[key] for key in _keys_of(slot) if key in model.limits)
        named = slot.limits or next(of_product, None)
        limits = by_file.get(file_beside(rig, named)) if named is not None else None
        if limits is not None:
            found[name] = limits
    return found


def _limits_fit(document: Document, model: RigFile,
                limits: Mapping[str, ProductLimits]) -> tuple[Finding, ...]:
    """Limits of another product than the slot's module."""
    findings = []
    for name, found in limits.items():
        keys = _keys_of(model.slots[name])
        if found.product not in keys:
            place = "limits" if model.slots[name].limits else "series"
            findings.append(document.finding(
                ("slots", name, place),
                f"the limits file {found.file.name} is for {found.product}, the slot holds {keys[0]}",
                "name the limits file of the slot's product"))
    return tuple(findings)


def complete(declared: LoadedRig, generated: LoadedRig) -> LoadedRig:
    """The rig that a launched rack is: its own addresses, with what the launching file states.

    The launching file decides name, station and limits, the firmware catalogue if it names one, and every
    network, SIM, service and far side (`virtual` and `none` aside) that it names; ports, power, lines and the
    rest come from the rack. RigError when the two name other slots.
    """
    asked, given = declared.model, generated.model
    want = {name: (slot.series.value, slot.variant) for name, slot in asked.slots.items()}
    have = {name: (slot.series.value, slot.variant) for name, slot in given.slots.items()}
    for name in want.keys() | have.keys():
        ours, theirs = want.get(name), have.get(name)
        if ours is None or theirs is None or ours[0] != theirs[0] or ours[1] not in (None, theirs[1]):
            raise RigError(f"{declared.where('slots')}: the launched rack has {_named(have)}, this file has "
                           f"{_named(want)}", remedy="make launch and slots agree")
    slots = {}
    for name, slot in given.slots.items():
        stated: dict[str, object] = {"sim": _sim(asked.slots[name].sim, slot.sim),
                                     "network": asked.network_of(name),
                                     "capabilities": asked.slots[name].capabilities,
                                     "imei": asked.slots[name].imei,
                                     "overlays": absolute(declared.path, asked.slots[name]),
                                     "far_side": _far_side(asked.slots[name].far_side, given.far_side)}
        slots[name] = slot.model_copy(update={
            key: _anchored(value, declared.path) for key, value in stated.items() if value})
    services = dict(given.services)
    for role, service in asked.services.items():
        probe = services[role].probe if role in services and not _is_here(service.host) else None
        known = service.model_copy(update={"probe": service.probe or probe})
        services[role] = _anchored(known, declared.path)
    model = given.model_copy(update={
        "rig": asked.rig, "station": asked.station, "slots": slots, "services": services,
        "far_side": _far_side(asked.far_side, given.far_side) or given.far_side})
    return LoadedRig(generated.path, model, generated.sha256, declared.limits, generated.document,
                     declared.firmware or generated.firmware)


def _sim(stated: Sim | None, found: Sim | None) -> Sim | None:
    """The SIM as stated, with the number and the PIN that it was found to have where none is stated."""
    if stated is None or found is None:
        return stated
    return stated.model_copy(update={"number": stated.number or found.number, "pin": stated.pin or found.pin})


def _is_here(host: str | None) -> bool:
    """True for an address of this very host: it is asked there, not where the rack has that role."""
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _far_side(asked: FarSide | None, given: FarSide) -> FarSide | None:
    """What the launching file states, ``virtual`` in it being the rack's; None when it states no more."""
    def known(one: OneFarSide) -> OneFarSide:
        rack = isinstance(one, VirtualFarSide) and one.control is None and isinstance(given, VirtualFarSide)
        return given if rack and isinstance(given, VirtualFarSide) else one

    if asked is None or isinstance(asked, NoFarSide | VirtualFarSide):
        return None
    if isinstance(asked, SeveralFarSides):
        return asked.model_copy(update={"of": tuple(known(one) for one in asked.of)})
    return asked


def _named(slots: Mapping[str, tuple[str, str | None]]) -> str:
    return ", ".join(f"{name} ({variant or series})" for name, (series, variant) in slots.items())


def _anchored(value: Any, rig: Path) -> Any:
    """A part of a rig file with its relative paths made absolute, so that it can move to another file."""
    if not isinstance(value, BaseModel):
        return value
    changes: dict[str, Any] = {key: _anchored(getattr(value, key), rig) for key in type(value).model_fields
                               if isinstance(getattr(value, key), BaseModel)}
    if isinstance(value, Secret) and value.file is not None:
        changes["file"] = str(file_beside(rig, value.file))
    if isinstance(value, Service):
        files = {key: getattr(value, key) for key in ("ca", "client_certificate", "client_key")}
        changes |= {key: str(file_beside(rig, file)) for key, file in files.items() if file is not None}
    return value.model_copy(update=changes)
